"""How the media host delivers a file: ranges, validators and framing, as told."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Literal

from aiohttp import web
from attrs import field, frozen, validators

from rhombus_clips.testing.footage import Footage
from rhombus_clips.testing.received import ReceivedRequest

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Length(Enum):
    """How an answer of the media host says where its body ends."""

    GIVEN = "given"
    """With a Content-Length."""
    CHUNKED = "chunked"
    """With chunks and no length."""
    NONE = "none"
    """By closing the connection: a cut body looks like a whole one."""


@frozen(kw_only=True)
class Media:
    """How the media host behaves; put another one into `FakeRhombus.media` at any time."""

    ranges: bool = True
    """False for a host that answers every range with everything."""
    etag: Literal["strong", "weak"] | None = "strong"
    """The kind of ETag; only a strong one may be resumed with (``If-Range``)."""
    length: Length = field(default=Length.GIVEN, converter=Length)
    redirects: int = field(default=0, validator=validators.ge(0))
    """How many redirects lead to the bytes; the last is to a signed URL on another port."""
    range_shift: int = 0
    """How many bytes off the asked first one a 206 begins, and says so in Content-Range."""
    lying_range: bool = False
    """Whether the Content-Range of a 206 claims what was asked while the body begins at half of
    it."""

    def etag_of(self, footage: Footage) -> str | None:
        """The ETag that goes with *footage*."""
        if self.etag is None:
            return None
        strong = f'"{footage.sha256_hex[:32]}"'
        return strong if self.etag == "strong" else f"W/{strong}"


class Delivery(web.StreamResponse):
    """A file or a part of one, sent in pieces without being copied.

    :param content: What the body is; for a HEAD request, what it would be.
    :param length: How the end of the body is told.
    :param is_head: Whether the body is left out.
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
            # aiohttp would take to chunks on its own where no length is known.
            self._length_check = False
            self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the content, then end the answer."""
        if not self.is_head:
            for start in range(0, len(self.content), _PIECE):
                await self.write(self.content[start : start + _PIECE])
        await super().write_eof(data)


def deliver(
    footage: Footage, content_type: str, request: ReceivedRequest, media: Media
) -> Delivery:
    """The answer to a GET or HEAD of *footage*: 200, 206 or 416."""
    headers = {"Content-Type": content_type}
    etag = media.etag_of(footage)
    if etag is not None:
        headers["ETag"] = etag
    if media.ranges:
        headers["Accept-Ranges"] = "bytes"
    content, is_head = memoryview(footage.data), request.method == "HEAD"
    asked = _asked_range(request, media, etag, len(content))
    if asked is None:
        return Delivery(content, status=200, headers=headers, length=media.length, is_head=is_head)
    if asked[0] >= len(content):
        headers["Content-Range"] = f"bytes */{len(content)}"
        return Delivery(content[:0], status=416, headers=headers, is_head=is_head)
    part, headers["Content-Range"] = _part(content, asked, media)
    return Delivery(part, status=206, headers=headers, length=media.length, is_head=is_head)


def _part(content: memoryview, asked: tuple[int, int], media: Media) -> tuple[memoryview, str]:
    """The bytes of a 206 and what its Content-Range says of them."""
    total = len(content)
    first, last = asked[0], min(asked[1], total - 1)
    first = min(max(first + media.range_shift, 0), last)
    claim = f"bytes {first}-{last}/{total}"
    begin = first // 2 if media.lying_range else first
    return content[begin : begin + last - first + 1], claim


def _asked_range(
    request: ReceivedRequest, media: Media, etag: str | None, total: int
) -> tuple[int, int] | None:
    """The first and the last byte asked for; None for all of them."""
    if not media.ranges:
        return None
    match = _RANGE.fullmatch(request.header("Range") or "")
    if match is None or not _may_resume(request.header("If-Range"), etag):
        return None
    first = int(match[1])
    last = int(match[2]) if match[2] else max(first, total - 1)
    # RFC 9110 lets a server ignore a range that ends before it begins.
    return None if last < first else (first, last)


def _may_resume(condition: str | None, etag: str | None) -> bool:
    """Whether ``If-Range`` holds: only a strong ETag that is still the file's own will do."""
    return condition is None or (condition == etag and condition.startswith('"'))
