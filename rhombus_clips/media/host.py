"""The media host: one answer of it, over a client session that is owned or borrowed."""

import asyncio
import math
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from http.cookies import CookieError
from typing import Any, NoReturn, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
import anyio
from yarl import URL

from rhombus_clips.calls.hosts import checked_base_url
from rhombus_clips.calls.http_client import has_free_connection
from rhombus_clips.calls.network_errors import closed_meanwhile, transport_error
from rhombus_clips.calls.pacing import Pause
from rhombus_clips.calls.transport import end_reading, read_any
from rhombus_clips.errors import (
    ConfigurationError,
    ConnectError,
    DisconnectedError,
    DownloadError,
    RhombusError,
    SessionClosedError,
    StatusError,
    TransportError,
    redacted,
)
from rhombus_clips.media.clients import Clients
from rhombus_clips.media.ranges import Head, MediaTimeout, redirect_target
from rhombus_clips.media.redirects import check_host, host_of, origin_of, request_target
from rhombus_clips.media.refusals import media_error

T = TypeVar("T")

# What aiohttp raises about a connection. All else comes from the resolver or the settings of a
# borrowed session, before anything is sent.
_OF_CONNECTIONS = (aiohttp.ClientError, OSError, RuntimeError)

_MOST_REDIRECTS = 5
_READ_BUFFER = 256 * 1024
_ERROR_BODY = 64 * 1024
# A signed URL in a Location may be long. These hold whatever a borrowed session is set to.
_LONGEST_LINE = 16 * 1024


