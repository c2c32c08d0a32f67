"""Prefetched and sharded listings yield the same clips, each once, and end cleanly."""

import asyncio
import contextlib
import gc
from collections import Counter
from typing import Any

import anyio
import pytest

from rhombus_clips import RhombusError
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, faults


def _own_tasks() -> set[Any]:
    """The running loop's tasks that the pagers created."""
    return {
        task
        for task in asyncio.all_tasks()
        if "/rhombus_clips/paging/"
        in getattr(task.get_coro(), "cr_code", asyncio.run.__code__).co_filename
    }


async def test_prefetched_clips_are_those_of_the_pager_in_its_order(fake, session) -> None:
    expected = [clip.uuid async for clip in session.saved_clips(page_size=4)]
    for ahead in (1, 3):
        async with session.saved_clips(page_size=4).prefetched(ahead) as clips:
            assert [clip.uuid async for clip in clips] == expected


async def test_next_page_is_fetched_while_the_caller_is_busy(fake, session) -> None:
    async with session.saved_clips(page_size=10).prefetched() as clips:
        async for _ in clips:
            with anyio.fail_after(5):
                await fake.wait_for_requests(2)
            break
    asked = [request.json.get("pageTimestampMs") for request in fake.requests]
    assert asked[0] is None
    assert asked[1] is not None


async def test_nothing_is_sent_before_the_caller_asks(fake, session) -> None:
    async with session.saved_clips().prefetched():
        await asyncio.sleep(0.05)
    async with session.saved_clips(since=1).sharded():
        await asyncio.sleep(0.05)
    assert fake.requests == []


@pytest.mark.parametrize("ahead", [1, 2])
async def test_early_exit_wastes_at_most_as_many_requests_as_pages_ahead(
    fake, session, ahead
) -> None:
    pages = session.saved_clips(page_size=10).pages()
    for _ in range(1 + ahead):
        await anext(pages)
    needed = len(fake.requests)
    async with session.saved_clips(page_size=10).prefetched(ahead) as clips:
        async for _ in clips:
            await asyncio.sleep(0.1)
            break
    assert len(fake.requests) - needed <= needed == 1 + ahead


async def test_limit_fetches_no_extra_page(fake, session) -> None:
    async with session.saved_clips(page_size=5, limit=9).prefetched(3) as clips:
        assert len([clip async for clip in clips]) == 9
    plain = session.saved_clips(page_size=5, limit=9)
    before = len(fake.requests)
    assert len([clip async for clip in plain]) == 9
    assert before == len(fake.requests) - before


async def test_pager_resumes_after_leaving_the_block_early(fake, session) -> None:
    expected = [clip.uuid async for clip in session.saved_clips(page_size=4)]
    for taken in range(0, 30, 3):
        pager, seen = session.saved_clips(page_size=4), list[str]()
        async with pager.prefetched(2) as clips:
            if taken:
                async for clip in clips:
                    seen.append(clip.uuid)
                    if len(seen) == taken:
                        await asyncio.sleep(0.005)
                        break
        seen += [clip.uuid async for clip in pager]
        assert seen == expected


async def test_cursor_of_a_prefetched_pager_follows_the_caller(fake, session) -> None:
    pager, seen = session.saved_clips(page_size=4), list[str]()
    async with pager.prefetched(3) as clips:
        async for clip in clips:
            seen.append(clip.uuid)
            if len(seen) == 8:
                await asyncio.sleep(0.05)
                break
    rest = [clip.uuid async for clip in session.saved_clips(page_size=4, cursor=pager.cursor)]
    assert {*seen, *rest} == {clip["uuid"] for clip in fake.clips}


async def test_error_is_raised_after_the_clips_before_it_and_the_pager_resumes(
    fake, session
) -> None:
    expected = [clip.uuid async for clip in session.saved_clips(page_size=4)]
    pager, seen = session.saved_clips(page_size=4), list[str]()
    fake.faults = [faults.Ok(), faults.Ok(), faults.Ok(), faults.BAD_STRUCTURE]
    with pytest.raises(RhombusError) as caught:
        async with pager.prefetched(2) as clips:
            async for clip in clips:
                seen.append(clip.uuid)
                await asyncio.sleep(0.001)
    assert seen == expected[: len(seen)]
    assert seen
    assert caught.value.cursor == pager.cursor
    assert seen + [clip.uuid async for clip in pager] == expected


class OwnError(Exception):
    """An exception of the caller."""


@pytest.mark.parametrize("error", [OwnError(), KeyError("x"), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("door", ["prefetched", "sharded"])
async def test_exceptions_of_the_block_are_not_wrapped(session, door, error) -> None:
    pager = session.saved_clips(page_size=4, since=1)
    with pytest.raises(type(error)) as caught:
        async with getattr(pager, door)() as clips:
            async for _ in clips:
                raise error
    assert caught.value is error


@pytest.mark.parametrize("by_scope", [True, False])
@pytest.mark.parametrize("door", ["prefetched", "sharded"])
async def test_cancellation_leaves_no_task_behind(fake, session, door, by_scope) -> None:
    fake.faults = [faults.Latency(0.03, times=None)]

    async def read() -> None:
        async with getattr(session.saved_clips(page_size=2, since=1), door)() as clips:
            async for _ in clips:
                pass

    before = asyncio.all_tasks()
    for milliseconds in range(0, 120, 15):
        if by_scope:
            with anyio.move_on_after(milliseconds / 1000) as scope:
                await read()
            assert scope.cancelled_caught
        else:
            task = asyncio.ensure_future(read())
            await asyncio.sleep(milliseconds / 1000)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert _own_tasks() - before == set()


async def test_iterator_ends_with_its_block(session) -> None:
    async with session.saved_clips().prefetched() as clips:
        await anext(clips)
    with pytest.raises(StopAsyncIteration):
        await anext(clips)


@pytest.mark.parametrize("ahead", [0, -1, True, 1.5])
async def test_ahead_must_be_a_positive_whole_number(session, ahead) -> None:
    with pytest.raises(InvalidArgumentError, match="ahead"):
        async with session.saved_clips().prefetched(ahead):
            pass


@pytest.mark.parametrize("door", ["prefetched", "sharded"])
async def test_garbage_collected_generator_around_a_block_leaves_no_task(session, door) -> None:
    """The garbage collector finishes it in another task."""

    async def own() -> Any:
        async with getattr(session.saved_clips(since=1, page_size=4), door)() as clips:
            async for clip in clips:
                yield clip

    before = asyncio.all_tasks()
    async for _ in own():
        break
    gc.collect()
    for _ in range(20):  # A cancellation of this task would arrive here.
        await asyncio.sleep(0.005)
    assert _own_tasks() - before == set()


async def test_pager_resumes_while_a_prefetch_is_in_progress(connect) -> None:
    async with FakeRhombus(100) as fake, connect(fake) as session:
        fake.faults = [faults.Latency(0.01, times=None)]
        for milliseconds in range(1, 100, 12):
            pager, seen = session.saved_clips(page_size=9), list[Any]()
            async with pager.prefetched(2) as clips:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(milliseconds / 1000):
                        async for clip in clips:
                            seen.append(clip.uuid)
                await clips.aclose()
                seen += [clip.uuid async for clip in pager]
            assert Counter(seen) == Counter(clip["uuid"] for clip in fake.clips)
