"""aiohttp client sessions: our own, opened on first use, or one that the caller owns."""

import asyncio
import math
import os
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sized
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from rhombus_clips.calls.home_loop import HomeLoop
from rhombus_clips.calls.network_errors import described
from rhombus_clips.calls.pacing import Pause
from rhombus_clips.calls.proxies import proxy_for
from rhombus_clips.errors import ConnectError, SessionClosedError

# Below the idle limit of common servers and load balancers, so that a request rarely meets a
# connection that is being closed: aiohttp resends idempotent methods only, and ours are all POST.
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS = 100


class HttpClient:
    """The aiohttp client session to use: one borrowed from the caller, or our own.

    A borrowed session is neither closed nor changed. Our own is opened on first use, which needs a
    running event loop. It is closed by `aclose`, or when the event loop shuts down.

    :param borrowed: The caller's session; None to use our own.
    :param make: Creates our own session.
    :param home: The event loop that all client sessions of a `ClipSession` share.
    """

    def __init__(
        self,
        borrowed: aiohttp.ClientSession | None,
        make: Callable[[], aiohttp.ClientSession],
        home: HomeLoop,
    ) -> None:
        self._http = borrowed
        self._make = make
        self._home = home
        self._guard: AsyncGenerator[None, None] | None = None
        self.is_borrowed: bool = borrowed is not None
        self.is_closed: bool = False
        """True once `aclose` has been called."""

    def check(self) -> None:
        """Raise `SessionClosedError` after `aclose`, and `WrongEventLoopError` in another loop."""
        if self.is_closed:
            raise SessionClosedError("the session is closed")
        if self._home.loop is not asyncio.get_running_loop():
            self._home.enter()

    def open(self) -> aiohttp.ClientSession:
        """Return the session. Raises the errors of `check`."""
        self.check()
        if self._http is None:
            self._http = self._make()
            self._guard = _guard_of(self._http)
        return self._http

    @property
    def was_closed(self) -> bool:
        """True once the session has been closed, by `aclose` or by its owner."""
        return self.is_closed or (self._http is not None and self._http.closed)

    async def aclose(self) -> None:
        """Close our own session; leave a borrowed one open."""
        self.is_closed = True
        if not self.is_borrowed and self._http is not None:
            await self._http.close()
        if self._guard is not None:
            with suppress(RuntimeError):  # Another task is closing it.
                await self._guard.aclose()


def _guard_of(http: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Return a generator that closes *http* when the event loop shuts down, or on `aclose`.

    ``asyncio.run`` and other runners close all generators that have started before they close the
    loop. Nothing else tells a library that the loop ends.
    """

    async def guard() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await http.close()

    generator = guard()
    with suppress(StopIteration):
        generator.asend(None).send(None)  # Run it up to its yield, without awaiting.
    return generator


def most_connections(http: aiohttp.ClientSession | None) -> float:
    """Return how many requests can run at once on *http*, or on our own session if it is None."""
    if http is None:
        return _CONNECTIONS
    connector = http.connector
    limits = () if connector is None else (connector.limit, connector.limit_per_host)
    return min((limit for limit in limits if limit > 0), default=math.inf)


def has_free_connection(http: aiohttp.ClientSession) -> bool:
    """Return whether a request can start without waiting for a connection to become free.

    aiohttp exposes the limits on connections, but not the number in use.
    """
    connector = http.connector
    if connector is None:
        return True
    in_use: Sized = getattr(connector, "_acquired", ())
    by_host: Mapping[object, Sized] = getattr(connector, "_acquired_per_host", {})
    limit, limit_per_host = connector.limit or math.inf, connector.limit_per_host or math.inf
    return len(in_use) < limit and all(len(held) < limit_per_host for held in by_host.values())


def client_session(
    base_url: str, pause: Pause, tls: ssl.SSLContext | None
) -> aiohttp.ClientSession:
    """Open a client session for the API at *base_url*, whose requests wait for *pause* to end."""
    return aiohttp.ClientSession(
        **proxy_arguments(base_url),
        connector=_connector(tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=_request_class(pause),
    )


def proxy_arguments(url: str) -> dict[str, Any]:
    """Return the proxy that the environment selects for *url*, as arguments for aiohttp.

    It is looked up once. aiohttp's ``trust_env`` reads the environment and ``.netrc`` in a thread
    for every request, which costs more than the rest of a call. Plain http and loopback addresses
    use no proxy, because a proxy for plain http would see the key.
    """
    if urlsplit(url).scheme != "https":
        return {}
    proxy = proxy_for(url, os.environ)
    return {} if proxy is None else {"proxy": proxy}


def _request_class(pause: Pause) -> type[aiohttp.ClientRequest]:
    class Request(aiohttp.ClientRequest):
        """A request that waits for the end of a pause that started while it was connecting."""

        async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if pause.is_on:
                await pause.wait(getattr(self.body, "deadline", math.inf))
            return await super().send(conn)

    return Request


def _connector(tls: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    try:
        return aiohttp.TCPConnector(
            limit=_CONNECTIONS,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            ssl=True if tls is None else tls,
        )
    except Exception as error:  # noqa: BLE001  # A resolver that cannot start may raise anything.
        failure = ConnectError(f"cannot set up name resolution: {described(error)}")
    raise failure
