"""Measure complete listings with latency: sequential, prefetched and sharded."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Self

from benchmarks.calls import API_KEY
from benchmarks.elsewhere import service_elsewhere
from benchmarks.measuring import Row, Samples, at_least, at_most, compare, side_by_side
from benchmarks.service import NEWEST_MS, Setting, serve
from benchmarks.soak import memory_mib
from rhombus_clips import ClipSession, RateLimit, SavedClip, SavedClipPager

_PAGE = 100
_LATENCY = 0.08


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for each way of listing."""
    pages = 16 if quick else 60
    even = Setting(clips=pages * _PAGE, latency=_LATENCY)
    skewed = Setting(clips=pages * _PAGE, latency=_LATENCY, skewed=True)
    rows = [
        *await _with_latency(even, rounds=1 if quick else 5),
        *await _skewed(skewed, rounds=1 if quick else 3),
        *await _prefetched(even, rounds=1 if quick else 3),
    ]
    if not quick:
        rows += await _limited(rounds=3)
    return [*rows, *await _growing(most=100_000 if quick else 1_000_000)]


async def _with_latency(setting: Setting, rounds: int) -> list[Row]:
    async with _Lister(setting) as lister:
        candidates = {
            "sequential": lister.sequential,
            "sharded(8)": lister.sharded(8),
            "sharded(16)": lister.sharded(16),
        }
        samples = await side_by_side(candidates, rounds)
    # Pages overlap by one clip, so there are a few more requests than full pages.
    samples["sum of latencies"] = [lister.requests * _LATENCY] * rounds
    section = f"{setting.clips // _PAGE} pages at 80 ms"
    return [
        *_rows(section, samples, "sequential", {"sum of latencies": at_most(1.06)}),
        *_rows(f"{section}, sharded(8)", samples, "sharded(8)", {"sequential": at_least(5.5)}),
        *_rows(f"{section}, sharded(16)", samples, "sharded(16)", {"sequential": at_least(10)}),
    ]


async def _skewed(setting: Setting, rounds: int) -> list[Row]:
    async with _Lister(setting) as lister:
        candidates = {"sequential": lister.sequential, "sharded(16)": lister.sharded(16)}
        samples = await side_by_side(candidates, rounds)
    section = f"{setting.clips // _PAGE} pages, 80 % in 10 % of the time, sharded(16)"
    return _rows(section, samples, "sharded(16)", {"sequential": at_least(7)})


async def _prefetched(setting: Setting, rounds: int) -> list[Row]:
    """Measure with a caller that takes as long per page as the service."""
    async with _Lister(setting, seconds_a_page=_LATENCY) as lister:
        candidates = {"sequential": lister.sequential, "prefetched": lister.prefetched}
        samples = await side_by_side(candidates, rounds)
    return _rows("prefetched, slow caller", samples, "prefetched", {"sequential": at_least(1.7)})


async def _limited(rounds: int) -> list[Row]:
    """Measure with a rate limit; each round has a new service, and so a full bucket."""
    pages, rate = 150, RateLimit(per_second=10, burst=100)
    samples: Samples = {"sharded(8)": [], "the limit of the bucket": []}
    for _ in range(rounds):
        setting = Setting(clips=pages * _PAGE, latency=_LATENCY, rate=rate)
        async with _Lister(setting) as lister:
            started = time.perf_counter()
            await lister.sharded(8)(0)
            samples["sharded(8)"].append(time.perf_counter() - started)
        samples["the limit of the bucket"].append((pages - rate.burst) / rate.per_second)
    section = "150 pages at 10/s, burst 100"
    return _rows(section, samples, "sharded(8)", {"the limit of the bucket": at_most(1.25)})


async def _growing(most: int) -> list[Row]:
    """Compare the cost per clip of a long and a short listing, without keeping clips."""
    few = 10_000
    async with _Lister(Setting(clips=few)) as lister:
        await lister.sequential(0)
        started = time.perf_counter()
        for _ in range(5):
            await lister.sequential(0)
        short = (time.perf_counter() - started) / 5 / few
        async with _Lister(Setting(clips=most)) as long_lister:
            memory = memory_mib()
            started = time.perf_counter()
            await long_lister.sequential(0)
            long = (time.perf_counter() - started) / most
            grown = memory_mib() - memory
    section = f"{most:,} clips"
    ratio = long / short
    bytes_ = Row(
        section=f"{section}, memory growth",
        peer="10 MB",
        ours=grown,
        theirs=10,
        unit="MiB",
        ratio=grown / 10,
        spread=(grown / 10, grown / 10),
        target=at_most(1),
    )
    cost = Row(
        section=section,
        peer="10,000 clips",
        ours=long * 1e6,
        theirs=short * 1e6,
        unit="µs/clip",
        ratio=ratio,
        spread=(ratio, ratio),
        target=at_most(1.10),
    )
    return [cost, bytes_]


class _Lister:
    """Lists the clips of a service and verifies their number."""

    def __init__(self, setting: Setting, *, seconds_a_page: float = 0.0) -> None:
        self._setting = setting
        self._seconds_a_page = seconds_a_page
        self.requests = 0
        self._elsewhere = service_elsewhere(serve, setting)

    async def __aenter__(self) -> Self:
        service = self._elsewhere.__enter__()
        self._session = ClipSession(API_KEY, base_url=service.address)
        await self._session.get_clip_with_progress("0" * 22)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.aclose()
        self._elsewhere.__exit__(None, None, None)

    async def sequential(self, _: int) -> None:
        pager = self._pager()
        await self._count(nullcontext(aiter(pager)))
        self.requests = pager.stats.requests

    async def prefetched(self, _: int) -> None:
        await self._count(self._pager().prefetched())

    def sharded(self, shards: int) -> Callable[[int], Any]:
        async def list_(_: int) -> None:
            await self._count(self._pager().sharded(shards))

        return list_

    def _pager(self) -> SavedClipPager:
        return self._session.saved_clips(since=self._setting.oldest_ms, until=NEWEST_MS)

    async def _count(self, listing: AbstractAsyncContextManager[AsyncIterator[SavedClip]]) -> None:
        seen = 0
        async with listing as clips:
            async for _ in clips:
                seen += 1
                if self._seconds_a_page and seen % _PAGE == 0:
                    await asyncio.sleep(self._seconds_a_page)
        expected = len(self._setting.times())
        if seen != expected:
            raise AssertionError(f"listed {seen} of {expected} clips")


def _rows(section: str, samples: Samples, ours: str, targets: Any) -> list[Row]:
    return compare(section, samples, targets, ours=ours, scale=1, unit="s")
