"""Measure how long a thousand concurrent calls block the event loop."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp
import orjson

from benchmarks.calls import API_KEY, HEADERS, SAVED_CLIPS
from benchmarks.elsewhere import service_elsewhere
from benchmarks.measuring import Row, at_least, at_most
from benchmarks.service import Setting, serve
from rhombus_clips import ClipSession
from rhombus_clips.calls import pacing

_CALLS = 1000
_LONGEST_STALL = 0.06


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for the longest stall, and for the throughput with and without a budget."""
    with_budget: list[tuple[float, float]] = []
    without: list[tuple[float, float]] = []
    settings: Any = pacing  # the budget is not a public setting
    budget = settings._SECONDS_PER_TURN  # noqa: SLF001
    with service_elsewhere(serve, Setting(latency=0.02)) as service:
        await _run(service.address)  # warm up
        for _ in range(2 if quick else 7):
            with_budget.append(await _run(service.address))
            settings._SECONDS_PER_TURN = math.inf  # noqa: SLF001
            try:
                without.append(await _run(service.address))
            finally:
                settings._SECONDS_PER_TURN = budget  # noqa: SLF001
        kept = [] if quick else [await _kept(service.address) for _ in range(3)]
    stalls = [stall / _LONGEST_STALL for stall, _ in with_budget]
    throughput = [free / ours for (_, ours), (_, free) in zip(with_budget, without, strict=True)]
    section = f"{_CALLS:,} concurrent calls of 100 clips"
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
        *_kept_rows(section, kept),
    ]


async def _kept(url: str) -> tuple[float, float]:
    """Return the longest stalls with a hundred thousand clips kept: ours, and bare aiohttp's."""
    ours, _ = await _run_and_keep(url)
    bare, _ = await _run_and_keep_bare(url)
    return ours, bare


def _kept_rows(section: str, kept: list[tuple[float, float]]) -> list[Row]:
    if not kept:
        return []
    ratios = [ours / bare for ours, bare in kept]
    return [
        Row(
            section=f"{section}, all kept, longest stall",
            peer="aiohttp + orjson",
            ours=median(ours for ours, _ in kept) * 1e3,
            theirs=median(bare for _, bare in kept) * 1e3,
            unit="ms",
            ratio=median(ratios),
            spread=(min(ratios), max(ratios)),
            rounds=len(kept),
        )
    ]


async def _run(url: str) -> tuple[float, float]:
    """Run the calls and drop their results, as a backend does."""

    async def call() -> None:
        await session.get_saved_clips()

    async with ClipSession(API_KEY, base_url=url) as session:
        await call()
        return await _watched(call)


async def _run_and_keep(url: str) -> tuple[float, float]:
    """Run the calls and keep their results."""
    async with ClipSession(API_KEY, base_url=url) as session:
        return await _watched(session.get_saved_clips)


async def _run_and_keep_bare(url: str) -> tuple[float, float]:
    """Run the calls with aiohttp and orjson, and keep the dictionaries."""

    async def call() -> object:
        async with raw.post(url + SAVED_CLIPS, json={"maxPageSize": 100}) as response:
            return orjson.loads(await response.read())

    async with aiohttp.ClientSession(headers=HEADERS) as raw:
        return await _watched(call)


async def _watched(call: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the longest stall of the loop and the duration of all calls, in seconds."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(_CALLS)))
    seconds = time.perf_counter() - started
    watching.cancel()
    return longest, seconds
