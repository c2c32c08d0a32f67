"""Faults to apply to requests, for `FakeRhombus.faults` and `FakeRhombus.media_faults`.

A request takes the first fault in the list that matches its path. A fault leaves the list after it
was applied *times* times::

    fake.faults = [TOO_MANY_REQUESTS, Disconnect(after_bytes=200), Ok()]
"""

import asyncio
import json
import random
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import cast

from aiohttp import web
from attrs import evolve, field, frozen

from rhombus_clips.testing.delivery import Delivery
from rhombus_clips.testing.raw_responses import body_of, close_connection, serialize, write

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_JSON = {"Content-Type": "application/json"}

Answering = Callable[[], Awaitable[web.StreamResponse]]
"""Executes the request and returns the response of the service."""


@frozen(kw_only=True)
class Fault(ABC):
    """A fault to apply to a request. Subclass it to write your own."""

    path: str | None = None
    """The path of the requests that it matches; None for all."""
    times: int | None = 1
    """The number of requests that it applies to; None for no limit."""

    @abstractmethod
    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond to *request*. Await *answer* for the response of the service."""


@frozen
class Ok(Fault):
    """No fault: lets one request pass between others."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond as usual."""
        return await answer()


@frozen
class Sometimes(Fault):
    """Apply one of several faults at random, for soak tests."""

    faults: Sequence[Fault] = field(kw_only=False)
    share: float = field(kw_only=False)
    """The share of requests that get a fault, from 0 to 1."""
    chance: random.Random = field(factory=lambda: random.Random(0))

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond as usual, or through one of the faults."""
        if self.chance.random() >= self.share:
            return await answer()
        return await self.chance.choice(self.faults).apply(request, answer)


@frozen
class Latency(Fault):
    """Delay the request by *seconds*."""

    seconds: float = field(kw_only=False, default=0.1)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then respond as usual."""
        await asyncio.sleep(self.seconds)
        return await answer()


@frozen
class Held(Fault):
    """Delay the request until an event is set."""

    until: asyncio.Event = field(kw_only=False)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait for the event, then respond as usual."""
        await self.until.wait()
        return await answer()


@frozen
class Respond(Fault):
    """Send the given response without executing the request."""

    status: int = field(kw_only=False, default=200)
    body: bytes = field(kw_only=False, default=b"")
    headers: Mapping[str, str] = field(factory=dict[str, str])

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send the given response."""
        return self.response()

    def response(self) -> web.Response:
        """Return the response for aiohttp."""
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@frozen
class Altered(Fault):
    """Execute the request, and change values in the response.

    ``Altered({"clip": fake.clips[1]}, path="/api/event/getClipWithProgress")`` responds with a clip
    other than the requested one.
    """

    changes: Mapping[str, object] = field(kw_only=False)
    """The new values. Objects are merged, other values are replaced."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond with the changes. A response that is not a JSON object stays unchanged."""
        response = await answer()
        with suppress(ValueError):
            content: object = json.loads(body_of(response))
            if isinstance(content, dict) and isinstance(response, web.Response):
                merged = _merged(cast("dict[str, object]", content), self.changes)
                response.body = json.dumps(merged).encode()
        return response


def _merged(content: object, changes: object) -> object:
    if not (isinstance(content, dict) and isinstance(changes, Mapping)):
        return changes
    merged = dict(cast("dict[str, object]", content))
    for name, change in cast("Mapping[str, object]", changes).items():
        merged[name] = _merged(merged.get(name), change)
    return merged


@frozen
class _Cut(Fault):
    """Execute the request, and end the response early."""

    after_bytes: int = field(kw_only=False, default=0)
    """The number of bytes of the response to send, including status line and headers."""
    after_body_bytes: int | None = field(kw_only=True, default=None)
    """The number of bytes of the body to send after the whole head, instead of *after_bytes*."""

    async def _sent(self, answer: Answering) -> bytes:
        head, body = serialize(await answer())
        if self.after_body_bytes is not None:
            return head + body[: self.after_body_bytes]
        return (head + body)[: self.after_bytes]


@frozen
class Disconnect(_Cut):
    """Execute the request, and close the connection during the response."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send part of the response, then close the connection."""
        return close_connection(request, await self._sent(answer))


@frozen
class Reset(_Cut):
    """Execute the request, and reset the connection during the response.

    The reset can also discard bytes that the client has not read yet.
    """

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send part of the response, then reset the connection."""
        return close_connection(request, await self._sent(answer), reset=True)


@frozen
class Stall(_Cut):
    """Stop during the response, and close the connection after *seconds*."""

    seconds: float = field(kw_only=True, default=30.0)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send part of the response, wait, then close the connection."""
        write(request, await self._sent(answer))
        await asyncio.sleep(self.seconds)
        return close_connection(request)