class MediaHost:
    """Answers of the media host, which has client sessions of its own.

    :param base_url: Where it is; None when that is not known, which any use of it will say.
    :param credentials: The headers that say who is asking; they go to this host only.
    :param user_agent: Sent to every host.
    :param http: A client session to borrow, for requests to this host only.
    :param tls: How to verify this host, and no other; by the system's authorities when None.
    """

    def __init__(
        self,
        base_url: str | None,
        credentials: Mapping[str, str],
        *,
        user_agent: str,
        http: aiohttp.ClientSession | None,
        tls: ssl.SSLContext | None,
        timeout: MediaTimeout,
    ) -> None:
        self._base = None if base_url is None else checked_base_url(base_url, "media_url")
        self._sent: str | None = None
        self._credentials = dict(credentials)
        self._user_agent = user_agent
        self._clients = Clients(http, tls)
        self._answers: set[aiohttp.ClientResponse] = set()
        self.timeout = timeout
        self._client_timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=timeout.connect,
            sock_read=timeout.stall,
            ceil_threshold=math.inf,
        )
        self.pause = Pause()

    async def aclose(self) -> None:
        """Close the client session of our own; leave a borrowed one as it is."""
        self.pause.close()
        end_reading(self._answers)
        await self._clients.aclose()

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self.pause.is_closed

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session does not pickle: it holds connections and the API key")

    async def get(self, path: str, headers: Mapping[str, str]) -> "MediaAnswer":
        """Ask for *path*, and follow redirects, to which no credential goes along.

        Whoever gets the answer has to `close` it. Raises `ConnectError` when nothing was sent,
        `DisconnectedError` when no answer began, and `DownloadError` for a redirect that is not
        to be followed.
        """
        home = self._base_as_sent()
        url, is_home, has_left = home + path, True, False
        headers = {**headers, "User-Agent": self._user_agent}
        for hops in range(_MOST_REDIRECTS + 1):
            await self.pause.wait()
            credentials = {} if hops else self._credentials
            http, settings = self._chosen(url, is_home=is_home, has_left=has_left)
            response = await self._begun(http, url, {**headers, **credentials}, settings)
            if http is self._http:
                self._answers.add(response)
            answer = MediaAnswer(self, response, url, is_redirected=hops > 0)
            try:
                target = self._target_of(url, answer.head)
            except RhombusError:
                answer.close()
                raise
            if target is None:
                return answer
            answer.close()
            url, is_home = target, origin_of(target) == origin_of(home)
            has_left = has_left or not is_home
        raise DownloadError(f"the media host redirected more than {_MOST_REDIRECTS} times")

    def _target_of(self, url: str, head: Head) -> str | None:
        """As `redirect_target`. Raises `DownloadError` also where the URL would tell the key."""
        target = redirect_target(url, head)
        written = "" if target is None else unquote(target)
        if written and redacted(written, self._credentials["x-auth-apikey"]) != written:
            raise DownloadError("the media host redirects to a URL that has the API key in it")
        return target

    @property
    def _http(self) -> aiohttp.ClientSession | None:
        """The client session of our own: the answers on it end with it, those on a borrowed one
        may go on.
        """
        return self._clients.bare

    def _base_as_sent(self) -> str:
        """The URL of the media host, in the spelling in which it is sent."""
        if self._base is None:
            raise ConfigurationError(
                "where the files of this base_url lie is not known: pass media_url, or set"
                " RHOMBUS_MEDIA_URL where the session comes from the environment"
            )
        if self._sent is None:
            url = self._base.geturl()
            # A host name that cannot be written in ASCII is refused below.
            with suppress(ValueError):
                url = str(URL(url)).removesuffix("/")
            check_host(url)
            self._sent = url
        return self._sent

    def _chosen(
        self, url: str, *, is_home: bool, has_left: bool
    ) -> tuple[aiohttp.ClientSession, dict[str, Any]]:
        if self.is_closed:
            raise SessionClosedError("the session is closed")
        return self._clients.chosen(url, is_home=is_home, has_left=has_left)

    async def _begun(
        self,
        http: aiohttp.ClientSession,
        url: str,
        headers: Mapping[str, str],
        settings: dict[str, Any],
    ) -> aiohttp.ClientResponse:
        request = http.get(
            _verbatim(url),
            headers=headers,
            timeout=self._client_timeout,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=True,
            read_bufsize=_READ_BUFFER,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            **settings,
        )
        # The wait for a connection that other requests hold has no limit: a file may take long.
        # aiohttp limits the steps that come after it.
        limit = self.timeout.connect + self.timeout.stall
        seconds = limit if has_free_connection(http) else math.inf
        return await self.within(seconds, request, "no answer began")

    def forget(self, response: aiohttp.ClientResponse) -> None:
        """Note that nobody reads *response* any more."""
        self._answers.discard(response)

    async def within(self, seconds: float, work: Awaitable[T], otherwise: str) -> T:
        """As `guarded`, but raises `DisconnectedError` when it takes longer than *seconds*."""
        with anyio.move_on_after(seconds):
            return await self.guarded(work)
        raise DisconnectedError(f"{otherwise} for {seconds:g} s")

    async def guarded(self, work: Awaitable[T]) -> T:
        """Await *work* of aiohttp's, with errors of ours in place of its own."""
        try:
            return await work
        except RhombusError:
            raise
        except Exception as error:  # noqa: BLE001  # A resolver or a cookie jar may raise anything.
            # Raised below, outside of this block: aiohttp's exceptions hold the request's
            # headers, and so the key; they must not leave, not even as a context.
            failure = closed_meanwhile() if self._was_closed else self._translated(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._was_closed or task is None or task.cancelling():
                raise
            failure = closed_meanwhile()
        raise failure

    def _translated(self, error: Exception) -> RhombusError:
        match error:
            case UnicodeError() | aiohttp.InvalidURL():
                # That is how Python's own resolver says that it cannot look up such a name.
                return ConnectError("cannot connect: the host name is not valid", is_lasting=True)
            case OverflowError() | CookieError():
                return DisconnectedError("the answer has a cookie that cannot be read")
            case _:
                return transport_error(
                    error,
                    connect=self.timeout.connect,
                    read=self.timeout.stall,
                    total=math.inf,
                    was_sent=isinstance(error, _OF_CONNECTIONS),
                )

    @property
    def _was_closed(self) -> bool:
        return self.is_closed or self._clients.is_any_closed


def _verbatim(url: str) -> URL:
    """*url* such that aiohttp sends it byte for byte.

    yarl, whose URLs aiohttp takes, drops an empty query even of a URL that counts as encoded, so
    that the whole request target has to pass for its path.
    """
    parts = urlsplit(url)
    return URL.build(
        scheme=parts.scheme, authority=parts.netloc, path=request_target(url), encoded=True
    )


class MediaAnswer:
    """An answer that has begun: its head, and its body to be read.

    :param url: Where it comes from.
    :param is_redirected: Whether a redirect of the media host led there.
    """

    def __init__(
        self,
        host: MediaHost,
        response: aiohttp.ClientResponse,
        url: str,
        *,
        is_redirected: bool,
    ) -> None:
        self._host = host
        self._response = response
        self._url = url
        self.is_redirected = is_redirected
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
        body, stall = b"", self._host.timeout.stall
        # What the status says stays true when its explanation does not come whole.
        with suppress(TransportError):
            body = await self._host.within(
                stall, self._response.content.read(_ERROR_BODY), "the answer did not end"
            )
        return media_error(self.head, body, host_of(self._url), is_redirected=self.is_redirected)
