"""Work beside other work: nothing outlives its block, and exceptions arrive as they are."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager
from functools import partial
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
        await wait_until_done(task)


async def wait_until_done(future: "asyncio.Future[Any]") -> None:
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


async def in_thread(work: Callable[..., T], *arguments: Any, executor: Executor | None = None) -> T:
    """Run *work*, which blocks, in a thread: one of *executor*, or of the loop's own executor.

    A cancellation waits for work that runs. Work that is still in a queue, behind that of others,
    is taken back instead: it never begins.
    """
    turn = threading.Lock()

    def begin() -> T:
        if not turn.acquire(blocking=False):
            raise asyncio.CancelledError
        return work(*arguments)

    running = asyncio.get_running_loop().run_in_executor(executor, begin)
    try:
        return await asyncio.shield(running)
    finally:
        # Whichever comes first, the thread or this, has the turn; so it is certain which it was.
        if turn.acquire(blocking=False):
            running.cancel()
        await wait_until_done(running)


async def in_thread_surely(work: Callable[..., T], *arguments: Any, executor: Executor) -> T:
    """Run *work* in a thread of *executor*, though this may be cancelled: for what cleans up."""
    running = asyncio.get_running_loop().run_in_executor(executor, work, *arguments)
    await wait_until_done(running)
    return running.result()


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


class Waiting:
    """What one iteration waits for, so that another task can end it.

    A generator that one task awaits cannot be closed by another: `aclose` raises `RuntimeError`,
    in the place of whatever the other was about to raise.
    """

    def __init__(self) -> None:
        self.has_ended = False
        """Whether the iteration is to end, and to wait for nothing more."""
        self._scope: anyio.CancelScope | None = None
        self._idle: asyncio.Future[None] | None = None

    async def for_(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Await *work*; None when the iteration is to end."""
        if self.has_ended:
            return None
        try:
            with anyio.CancelScope() as self._scope:
                return await work()
            return None
        finally:
            self._scope = None
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)

    async def close(self, generator: AsyncGenerator[Any, None]) -> None:
        """Close *generator*, which waits by this. Its task has stopped waiting afterwards."""
        self.has_ended = True
        if self._scope is not None:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            self._scope.cancel()
            await wait_until_done(self._idle)
        await generator.aclose()


class Iteration(AsyncGenerator[T, None]):
    """An async generator that any task may close at any time.

    A task that awaits its next item gets `StopAsyncIteration` then, as it would afterwards.

    :param generate: Makes the generator. It waits by the `Waiting` that it is given, and for
        nothing once that has ended.
    """

    def __init__(self, generate: Callable[[Waiting], AsyncGenerator[T, None]]) -> None:
        self.waiting = Waiting()
        self.generator = generate(self.waiting)

    # No coroutines of their own: these are on the way of every item.

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return self.generator.__anext__()

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        """As of any async generator."""
        return self.generator.asend(value)

    def athrow(self, *error: Any) -> Coroutine[Any, Any, T]:
        """As of any async generator."""
        return self.generator.athrow(*error)

    async def aclose(self) -> None:
        """End it, also while another task awaits it."""
        await self.waiting.close(self.generator)


def closable(generator: AsyncGenerator[T, None]) -> Iteration[T]:
    """*generator*, none of whose items is None, as an `Iteration`.

    It costs a cancel scope for each item, which is much for many items and nothing for few.
    """
    return Iteration(partial(relayed, items=generator))


async def relayed(waiting: Waiting, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """*items*, until there are no more or *waiting* has ended."""
    async with aclosing(items):
        while (item := await waiting.for_(partial(anext, items, None))) is not None:
            yield item
