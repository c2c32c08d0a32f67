"""Ending an iteration while another task waits for an item: exceptions are unchanged."""

import asyncio
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from rhombus_clips.concurrency import Iteration, Waiting
from rhombus_clips.testing import FakeRhombus, faults
from tests.interruptions import client_tasks

ITERATIONS = {
    "prefetched": lambda session: session.saved_clips(page_size=10).prefetched(),
    "prefetched groups": lambda session: session.shared_clip_groups().prefetched(),
    "prefetched by token": lambda session: session.clips_with_progress(page_size=10).prefetched(),
    "sharded": lambda session: session.saved_clips(since=1, page_size=10).sharded(4),
    "pager": lambda session: aclosing(session.saved_clips(page_size=10)),
    "iteration": lambda session: aclosing(aiter(session.saved_clips(page_size=10))),
    "pages": lambda session: aclosing(session.saved_clips(page_size=10).pages()),
    "follower": lambda session: aclosing(session.follow_saved_clips(since=1, page_size=10)),
    "following": lambda session: aclosing(aiter(session.follow_saved_clips(since=1))),
    "one clip": lambda session: aclosing(session.watch_clip("some")),
    "several clips": lambda session: aclosing(session.watch_clips(["some", "others"])),
}


@pytest.fixture
async def fake():
    """A service that never responds."""
    async with FakeRhombus(100) as service:
        service.faults = [faults.Silence(30, times=None)]
        yield service


@pytest.mark.parametrize("iteration", ITERATIONS.values(), ids=ITERATIONS)
async def test_exception_of_the_block_is_not_masked_while_a_task_waits_for_an_item(
    iteration, fake, session
) -> None:
    """The task is woken with the end of the iteration, and no task is left behind."""
    before = client_tasks()
    with pytest.raises(KeyError, match="mine"):
        async with iteration(session) as items:
            other = asyncio.ensure_future(anext(items, "the end"))
            await fake.wait_for_requests(1)
            raise KeyError("mine")
    assert await other == "the end"
    assert client_tasks() <= before


@pytest.mark.parametrize("iteration", ITERATIONS.values(), ids=ITERATIONS)
async def test_cancelled_block_ends_a_task_that_waits_for_an_item(iteration, fake, session) -> None:
    async def block(task_status: Any) -> None:
        async with iteration(session) as items:
            others.append(asyncio.ensure_future(anext(items, "the end")))
            await fake.wait_for_requests(1)
            task_status.set()
            await anyio.sleep_forever()

    others = list[Any]()
    ready = asyncio.Event()
    task = asyncio.create_task(block(ready))
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await others[0] == "the end"


@pytest.mark.parametrize("iteration", ITERATIONS.values(), ids=ITERATIONS)
async def test_exception_in_a_cancelled_scope_is_not_masked(iteration, fake, session) -> None:
    """Cleanup waits for the other task and is not interrupted by the scope."""
    with anyio.CancelScope() as scope, pytest.raises(KeyError, match="mine"):
        async with iteration(session) as items:
            other = asyncio.ensure_future(anext(items, "the end"))
            await fake.wait_for_requests(1)
            scope.cancel()
            raise KeyError("mine")
    assert await other == "the end"


async def test_follower_can_be_closed_between_two_listings(connect) -> None:
    async with FakeRhombus(3) as fake, connect(fake) as session:
        follower = session.follow_saved_clips(since=1, interval=1000)
        seen = [(await anext(follower)).uuid for _ in range(3)]
        other = asyncio.ensure_future(anext(follower, "the end"))
        with pytest.raises(KeyError, match="mine"):
            async with aclosing(follower):
                await asyncio.sleep(0)  # The other task starts to wait.
                raise KeyError("mine")
        assert await other == "the end"
        assert len(set(seen)) == 3


@pytest.mark.parametrize("name", ["prefetched", "pager", "iteration"])
async def test_pager_resumes_after_a_block_that_raised(name, fake, session) -> None:
    """It resumes with the next item: the page for the other task is kept or fetched again."""
    pager = session.saved_clips(page_size=10)
    blocks = {
        "prefetched": pager.prefetched,
        "pager": lambda: aclosing(pager),
        "iteration": lambda: aclosing(aiter(pager)),
    }
    fake.faults = [faults.Ok(), faults.Silence(30, times=None)]
    seen = list[Any]()
    with pytest.raises(KeyError):
        async with blocks[name]() as items:
            seen += [(await anext(items)).uuid for _ in range(10)]
            other = asyncio.ensure_future(anext(items, None))
            await fake.wait_for_requests(2)
            raise KeyError
    fake.faults = []
    seen += [clip.uuid async for clip in pager]
    assert await other is None
    assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)


async def test_collect_raises_if_the_pager_is_closed_meanwhile(fake, session) -> None:
    """A partial result would look complete. Its items are yielded by the next iteration."""
    fake.faults = [faults.Ok(), faults.Silence(30, times=None)]
    pager = session.saved_clips(page_size=10)
    collecting = asyncio.ensure_future(pager.collect(50))
    await fake.wait_for_requests(2)
    await pager.aclose()
    with pytest.raises(RuntimeError, match="closed while collect"):
        await collecting
    fake.faults = []
    assert len({clip.uuid for clip in await pager.collect(200)}) == 100


async def test_iteration_behaves_like_an_async_generator() -> None:
    async def count(waiting: Waiting):
        for number in range(3):
            try:
                yield number
            except ValueError:
                yield -1
        waiting.is_complete = True

    claimed: list[Waiting] = []
    iteration = Iteration(count, lambda _generator, waiting: claimed.append(waiting))
    assert [await anext(iteration), await iteration.asend(None)] == [0, 1]
    assert await iteration.athrow(ValueError) == -1
    assert [number async for number in iteration] == [2]
    assert await anext(iteration, None) is None
    await iteration.aclose()
    assert await anext(iteration, None) is None
    assert claimed == [iteration.waiting]


@pytest.mark.parametrize("name", ["pager", "iteration", "follower", "following", "one clip"])
async def test_two_tasks_can_close_one_iteration(name, fake, session) -> None:
    async with ITERATIONS[name](session) as items:
        other = asyncio.ensure_future(anext(items, "the end"))
        await fake.wait_for_requests(1)
        await asyncio.gather(items.aclose(), items.aclose())
    assert await other == "the end"
