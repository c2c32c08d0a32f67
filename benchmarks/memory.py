"""Measure the memory of a clip, in a separate process for each representation."""

import gc
import json
import multiprocessing
from typing import Any

import orjson

from benchmarks.decoding import Decoder, ours, with_msgspec, with_pydantic
from benchmarks.measuring import Row, at_most
from benchmarks.pages import CLIPS_A_PAGE
from benchmarks.soak import memory_mib
from rhombus_clips.testing.clips import make_clips


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for dictionaries and for the models of two libraries."""
    clips = 5_000 if quick else 30_000
    kept = {name: _bytes_a_clip(name, clips) for name in _DECODERS}
    targets = {"dicts of orjson": at_most(0.65), "dicts of json": None}
    targets |= {"pydantic": at_most(0.45), "msgspec": None}
    return [
        Row(
            section="memory of one clip",
            peer=peer,
            ours=kept["ours"],
            theirs=kept[peer],
            unit="bytes",
            ratio=kept["ours"] / kept[peer],
            spread=(kept["ours"] / kept[peer], kept["ours"] / kept[peer]),
            target=target,
        )
        for peer, target in targets.items()
    ]


_DECODERS: dict[str, Any] = {
    "ours": lambda: ours,
    "dicts of orjson": lambda: orjson.loads,
    "dicts of json": lambda: json.loads,
    "pydantic": with_pydantic,
    "msgspec": with_msgspec,
}


def _bytes_a_clip(name: str, clips: int) -> float:
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(1) as pool:
        return pool.apply(_keep, (name, clips))


def _keep(name: str, clips: int) -> float:
    """Decode *clips* clips, page by page, and return the bytes that each takes."""
    decode: Decoder = _DECODERS[name]()
    listing = make_clips(clips)
    pages = [
        orjson.dumps({"savedClips": listing[start : start + CLIPS_A_PAGE]})
        for start in range(0, clips, CLIPS_A_PAGE)
    ]
    del listing
    decode(pages[0])
    gc.collect()
    before = memory_mib()
    kept = [decode(page) for page in pages]
    after = memory_mib()
    del kept
    return (after - before) * 2**20 / clips
