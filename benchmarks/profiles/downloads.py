"""Profile a download: its steps, and the CPU time of client and service."""

import hashlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.calls import API_KEY
from benchmarks.downloading import BARE_CHUNK, clip_of, memory_folder, serve_blocks, source_of
from benchmarks.elsewhere import service_elsewhere
from rhombus_clips import ClipSession

_MIB = 256
_ROUNDS = 9


async def download() -> dict[str, float]:
    """Return the time of reading, hashing, writing and of this library, in ms/MiB."""
    with (
        service_elsewhere(serve_blocks) as service,
        tempfile.TemporaryDirectory(dir=memory_folder()) as folder,
    ):
        profile, of_ours = await _stages(service.address, Path(folder) / "clip.mp4")
    seconds, served = service.report
    profile["CPU time of ours, all threads"] = of_ours
    profile["CPU time of the service"] = seconds * 1e3 / served
    processors = len(os.sched_getaffinity(0))
    least = (of_ours + profile["CPU time of the service"]) / processors
    profile[f"CPU time of both, divided by {processors} cores"] = least
    return profile


async def _stages(url: str, path: Path) -> tuple[dict[str, float], float]:
    clip = clip_of(_MIB)
    async with ClipSession(API_KEY, media_url=url) as session, aiohttp.ClientSession() as raw:

        async def read(take: Callable[[bytes], object]) -> None:
            async with raw.get(source_of(url, clip)) as response:
                async for chunk in response.content.iter_chunked(BARE_CHUNK):
                    take(chunk)

        async def reading() -> None:
            await read(len)

        async def hashing() -> None:
            await read(hashlib.sha256().update)

        async def writing() -> None:
            with path.open("wb") as file:
                await read(file.write)

        async def ours() -> None:
            await session.download_clip(clip, path)

        stages: dict[str, Callable[[], Awaitable[None]]] = {
            "bare aiohttp: reading": reading,
            "bare aiohttp: reading and SHA-256, nothing written": hashing,
            "bare aiohttp: reading and writing": writing,
            "ours: reading, SHA-256, writing": ours,
        }
        walls: dict[str, list[float]] = {name: [] for name in stages}
        busy: list[float] = []
        for number in range(-1, _ROUNDS):
            for name, stage in stages.items():
                wall, processor = time.perf_counter(), time.process_time()
                await stage()
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                _remove(path)
                if number >= 0:
                    walls[name].append(wall)
                    busy += [processor] if stage is ours else []
    to_milliseconds = 1e3 / _MIB
    profile = {name: median(seconds) * to_milliseconds for name, seconds in walls.items()}
    return profile, median(busy) * to_milliseconds


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
