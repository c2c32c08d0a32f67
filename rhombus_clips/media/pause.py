"""A pause of all requests for media, because the host asked for one."""

import asyncio
import math
import random

import anyio

from rhombus_clips.errors import SessionClosedError

# Requests that a pause held up start again spread over so many seconds, not all at once.
_SPREAD = 0.25


class Pause:
    """One for each session: its media requests share a budget, apart from that of the API."""

    def __init__(self) -> None:
        self._until = -math.inf
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def begin(self, seconds: float) -> None:
        """Let no request start for *seconds* from now; a longer pause that is on stays."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)

    async def wait(self) -> None:
        """Wait until no pause is on. Raises `SessionClosedError` when the session is closed."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:
            await self.sleep(left + random.uniform(0, _SPREAD))

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*, or until the session is closed: then it raises `SessionClosedError`."""
        with anyio.move_on_after(seconds):
            await self._closed.wait()
        if self.is_closed:
            raise SessionClosedError("the session was closed while a download waited")

    def close(self) -> None:
        """End every wait."""
        self._closed.set()
