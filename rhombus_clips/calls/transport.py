"""A single attempt at a request, over aiohttp."""

import asyncio
import importlib
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import StreamWriter
from attrs import define

from rhombus_clips import errors
from rhombus_clips.calls.envelope import Reply
from rhombus_clips.calls.hosts import length_mistake
from rhombus_clips.calls.http_client import HttpClient, has_free_connection
from rhombus_clips.calls.http_dates import ServiceClock
from rhombus_clips.calls.network_errors import closed_meanwhile, transport_error
from rhombus_clips.calls.retry import Timeout

# anyio, name resolution and IDNA encoding import these on first use, which would block the event
# loop of a backend for tens of milliseconds.
for _module in ("anyio._backends._asyncio", "concurrent.futures.thread", "encodings.idna"):
    with suppress(ImportError):
        importlib.import_module(_module)

# aiohttp's own defaults, which a borrowed client session may have changed.
_READ_BUFFER = 64 * 1024
_LONGEST_LINE = 8190

_NEVER = math.inf


class RequestBody(aiohttp.BytesPayload):
    """The request body of one attempt, which records whether any of the request was sent.

    aiohttp buffers the request's headers until the body is written, and then sends both.
    """

    was_sent: bool = False
    sent_at: float = _NEVER
    """The time when it was written, on the event loop's clock."""
    deadline: float = _NEVER
    """The end of the call, on the event loop's clock."""

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body, and record whether the pooled connection was still open."""
        self.sent_at = asyncio.get_running_loop().time()
        if isinstance(writer, StreamWriter):
            transport = writer.transport
            self.was_sent = transport is not None and not transport.is_closing()
        else:
            self.was_sent = True
        await super().write_with_length(writer, content_length)


@define(eq=False)
class _Watched:
    """A request in flight, with times on the event loop's clock."""

    task: "asyncio.Task[Any]"
    body: RequestBody
    deadline: float
    cancelling: int
    """The number of cancellations of the task that were requested earlier."""
    received_at: float = -math.inf
    """The time when the latest part of the response was received."""
    has_expired: bool = False


class _Watch:
    """Ends requests that exceed a time limit, with one timer for all requests of a session.

    A request expires at its deadline, or when it has been sent and nothing has been received for
    ``timeout.read`` seconds. aiohttp's own timers cost more, because it sets two for each request.
    They also fail to fire when a corrupt chunk hangs its parser.
    """

    def __init__(self, timeout: Timeout) -> None:
        self._read = timeout.read
        self._period = min(timeout.read, timeout.total) / 4
        self.requests: set[_Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, body: RequestBody, seconds: float) -> _Watched:
        """Watch the request that the current task sends, for *seconds* at most.

        The caller removes it from `requests` when it has ended.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise RuntimeError("a call must be awaited in an asyncio task")
        deadline = body.deadline = loop.time() + seconds
        request = _Watched(task, body, deadline, task.cancelling())
        self.requests.add(request)
        if self._timer is None or deadline < self._timer.when():
            self._check()
        return request

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def has_ended(self, request: _Watched) -> bool:
        """Return whether only this watch cancelled the request's task, and undo that."""
        return request.has_expired and request.task.uncancel() <= request.cancelling

    def _check(self) -> None:
        """Cancel the requests that have expired, and set the timer for the others."""
        self.close()
        loop = asyncio.get_running_loop()
        now = loop.time()
        next_check = now + self._period
        for request in self.requests:
            silent_since = max(request.body.sent_at, request.received_at)
            limit = min(request.deadline, silent_since + self._read)
            if limit > now:
                next_check = min(next_check, limit)
            elif not request.has_expired:
                request.has_expired = True
                request.task.cancel()
        self._timer = loop.call_at(next_check, self._check) if self.requests else None


