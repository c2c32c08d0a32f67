"""Work beside other work: nothing outlives its block, and exceptions arrive as they are."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


@asynccontextmanager
async def alongside(job: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Run *job* while the block runs. It has to keep its own exceptions.

    A task, and no task group: a group would wrap what the user's block raises, and its scope
    belongs to the task that entered it, while a generator around the block may be finished by
    another, when it is garbage collected.
    """
    task = asyncio.create_task(job())
    try:
        yield
    finally:
        task.cancel()
        await settled(task)


async def settled(future: "asyncio.Future[Any]") -> None:
    """Wait for the end of *future*, whatever it is; a cancellation meanwhile waits for it too."""
    interruption: asyncio.CancelledError | None = None
    # The shield is for a scope of anyio that is cancelled: it would interrupt without end.
    with anyio.CancelScope(shield=True):
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError as cancelled:
                interruption = cancelled
    if not future.cancelled():
        future.exception()
    if interruption is not None:
        raise interruption


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run *work*, which blocks, in a thread. It has ended when this ends, cancelled or not."""
    running = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(running)
    finally:
        await settled(running)


async def side_by_side(
    work: Callable[[T], Awaitable[None]], items: AsyncIterator[T], *, at_once: int
) -> None:
    """Await *work* for each of *items*, *at_once* at a time; an item is taken when one is free.

    The first exception, of *work* or of *items*, ends the others and is raised as it is.
    """
    taking = asyncio.Lock()
    failures: list[Exception] = []

    async def worker(scope: anyio.CancelScope) -> None:
        try:
            while True:
                async with taking:
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        return
                await work(item)
        except Exception as error:  # noqa: BLE001  # raised again below
            failures.append(error)
            scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(at_once):
            group.start_soon(worker, group.cancel_scope)
    if failures:
        raise failures[0]


async def each(items: Iterable[T]) -> AsyncGenerator[T, None]:
    """*items*, for what takes an async iterator."""
    for item in items:
        yield item
