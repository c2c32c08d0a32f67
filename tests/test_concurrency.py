"""Concurrent work ends with its block, without busy waiting and without leftovers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from rhombus_clips.concurrency import in_thread, in_thread_surely, side_by_side


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_first_failure_cancels_the_others_and_is_raised_unwrapped() -> None:
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            if number == 2:
                raise KeyError(number)
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            ended.append(number)
            raise

    with anyio.fail_after(5), pytest.raises(KeyError):
        await side_by_side(work, numbers(9), at_once=3)
    assert sorted(ended) == [0, 1]


async def test_concurrency_is_limited_and_each_item_is_processed_once() -> None:
    under_way, most = 0, 0
    done: list[int] = []

    async def work(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        done.append(number)

    await side_by_side(work, numbers(20), at_once=4)
    assert most == 4
    assert sorted(done) == list(range(20))


@pytest.mark.parametrize("by_scope", [True, False])
async def test_cancellation_waits_for_work_in_a_thread_without_spinning(
    *, by_scope: bool, monkeypatch
) -> None:
    """Even in a cancelled scope, which interrupts each wait at once."""
    waits = 0
    wait = asyncio.wait

    async def counting(futures):
        nonlocal waits
        waits += 1
        return await wait(futures)

    monkeypatch.setattr(asyncio, "wait", counting)
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        release.wait(10)
        ended.set()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            if by_scope:
                asyncio.get_running_loop().call_later(0.02, scope.cancel)
            await in_thread(block)

    task = asyncio.create_task(run())
    await asyncio.sleep(0.05)
    if not by_scope:
        task.cancel()
    await asyncio.sleep(0.1)
    assert started.is_set()
    assert not task.done()
    release.set()
    await wait({task})
    assert ended.is_set()
    assert task.cancelled() is not by_scope
    assert waits <= 3


@pytest.mark.parametrize("by_scope", [True, False])
async def test_queued_work_is_cancelled_at_once_and_never_starts(*, by_scope: bool) -> None:
    """Otherwise a cancellation would take as long as the work of others."""
    release = threading.Event()
    done: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        others = asyncio.get_running_loop().run_in_executor(None, release.wait, 30)
        with anyio.CancelScope() as scope:
            task = asyncio.create_task(in_thread(done.append, "work"))
            await asyncio.sleep(0)
            if by_scope:
                scope.cancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not others.done()
        release.set()
        await others
    assert done == []


async def test_cleanup_runs_although_it_is_cancelled() -> None:
    done: list[str] = []
    with ThreadPoolExecutor(1) as executor, anyio.CancelScope() as scope:
        scope.cancel()
        await in_thread_surely(done.append, "work", executor=executor)
    assert done == ["work"]


async def test_work_runs_to_its_end_or_not_at_all() -> None:
    """At any time of the cancellation."""
    for delay in range(200):
        steps: list[str] = []

        def work(steps: list[str]) -> None:
            steps.append("started")
            steps.append("ended")

        task = asyncio.create_task(in_thread(work, steps))
        for _ in range(delay % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        seen = [*steps]
        assert seen in ([], ["started", "ended"])
        await asyncio.sleep(0)
        assert steps == seen
