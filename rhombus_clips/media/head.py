"""The status and headers of a media host's response, parsed strictly."""

import re
from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from rhombus_clips.calls.http_dates import parse_http_date

# Not \d, which also matches the digits of other scripts.
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(
    r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)", re.IGNORECASE
)
_STRONG_ETAG = re.compile(r'"[!#-~\x80-\xff]*"')
_ETAG = re.compile(rf"(W/)?{_STRONG_ETAG.pattern}")


@frozen
class Part:
    """The part of a file that a response announces."""

    start: int
    end: int
    """The offset after the last byte."""
    total: int | None
    """The length of the whole file, if the response states it."""


@frozen(kw_only=True)
class Head:
    """The status and headers of a response."""

    status: int
    headers: Mapping[str, str]
    """A case-insensitive mapping."""

    @property
    def etag(self) -> str | None:
        """The entity tag if it is strong; a weak one may cover different bytes."""
        return strong_etag(self.headers.get("ETag"))

    @property
    def file_etag(self) -> str | None:
        """The entity tag of the file, strong or weak; None for a compressed body."""
        etag = self.headers.get("ETag", "")
        return etag if _ETAG.fullmatch(etag) and not self.coding else None

    @property
    def last_modified(self) -> datetime | None:
        """The time of the last change, in UTC, if the response states it."""
        return parse_http_date(self.headers.get("Last-Modified"))

    @property
    def length(self) -> int | None:
        """The number of file bytes in the body, if the response states it."""
        return None if self.coding else _number(self.headers.get("Content-Length", ""))

    @property
    def coding(self) -> str:
        """The content coding, which was not requested; empty for an uncompressed body."""
        coding = self.headers.get("Content-Encoding", "").strip().lower()
        return "" if coding == "identity" else coding

    @property
    def kind(self) -> str:
        """The media type, in lower case and without parameters."""
        return re.split("[;,]", self.headers.get("Content-Type", ""))[0].strip().lower()

    @property
    def marks_its_end(self) -> bool:
        """True if a truncated body can be detected."""
        codings = self.headers.get("Transfer-Encoding", "").lower().split(",")
        return "Content-Length" in self.headers or codings[-1].strip() == "chunked"

    @property
    def content_range(self) -> Part | None:
        """The part that ``Content-Range`` names; None if there is none or it is invalid."""
        match = self._content_range()
        if match is None or match[1] is None:
            return None
        part = Part(int(match[1]), int(match[2]) + 1, _number(match[3]))
        is_possible = part.start < part.end and (part.total is None or part.end <= part.total)
        return part if is_possible and self.kind != "multipart/byteranges" else None

    @property
    def whole_length(self) -> int | None:
        """The length of the whole file according to ``Content-Range``, even in a 416."""
        match = self._content_range()
        return None if match is None else _number(match[3])

    def _content_range(self) -> re.Match[str] | None:
        return _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", "").strip())


def strong_etag(value: object) -> str | None:
    """Return *value* if it is a strong entity tag, which identifies the exact bytes."""
    return value if isinstance(value, str) and _STRONG_ETAG.fullmatch(value) else None


def _number(digits: str) -> int | None:
    return int(digits) if _NUMBER.fullmatch(digits) else None
