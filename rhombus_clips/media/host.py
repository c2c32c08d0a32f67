"""HTTP: one response of the media host, or of a host that it redirects to."""

import asyncio
import math
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial
from http.cookies import CookieError
from typing import NoReturn, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
import anyio
from attrs import field, frozen
from yarl import URL

from rhombus_clips import errors
from rhombus_clips.arguments import is_positive_or_zero, is_seconds, to_seconds
from rhombus_clips.calls.home_loop import HomeLoop
from rhombus_clips.calls.hosts import checked_base_url
from rhombus_clips.calls.http_client import HttpClient, has_free_connection, proxy_arguments
from rhombus_clips.calls.network_errors import closed_meanwhile, transport_error
from rhombus_clips.calls.pacing import Pause
from rhombus_clips.calls.transport import end_reading, read_any
from rhombus_clips.media import redirects
from rhombus_clips.media.head import Head
from rhombus_clips.media.refusals import media_error
from rhombus_clips.redaction import redacted

T = TypeVar("T")

# aiohttp raises these for a connection. Others come from the resolver or the settings of a borrowed
# client session, before anything is sent.
_OF_CONNECTIONS = (aiohttp.ClientError, OSError, RuntimeError)

_MOST_REDIRECTS = 5
_READ_BUFFER = 256 * 1024
_ERROR_BODY = 64 * 1024
# A signed URL in a Location may be long. This limit overrides that of a borrowed client session.
_LONGEST_LINE = 16 * 1024


@frozen
class MediaTimeout:
    """When to give up on a response of the media host; the duration of a download has no limit."""

    connect: float = field(default=10.0, converter=to_seconds, validator=is_seconds)
    """The longest time to open a connection, in seconds."""
    stall: float = field(default=30.0, converter=to_seconds, validator=is_seconds)
    """The longest time without data, in seconds, before and within a response."""
    min_bytes_per_second: float = field(default=1024.0, validator=is_positive_or_zero)
    """The lowest average rate over each `stall` seconds of waiting; 0 accepts any."""
    pause: float = field(default=600.0, converter=to_seconds, validator=is_seconds)
    """The longest wait that a 429 or 503 may request, in seconds; a longer one raises at once. The
    default allows for every wait, because longer ones are reduced to 300 s."""


