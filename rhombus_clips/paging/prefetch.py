"""Fetching pages while the caller still works on one."""

import asyncio
from collections.abc import Awaitable, Callable


class Prefetch:
    """Keeps up to *ahead* pages ready; an exception waits for its turn behind them.

    :param fetch: Fetches the next page and keeps it; False when there is none.
    :param ready: How many pages are kept that the caller has not begun.
    """

    def __init__(
        self, ahead: int, *, fetch: Callable[[], Awaitable[bool]], ready: Callable[[], int]
    ) -> None:
        self._ahead = ahead
        self._fetch = fetch
        self._ready = ready
        self._failure: Exception | None = None
        self._is_over = False
        self._is_wanted = False
        self._room = asyncio.Event()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Fetch until the end, or until it fails."""
        try:
            while True:
                while not self._is_wanted or self._ready() >= self._ahead:
                    self._room.clear()
                    await self._room.wait()
                if not await self._fetch():
                    break
                self._news.set()
        except Exception as error:  # noqa: BLE001  # raised again where its page would have been
            self._failure = error
        finally:
            self._is_over = True
            self._news.set()

    async def wait(self) -> None:
        """Wait until a page is ready, or none is to come; raises what fetching raised."""
        self.begun()
        while not self._ready() and not self._is_over:
            self._news.clear()
            await self._news.wait()
        if not self._ready() and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def begun(self) -> None:
        """Say that the caller wants a page, or has begun one: there may be room for another."""
        self._is_wanted = True
        self._room.set()
