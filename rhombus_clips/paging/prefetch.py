"""Fetching pages ahead while the caller processes one."""

import asyncio
from collections.abc import Awaitable, Callable

from attrs import define, field


@define(eq=False)
class Prefetch:
    """Keeps up to *ahead* pages ready. An exception is raised once the pages before it are used."""

    _ahead: int
    _fetch: Callable[[], Awaitable[bool]]
    """Fetches and keeps the next page; returns False if there is none."""
    _ready: Callable[[], int]
    """Returns the number of kept pages that the caller has not started."""
    _failure: Exception | None = None
    _is_over: bool = False
    _is_wanted: bool = False
    _room: asyncio.Event = field(factory=asyncio.Event)
    _progress: asyncio.Event = field(factory=asyncio.Event)

    async def run(self) -> None:
        """Fetch pages until the end of the listing or an error."""
        try:
            while True:
                while not self._is_wanted or self._ready() >= self._ahead:
                    self._room.clear()
                    await self._room.wait()
                if not await self._fetch():
                    break
                self._progress.set()
        except Exception as error:  # noqa: BLE001  # raised again in place of the page
            self._failure = error
        finally:
            self._is_over = True
            self._progress.set()

    async def wait(self) -> None:
        """Wait until a page is ready or none will follow. Raise the exception of the fetch."""
        self.started()
        while not self._ready() and not self._is_over:
            self._progress.clear()
            await self._progress.wait()
        if not self._ready() and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if not self._ready():
            await self._fetch()  # After the failure, the caller wants to continue.

    def started(self) -> None:
        """Record that the caller wants a page or has started one: another may be fetched."""
        self._is_wanted = True
        self._room.set()
