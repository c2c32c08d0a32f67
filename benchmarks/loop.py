"""A thousand calls at once: for how long the event loop is not there for anything else."""

import asyncio
import math
import time
from statistics import median
from typing import Any

from benchmarks.calls import API_KEY
from benchmarks.elsewhere import service_elsewhere
from benchmarks.measuring import Row, at_least, at_most
from benchmarks.service import Setting, serve
from rhombus_clips import ClipSession, turns

_CALLS = 1000
_LONGEST_STALL = 0.06


async def measure(*, quick: bool) -> list[Row]:
    """The longest stall, against the bound; and the time for all, against no budget at all."""
    with_budget: list[tuple[float, float]] = []
    without: list[tuple[float, float]] = []
    settings: Any = turns  # one of which is no setting of a user's
    budget = settings._SECONDS_A_TURN  # noqa: SLF001
    with service_elsewhere(serve, Setting(latency=0.02)) as service:
        await _run(service.address)  # the first one warms up
        for _ in range(2 if quick else 7):
            with_budget.append(await _run(service.address))
            settings._SECONDS_A_TURN = math.inf  # noqa: SLF001
            try:
                without.append(await _run(service.address))
            finally:
                settings._SECONDS_A_TURN = budget  # noqa: SLF001
    stalls = [stall / _LONGEST_STALL for stall, _ in with_budget]
    throughput = [free / ours for (_, ours), (_, free) in zip(with_budget, without, strict=True)]
    section = f"{_CALLS:,} calls of 100 clips at once"
    return [
        Row(
            section=f"{section}, longest stall",
            peer="60 ms",
            ours=median(stall for stall, _ in with_budget) * 1e3,
            theirs=_LONGEST_STALL * 1e3,
            unit="ms",
            ratio=median(stalls),
            spread=(min(stalls), max(stalls)),
            target=at_most(1),
            rounds=len(stalls),
        ),
        Row(
            section=f"{section}, longest stall",
            peer="without a budget",
            ours=median(stall for stall, _ in with_budget) * 1e3,
            theirs=median(stall for stall, _ in without) * 1e3,
            unit="ms",
            ratio=median(o / t for (o, _), (t, _) in zip(with_budget, without, strict=True)),
            spread=(0, 0),
            rounds=len(stalls),
        ),
        Row(
            section=f"{section}, throughput",
            peer="without a budget",
            ours=median(seconds for _, seconds in with_budget),
            theirs=median(seconds for _, seconds in without),
            unit="s",
            ratio=median(throughput),
            spread=(min(throughput), max(throughput)),
            target=at_least(0.97),
            rounds=len(throughput),
        ),
    ]


async def _call(session: ClipSession) -> None:
    """What came is used and dropped, as a backend does."""
    await session.get_saved_clips()


async def _run(url: str) -> tuple[float, float]:
    """The longest time that the loop ran nothing else, and the time for all calls, in seconds."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now

    async with ClipSession(API_KEY, base_url=url) as session:
        await session.get_saved_clips()
        watching = asyncio.create_task(watch())
        begun = time.perf_counter()
        await asyncio.gather(*(_call(session) for _ in range(_CALLS)))
        seconds = time.perf_counter() - begun
        watching.cancel()
    return longest, seconds
