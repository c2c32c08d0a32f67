"""Concurrent walks steal from each other, with few requests and within the rate budget."""

import asyncio
from typing import Any

import pytest
from attrs import frozen

from rhombus_clips.calls.caller import Caller
from rhombus_clips.paging.rules.shards import Shard
from rhombus_clips.paging.sharded import ShardedListing
from rhombus_clips.testing import FakeRhombus, faults
from tests.paging.sharding import clips_at, sharded_uuids


async def test_clips_crowded_in_a_short_time_are_shared_among_the_walks(
    connect, monkeypatch
) -> None:
    """Without stealing, one of eight walks would do nearly all the work."""
    states = list[Any]()
    state_of = ShardedListing._state_of

    def recorded(listing: ShardedListing, shard: Shard, order: Any) -> Any:
        states.append(state_of(listing, shard, order))
        return states[-1]

    monkeypatch.setattr(ShardedListing, "_state_of", recorded)
    times = [1_000_000 + number for number in range(900)] + list(range(1000, 1_000_000, 10_000))
    async with FakeRhombus(clips_at(times)) as fake, connect(fake) as session:
        fake.faults = [faults.Latency(0.005, times=None)]
        found = await sharded_uuids(session, since=1, until=1_100_000, page_size=10)
    assert len(found) == len(set(found)) == 1000
    crowded = [
        state.shard
        for state in states
        if state.shard.start < 1_000_900 and state.shard.end > 1_000_000
    ]
    assert len(crowded) > 4
    assert max(min(s.end, 1_000_900) - max(s.start, 1_000_000) for s in crowded) < 600


async def test_walks_stop_stealing_when_the_rate_budget_is_exhausted(connect, monkeypatch) -> None:
    """A real bucket could refill while a busy machine pauses."""
    monkeypatch.setattr(Caller, "is_budget_spent", True)
    times = [1_000_000 + number for number in range(300)]
    async with FakeRhombus(clips_at(times)) as fake, connect(fake) as session:
        pager = session.saved_clips(since=1, until=1_100_000, page_size=10)
        async with pager.sharded(8) as clips:
            assert len([clip async for clip in clips]) == 300
    assert pager.stats.windows == 8
    # Thirty pages, two for the scout, and the ends.
    assert len(fake.requests) <= 30 + 8 + 8


@pytest.mark.usefixtures("virtual_clock")
async def test_walks_wait_for_a_slow_caller(connect) -> None:
    """At most two pages of each walk are fetched ahead."""
    evenly = clips_at(list(range(1000, 2000)))
    async with (
        FakeRhombus(evenly) as fake,
        connect(fake) as session,
        session.saved_clips(since=1000, until=2000, page_size=10).sharded(4) as clips,
    ):
        await anext(clips)
        await asyncio.sleep(0.3)
        scouted = sum(_is_scout(request.json) for request in fake.requests)
        assert len(fake.requests) - scouted <= 2 * 4 + 1


async def test_stealing_costs_few_requests(connect) -> None:
    """The range is not divided into empty windows, in whichever order responses arrive."""
    crowd = [1_000_000_000 + 7000 * number for number in range(800)]
    times = crowd + list(range(1_000_000, 1_400_000_000, 7_000_000))
    async with FakeRhombus(clips_at(times)) as fake, connect(fake) as session:
        for seed in range(6):
            fake.requests.clear()
            fake.faults = [
                faults.Latency(0.001 * ((seed * number) % 7)) for number in range(1, 400)
            ]
            found = await sharded_uuids(session, 16, since=1, until=1_400_000_001, page_size=20)
            assert len(found) == len(set(found)) == len(times)
            assert len(fake.requests) < 2 * len(times) / 20 + 16


def _is_scout(parameters: dict[str, Any]) -> bool:
    """Return whether a request is of the scout, not of a walk with pages of ten new clips."""
    return not 10 <= parameters["maxPageSize"] <= 12


@frozen
class _SlowScout(faults.Fault):
    """Delays the small pages of the scout."""

    async def apply(self, request: Any, answer: Any) -> Any:
        if _is_scout(await request.json()):
            await asyncio.sleep(0.3)
        return await answer()


@pytest.mark.usefixtures("virtual_clock")
async def test_each_walk_fetches_two_pages_before_the_scout_is_done(connect) -> None:
    """This saves time and risks little if the assumption is wrong."""
    async with FakeRhombus(clips_at(list(range(1000, 2000)))) as fake, connect(fake) as session:
        fake.faults = [_SlowScout(times=None)]
        pager = session.saved_clips(since=1000, until=2000, page_size=10)
        async with pager.sharded(4) as clips:
            first = asyncio.ensure_future(anext(clips))
            await asyncio.sleep(0.25)
            assert sum(not _is_scout(request.json) for request in fake.requests) == 2 * 4
            assert not first.done()
            listed = [await first] + [clip async for clip in clips]
    assert sorted(clip.timestamp_ms for clip in listed) == list(range(1000, 2000))
