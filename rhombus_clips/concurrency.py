"""Concurrent work: no task outlives its block, and exceptions are raised unwrapped."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from types import AsyncGeneratorType
from typing import Any, TypeVar, cast

import anyio

T = TypeVar("T")


@asynccontextmanager
async def alongside(job: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Run *job* while the block runs, and discard its exceptions.

    It uses a task rather than a task group. A group would wrap the exceptions of the user's block.
    Moreover, only the task that entered a group may leave it, whereas garbage collection may finish
    a generator around the block in another task.
    """
    task = asyncio.create_task(job())
    try:
        yield
    finally:
        task.cancel()
        await wait_until_done(task)


async def wait_until_done(future: "asyncio.Future[Any]") -> None:
    """Wait until *future* is done, whatever its outcome, even if cancelled meanwhile.

    A cancellation is raised afterwards.
    """
    interruption: asyncio.CancelledError | None = None
    # A cancelled anyio scope would otherwise interrupt the wait again and again.
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
    """Run the blocking function *work* in a thread of *executor*, by default the loop's executor.

    A cancellation waits for work that has started. Work that is still queued never starts.
    """
    turn = threading.Lock()

    def start() -> T:
        if not turn.acquire(blocking=False):
            raise asyncio.CancelledError
        return work(*arguments)

    running = asyncio.get_running_loop().run_in_executor(executor, start)
    try:
        return await asyncio.shield(running)
    finally:
        # The first to acquire the lock decides whether the work starts: the thread or this task.
        if turn.acquire(blocking=False):
            running.cancel()
        await wait_until_done(running)


async def in_thread_surely(work: Callable[..., T], *arguments: Any, executor: Executor) -> T:
    """Run *work* in a thread of *executor*, even if cancelled meanwhile. Use it to clean up."""
    running = asyncio.get_running_loop().run_in_executor(executor, work, *arguments)
    await wait_until_done(running)
    return running.result()


@asynccontextmanager
async def tasks() -> AsyncGenerator[Callable[..., None], None]:
    """Run tasks that the block starts, and wait for them: ``start(work, argument)``.

    The first exception that a task raises cancels the others and is raised unwrapped. The block
    itself must not raise.
    """
    failures: list[Exception] = []

    async def run(work: Callable[..., Awaitable[None]], arguments: tuple[Any, ...]) -> None:
        try:
            await work(*arguments)
        except Exception as error:  # noqa: BLE001  # raised again below
            failures.append(error)
            group.cancel_scope.cancel()

    def start(work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        group.start_soon(run, work, arguments)

    async with anyio.create_task_group() as group:
        yield start
    if failures:
        raise failures[0]


async def side_by_side(
    work: Callable[[T], Awaitable[None]], items: AsyncIterator[T], *, at_once: int
) -> None:
    """Await *work* for each of *items*, at most *at_once* at a time.

    An item is taken only when a worker is free. The first exception, from *work* or from *items*,
    cancels the rest and is raised unwrapped.
    """
    taking = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with taking:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await work(item)

    async with tasks() as start:
        for _ in range(at_once):
            start(worker)


async def each(items: Iterable[T]) -> AsyncGenerator[T, None]:
    """Yield *items* from an async iterator."""
    for item in items:
        yield item


class Waiting:
    """The current wait of an iteration, which another task can end.

    Closing a generator that another task awaits raises `RuntimeError`, which would replace the
    exception that the closing task is about to raise.
    """

    def __init__(self) -> None:
        self.has_ended: bool = False
        """True once the iteration must end without waiting again."""
        self.is_complete: bool = False
        """True once the iteration has reached its end."""
        self._scope: anyio.CancelScope | None = None
        self._idle: asyncio.Future[None] | None = None

    async def for_(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Await *work*. Return None if the iteration must end."""
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
        """Close *generator*, whose waits use this object, after its task has stopped waiting."""
        self.has_ended = True
        if self._scope is not None:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            self._scope.cancel()
            await wait_until_done(self._idle)
        await generator.aclose()


def is_alive(generator: AsyncGenerator[Any, None]) -> bool:
    """Return False if *generator* is finished."""
    return cast("AsyncGeneratorType[Any, None]", generator).ag_frame is not None


class Iteration(AsyncGenerator[T, None]):
    """An async generator that any task may close at any time, and that resumes after an error.

    A task that awaits its next item when it is closed gets `StopAsyncIteration`. A generator that
    raised is finished, and so is one whose wait was cancelled. Another one then takes its place, so
    that `StopAsyncIteration` always means the end.

    :param generate: Creates the generator, which continues where the one before stopped. It must
        wait only through the `Waiting` that is passed, must not wait once that has ended, and sets
        `Waiting.is_complete` at its end.
    :param claim: Called with each generator before its first use; it may raise an exception.
    """

    def __init__(
        self,
        generate: Callable[[Waiting], AsyncGenerator[T, None]],
        claim: Callable[[AsyncGenerator[Any, None], Waiting], None],
    ) -> None:
        self.waiting: Waiting = Waiting()
        self._generate = generate
        self._claim = claim
        self.generator: AsyncGenerator[T, None] = self._begin()

    # These return the generator's coroutines, because wrapping them would slow down every item.

    def __anext__(self) -> Coroutine[Any, Any, T]:
        if not is_alive(self.generator) and not self.is_over:
            self.generator = self._begin()
        return self.generator.__anext__()

    @property
    def is_over(self) -> bool:
        """True if the iteration was closed or has reached its end."""
        return self.waiting.has_ended or self.waiting.is_complete

    def _begin(self) -> AsyncGenerator[T, None]:
        generator = self._generate(self.waiting)
        self._claim(generator, self.waiting)
        return generator

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        """Delegate to the generator."""
        return self.generator.asend(value)

    def athrow(self, *error: Any) -> Coroutine[Any, Any, T]:
        """Delegate to the generator."""
        return self.generator.athrow(*error)

    async def aclose(self) -> None:
        """End the iteration, even while another task awaits it."""
        await self.waiting.close(self.generator)
