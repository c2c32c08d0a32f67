"""aiohttp: one attempt of one request, over a client session that is owned or borrowed."""

import asyncio
import importlib
import math
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sized
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import StreamWriter
from aiohttp.http_exceptions import DecompressSizeError

from rhombus_clips.calls.envelope import Reply
from rhombus_clips.calls.hosts import checked_base_url, length_mistake
from rhombus_clips.calls.http_dates import ServiceClock
from rhombus_clips.calls.proxies import proxy_for
from rhombus_clips.calls.retry import Timeout
from rhombus_clips.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    RhombusError,
    SessionClosedError,
)

__all__ = [
    "RequestBody",
    "Transport",
    "checked_base_url",
    "closed_under_way",
    "connections_of",
    "end_reading",
    "proxy_of_environment",
    "read_any",
    "transport_error",
]

# What anyio, a name lookup and the encoding of a name import when they first run, which is on the
# event loop of a backend and takes tens of milliseconds there.
for _module in ("anyio._backends._asyncio", "concurrent.futures.thread", "encodings.idna"):
    with suppress(ImportError):
        importlib.import_module(_module)

# Below the idle limit of common servers and balancers, so that a request seldom meets a
# connection that is being closed: aiohttp resends only idempotent verbs, and ours are all POST.
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS = 100

# aiohttp's own defaults, which a borrowed client session may have changed.
_READ_BUFFER = 64 * 1024
_LONGEST_LINE = 8190

# A first attempt gets the whole call's timeout, made once, though a moment of it is over.
_SAME_SECONDS = 0.01


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
    if urlsplit(base_url).scheme != "https":
        return {}
    proxy = proxy_for(base_url, os.environ)
    return {} if proxy is None else {"proxy": proxy}


def _request_class(pause: Callable[[], Awaitable[None] | None]) -> type[aiohttp.ClientRequest]:
    class Request(aiohttp.ClientRequest):
        """A request that waits out a pause which began while it got its connection."""

        async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if (end_of_pause := pause()) is not None:
                await end_of_pause
            return await super().send(conn)

    return Request


def _connector() -> aiohttp.TCPConnector:
    try:
        return aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE_SECONDS)
    except Exception as error:  # noqa: BLE001  # A resolver that cannot start raises its own.
        failure = ConnectError(f"cannot set up name resolution: {_in_words(error)}")
    raise failure


