"""What can go wrong, as values to put into `FakeRhombus.faults`.

Each request takes the first fault that is for its path and has a turn left::

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
from rhombus_clips.testing.wire import body_of, hang_up, wire_of, write

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Answering = Callable[[], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class Fault(ABC):
    """Something that befalls a request."""

    path: str | None = None
    """Only requests of this path; None for any."""
    times: int | None = 1
    """How many requests it befalls; None for all that come."""

    @abstractmethod
    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer *request*, by *answer* or otherwise."""


@frozen
class Ok(Fault):
    """Nothing goes wrong: a turn to let pass between others."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Let it be."""
        return await answer()


@frozen
class Sometimes(Fault):
    """One of several faults, now and then: for soaks, drawn from a seed."""

    faults: Sequence[Fault] = field(kw_only=False)
    share: float = field(kw_only=False)
    """How many of the requests it befalls, 0 to 1."""
    chance: random.Random = field(factory=lambda: random.Random(0))

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Let it be, or let one of the faults befall it."""
        if self.chance.random() >= self.share:
            return await answer()
        return await self.chance.choice(self.faults).befall(request, answer)


@frozen
class Latency(Fault):
    """The answer takes longer."""

    seconds: float = field(kw_only=False, default=0.1)

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then answer."""
        await asyncio.sleep(self.seconds)
        return await answer()


@frozen
class Held(Fault):
    """The answer waits for an event, which a test sets."""

    until: asyncio.Event = field(kw_only=False)

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait for the event, then answer."""
        await self.until.wait()
        return await answer()


@frozen
class Respond(Fault):
    """Another answer than the service's; nothing is carried out."""

    status: int = field(kw_only=False, default=200)
    body: bytes = field(kw_only=False, default=b"")
    headers: Mapping[str, str] = field(factory=dict[str, str])

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer with the status, the body and the headers given."""
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@frozen
class Altered(Fault):
    """The service carries the request out, and its answer differs here and there.

    ``Altered({"clip": fake.clips[1]}, path="/api/event/getClipWithProgress")`` answers with another
    clip than was asked for.
    """

    changes: Mapping[str, object] = field(kw_only=False)
    """What replaces the values of the answer: objects are merged, all else takes the place of what
    was there."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer with the changes made; an answer that is no JSON object stays as it is."""
        response = await answer()
        try:
            said: object = json.loads(body_of(response))
        except ValueError:
            return response
        if isinstance(said, dict) and isinstance(response, web.Response):
            altered = _merged(cast("dict[str, object]", said), self.changes)
            response.body = json.dumps(altered).encode()
        return response


def _merged(said: object, changes: object) -> object:
    if not (isinstance(said, dict) and isinstance(changes, Mapping)):
        return changes
    merged = dict(cast("dict[str, object]", said))
    for name, change in cast("Mapping[str, object]", changes).items():
        merged[name] = _merged(merged.get(name), change)
    return merged


@frozen
class _Cut(Fault):
    """The service carries the request out, and the answer ends early."""

    after_bytes: int = field(kw_only=False, default=0)
    """How much of the answer, status line and headers included, goes out first."""
    after_body_bytes: int | None = field(kw_only=True, default=None)
    """How much of the body goes out first, behind the whole head; instead of *after_bytes*."""

    async def _beginning(self, answer: Answering) -> bytes:
        head, body = wire_of(await answer())
        if self.after_body_bytes is not None:
            return head + body[: self.after_body_bytes]
        return (head + body)[: self.after_bytes]


@frozen
class Disconnect(_Cut):
    """The service carries the request out, and closes the connection within the answer."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer up to a byte, then close the connection."""
        return hang_up(request, await self._beginning(answer))


@frozen
class Reset(_Cut):
    """As `Disconnect`, but the connection is reset instead of closed.

    What the client had not read by then may be lost with it.
    """

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer up to a byte, then reset the connection."""
        return hang_up(request, await self._beginning(answer), reset=True)


@frozen
class Stall(_Cut):
    """The answer stops, and the connection stays open until the client gives up, or *seconds*."""

    seconds: float = field(kw_only=True, default=30.0)

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer up to a byte, wait, then close the connection."""
        write(request, await self._beginning(answer))
        await asyncio.sleep(self.seconds)
        return hang_up(request)


@frozen
class Corrupt(Fault):
    """One byte of the body is another than it should be; all else is as it should."""

    at: int = field(kw_only=False, default=0)
    """Which one, counted within this answer's body; -1 is the last. A body without it stays."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer with the byte's bits turned over."""
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
    """The answer as it is, compressed, whatever the request accepts."""

    encoding: str = field(kw_only=False, default="gzip")
    """``gzip`` or ``deflate``."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Compress the answer."""
        response = await answer()
        if isinstance(response, web.Response):
            window = 15 + 16 if self.encoding == "gzip" else 15
            response.body = zlib.compress(body_of(response), wbits=window)
            response.headers["Content-Encoding"] = self.encoding
        return response


@frozen
class Drip(Fault):
    """The answer comes whole, in small pieces with pauses between them."""

    bytes_at_once: int = field(kw_only=False, default=512)
    pause: float = 0.01
    """Seconds between two pieces."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer piece by piece, then close the connection."""
        wire = b"".join(wire_of(await answer()))
        for start in range(0, len(wire), self.bytes_at_once):
            write(request, wire[start : start + self.bytes_at_once])
            await asyncio.sleep(self.pause)
        return hang_up(request)


@frozen
class Raw(Fault):
    """These very bytes in place of an answer, valid or not, then the end of the connection."""

    data: bytes = field(kw_only=False, default=b"")

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send the bytes."""
        return hang_up(request, self.data)


@frozen
class TruncatedChunks(Fault):
    """A chunked body that ends without its last chunk."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Begin a chunk, then close the connection."""
        return hang_up(request, _CHUNKED + b'100\r\n{"savedClips": [')


@frozen
class GarbledChunks(Fault):
    """A chunked body in which a chunk's size is no number, in a segment of its own.

    aiohttp's parser then waits for ever, and its read timeout does not fire: only a deadline
    over the whole call ends it.
    """

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Send a good chunk, then a bad one, then close the connection."""
        write(request, _CHUNKED + b"2\r\n{ \r\n")
        await asyncio.sleep(0.02)
        write(request, b"zz-no-size\r\n")
        await asyncio.sleep(0.02)
        return hang_up(request)


@frozen
class EndlessBody(Fault):
    """A body without a length that goes on until the client hangs up, or for 64 GiB."""

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Answer with blanks."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            for _ in range(1024 * 1024):
                await response.write(b" " * 65_536)
        return response


@frozen
class Silence(Fault):
    """No answer at all until the client gives up, or *seconds* have passed."""

    seconds: float = field(kw_only=False, default=30.0)

    async def befall(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then close the connection."""
        await asyncio.sleep(self.seconds)
        return hang_up(request)


def next_fault(faults: list[Fault], path: str) -> Fault | None:
    """Take the first of *faults* that is for *path*; one whose turns are over leaves the list."""
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
    """Another answer, with a JSON body."""
    return Respond(
        status,
        json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        path=path,
        times=times,
    )


# The bodies that the service and what stands before it are known to send, and those that the
# reference leaves open (sources: the vendor's rate limit, authentication and error pages, the
# official clients).
BAD_STRUCTURE = json_answer(400, {"msg": "JSON doesn't match expected object structure"})
UNAUTHENTICATED = Respond(
    401,
    b'{"authenticationFailed": true}',
    headers={"Content-Type": "application/json", "WWW-Authenticate": "Bearer"},
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
