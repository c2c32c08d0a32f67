"""A service that uses little CPU time: clips from prepared bytes, with a configurable latency.

It lists newest first with an exclusive cursor, as `FakeRhombus` does by default. It is for
measurements only.
"""

import asyncio
import json
import time
from bisect import bisect_right
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from attrs import define, field, frozen

from benchmarks.elsewhere import Lifetime
from rhombus_clips import SavedClip, from_dict
from rhombus_clips.calls.retry import RateLimit
from rhombus_clips.testing.clips import JsonObject, make_clips
from rhombus_clips.testing.rate_limiter import RateLimiter

NEWEST_MS = 1_760_000_000_000
_STEP_MS = 60_000
_PREPARED = 500


@frozen(kw_only=True)
class Setting:
    """The clips of the service, and its latency and rate limit."""

    clips: int = 100
    latency: float = 0.0
    rate: RateLimit | None = None
    skewed: bool = False
    """True to put four fifths of the clips into a tenth of the time."""

    @property
    def oldest_ms(self) -> int:
        """A time before all clips, in epoch milliseconds."""
        return NEWEST_MS - self.clips * _STEP_MS

    def times(self) -> Sequence[int]:
        """Return the timestamps of the clips, newest first."""
        if not self.skewed:
            return range(NEWEST_MS - 1, self.oldest_ms, -_STEP_MS)
        span, many = self.clips * _STEP_MS, self.clips * 4 // 5
        crowd_from = NEWEST_MS - span * 4 // 10
        crowd = [crowd_from - number * (span // 10) // many for number in range(many)]
        few = self.clips - many
        others = [NEWEST_MS - 1 - number * span // few for number in range(few)]
        return sorted({*crowd, *others}, reverse=True)


def _is_decodable_by_all(clip: JsonObject) -> bool:
    """Return whether generated clients can decode the clip.

    They reject unknown members and null items, or return dictionaries for clips that have them.
    """
    model = from_dict(clip, SavedClip)
    enums = (model.status, model.fisheye_hardware, model.mounting_direction)
    known = all(member is not None and member.is_known for member in enums)
    whole = None not in (model.access_settings, model.video_resolution)
    return known and whole and not model.integration_upload_list and not model.fisheye_map


@define
class Clips:
    """The clips as bytes, assembled on demand."""

    times: Sequence[int]
    _bodies: list[tuple[bytes, bytes]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bodies = []
        for clip in filter(_is_decodable_by_all, make_clips(_PREPARED)):
            clip["timestampMs"], clip["uuid"] = "@time", "@uuid"
            before, after = json.dumps(clip, separators=(",", ":")).split('"@uuid"')
            self._bodies.append((before.encode(), after.encode()))

    def page(self, cursor: int | None, size: int) -> bytes:
        """Return the response with the page after *cursor*."""
        start = 0 if cursor is None else bisect_right(self.times, -cursor, key=lambda t: -t)
        end = min(start + size, len(self.times))
        clips = b",".join(self._clip(number) for number in range(start, end))
        last = b"null" if end == len(self.times) else b"%d" % self.times[end - 1]
        return b'{"savedClips":[%b],"lastEvaluatedTimestampMs":%b}' % (clips, last)

    def one(self) -> bytes:
        """Return the response with one clip."""
        return b'{"clip":%b}' % self._clip(0)

    def _clip(self, number: int) -> bytes:
        before, after = self._bodies[number % len(self._bodies)]
        whole = b'%b"%022d"%b' % (before, number, after)
        return whole.replace(b'"@time"', b"%d" % self.times[number])


async def serve(lifetime: Lifetime, setting: Setting) -> None:
    """Run the service, in its own process."""
    clips = Clips(setting.times())
    bucket = None if setting.rate is None else RateLimiter(setting.rate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(clips, bucket, setting.latency), "127.0.0.1", 0
    )
    lifetime.ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await lifetime.over()
    server.close()


class _Connection(asyncio.Protocol):
    def __init__(self, clips: Clips, bucket: RateLimiter | None, latency: float) -> None:
        self._clips = clips
        self._bucket = bucket
        self._latency = latency
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(rest) < length:
            return
        self._received = rest[length:]
        path, body = head.split(b" ", 2)[1], rest[:length]
        loop = asyncio.get_running_loop()
        answer = self._answer(path, body)
        if self._latency:
            loop.call_later(self._latency, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, path: bytes, body: bytes) -> bytes:
        wait = self._bucket and self._bucket.take(time.monotonic())
        if wait:
            return _response(HTTPStatus.TOO_MANY_REQUESTS, b"", b"Retry-After: %d\r\n" % wait)
        if path.endswith(b"/getClipWithProgress"):
            return _response(HTTPStatus.OK, self._clips.one())
        parameters = json.loads(body or b"{}")
        size = parameters.get("maxPageSize") or 100
        return _response(HTTPStatus.OK, self._clips.page(parameters.get("pageTimestampMs"), size))


def _response(status: HTTPStatus, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status.value,
        status.phrase.encode(),
        len(body),
        headers,
        body,
    )