class RequestBody(aiohttp.BytesPayload):
    """The body of one attempt, which knows whether anything of the request went out.

    aiohttp holds the head back until the body is written, so both go out at once.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content, content_type="application/json")
        self.was_sent = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body, unless the connection closed since it was taken from the pool."""
        if isinstance(writer, StreamWriter):
            transport = writer.transport
            self.was_sent = transport is not None and not transport.is_closing()
        else:
            self.was_sent = True
        await super().write_with_length(writer, content_length)


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
        self._host_mistake = length_mistake(urlsplit(base_url).hostname or "")
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            **headers,
        }
        self._timeout = timeout
        self._whole_call = self._timeout_after(timeout.total, connect=timeout.connect)
        self._max_response_bytes = max_response_bytes
        self._pause = pause
        self._http = http
        self._owns_http = http is None
        self._answers: set[aiohttp.ClientResponse] = set()
        self.clock = ServiceClock()
        self.is_closed = False

    def open(self) -> aiohttp.ClientSession:
        """The client session; an owned one is made on first use, which needs a running loop."""
        if self.is_closed:
            raise SessionClosedError("the session is closed")
        if self._http is None:
            self._http = aiohttp.ClientSession(
                **proxy_of_environment(self._base),
                connector=_connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
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

    async def post(
        self, http: aiohttp.ClientSession, path: str, body: RequestBody, *, seconds: float
    ) -> Reply:
        """Send *body* to *path* over *http*, which `open` returned; read the reply in *seconds*.

        Raises `ConnectError` when nothing was sent, `DisconnectedError` when the reply did not
        come back whole, `DeadlineExceededError` when time ran out, and `DecodeError` for a body
        above ``max_response_bytes``.
        """
        if seconds <= 0:
            raise DeadlineExceededError("no time was left to send the request")
        if self._host_mistake is not None:
            raise ConnectError(
                f"cannot connect: the host of base_url {self._host_mistake}", is_lasting=True
            )
        response: aiohttp.ClientResponse | None = None
        try:
            response = await http.post(
                self._base + path,
                data=body,
                headers=self._headers,
                timeout=self._client_timeout(http, seconds),
                allow_redirects=False,
                # A borrowed client session may have set each of these otherwise.
                raise_for_status=False,
                auto_decompress=True,
                read_bufsize=_READ_BUFFER,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
            self.clock.note(response.headers.get("Date"), asyncio.get_running_loop().time())
            return Reply(response.status, await self._read(response), response.headers)
        except RhombusError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001  # A resolver may raise anything.
            # Raised below, outside of this block: aiohttp's exceptions and the variables of its
            # frames hold the request's headers, and so the key. None of them may leave, not even
            # as a context or in a traceback.
            body.was_sent |= self._may_replace_bodies(http)
            failure = self._translated(error, seconds, was_sent=body.was_sent)
        except asyncio.CancelledError as cancellation:
            # aiohttp cancels those who wait for a connection when it is closed: nobody asked
            # for that cancellation, and it must not pass for one.
            task = asyncio.current_task()
            if not self._was_closed or task is None or task.cancelling():
                raise cancellation.with_traceback(None)  # noqa: B904  # without its frames
            failure = closed_under_way()
        finally:
            # A reply that was read to its end has released its connection by now.
            if response is not None:
                response.close()
                response = None  # Its repr shows what a service may have quoted.
        raise failure

    def _client_timeout(self, http: aiohttp.ClientSession, seconds: float) -> aiohttp.ClientTimeout:
        # aiohttp's own timer covers the body too, a garbled chunk that hangs its parser
        # included, and costs less than a cancel scope around the call.
        if not self._owns_http and not has_free_connection(http.connector):
            return self._timeout_after(seconds, connect=None)
        if seconds > self._timeout.total - _SAME_SECONDS:
            return self._whole_call
        return self._timeout_after(seconds, connect=self._timeout.connect)

    def _timeout_after(self, seconds: float, *, connect: float | None) -> aiohttp.ClientTimeout:
        # Only `connect` covers name resolution and the answer of a proxy; but it also covers the
        # wait for a connection that others hold, of which there is none on a session of our own.
        return aiohttp.ClientTimeout(
            total=seconds,
            connect=connect,
            sock_connect=self._timeout.connect,
            sock_read=self._timeout.read,
            ceil_threshold=math.inf,
        )

    def _may_replace_bodies(self, http: aiohttp.ClientSession) -> bool:
        # A middleware of a borrowed session may send another body than ours, which tells nothing.
        return not self._owns_http and bool(getattr(http, "_middlewares", ()))

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

    def _translated(self, error: Exception, seconds: float, *, was_sent: bool) -> RhombusError:
        if self._was_closed:
            return closed_under_way()
        return transport_error(
            error,
            connect=self._timeout.connect,
            read=self._timeout.read,
            total=seconds,
            was_sent=was_sent,
        )


def has_free_connection(connector: aiohttp.BaseConnector | None) -> bool:
    """Whether a request need not wait until another one gives its connection back.

    aiohttp tells how many connections there may be, and keeps to itself how many are in use.
    """
    if connector is None:
        return True
    in_use: Sized = getattr(connector, "_acquired", ())
    per_host: Mapping[object, Sized] = getattr(connector, "_acquired_per_host", {})
    limit, limit_per_host = connector.limit or math.inf, connector.limit_per_host or math.inf
    return len(in_use) < limit and all(len(held) < limit_per_host for held in per_host.values())


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


_NEVER_SENT = (
    aiohttp.ClientHttpProxyError,
    aiohttp.ClientConnectorError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)


def transport_error(
    error: Exception, *, connect: float, read: float, total: float, was_sent: bool = True
) -> RhombusError:
    """What of ours *error* of aiohttp is; the limits that were set, in seconds, are for its words.

    *was_sent* is whether the request may have gone out before the failure. Its words name no
    proxy, whose URL may hold credentials.
    """
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectError(f"no connection within {connect:g} s")
        case aiohttp.SocketTimeoutError():
            return DisconnectedError(f"nothing came for {read:g} s")
        case TimeoutError() if not was_sent:
            return DeadlineExceededError("time ran out before the request was sent")
        case TimeoutError():
            return DeadlineExceededError(f"no whole answer within the {total:.1f} s left")
        case _ if not was_sent or isinstance(error, _NEVER_SENT):
            return _connect_error(error)
        case aiohttp.ClientPayloadError(__cause__=DecompressSizeError()):
            return DecodeError(
                "the body is compressed so much that aiohttp does not inflate it",
                expected="a body that compression makes some times shorter",
                value_excerpt="a compressed body",
            )
        case aiohttp.ClientPayloadError():
            return DisconnectedError("the body was cut off or garbled")
        case aiohttp.ClientResponseError():
            return DisconnectedError("the answer was not HTTP")
        case _:
            return DisconnectedError(f"the connection broke: {type(error).__name__}")


def _connect_error(error: Exception) -> ConnectError:
    match error:
        case aiohttp.ClientHttpProxyError(status=status):
            return ConnectError(
                f"the proxy refused the connection with HTTP {status}", is_lasting=status == 407
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return ConnectError(f"cannot connect: {error}", is_lasting=True)
        case aiohttp.ClientConnectorError():
            return ConnectError(f"cannot connect: {error}")
        case aiohttp.InvalidURL():
            return ConnectError("cannot connect: aiohttp refuses the URL", is_lasting=True)
        case _:
            return ConnectError(f"the request could not be sent: {_in_words(error)}")


def _in_words(error: Exception) -> str:
    """The class of *error*, and its words if they are not aiohttp's, which may quote headers."""
    kind = type(error).__name__
    return kind if isinstance(error, aiohttp.ClientError) else f"{kind}: {error}"


def closed_under_way() -> SessionClosedError:
    """The error of a call whose connection was closed on purpose."""
    return SessionClosedError("the session was closed while the call was under way")
