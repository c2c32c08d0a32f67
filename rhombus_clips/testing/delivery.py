"""How the media host delivers a file: ranges, entity tags and framing."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from typing import Literal

from aiohttp import web
from attrs import field, frozen, validators

from rhombus_clips.testing.media_content import MediaContent
from rhombus_clips.testing.received import ReceivedRequest

_PIECE = 256 * 1024
_MOST_BYTES = 1024**3
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class Length(Enum):
    """How a response of the media host marks the end of its body."""

    GIVEN = "given"
    """By a Content-Length."""
    CHUNKED = "chunked"
    """By chunked encoding."""
    NONE = "none"
    """By closing the connection, so that a truncated body looks complete."""


@frozen(kw_only=True)
class Media:
    """How the media host serves files. Assign another one to ``fake.media`` at any time."""

    ranges: bool = True
    """True if the host supports range requests. Otherwise it always sends the whole file."""
    if_range: bool = True
    """True if the host heeds ``If-Range``. Otherwise it sends a part even of a changed file."""
    etag: Literal["strong", "weak"] | None = "strong"
    """The kind of ETag. Only a strong one is valid in ``If-Range``."""
    video_bytes: int | None = field(
        default=None, validator=validators.optional([validators.ge(0), validators.le(_MOST_BYTES)])
    )
    """The size of the video of each clip that is created from then on, such as 20,000,000.

    None: about 15,000 bytes. A clip's own ``byteCount`` takes precedence. A video of fewer than
    15,000 bytes is not playable."""
    last_modified: datetime | None = None
    """The aware time of the ``Last-Modified`` header, or None to omit it."""
    length: Length = field(default=Length.GIVEN, converter=Length)
    redirects: int = field(default=0, validator=validators.ge(0))
    """The number of redirects before the file. The last one leads to a signed URL on another
    port."""
    range_shift: int = 0
    """The number of bytes between the requested start and that of a 206. Content-Range names the
    actual start."""
    lying_range: bool = False
    """True to start a 206 at half the offset that its Content-Range names."""
    states_total: bool = True
    """True if Content-Range states the length of the file. Otherwise it has an asterisk."""
    max_part: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """The largest number of bytes in a 206; a longer range is cut to it. None for no limit."""

    def etag_of(self, content: MediaContent) -> str | None:
        """Return the ETag of a file."""
        strong = f'"{content.sha256_hex[:32]}"'
        return {"strong": strong, "weak": f"W/{strong}", None: None}[self.etag]


class Delivery(web.StreamResponse):
    """A response with a file or a part of it, sent in pieces without a copy.

    :param content: The body. A response to HEAD omits it.
    :param length: How the response marks the end of its body.
    :param is_head: True for the response to a HEAD request.
    """

    def __init__(
        self,
        content: memoryview,
        *,
        status: int,
        headers: Mapping[str, str],
        length: Length = Length.GIVEN,
        is_head: bool = False,
    ) -> None:
        super().__init__(status=status, headers=headers)
        self.content = content
        self.framing = length
        self.is_head = is_head
        if length is Length.GIVEN:
            self.content_length = len(content)
        elif length is Length.CHUNKED:
            self.enable_chunked_encoding()
        else:
            # Without a known length, aiohttp would use chunked encoding.
            self._length_check = False
            self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the content and end the response."""
        if not self.is_head:
            for start in range(0, len(self.content), _PIECE):
                await self.write(self.content[start : start + _PIECE])
        await super().write_eof(data)


def deliver(
    file: MediaContent, content_type: str, request: ReceivedRequest, media: Media
) -> Delivery:
    """Return the response to a GET or HEAD of *file*: 200, 206 or 416."""
    headers = {"Content-Type": content_type}
    etag = media.etag_of(file)
    if etag is not None:
        headers["ETag"] = etag
    if media.last_modified is not None:
        headers["Last-Modified"] = format_datetime(media.last_modified.astimezone(UTC), usegmt=True)
    if media.ranges:
        headers["Accept-Ranges"] = "bytes"
    content, is_head = memoryview(file.data), request.method == "HEAD"
    requested = _requested_range(request, media, etag, len(content))
    if requested is None:
        return Delivery(content, status=200, headers=headers, length=media.length, is_head=is_head)
    if requested[0] >= len(content):
        if media.states_total:
            headers["Content-Range"] = f"bytes */{len(content)}"
        return Delivery(content[:0], status=416, headers=headers, is_head=is_head)
    part, headers["Content-Range"] = _part(content, requested, media)
    return Delivery(part, status=206, headers=headers, length=media.length, is_head=is_head)


def _part(content: memoryview, requested: tuple[int, int], media: Media) -> tuple[memoryview, str]:
    """Return the body of a 206 and its Content-Range."""
    total = len(content)
    first, last = requested[0], min(requested[1], total - 1)
    first = min(max(first + media.range_shift, 0), last)
    if media.max_part is not None:
        last = min(last, first + media.max_part - 1)
    start = first // 2 if media.lying_range else first
    stated = total if media.states_total else "*"
    return content[start : start + last - first + 1], f"bytes {first}-{last}/{stated}"


def _requested_range(
    request: ReceivedRequest, media: Media, etag: str | None, total: int
) -> tuple[int, int] | None:
    """Return the first and last byte of the requested range, or None for the whole file."""
    match = _RANGE.fullmatch(request.header("Range") or "")
    condition = request.header("If-Range") if media.if_range else None
    if not media.ranges or match is None or not _may_resume(condition, etag):
        return None
    if not match[1]:
        last_bytes = int(match[2] or 0)
        return (max(0, total - last_bytes), total - 1) if last_bytes else None
    first = int(match[1])
    last = int(match[2]) if match[2] else max(first, total - 1)
    # RFC 9110 allows a server to ignore a range that ends before it starts.
    return None if last < first else (first, last)


def _may_resume(condition: str | None, etag: str | None) -> bool:
    """Return whether ``If-Range`` holds: it must be the file's current, strong ETag."""
    return condition is None or (condition == etag and condition.startswith('"'))
