"""Hosts of the stand-in service, each on a port of the loopback."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web


class Host:
    """A server on the loopback that answers every request by *serve*, while the block lasts.

    :param serve: What answers a request of any method and path.
    :param port: The port to serve on; 0 takes a free one.
    :param sends_date: Whether responses have a ``Date``.
    """

    def __init__(
        self,
        serve: Callable[[web.Request], Awaitable[web.StreamResponse]],
        port: int = 0,
        sends_date: Callable[[], bool] = lambda: True,
    ) -> None:
        self._serve = serve
        self._sends_date = sends_date
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its base URL, without a path."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_response_prepare.append(self._prepare)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def _prepare(self, _request: web.Request, response: web.StreamResponse) -> None:
        if not self._sends_date():
            response.headers.popall("Date", None)  # aiohttp gives every response one.

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
