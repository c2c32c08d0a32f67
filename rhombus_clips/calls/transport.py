"""One attempt of one request over aiohttp."""

import asyncio
import importlib
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import StreamWriter

from rhombus_clips.calls.envelope import Reply
from rhombus_clips.calls.hosts import length_mistake
from rhombus_clips.calls.http_client import HttpClient, has_free_connection
from rhombus_clips.calls.http_dates import ServiceClock
from rhombus_clips.calls.network_errors import closed_meanwhile, transport_error
from rhombus_clips.calls.retry import Timeout
from rhombus_clips.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    RhombusError,
)

# anyio, name resolution and IDNA encoding import these on first use, which would block the event
# loop of a backend for tens of milliseconds.
for _module in ("anyio._backends._asyncio", "concurrent.futures.thread", "encodings.idna"):
    with suppress(ImportError):
        importlib.import_module(_module)

# aiohttp's own defaults, which a borrowed client session may have changed.
_READ_BUFFER = 64 * 1024
_LONGEST_LINE = 8190

# A first attempt uses the time limits of the whole call, which are computed once, if no more than
# this has passed.
_NEGLIGIBLE_SECONDS = 0.01


class RequestBody(aiohttp.BytesPayload):
    """The body of one attempt, which knows whether any of the request was sent.

    aiohttp holds the head back until the body is written, and then sends both.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content, content_type="application/json")
        self.was_sent = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body, unless the pooled connection has closed."""
        if isinstance(writer, StreamWriter):
            transport = writer.transport
            self.was_sent = transport is not None and not transport.is_closing()
        else:
            self.was_sent = True
        await super().write_with_length(writer, content_length)


class Transport:
    """Sends requests and reads complete replies.

    :param base_url: The URL before the endpoints' paths.
    :param headers: Headers of every request, with the credentials.
    :param client: The client session to use.
    :param max_response_bytes: The largest body that is read.
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
        self._client_timeout = self._limits(timeout.total, connect=timeout.connect)
        self._max_response_bytes = max_response_bytes
        self._responses: set[aiohttp.ClientResponse] = set()
        self.client = client
        self.clock = ServiceClock()

    async def aclose(self) -> None:
        """Close the client session, unless it is borrowed."""
        self.client.is_closed = True
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
            raise DeadlineExceededError("no time was left to send the request")
        if self._host_mistake is not None:
            raise ConnectError(
                f"cannot connect: the host of base_url {self._host_mistake}", is_lasting=True
            )
        response: aiohttp.ClientResponse | None = None
        try:
            response = await http.post(
                self._base_url + path,
                data=body,
                headers=self._headers,
                timeout=self._limits_within(http, seconds),
                allow_redirects=False,
                # A borrowed client session may have changed each of these.
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
            # Raised below, outside this block: aiohttp's exceptions and the variables of its frames
            # hold the request's headers, and so the key. Neither may leave as context or traceback.
            body.was_sent |= self._may_replace_bodies(http)
            failure = self._translated(error, seconds, was_sent=body.was_sent)
        except asyncio.CancelledError as cancellation:
            # When aiohttp is closed, it cancels requests that wait for a connection. Nobody
            # requested that cancellation, so it must not appear as one.
            task = asyncio.current_task()
            if not self.client.was_closed or task is None or task.cancelling():
                raise cancellation.with_traceback(None)  # noqa: B904  # without its frames
            failure = closed_meanwhile()
        finally:
            # A reply that was read to its end has released its connection by now.
            if response is not None:
                response.close()
                response = None  # Its repr shows what a service may have quoted.
        raise failure

    def _limits_within(self, http: aiohttp.ClientSession, seconds: float) -> aiohttp.ClientTimeout:
        # aiohttp's own timer covers the body too, including a corrupt chunk that hangs its parser,
        # and costs less than a cancel scope around the call.
        if self.client.is_borrowed and not has_free_connection(http):
            return self._limits(seconds, connect=None)
        if seconds > self._timeout.total - _NEGLIGIBLE_SECONDS:
            return self._client_timeout
        return self._limits(seconds, connect=self._timeout.connect)

    def _limits(self, seconds: float, *, connect: float | None) -> aiohttp.ClientTimeout:
        # Only `connect` covers name resolution and the answer of a proxy. It also covers the wait
        # for a connection that others hold, which does not happen on a session of our own.
        return aiohttp.ClientTimeout(
            total=seconds,
            connect=connect,
            sock_connect=self._timeout.connect,
            sock_read=self._timeout.read,
            ceil_threshold=math.inf,
        )

    def _may_replace_bodies(self, http: aiohttp.ClientSession) -> bool:
        # A middleware of a borrowed session may send another body than ours, so ours knows nothing.
        return self.client.is_borrowed and bool(getattr(http, "_middlewares", ()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: it holds connections and the API key")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._max_response_bytes
        chunks: list[bytes] = []
        size = response.content_length or 0
        if size <= limit:
            size = 0
            self._responses.add(response)
            try:
                while not response.content.at_eof():
                    chunk = await read_any(response)
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
            finally:
                self._responses.discard(response)
        if size > limit:
            response.close()
            raise DecodeError(
                f"the body is larger than max_response_bytes ({limit})",
                expected=f"at most {limit} bytes",
                value_excerpt="a larger body",
            )
        return b"".join(chunks)

    def _translated(self, error: Exception, seconds: float, *, was_sent: bool) -> RhombusError:
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
    """Return the received part of the body; nothing at its end."""
    try:
        return await response.content.readany()
    except RuntimeError:
        # aiohttp raises this when the connection is closed and its parser has not noticed.
        reason = "the connection closed within the body"
    raise DisconnectedError(reason)


def end_reading(responses: Iterable[aiohttp.ClientResponse]) -> None:
    """Wake the tasks that read *responses*: closing their client session does not."""
    for response in [*responses]:
        response.close()
