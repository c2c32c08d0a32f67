"""The media host: one answer of it, over a client session that is owned or borrowed."""

import asyncio
import math
import ssl
from collections.abc import Awaitable, Mapping
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

import aiohttp
import anyio

from rhombus_clips.errors import (
    ConfigurationError,
    DisconnectedError,
    DownloadError,
    RhombusError,
    SessionClosedError,
    StatusError,
)
from rhombus_clips.protocol.envelope import Reply, status_error
from rhombus_clips.protocol.media import Head, MediaTimeout, redirect_target
from rhombus_clips.transport import (
    checked_base_url,
    closed_under_way,
    end_reading,
    proxy_of_environment,
    read_any,
    transport_error,
)

T = TypeVar("T")

_MOST_REDIRECTS = 5
_READ_BUFFER = 256 * 1024
_ERROR_BODY = 64 * 1024


class MediaHost:
    """Answers of the media host, which has a client session of its own.

    :param base_url: Where it is; None when that is not known, which any use of it will say.
    :param credentials: The headers that say who is asking; they go to this host only.
    :param http: A client session to borrow.
    :param tls: How to verify this host, and no other; by the system's authorities when None.
    """

    def __init__(
        self,
        base_url: str | None,
        credentials: Mapping[str, str],
        *,
        http: aiohttp.ClientSession | None,
        tls: ssl.SSLContext | None,
        timeout: MediaTimeout,
    ) -> None:
        self._base = None if base_url is None else checked_base_url(base_url, "media_url")
        self._credentials = dict(credentials)
        self._http = http
        self._owns_http = http is None
        self._tls = tls
        self.timeout = timeout
        self._client_timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=timeout.connect,
            sock_read=timeout.stall,
            ceil_threshold=math.inf,
        )
        self._answers: set[aiohttp.ClientResponse] = set()
        self._closed = asyncio.Event()

    async def aclose(self) -> None:
        """Close an owned client session; leave a borrowed one as it is."""
        self._closed.set()
        http, self._http = self._http, None
        if self._owns_http and http is not None:
            end_reading(self._answers)
            await http.close()

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed.is_set()

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*, or until the session is closed: then it raises `SessionClosedError`."""
        with anyio.move_on_after(seconds):
            await self._closed.wait()
        if self.is_closed:
            raise SessionClosedError("the session was closed while a download waited")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session does not pickle: it holds connections and the API key")

    async def get(self, path: str, headers: Mapping[str, str]) -> "MediaAnswer":
        """Ask for *path*, and follow redirects, to which no credential goes along.

        Whoever gets the answer has to `close` it. Raises `ConnectError` when nothing was sent and
        `DisconnectedError` when no answer began.
        """
        if self._base is None:
            raise ConfigurationError(
                "where the files of this base_url lie is not known: pass media_url, or set"
                " RHOMBUS_MEDIA_URL where the session comes from the environment"
            )
        own_place = (self._base.scheme, self._base.netloc)
        url = self._base.geturl() + path
        credentials: Mapping[str, str] = self._credentials
        for _ in range(_MOST_REDIRECTS + 1):
            is_own = (urlsplit(url).scheme, urlsplit(url).netloc) == own_place
            response = await self._begun(url, {**headers, **credentials}, is_own=is_own)
            self._answers.add(response)
            answer = MediaAnswer(self, response)
            try:
                target = redirect_target(url, answer.head)
            except DownloadError:
                answer.close()
                raise
            if target is None:
                return answer
            answer.close()
            url, credentials = target, {}
        raise DownloadError(f"the media host redirected more than {_MOST_REDIRECTS} times")

    async def _begun(
        self, url: str, headers: Mapping[str, str], *, is_own: bool
    ) -> aiohttp.ClientResponse:
        http = self._open()
        request = http.get(
            url,
            headers=headers,
            timeout=self._client_timeout,
            allow_redirects=False,
            raise_for_status=False,
            read_bufsize=_READ_BUFFER,
            ssl=self._tls if is_own and self._tls is not None else True,
        )
        return await self.within(
            self.timeout.connect + self.timeout.stall, request, "no answer began"
        )

    def forget(self, response: aiohttp.ClientResponse) -> None:
        """Note that nobody reads *response* any more."""
        self._answers.discard(response)

    def _open(self) -> aiohttp.ClientSession:
        if self.is_closed:
            raise SessionClosedError("the session is closed")
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                **({} if self._base is None else proxy_of_environment(self._base.geturl())),
            )
        return self._http

    async def within(self, seconds: float, work: Awaitable[T], otherwise: str) -> T:
        """As `guarded`, but raises `DisconnectedError` when it takes longer than *seconds*."""
        with anyio.move_on_after(seconds):
            return await self.guarded(work)
        raise DisconnectedError(f"{otherwise} for {seconds:g} s")

    async def guarded(self, work: Awaitable[T]) -> T:
        """Await *work* of aiohttp's, with errors of ours in place of its own."""
        try:
            return await work
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # Raised below, outside of this block: aiohttp's exceptions hold the request's
            # headers, and so the key; they must not leave, not even as a context.
            failure = closed_under_way() if self._was_closed else self._translated(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._was_closed or task is None or task.cancelling():
                raise
            failure = closed_under_way()
        raise failure

    def _translated(self, error: Exception) -> RhombusError:
        return transport_error(
            error, connect=self.timeout.connect, read=self.timeout.stall, total=math.inf
        )

    @property
    def _was_closed(self) -> bool:
        return self.is_closed or (self._http is not None and self._http.closed)


class MediaAnswer:
    """An answer that has begun: its head, and its body to be read."""

    def __init__(self, host: MediaHost, response: aiohttp.ClientResponse) -> None:
        self._host = host
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._has_stalled = False
        self._alarm: asyncio.TimerHandle | None = None
        self.head = Head(status=response.status, headers=response.headers)

    def close(self) -> None:
        """Let go of the connection, which is used again only when all was read."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._host.forget(self._response)
        self._response.close()

    async def read(self) -> bytes:
        """What has come of the body; nothing at its end.

        Raises `DisconnectedError` when nothing came for too long, or the body ends too early.
        """
        if self._alarm is None:
            self._watch()
        self._waiting_since = self._loop.time()
        try:
            return await self._host.guarded(read_any(self._response))
        except DisconnectedError:
            if not self._has_stalled:
                raise
        finally:
            self._waiting_since = None
        raise DisconnectedError(f"nothing came for {self._host.timeout.stall:g} s")

    def _watch(self) -> None:
        """End a read that has waited for too long, and look again when the next may have.

        aiohttp's own timer begins anew with every byte, also with those that its parser hangs on;
        and a cancel scope around each read would cost more than the read.
        """
        now, stall = self._loop.time(), self._host.timeout.stall
        since = now if self._waiting_since is None else self._waiting_since
        if now - since >= stall:
            self._has_stalled = True
            self._response.close()
        else:
            self._alarm = self._loop.call_at(since + stall, self._watch)

    async def error(self) -> StatusError:
        """The error for an answer whose status is not a success; it reads the body."""
        stall = self._host.timeout.stall
        body = await self._host.within(
            stall, self._response.content.read(_ERROR_BODY), "the answer did not end"
        )
        return status_error(Reply(self.head.status, body, self.head.headers))
