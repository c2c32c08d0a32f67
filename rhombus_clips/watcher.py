"""Objects that send requests while they are iterated, and can be iterated again.

A `Watch` holds the state: the items that were found but not yielded yet, and the time of the next
request. A `Watcher` is the object that the caller iterates. There is no generator, so an exception
cannot finish it.

A request runs in a task, because a heartbeat must be yielded while the request is still waiting for
its response. The task belongs to the watcher:

- It starts while a caller awaits an item, and sends one request or one round of requests. The wait
  for the next round is not part of it, so there is usually no task between two items.
- A cancelled ``async for`` cancels the task and waits for it, as if it had awaited the request.
- A cancelled ``anext(watcher)`` keeps it for the next ``anext``. Otherwise, a caller with a timeout
  shorter than the response time would never get a response.
- `Watcher.aclose` cancels it and waits for it.
- A watcher that is dropped cancels it. The task refers to the `Watch` only, so garbage collection
  can find the watcher while the task is running.
"""

import asyncio
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from rhombus_clips.concurrency import wait_until_done

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_running: set["asyncio.Task[Any]"] = set()
"""The tasks of all watchers. The event loop has only weak references to its tasks."""


class Watch(ABC, Generic[T_co]):
    """The state of a watch."""

    due: float = -math.inf
    """The time of the next request, on the event loop's clock."""

    @abstractmethod
    def take(self) -> T_co | None:
        """Return the next item, which then counts as yielded. None if a request is needed first.

        Raises `StopAsyncIteration` at the end, and the error if the watch failed.
        """

    @abstractmethod
    async def advance(self) -> None:
        """Send the next request, or a round of requests.

        It may be cancelled. The next call then resumes the round.
        """

    @abstractmethod
    def last_state(self) -> T_co:
        """Return the item that a heartbeat yields. It is called only if `take` returns None."""


