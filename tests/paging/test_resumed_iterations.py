"""Followers and pagers that are interrupted anywhere yield each item exactly once."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ApiError, ClipSession, RetryPolicy, SavedClipFollower, ServerError
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.testing import FakeRhombus, Listing, faults
from tests.interruptions import by_scope, by_task, by_timeout, client_tasks
from tests.paging.test_following import T0, clip_at, follow

INTERRUPTIONS = [by_task, by_scope, by_timeout]


async def loop(items: Any, seen: list[Any], count: int) -> None:
    """Iterate with ``async for`` until there are *count* items."""
    if len(seen) < count:
        async for item in items:
            seen.append(item.uuid)
            if len(seen) == count:
                break


async def one_by_one(items: Any, seen: list[Any], count: int) -> None:
    """Await one item after another until there are *count*."""
    while len(seen) < count:
        seen.append((await anext(items)).uuid)


@pytest.fixture
async def fake():
    async with FakeRhombus([clip_at(n, T0 + 1000 * n) for n in range(12)]) as service:
        yield service


# --- followers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupt", INTERRUPTIONS)
@pytest.mark.parametrize("way", [loop, one_by_one])
@pytest.mark.usefixtures("virtual_clock")
async def test_follower_yields_each_clip_once_wherever_it_is_cancelled(
    way: Callable[..., Any], interrupt: Any, fake, session
) -> None:
    """A cancelled loop leaves no task behind."""
    await session.get_saved_clip_count()
    clips, before = list(fake.clips), client_tasks()
    after, was_cancelled = 0, True
    while was_cancelled:
        fake.clips[:] = clips
        follower, seen = follow(session, page_size=5, interval=0), list[Any]()
        was_cancelled = await interrupt(partial(way, follower, seen, 12), after)
        assert way is one_by_one or client_tasks() <= before
        await way(follower, seen, 12)
        fake.clips.append(clip_at(100, T0 + 20_000))
        await way(follower, seen, 13)
        assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
        await follower.aclose()
        after += 1
    assert after > 10


@given(
    steps=st.lists(
        st.tuples(st.sampled_from([loop, one_by_one]), st.integers(0, 80), st.booleans()),
        max_size=8,
    ),
    newest_first=st.booleans(),
)
async def test_follower_yields_each_clip_once_over_many_interruptions(steps, newest_first) -> None:
    """Clips are created in between, and another follower may resume from the cursor."""
    clips = [clip_at(n, T0 + 1000 * n) for n in range(12)]
    listing = Listing(clock="created_at_ms", newest_first=newest_first)
    async with (
        FakeRhombus(clips, listing=listing) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        follower, seen = follow(session, page_size=5, interval=0), list[Any]()
        for number, (way, after, is_replaced) in enumerate(steps):
            await by_task(partial(way, follower, seen, len(fake.clips)), after)
            fake.clips.append(clip_at(100 + number, T0 + 20_000 + number))
            if is_replaced:
                await follower.aclose()
                follower = session.follow_saved_clips(cursor=follower.cursor, interval=0)
        await loop(follower, seen, len(fake.clips))
        assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
        await follower.aclose()


@pytest.mark.usefixtures("virtual_clock")
async def test_timeouts_of_a_follower_send_no_more_requests(fake, session) -> None:
    """This holds although each response takes longer than the timeout."""
    fake.faults = [faults.Latency(seconds=3, times=None)]
    follower, seen = follow(session, interval=30), list[Any]()
    loop_time = asyncio.get_running_loop().time
    end = loop_time() + 95
    while loop_time() < end:
        with suppress(TimeoutError):
            seen.append((await asyncio.wait_for(anext(follower), 1)).uuid)
    assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
    starts = sum("pageTimestampMs" not in request.json for request in fake.requests)
    assert starts <= 4
    await follower.aclose()


@pytest.mark.parametrize("error", [faults.REFUSED, faults.Respond(500, times=2)])
async def test_follower_resumes_the_listing_after_an_error(error, fake, session) -> None:
    """Pages that it has read are not requested again."""
    fake.faults = [faults.Ok(times=2), error]
    follower, seen = follow(session, page_size=4), list[Any]()
    with pytest.raises((ApiError, ServerError)) as caught:
        await loop(follower, seen, 12)
    assert caught.value.cursor == follower.cursor
    assert 0 < len(seen) < 12
    await one_by_one(follower, seen, 12)
    assert len(set(seen)) == 12
    assert sum("pageTimestampMs" not in request.json for request in fake.requests) == 1


async def _items_with_heartbeats(
    follower: SavedClipFollower[Any], count: int
) -> AsyncIterator[tuple[Any, bool]]:
    while count:
        item = await anext(follower)
        yield item, follower.is_heartbeat
        count -= 1


@pytest.mark.usefixtures("virtual_clock")
async def test_heartbeat_of_a_follower_yields_none_and_its_cursor_is_up_to_date(
    fake, session
) -> None:
    follower = session.follow_saved_clips(since=T0, interval=30, grace=1, heartbeat=2)
    items = [item async for item in _items_with_heartbeats(follower, 20)]
    assert [item for item, _ in items[12:]] == [None] * 8
    assert [is_heartbeat for _, is_heartbeat in items] == [False] * 12 + [True] * 8
    cursor = follower.cursor
    assert FollowingState.at(cursor, 1).since >= T0 + 10_000
    fake.clips.append(clip_at(50, T0 + 20_000))
    other = session.follow_saved_clips(cursor=cursor, interval=30, heartbeat=2)
    clip = await anext(other)
    assert clip is not None
    assert clip.uuid == fake.clips[-1]["uuid"]


@pytest.mark.usefixtures("virtual_clock")
async def test_heartbeat_of_a_follower_continues_while_a_page_is_slow(fake, session) -> None:
    fake.faults = [faults.Latency(seconds=25)]
    loop_time = asyncio.get_running_loop().time
    follower = session.follow_saved_clips(since=T0, heartbeat=2)
    started = loop_time()
    items = [item async for item in _items_with_heartbeats(follower, 13)]
    assert loop_time() - started == pytest.approx(25, abs=1)
    assert [item is None for item, _ in items] == [True] * 12 + [False]
    assert len(fake.requests) == 1


async def test_dropped_follower_leaves_no_task(fake, session) -> None:
    await session.get_saved_clip_count()
    before = client_tasks()
    fake.faults = [faults.Silence(30, times=None)]
    follower = session.follow_saved_clips(since=T0, heartbeat=0.01)
    assert await anext(follower) is None
    tasks = client_tasks() - before
    assert tasks
    del follower
    gc.collect()
    await asyncio.wait(tasks)


async def test_callback_that_raises_stop_async_iteration_does_not_end_the_follower(
    fake, session
) -> None:
    """It would look like the end of the new clips."""

    def stop(_item: Any, _error: Any) -> None:
        raise StopAsyncIteration

    fake.clips.insert(0, {**clip_at(70, T0 + 70_000), "durationSec": "odd"})
    follower = follow(session, on_decode_error=stop)
    with pytest.raises(RuntimeError, match="StopAsyncIteration"):
        async for _ in follower:
            pass


# --- pagers --------------------------------------------------------------------------------------

PAGERS = {
    "saved clips": lambda session: session.saved_clips(page_size=4),
    "clips with progress": lambda session: session.clips_with_progress(page_size=4),
    "groups": lambda session: session.shared_clip_groups(),
}


@pytest.mark.parametrize("interrupt", INTERRUPTIONS)
@pytest.mark.parametrize("way", [loop, one_by_one])
@pytest.mark.parametrize("name", PAGERS)
@pytest.mark.usefixtures("virtual_clock")
async def test_pager_yields_each_item_once_wherever_it_is_cancelled(
    name: str, way: Callable[..., Any], interrupt: Any, fake, session
) -> None:
    """Among others, `asyncio.wait_for` around ``anext(pager)`` may time out."""
    expected = [item.uuid async for item in PAGERS[name](session)]
    before = client_tasks()
    after, was_cancelled = 0, True
    while was_cancelled:
        pager, seen = PAGERS[name](session), list[Any]()
        was_cancelled = await interrupt(partial(way, pager, seen, len(expected)), after)
        assert client_tasks() <= before
        await way(pager, seen, len(expected))
        assert seen == expected
        assert await anext(pager, None) is None
        after += 1
    assert after >= 3


@pytest.mark.parametrize("start", ["iterator", "pages", "prefetched", "sharded"])
async def test_iterator_of_a_pager_continues_after_a_timeout_and_an_error(start, connect) -> None:
    """`StopAsyncIteration` means the end, not that an `anext` was cancelled or raised."""
    async with FakeRhombus(60) as fake, connect(fake, retry=RetryPolicy(attempts=1)) as session:
        pager = session.saved_clips(since=1, page_size=10)
        seen: list[str | None] = []
        async with AsyncExitStack() as stack:
            if start == "iterator":
                items: Any = aiter(pager)
            elif start == "pages":
                items = pager.pages()
            elif start == "prefetched":
                items = await stack.enter_async_context(pager.prefetched())
            else:
                items = await stack.enter_async_context(pager.sharded(2))
            if start != "sharded":  # Its walks end with the first error.
                fake.faults = [faults.UNAVAILABLE]
                with pytest.raises(ServerError):
                    await anext(items)
            fake.faults = [faults.Latency(0.2)]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(items), 0.02)
            async for item in items:
                clips = item.saved_clips if start == "pages" else [item]
                seen += [clip.uuid for clip in clips]
            with pytest.raises(StopAsyncIteration):
                await anext(items)
    assert sorted(seen, key=str) == sorted((clip["uuid"] for clip in fake.clips), key=str)
    assert pager.is_exhausted


async def test_resumed_iterator_and_another_iteration_exclude_each_other(connect) -> None:
    async with FakeRhombus(60) as fake, connect(fake, retry=RetryPolicy(attempts=1)) as session:
        pager = session.saved_clips(page_size=10)
        first = aiter(pager)
        fake.faults = [faults.UNAVAILABLE]
        with pytest.raises(ServerError):
            await anext(first)
        second = aiter(pager)
        await anext(second)
        with pytest.raises(RuntimeError, match="already being iterated"):
            await anext(first)
        await second.aclose()
        await anext(first)
        with pytest.raises(RuntimeError, match="already being iterated"):
            aiter(pager)