class MediaHost:
    """The media host, over an owned client session and possibly a borrowed one.

    A borrowed client session has its own headers, cookies and certificates, so it sends requests
    to the media host only. The targets of redirects are requested through an owned one, which has
    none of these. It chooses proxies by the library's rules, because aiohttp's ``trust_env`` would
    also add the credentials that ``.netrc`` has for a host.

    :param base_url: The URL of the host; None if it is unknown, which each request reports.
    :param credentials: The headers with the API key, sent to this host only.
    :param user_agent: The User-Agent, sent to every host.
    :param http: A client session to borrow; it is neither closed nor modified.
    :param home: The event loop of the session.
    :param tls: How to verify this host only; None for the system's authorities.
    """

    def __init__(
        self,
        base_url: str | None,
        credentials: Mapping[str, str],
        *,
        user_agent: str,
        http: aiohttp.ClientSession | None,
        home: HomeLoop,
        tls: ssl.SSLContext | None,
        timeout: MediaTimeout,
    ) -> None:
        self._base = None if base_url is None else checked_base_url(base_url, "media_url")
        self._credentials = dict(credentials)
        self._user_agent = user_agent
        open_bare = partial(_bare_session, http)
        self._own = HttpClient(None, open_bare, home)
        self._home = self._own if http is None else HttpClient(http, open_bare, home)
        self._tls = tls
        self._proxies: dict[redirects.Origin, str | None] = {}
        self.responses: set[aiohttp.ClientResponse] = set()
        """The current responses over the owned client session, which end with it."""
        self.timeout = timeout
        self._client_timeout = aiohttp.ClientTimeout(
            sock_connect=timeout.connect, sock_read=timeout.stall, ceil_threshold=math.inf
        )
        self.pause: Pause = Pause()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: it holds connections and the API key")

    async def aclose(self) -> None:
        """Close the owned client session, which ends its responses; leave a borrowed one open."""
        self.pause.close()
        end_reading(self.responses)
        await self._home.aclose()
        await self._own.aclose()

    def check(self) -> None:
        """Raise `SessionClosedError` or `WrongEventLoopError` if no request can be sent."""
        self._home.check()

    async def wait_out_pause(self) -> None:
        """Wait for the end of any pause. Raises `RateLimitedError` if that takes too long."""
        await self.pause.wait(asyncio.get_running_loop().time() + self.timeout.pause)

    @property
    def _was_closed(self) -> bool:
        return self._home.was_closed or self._own.was_closed

    async def get(self, path: str, headers: Mapping[str, str]) -> "MediaResponse":
        """Request *path*, and follow redirects without credentials. The caller has to `close` the
        response.

        Raises `ConnectError` if nothing was sent, `DisconnectedError` if no response started, and
        `DownloadError` for a redirect that must not be followed.
        """
        home = self._base_as_sent()
        url, is_home, has_left = home + path, True, False
        headers = {**headers, "User-Agent": self._user_agent}
        for hops in range(_MOST_REDIRECTS + 1):
            await self.wait_out_pause()
            credentials = {} if hops else self._credentials
            # The first other host chooses the later URLs, so requests to them carry nothing of the
            # caller's, even if they lead back.
            client = self._home if is_home and not has_left else self._own
            tls = self._tls if is_home else None
            sent = await self._sent(client, url, {**headers, **credentials}, tls)
            if not client.is_borrowed:
                self.responses.add(sent)
            response = MediaResponse(self, sent, url, is_redirected=hops > 0)
            try:
                target = self._redirect_target(url, response.head)
            except errors.RhombusError:
                response.close()
                raise
            if target is None:
                return response
            response.close()
            url, is_home = target, redirects.origin_of(target) == redirects.origin_of(home)
            has_left = has_left or not is_home
        raise errors.DownloadError(f"the media host redirected more than {_MOST_REDIRECTS} times")

    def _redirect_target(self, url: str, head: Head) -> str | None:
        """Return `redirect_target`, or raise `DownloadError` if it contains the API key."""
        target = redirects.redirect_target(url, head)
        decoded = "" if target is None else unquote(target)
        if decoded and redacted(decoded, self._credentials["x-auth-apikey"]) != decoded:
            raise errors.DownloadError(
                "the media host redirects to a URL that contains the API key"
            )
        return target

    def _base_as_sent(self) -> str:
        """Return the URL of the media host in the spelling that is sent."""
        if self._base is None:
            raise errors.ConfigurationError(
                "the media host of this base_url is unknown: pass media_url, or set"
                " RHOMBUS_MEDIA_URL or a profile's media_url for ClipSession.from_env()"
            )
        url = self._base.geturl()
        # `check_host` rejects a host name that has no ASCII form.
        with suppress(ValueError):
            url = str(URL(url)).removesuffix("/")
        redirects.check_host(url)
        return url

    async def _sent(
        self, client: HttpClient, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None
    ) -> aiohttp.ClientResponse:
        http = client.open()
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
            ssl=True if tls is None else tls,
            proxy=None if client.is_borrowed else self._proxy(url),
        )
        # The wait for a connection that other requests hold is not limited, because a file may take
        # a long time. aiohttp limits the later steps.
        limit = self.timeout.connect + self.timeout.stall
        seconds = limit if has_free_connection(http) else math.inf
        return await self.within(seconds, request, "no response started")

    def _proxy(self, url: str) -> str | None:
        """Return the proxy for *url*, which is looked up once for each origin."""
        origin = redirects.origin_of(url)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_arguments(url).get("proxy")
        return self._proxies[origin]

    async def within(self, seconds: float, work: Awaitable[T], otherwise: str) -> T:
        """Await *work* as `guarded` does, but raise `DisconnectedError` after *seconds*."""
        with anyio.move_on_after(seconds):
            return await self.guarded(work)
        raise errors.DisconnectedError(f"{otherwise} within {seconds:g} s")

    async def guarded(self, work: Awaitable[T]) -> T:
        """Await *work* of aiohttp, and translate its exceptions."""
        try:
            return await work
        except errors.RhombusError:
            raise
        except Exception as error:  # noqa: BLE001  # A resolver or a cookie jar may raise anything.
            # Raised below, outside of this block: aiohttp's exceptions hold the request's headers
            # and therefore the key, so they must not escape, even as a context.
            failure = closed_meanwhile() if self._was_closed else self._translated(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._was_closed or task is None or task.cancelling():
                raise
            failure = closed_meanwhile()
        raise failure

    def _translated(self, error: Exception) -> errors.RhombusError:
        if isinstance(error, UnicodeError | aiohttp.InvalidURL):
            # Python's resolver raises these for a name that it cannot look up.
            return errors.ConnectError(
                "cannot connect: the host name is not valid", is_lasting=True
            )
        if isinstance(error, OverflowError | CookieError):
            return errors.DisconnectedError("the response has an invalid cookie")
        limits, was_sent = self.timeout, isinstance(error, _OF_CONNECTIONS)
        return transport_error(
            error, connect=limits.connect, read=limits.stall, total=math.inf, was_sent=was_sent
        )


def _bare_session(borrowed: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    """Open a client session without cookies, with the limits of a borrowed one if there is one."""
    lent = None if borrowed is None else borrowed.connector
    limit, per_host = (0, 0) if lent is None else (lent.limit, lent.limit_per_host)
    connector = aiohttp.TCPConnector(limit=limit, limit_per_host=per_host)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _verbatim(url: str) -> URL:
    """Return *url* in a form that aiohttp sends byte for byte.

    yarl drops an empty query even from a URL marked as encoded, so the whole request target is
    passed as the path.
    """
    parts, target = urlsplit(url), redirects.request_target(url)
    return URL.build(scheme=parts.scheme, authority=parts.netloc, path=target, encoded=True)


class MediaResponse:
    """A response that has started: its head, and a body that can be read.

    :param url: The URL that it answers.
    :param is_redirected: True if the media host redirected to that URL.
    """

    def __init__(
        self, host: MediaHost, response: aiohttp.ClientResponse, url: str, *, is_redirected: bool
    ) -> None:
        self._host = host
        self._response = response
        self._url = url
        self.is_redirected = is_redirected
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._seconds_waited = 0.0
        self._bytes_received = 0
        self._has_stalled = False
        self._alarm: asyncio.TimerHandle | None = None
        self.head: Head = Head(status=response.status, headers=response.headers)

    def close(self) -> None:
        """Release the connection, which is reused only if the whole body was read."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._host.responses.discard(self._response)
        self._response.close()

    async def read(self) -> bytes:
        """Return the bytes that have arrived, waiting for some; empty at the end of the body.

        Raises `DisconnectedError` if no bytes arrive for too long, if too few arrived during the
        last waits, or if the body is truncated.
        """
        self._host.check()
        self._check_rate()
        if self._alarm is None:
            self._watch()
        self._waiting_since = started = self._loop.time()
        try:
            data = await self._host.guarded(read_any(self._response))
            self._bytes_received += len(data)
            return data
        except errors.DisconnectedError:
            if not self._has_stalled:
                raise
        finally:
            self._seconds_waited += self._loop.time() - started
            self._waiting_since = None
        raise errors.DisconnectedError(f"received no data for {self._host.timeout.stall:g} s")

    def _check_rate(self) -> None:
        """Raise `DisconnectedError` if too few bytes arrived; time between reads is not counted."""
        seconds, timeout = self._seconds_waited, self._host.timeout
        if seconds < timeout.stall:
            return
        if self._bytes_received < timeout.min_bytes_per_second * seconds:
            raise errors.DisconnectedError(
                f"received only {self._bytes_received} bytes in {seconds:.0f} s, less than"
                f" {timeout.min_bytes_per_second:g} bytes per second"
            )
        self._seconds_waited, self._bytes_received = 0.0, 0

    def _watch(self) -> None:
        """End a read that has waited too long, or schedule the next check.

        aiohttp's own timer restarts with every byte, including bytes on which its parser hangs,
        and a cancel scope around each read would cost more than the read.
        """
        now, stall = self._loop.time(), self._host.timeout.stall
        since = now if self._waiting_since is None else self._waiting_since
        if now - since >= stall:
            self._has_stalled = True
            self._response.close()
        else:
            self._alarm = self._loop.call_at(since + stall, self._watch)

    async def error(self) -> errors.StatusError:
        """Return the error for an unsuccessful status, after reading the body."""
        body, stall = b"", self._host.timeout.stall
        # The status is valid even if the body does not arrive.
        with suppress(errors.TransportError):
            body = await self._host.within(
                stall, self._response.content.read(_ERROR_BODY), "the response did not end"
            )
        host = redirects.host_of(self._url)
        return media_error(self.head, body, host, is_redirected=self.is_redirected)
