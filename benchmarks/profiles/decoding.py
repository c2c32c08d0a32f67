"""Profile decoding, compared with the steps that every decoder into objects needs."""

import time
from collections.abc import Callable
from operator import itemgetter
from statistics import median
from typing import Any

import attrs
import orjson

from benchmarks.pages import CLIPS_A_PAGE, make_page
from rhombus_clips import SavedClip, SavedClipPage, loads
from rhombus_clips.codec.strict import wire_fields

_ROUNDS = 200


def decoding() -> dict[str, float]:
    """Return the time of decoding and of its inherent steps, in µs per clip."""
    page = make_page(0)
    names = [name for name, _, _ in wire_fields(SavedClip)]
    wires = [wire for _, wire, _ in wire_fields(SavedClip)]
    pick = itemgetter(*wires)
    whole = dict.fromkeys(wires)
    clips = [{**whole, **clip} for clip in orjson.loads(page)["savedClips"]]
    plain: Any = attrs.define(
        type("Plain", (), {"__annotations__": dict.fromkeys(names, Any)}), init=False, eq=False
    )
    lines = "\n".join(
        ["def fill(values):", "    made = Plain()", f"    {', '.join(names)} = values"]
        + [f"    made.{name} = {name}" for name in names]
        + ["    return made"]
    )
    namespace: dict[str, Any] = {"Plain": plain}
    exec(lines, namespace)  # noqa: S102  # generated above
    fill, values = namespace["fill"], [pick(clip) for clip in clips]
    checks = "\n".join(
        ["def check(values):", f"    {', '.join(names)} = values"]
        + [f"    if {name} is not None and type({name}) is int: pass" for name in names]
    )
    exec(checks, namespace)  # noqa: S102  # as above
    check = namespace["check"]
    return {
        "total: rhombus_clips.loads": _each(lambda: loads(page, SavedClipPage)),
        "of which orjson.loads": _each(lambda: orjson.loads(page)),
        f"{len(names)} lookups in a dictionary": _each(lambda: [*map(pick, clips)]),
        "one object with its attributes": _each(lambda: [*map(fill, values)]),
        "a type check for each": _each(lambda: [*map(check, values)]),
    }


def _each(work: Callable[[], object]) -> float:
    samples: list[float] = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        samples.append(time.perf_counter() - started)
    return median(samples) * 1e6 / CLIPS_A_PAGE
