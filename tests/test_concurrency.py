"""Work beside other work: it ends with its block, and nothing spins or is left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator

import anyio
import pytest

from rhombus_clips.concurrency import in_thread, side_by_side


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_first_failure_ends_the_others_and_arrives_as_it_is() -> None:
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            if number == 2:
                raise KeyError(number)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append(number)
            raise

    with anyio.fail_after(5), pytest.raises(KeyError):
        await side_by_side(work, numbers(9), at_once=3)
    assert sorted(ended) == [0, 1]


async def test_no_more_at_once_than_asked_for_and_each_item_once() -> None:
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
async def test_work_in_a_thread_is_waited_for_without_spinning(
    *, by_scope: bool, monkeypatch
) -> None:
    """Also in a scope that is cancelled, which would interrupt each wait at once."""
    waits = 0
    wait = asyncio.wait

    async def counting(futures):
        nonlocal waits
        waits += 1
        return await wait(futures)

    monkeypatch.setattr(asyncio, "wait", counting)
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
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
    assert begun.is_set()
    assert not task.done()
    release.set()
    await wait({task})
    assert ended.is_set()
    assert task.cancelled() is not by_scope
    assert waits <= 3
