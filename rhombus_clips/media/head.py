"""The head of an answer of the media host, as far as it says something about the file."""

import re
from collections.abc import Mapping

from attrs import frozen

# Not \d, which also stands for the digits of other scripts.
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(
    r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)", re.IGNORECASE
)
_STRONG_ETAG = re.compile(r'"[!#-~\x80-\xff]*"')


@frozen(kw_only=True)
class Head:
    """The beginning of an answer of the media host."""

    status: int
    headers: Mapping[str, str]
    """By any case of their names."""

    @property
    def etag(self) -> str | None:
        """The entity tag, if it is a strong one: a weak one may stand for other bytes."""
        return strong_etag(self.headers.get("ETag"))

    @property
    def length(self) -> int | None:
        """How many bytes of the file follow, as far as the answer says."""
        return None if self.is_encoded else _number(self.headers.get("Content-Length", ""))

    @property
    def coding(self) -> str:
        """How the body is compressed, though that was not asked for; empty when it is not."""
        coding = self.headers.get("Content-Encoding", "").strip().lower()
        return "" if coding == "identity" else coding

    @property
    def is_encoded(self) -> bool:
        """Whether the body is compressed, though that was not asked for."""
        return bool(self.coding)

    @property
    def kind(self) -> str:
        """The media type, in lower case and without its parameters."""
        return re.split("[;,]", self.headers.get("Content-Type", ""))[0].strip().lower()

    @property
    def marks_its_end(self) -> bool:
        """Whether a body that was cut off can be told from a whole one."""
        codings = self.headers.get("Transfer-Encoding", "").lower().split(",")
        return "Content-Length" in self.headers or codings[-1].strip() == "chunked"

    @property
    def content_range(self) -> "Part | None":
        """The part that ``Content-Range`` names; None when it names none, or makes no sense."""
        match = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", "").strip())
        if match is None or match[1] is None:
            return None
        part = Part(int(match[1]), int(match[2]) + 1, _number(match[3]))
        is_possible = part.start < part.end and (part.whole is None or part.end <= part.whole)
        return part if is_possible and self.kind != "multipart/byteranges" else None

    @property
    def whole_length(self) -> int | None:
        """The length of the whole file, as a 416 names it."""
        match = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", "").strip())
        return None if match is None else _number(match[3])


@frozen
class Part:
    """A part of a file, as an answer announces it."""

    start: int
    end: int
    """After the last byte."""
    whole: int | None
    """The length of the whole file, if the answer says so."""


def strong_etag(value: object) -> str | None:
    """*value*, if it is a strong entity tag, which stands for the very same bytes."""
    return value if isinstance(value, str) and _STRONG_ETAG.fullmatch(value) else None


def _number(digits: str) -> int | None:
    return int(digits) if _NUMBER.fullmatch(digits) else None
