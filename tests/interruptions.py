"""Interrupting a job after a number of turns of the event loop, and finding tasks left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio


def client_tasks() -> set[Any]:
    """Return the tasks of this loop, except those of the service."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task)}


async def turns(count: int) -> None:
    """Let the event loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def by_task(job: Callable[[], Awaitable[None]], after: int) -> bool:
    """Cancel the task of *job* after that many turns. Return whether it was still running."""

    async def run() -> None:
        await job()

    task = asyncio.create_task(run())
    await turns(after)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        await task
    return task.cancelled()


async def by_scope(job: Callable[[], Awaitable[None]], after: int) -> bool:
    """Cancel a scope around *job*, as `by_task` cancels its task."""

    async def cancel() -> None:
        await turns(after)
        scope.cancel()

    canceller = asyncio.create_task(cancel())
    try:
        with anyio.CancelScope() as scope:
            await job()
    finally:
        canceller.cancel()
        await asyncio.wait({canceller})
    return scope.cancelled_caught


async def by_timeout(job: Callable[[], Awaitable[None]], after: int) -> bool:
    """Let `asyncio.wait_for` time out after about that many turns of the virtual clock."""
    try:
        await asyncio.wait_for(job(), after * 1e-6)
    except TimeoutError:
        return True
    return False