class Transport:
    """Sends requests and reads complete replies.

    :param base_url: The URL that the endpoints' paths are appended to.
    :param headers: Headers for every request, including the credentials.
    :param client: The client session to use.
    :param max_response_bytes: The maximum size of a response body.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        client: HttpClient,
        timeout: Timeout,
        max_response_bytes: int,
    ) -> None:
        self._base_url = base_url
        self._host_mistake = length_mistake(urlsplit(base_url).hostname or "")
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            **headers,
        }
        self._timeout = timeout
        # The watch limits the whole request, and the time between two reads. But a middleware of a
        # borrowed session may send another body, and then the watch does not know when that was.
        self._client_timeout = aiohttp.ClientTimeout(
            connect=timeout.connect,
            sock_connect=timeout.connect,
            sock_read=timeout.read if client.is_borrowed else None,
            ceil_threshold=math.inf,
        )
        self._watch = _Watch(timeout)
        self._max_response_bytes = max_response_bytes
        self._responses: set[aiohttp.ClientResponse] = set()
        self.client = client
        self.clock: ServiceClock = ServiceClock()

    async def aclose(self) -> None:
        """Close the client session, unless it is borrowed."""
        self.client.is_closed = True
        self._watch.close()
        if not self.client.is_borrowed:
            end_reading(self._responses)
        await self.client.aclose()

    async def post(
        self, http: aiohttp.ClientSession, path: str, body: RequestBody, *, seconds: float
    ) -> Reply:
        """Send *body* to *path* over *http* and read the reply, within *seconds*.

        Raises `ConnectError` if nothing was sent, `DisconnectedError` if the reply is incomplete,
        `DeadlineExceededError` if the time limit expired, and `DecodeError` for a body larger than
        ``max_response_bytes``.
        """
        if seconds <= 0:
            raise errors.DeadlineExceededError("no time was left to send the request")
        if self._host_mistake is not None:
            raise errors.ConnectError(
                f"cannot connect: the host of base_url {self._host_mistake}", is_lasting=True
            )
        response: aiohttp.ClientResponse | None = None
        request = self._watch.start(body, seconds)
        try:
            response = await http.post(
                self._base_url + path,
                data=body,
                headers=self._headers,
                timeout=self._connect_limit(http),
                allow_redirects=False,
                # A borrowed client session may have changed each of these.
                raise_for_status=False,
                auto_decompress=True,
                read_bufsize=_READ_BUFFER,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
            request.received_at = asyncio.get_running_loop().time()
            self.clock.note(response.headers.get("Date"), request.received_at)
            return Reply(response.status, await self._read(response, request), response.headers)
        except errors.RhombusError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001  # A resolver may raise anything.
            # The failure is raised below, outside this block. aiohttp's exceptions, and the local
            # variables of its frames, hold the headers and thus the key, so they must not escape as
            # a context or a traceback.
            body.was_sent |= self._may_replace_bodies(http)
            failure = self._translated(error, seconds, was_sent=body.was_sent)
            self._watch.has_ended(request)
        except asyncio.CancelledError as cancellation:
            body.was_sent |= self._may_replace_bodies(http)
            if self._watch.has_ended(request):
                failure = self._expired(request, seconds)
            elif self.client.was_closed and not request.task.cancelling():
                # When aiohttp is closed, it cancels requests that wait for a connection. The caller
                # did not cancel them, so this must not look like a cancellation.
                failure = closed_meanwhile()
            else:
                raise cancellation.with_traceback(None)  # noqa: B904  # without its frames
        finally:
            self._watch.requests.discard(request)
            # A reply that was read completely has released its connection by now.
            if response is not None:
                response.close()
                response = None  # Its repr shows headers, which may quote the key.
        raise failure

    def _connect_limit(self, http: aiohttp.ClientSession) -> aiohttp.ClientTimeout:
        # Only `connect` covers name resolution and the response of a proxy. It also covers waiting
        # for a connection that another request uses, which does not happen on our own session.
        if self.client.is_borrowed and not has_free_connection(http):
            return attrs.evolve(self._client_timeout, connect=None)
        return self._client_timeout

    def _expired(self, request: _Watched, seconds: float) -> errors.RhombusError:
        is_over = asyncio.get_running_loop().time() >= request.deadline
        error = TimeoutError() if is_over else aiohttp.SocketTimeoutError()
        return self._translated(error, seconds, was_sent=request.body.was_sent)

    def _may_replace_bodies(self, http: aiohttp.ClientSession) -> bool:
        # A middleware of a borrowed session may send a different body; ours then records nothing.
        return self.client.is_borrowed and bool(getattr(http, "_middlewares", ()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: it holds connections and the API key")

    async def _read(self, response: aiohttp.ClientResponse, request: _Watched) -> bytes:
        limit = self._max_response_bytes
        chunks: list[bytes] = []
        size = response.content_length or 0
        if size <= limit:
            size = 0
            self._responses.add(response)
            try:
                while not response.content.at_eof():
                    chunk = await read_any(response)
                    request.received_at = asyncio.get_running_loop().time()
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
            finally:
                self._responses.discard(response)
        if size > limit:
            response.close()
            raise errors.DecodeError(
                f"the body is larger than max_response_bytes ({limit})",
                expected=f"at most {limit} bytes",
                value_excerpt="a larger body",
            )
        return b"".join(chunks)

    def _translated(
        self, error: Exception, seconds: float, *, was_sent: bool
    ) -> errors.RhombusError:
        if self.client.was_closed:
            return closed_meanwhile()
        return transport_error(
            error,
            connect=self._timeout.connect,
            read=self._timeout.read,
            total=seconds,
            was_sent=was_sent,
        )


async def read_any(response: aiohttp.ClientResponse) -> bytes:
    """Return the part of the body that has been received; empty at its end."""
    try:
        return await response.content.readany()
    except RuntimeError:
        # aiohttp raises this when the connection is closed and its parser has not noticed.
        reason = "the connection was closed before the end of the body"
    raise errors.DisconnectedError(reason)


def end_reading(responses: Iterable[aiohttp.ClientResponse]) -> None:
    """Wake the tasks that read *responses*, since closing their client session does not."""
    for response in [*responses]:
        response.close()
