"""One iteration of a source, shared by any number of listeners."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from rhombus_clips.concurrency import wait_until_done

T = TypeVar("T")


class Broadcast(Generic[T]):
    """The items of a source, numbered from 0, for all listeners.

    A task iterates the source while there is a listener. It starts with the first one, and has
    ended when the last one has left. A source that can be iterated again then resumes.

    :param source: Returns the source, each time the task starts.
    :param kept: The number of recent items that a listener can still get.
    """

    def __init__(self, source: Callable[[], AsyncIterable[T]], *, kept: int) -> None:
        self.kept: deque[T] = deque(maxlen=kept)
        """The most recent items."""
        self.count: int = 0
        """The number of items so far, and thus the number of the next one."""
        self.is_over: bool = False
        """True after the source has ended or failed."""
        self.failure: Exception | None = None
        """The error that ended the source, if any."""
        self.listeners: int = 0
        self._source = source
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        """The task that the last listener has cancelled, which may not have ended yet."""
        self._change: asyncio.Future[None] | None = None

    @property
    def oldest(self) -> int:
        """The number of the oldest item that is kept."""
        return self.count - len(self.kept)

    def item(self, number: int) -> T:
        """Return an item that is kept."""
        return self.kept[number - self.oldest]

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None, None]:
        """Iterate the source while the block runs."""
        self.listeners += 1
        try:
            if self._task is None or self._task.done():
                self.is_over, self.failure = False, None
                self._task = asyncio.create_task(self._run(self._ending))
            yield
        finally:
            self.listeners -= 1
            if not self.listeners and self._task is not None:
                task, self._task = self._task, None
                self._ending = task
                task.cancel()
                await wait_until_done(task)

    async def changed(self, seconds: float) -> None:
        """Wait until there is another item, the source is over, or *seconds* have passed."""
        if self._change is None or self._change.done():
            self._change = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._change}, timeout=seconds)

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            # A listener has joined while the last one was leaving. Most sources cannot be iterated
            # twice at the same time.
            await wait_until_done(before)
        failure: Exception | None = None
        try:
            async for item in self._source():
                self.kept.append(item)
                self.count += 1
                self._wake()
        except Exception as error:  # noqa: BLE001  # every listener reports it
            failure = error
        if self._task is asyncio.current_task():
            self.is_over, self.failure = True, failure
            self._wake()

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)