@frozen
class Corrupt(Fault):
    """Invert the bits of one byte of the body."""

    at: int = field(kw_only=False, default=0)
    """The index of the byte within this body; -1 is the last. A shorter body stays unchanged."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond with the corrupt body."""
        response = await answer()
        body = bytearray(body_of(response))
        if not -len(body) <= self.at < len(body):
            return response
        body[self.at] ^= 0xFF
        if isinstance(response, Delivery):
            response.content = memoryview(bytes(body))
        elif isinstance(response, web.Response):
            response.body = bytes(body)
        return response


@frozen
class Compressed(Fault):
    """Compress the response, regardless of the encodings that the request accepts."""

    encoding: str = field(kw_only=False, default="gzip")
    """``gzip`` or ``deflate``."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond with the compressed body."""
        response = await answer()
        if isinstance(response, web.Response):
            window = 15 + 16 if self.encoding == "gzip" else 15
            response.body = zlib.compress(body_of(response), wbits=window)
            response.headers["Content-Encoding"] = self.encoding
        return response


@frozen
class Drip(Fault):
    """Send the response in small pieces with pauses between them."""

    bytes_at_once: int = field(kw_only=False, default=512)
    pause: float = 0.01
    """The pause between two pieces, in seconds."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send the response piece by piece, then close the connection."""
        data = b"".join(serialize(await answer()))
        for start in range(0, len(data), self.bytes_at_once):
            write(request, data[start : start + self.bytes_at_once])
            await asyncio.sleep(self.pause)
        return close_connection(request)


@frozen
class Raw(Fault):
    """Send exactly these bytes, valid HTTP or not, without executing the request."""

    data: bytes = field(kw_only=False, default=b"")

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send the bytes, then close the connection."""
        return close_connection(request, self.data)


@frozen
class TruncatedChunks(Fault):
    """Send a chunked body without its last chunk."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send part of a chunk, then close the connection."""
        return close_connection(request, _CHUNKED + b'100\r\n{"savedClips": [')


@frozen
class GarbledChunks(Fault):
    """Send a chunked body with an invalid chunk size, in a separate TCP segment.

    The parser of aiohttp then waits forever, and its read timeout never fires. Only a timeout for
    the whole call ends the wait.
    """

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send a valid chunk, then an invalid one, then close the connection."""
        for data in (_CHUNKED + b"2\r\n{ \r\n", b"zz-no-size\r\n"):
            write(request, data)
            await asyncio.sleep(0.02)
        return close_connection(request)


@frozen
class EndlessBody(Fault):
    """Send a body without a length until the client disconnects, at most 64 GiB."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send spaces."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            for _ in range(1024 * 1024):
                await response.write(b" " * 65_536)
        return response


@frozen
class Silence(Fault):
    """Send nothing, and close the connection after *seconds*."""

    seconds: float = field(kw_only=False, default=30.0)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then close the connection."""
        await asyncio.sleep(self.seconds)
        return close_connection(request)


def next_fault(faults: list[Fault], path: str) -> Fault | None:
    """Take the first of *faults* that matches *path*, and remove it after its last use."""
    for index, fault in enumerate(faults):
        if fault.path in (None, path):
            if fault.times == 1:
                del faults[index]
            elif fault.times is not None:
                faults[index] = evolve(fault, times=fault.times - 1)
            return fault
    return None


def json_answer(
    status: int, body: object, *, path: str | None = None, times: int | None = 1
) -> Respond:
    """Return a `Respond` with a JSON body."""
    return Respond(status, json.dumps(body).encode(), headers=_JSON, path=path, times=times)


# Error responses that the service and its proxies are known to send, and some that the reference
# does not rule out. Sources: the vendor's pages on rate limits, authentication and errors, and the
# official clients.
BAD_STRUCTURE = json_answer(400, {"msg": "JSON doesn't match expected object structure"})
UNAUTHENTICATED = Respond(
    401, b'{"authenticationFailed": true}', headers={**_JSON, "WWW-Authenticate": "Bearer"}
)
ACCESS_DENIED = json_answer(403, {"status": 403, "error": "Forbidden", "msg": "Access Denied"})
BARE_FORBIDDEN = Respond(403)
TOO_MANY_REQUESTS = Respond(
    429,
    b"Too many api requests. Enhance your calm.",
    headers={"Content-Type": "text/plain", "Retry-After": "1"},
)
INTERNAL_ERROR = json_answer(500, {"status": 500, "error": "Internal Server Error"})
BAD_GATEWAY = Respond(
    502,
    b"<html><head><title>502 Bad Gateway</title></head><body></body></html>",
    headers={"Content-Type": "text/html"},
)
UNAVAILABLE = Respond(503)
GZIP_GARBAGE = Respond(200, b"no gzip at all", headers={"Content-Encoding": "gzip"})
HTML_INSTEAD = Respond(200, b"<html><body>Sign in</body></html>")
REFUSED = json_answer(200, {"error": True, "errorMsg": "that plate is already saved"})
REFUSED_WITHOUT_REASON = json_answer(200, {"error": True})
