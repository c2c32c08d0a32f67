"""A fault that holds an answer back until a test lets it go: for what happens meanwhile."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from aiohttp import web
from attrs import field, frozen

from rhombus_clips.testing.faults import Answering, Fault

_LONGEST = 30.0


@frozen(eq=False)
class Held(Fault):
    """The answer comes when the block ends. The fake service may run in another thread."""

    times: int | None = None
    _arrived: threading.Event = field(factory=threading.Event, init=False)
    _released: threading.Event = field(factory=threading.Event, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()

    def wait(self) -> None:
        """Wait until a request has come."""
        assert self._arrived.wait(_LONGEST)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer, but not yet."""
        self._arrived.set()
        await asyncio.to_thread(self._released.wait, _LONGEST)
        return await answer()
