"""A fault that delays the response until a test releases it."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from aiohttp import web
from attrs import field, frozen

from rhombus_clips.testing.faults import Answering, Fault

_MAX_WAIT = 30.0


@frozen(eq=False)
class Held(Fault):
    """Respond when the block ends. The fake service may run in another thread."""

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
        """Wait until a request has arrived."""
        assert self._arrived.wait(_MAX_WAIT)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait for the release, and then answer."""
        self._arrived.set()
        await asyncio.to_thread(self._released.wait, _MAX_WAIT)
        return await answer()
