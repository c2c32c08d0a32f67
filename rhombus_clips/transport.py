"""aiohttp: one attempt of one request, over a client session that is owned or borrowed."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from rhombus_clips.errors import (
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    RhombusError,
    SessionClosedError,
)
from rhombus_clips.protocol.auth import is_confidential
from rhombus_clips.protocol.envelope import Reply
from rhombus_clips.protocol.retry import Timeout

# Below the idle limit of common servers and balancers, so that a request seldom meets a
# connection that is being closed: aiohttp resends only idempotent verbs, and ours are all POST.
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS = 100

# A first attempt gets the whole call's timeout, made once, though a moment of it is over.
_SAME_SECONDS = 0.01


def checked_base_url(url: str, name: str = "base_url") -> SplitResult:
    """*url* as the base of all endpoints, without a slash at its end; *name* is what to call it.

    Raises `ConfigurationError` unless it is ``https``, or ``http`` on the loopback.
    """
    try:
        base = urlsplit(url)
        host, _ = base.hostname, base.port
    except (AttributeError, TypeError, ValueError):
        base, host = SplitResult("", "", "", "", ""), None
    if base.scheme not in {"http", "https"} or not host or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{name} must be a URL like https://host, not {url!r}")
    if "@" in base.netloc or base.query or base.fragment:
        raise ConfigurationError(f"{name} must have no user, query or fragment")
    if not is_confidential(base):
        raise ConfigurationError(
            f"{name} must be https: over http the API key would travel in clear to {host}"
        )
    path = base.path.rstrip("/")
    if path.endswith("/api"):
        raise ConfigurationError(f"{name} must leave off /api: the endpoints' paths begin with it")
    return base._replace(path=path)


def connections_of(http: aiohttp.ClientSession | None) -> float:
    """How many requests can be under way at once on *http*, or on a session of our own."""
    if http is None:
        return _CONNECTIONS
    connector = http.connector
    limits = () if connector is None else (connector.limit, connector.limit_per_host)
    return min((limit for limit in limits if limit > 0), default=math.inf)


def proxy_of_environment(base_url: str) -> dict[str, Any]:
    """The proxy that the environment names for *base_url*, as arguments of a client session.

    Looked up once: aiohttp's ``trust_env`` asks environment and ``.netrc`` with every request, in
    a thread, which costs more than the rest of a call. A proxy for plain http would see the key;
    and nothing on the loopback needs one.
    """
    url = urlsplit(base_url)
    proxy = getproxies().get("https", "")
    if url.scheme != "https" or not proxy or proxy_bypass(url.hostname or ""):
        return {}
    try:
        parts = urlsplit(proxy)
        is_usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError("the environment's proxy for https must be like http://host:port")
    return {"proxy": proxy}


def _request_class(pause: Callable[[], Awaitable[None] | None]) -> type[aiohttp.ClientRequest]:
    class Request(aiohttp.ClientRequest):
        """A request that waits out a pause which began while it got its connection."""

        async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if (end_of_pause := pause()) is not None:
                await end_of_pause
            return await super().send(conn)

    return Request


class Transport:
    """Sends requests and reads their replies whole."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        http: aiohttp.ClientSession | None,
        timeout: Timeout,
        max_response_bytes: int,
        pause: Callable[[], Awaitable[None] | None],
    ) -> None:
        self._base = base_url
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            **headers,
        }
        self._timeout = timeout
        self._whole_call = self._timeout_after(timeout.total)
        self._max_response_bytes = max_response_bytes
        self._pause = pause
        self._http = http
        self._owns_http = http is None
        self._answers: set[aiohttp.ClientResponse] = set()
        self.last_date: tuple[str, float] | None = None
        """The last ``Date`` header, and when it came, on `time.monotonic`."""
        self.is_closed = False

    def open(self) -> aiohttp.ClientSession:
        """The client session; an owned one is made on first use, which needs a running loop."""
        if self.is_closed:
            raise SessionClosedError("the session is closed")
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                **proxy_of_environment(self._base),
                request_class=_request_class(self._pause),
            )
        return self._http

    async def aclose(self) -> None:
        """Close an owned client session; leave a borrowed one as it is."""
        self.is_closed = True
        http, self._http = self._http, None
        if self._owns_http and http is not None:
            end_reading(self._answers)
            await http.close()

    async def post(self, path: str, body: bytes, *, seconds: float) -> Reply:
        """Send *body* to *path* and read the reply, within *seconds* altogether.

        Raises `ConnectError` when nothing was sent, `DisconnectedError` when the reply did not
        come back whole, `DeadlineExceededError` when time ran out, and `DecodeError` for a body
        above ``max_response_bytes``.
        """
        http = self.open()
        if seconds <= 0:
            raise DeadlineExceededError("no time was left to send the request")
        try:
            async with http.post(
                self._base + path,
                data=body,
                headers=self._headers,
                timeout=self._client_timeout(seconds),
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                if (date := response.headers.get("Date")) is not None:
                    self.last_date = date, time.monotonic()
                return Reply(response.status, await self._read(response), response.headers)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # Raised below, outside of this block: aiohttp's exceptions hold the request's
            # headers, and so the key; they must not leave, not even as a context.
            failure = self._translated(error, seconds)
        except asyncio.CancelledError:
            # aiohttp cancels those who wait for a connection when it is closed: nobody asked
            # for that cancellation, and it must not pass for one.
            task = asyncio.current_task()
            if not self._was_closed or task is None or task.cancelling():
                raise
            failure = closed_under_way()
        raise failure

    def _client_timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        # aiohttp's own timer covers the body too, a garbled chunk that hangs its parser
        # included, and costs less than a cancel scope around the call.
        if seconds > self._timeout.total - _SAME_SECONDS:
            return self._whole_call
        return self._timeout_after(seconds)

    def _timeout_after(self, seconds: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=seconds,
            sock_connect=self._timeout.connect,
            sock_read=self._timeout.read,
            ceil_threshold=math.inf,
        )

    @property
    def _was_closed(self) -> bool:
        return self.is_closed or (self._http is not None and self._http.closed)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session does not pickle: it holds connections and the API key")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._max_response_bytes
        chunks: list[bytes] = []
        size = response.content_length or 0
        if size <= limit:
            size = 0
            self._answers.add(response)
            try:
                while not response.content.at_eof():
                    chunk = await read_any(response)
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
            finally:
                self._answers.discard(response)
        if size > limit:
            response.close()
            raise DecodeError(
                f"the body is larger than max_response_bytes ({limit})",
                expected=f"at most {limit} bytes",
                value_excerpt="a larger body",
            )
        return b"".join(chunks)

    def _translated(self, error: Exception, seconds: float) -> RhombusError:
        if self._was_closed:
            return closed_under_way()
        return transport_error(
            error, connect=self._timeout.connect, read=self._timeout.read, total=seconds
        )


async def read_any(response: aiohttp.ClientResponse) -> bytes:
    """What has come of the body; nothing at its end."""
    try:
        return await response.content.readany()
    except RuntimeError:
        # That is how aiohttp says that the connection is closed when its parser has not noticed.
        reason = "the connection closed within the body"
    raise DisconnectedError(reason)


def end_reading(responses: Iterable[aiohttp.ClientResponse]) -> None:
    """Wake up who reads the bodies of *responses*: closing their client session does not."""
    for response in [*responses]:
        response.close()


def transport_error(error: Exception, *, connect: float, read: float, total: float) -> RhombusError:
    """What of ours *error* of aiohttp is; the limits that were set, in seconds, are for its words.

    Raises *error* again when it is none of aiohttp's or the network's.
    """
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectError(f"no connection within {connect:g} s")
        case aiohttp.ClientHttpProxyError(status=status):
            return ConnectError(f"the proxy refused the connection with HTTP {status}")
        case aiohttp.ClientConnectorError() | aiohttp.ServerFingerprintMismatch():
            return ConnectError(f"cannot connect: {error}")
        case aiohttp.SocketTimeoutError():
            return DisconnectedError(f"nothing came for {read:g} s")
        case TimeoutError():
            return DeadlineExceededError(f"no whole answer within the {total:.1f} s left")
        case aiohttp.ClientPayloadError():
            return DisconnectedError("the body was cut off or garbled")
        case aiohttp.ClientResponseError():
            return DisconnectedError("the answer was not HTTP")
        case aiohttp.ClientError() | OSError():
            return DisconnectedError(f"the connection broke: {type(error).__name__}")
        case _:
            raise error


def closed_under_way() -> SessionClosedError:
    """The error of a call whose connection was closed on purpose."""
    return SessionClosedError("the session was closed while the call was under way")