class Watcher(Generic[T_co]):
    """An async iterable of the items of a watch. Each iteration resumes where the last one stopped.

    :param heartbeat: Yield the last state again after this many seconds without an item; None for
        no heartbeats.
    """

    _task: "asyncio.Task[Exception | None] | None" = None

    def __init__(self, watch: Watch[T_co], *, heartbeat: float | None) -> None:
        self.is_heartbeat: bool = False
        """True if the item yielded last is a heartbeat rather than a change."""
        self._watch = watch
        self._heartbeat = heartbeat
        self._yielded_at: float | None = None
        # A weak reference: a loop that is left by break must not block the next one.
        self._loop: weakref.ref[_Loop[Any]] | None = None
        self._wait: _Wait | None = None

    def __aiter__(self) -> "_Loop[T_co]":
        self._refuse_unless(None)
        loop = _Loop(self._next_in, self.aclose)
        self._loop = weakref.ref(loop)
        return loop

    async def __anext__(self) -> T_co:
        """Return the next item. It can be called again after a timeout or an error."""
        self._refuse_unless(None)
        return await self._next(keeps_task=True)

    async def aclose(self) -> None:
        """End the active iteration and its request, if any. The next iteration resumes from there.

        A task that is waiting for the next item gets `StopAsyncIteration`.
        """
        loop = None if self._loop is None else self._loop()
        if loop is not None:
            loop.is_active, loop.is_closed = False, True
        wait = self._wait
        if wait is not None:
            wait.interrupt()
        await self._end_task()
        if wait is not None:
            await wait_until_done(wait.ended)

    def __del__(self) -> None:
        # Garbage collection may run in another thread, and after the event loop was closed.
        task = self._task
        if task is not None and not task.done():
            with suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)

    async def _next_in(self, loop: "_Loop[Any]") -> T_co:
        self._refuse_unless(loop)
        self._loop = weakref.ref(loop)
        return await self._next(keeps_task=False)

    async def _next(self, *, keeps_task: bool) -> T_co:
        if self._heartbeat is not None and self._yielded_at is None:
            self._yielded_at = _now()
        is_quiet = False
        # Even before a round of requests is over, it may have found an item, or the last one.
        while (item := await self._taken()) is None and not is_quiet:
            is_quiet = not await self._moves(keeps_task=keeps_task)
        self.is_heartbeat = item is None
        if self._heartbeat is not None:
            self._yielded_at = _now()
        return self._watch.last_state() if item is None else item

    async def _taken(self) -> T_co | None:
        try:
            return self._watch.take()
        except BaseException:
            await self._end_task()
            raise

    async def _moves(self, *, keeps_task: bool) -> bool:
        """Wait for the end of the request or the start of the next. False if a heartbeat is due."""
        now = _now()
        # A slow caller finds that both are due. The request must start before the heartbeat.
        if self._task is None and self._watch.due <= now:
            self._task = _started(self._watch)
        heartbeat_at = math.inf
        if self._heartbeat is not None and self._yielded_at is not None:
            heartbeat_at = self._yielded_at + self._heartbeat
        until = min(heartbeat_at, self._watch.due) if self._task is None else heartbeat_at
        self._wait = _Wait()
        try:
            await self._wait.until_done(self._task, max(0.0, until - now))
        except asyncio.CancelledError:
            if not keeps_task:
                await self._end_task()
            raise
        finally:
            self._wait.ended.set_result(None)
            self._wait = None
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            _raise_failure(task)
            return True
        return _now() < heartbeat_at

    async def _end_task(self) -> None:
        """Cancel the task and wait for it. If it is done, its outcome is kept."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await wait_until_done(task)
            if task.cancelled() and self._task is task:
                self._task = None

    def _refuse_unless(self, loop: "_Loop[Any] | None") -> None:
        """Raise `RuntimeError` if the watcher is being iterated, except by *loop*."""
        current = None if self._loop is None else self._loop()
        is_looping = current is not None and current is not loop and current.is_active
        if is_looping or self._wait is not None:
            name = type(self).__name__
            raise RuntimeError(
                f"this {name} is already being iterated; close that iteration first, or create"
                f" another {name}"
            )


class _Loop(Generic[T_co]):
    """One ``async for`` over a watcher."""

    def __init__(
        self,
        next_item: "Callable[[_Loop[T_co]], Awaitable[T_co]]",
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.is_active: bool = True
        self.is_closed: bool = False
        self._next_item = next_item
        self._close = close

    def __aiter__(self) -> "_Loop[T_co]":
        return self

    async def __anext__(self) -> T_co:
        if self.is_closed:
            raise StopAsyncIteration
        try:
            item = await self._next_item(self)
        except BaseException:
            self.is_active = False
            raise
        self.is_active = True
        return item

    async def aclose(self) -> None:
        """End this loop, also while another task awaits its next item."""
        if self.is_active:
            await self._close()
        self.is_active, self.is_closed = False, True


class _Wait:
    """The wait of a caller for the next item."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._interruption: asyncio.Future[None] = loop.create_future()

    def interrupt(self) -> None:
        """End the wait and the iteration."""
        if not self._interruption.done():
            self._interruption.set_result(None)

    async def until_done(self, task: "asyncio.Task[Any] | None", seconds: float) -> None:
        """Wait for *task*, at most *seconds*. Raises `StopAsyncIteration` if interrupted."""
        awaited: set[asyncio.Future[Any]] = {self._interruption}
        if task is not None:
            awaited.add(task)
        timeout = None if seconds == math.inf else seconds
        await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._interruption.done():
            raise StopAsyncIteration


def _now() -> float:
    return asyncio.get_running_loop().time()


def _started(watch: Watch[Any]) -> "asyncio.Task[Exception | None]":
    task = asyncio.create_task(_advanced(watch))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _advanced(watch: Watch[Any]) -> Exception | None:
    """Advance *watch*, and return its exception, which might otherwise never be retrieved."""
    try:
        await watch.advance()
    except StopAsyncIteration as error:  # It would look like the end of the watch.
        failure = RuntimeError("a callback raised StopAsyncIteration")
        failure.__cause__ = error
        return failure
    except Exception as error:  # noqa: BLE001  # the next iteration raises it
        return error
    return None


def _raise_failure(task: "asyncio.Task[Exception | None]") -> None:
    """Raise the exception that *task* returned, if any."""
    # A task that the program cancelled along with all others has no result.
    failure = None if task.cancelled() else task.result()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure, task  # They would form a cycle with the traceback.
