"""The text of a portable cursor: versioned, URL-safe, and protected against damage.

A cursor is the base64url text of a header, a payload and a checksum. The header names the version,
the kind of listing and a digest of its bounds and filters, so that a cursor of another listing is
rejected. The checksum detects damage, not forgery: a cursor grants nothing that its holder could
not request without it.
"""

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from attrs import define, field, frozen

from rhombus_clips.errors import CursorStalledError, InvalidArgumentError

WrittenT = TypeVar("WrittenT", bound="Written")

LONGEST_CURSOR = 4000
"""The maximum length of a cursor in characters."""

_VERSION = 1
_HEADER_SIZE, _CHECKSUM_SIZE, _DIGEST_SIZE = 5, 4, 6
_LARGEST_PRIME = 2**48 - 59
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


class Kind(IntEnum):
    """The kind of a listing."""

    SAVED_CLIPS = 1
    CLIPS_WITH_PROGRESS = 2
    EXPIRING_CLIPS = 3
    SHARED_CLIP_GROUPS = 4
    FOLLOWED_CLIPS = 5


_METHODS: dict[int, str] = {
    Kind.SAVED_CLIPS: "saved_clips()",
    Kind.CLIPS_WITH_PROGRESS: "clips_with_progress()",
    Kind.EXPIRING_CLIPS: "expiring_clips()",
    Kind.SHARED_CLIP_GROUPS: "shared_clip_groups()",
    Kind.FOLLOWED_CLIPS: "follow_saved_clips()",
}
"""The methods of a session that return the listings of each kind."""


@frozen
class Listed:
    """The listing that a cursor belongs to: its kind, and the bounds and filters as JSON values."""

    kind: Kind
    selection: Mapping[str, Any] = {}

    @property
    def header(self) -> bytes:
        """The first bytes of each cursor of this listing."""
        selection = {name: value for name, value in self.selection.items() if value is not None}
        text = json.dumps(selection, sort_keys=True, default=list)
        return bytes([_VERSION << 4 | self.kind]) + _hash(text.encode(), _HEADER_SIZE - 1)


def write_cursor(listed: Listed, payload: bytes, *, longest: int | None = LONGEST_CURSOR) -> str:
    """Return the cursor with *payload*. Raises `CursorStalledError` if it would be too long."""
    content = listed.header + payload
    content += _hash(content, _CHECKSUM_SIZE)
    text = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    if longest is not None and len(text) > longest:
        raise CursorStalledError(
            "too many items share one time for a cursor to tell which of them were yielded;"
            " iterate this pager further until the time changes"
        )
    return text


def read_cursor(listed: Listed, text: object, *, longest: int | None = LONGEST_CURSOR) -> bytes:
    """Return the payload of a cursor of this listing. Raises `InvalidArgumentError` for others."""
    if not isinstance(text, str):
        raise InvalidArgumentError(
            f"cursor must be a string from a pager's cursor, not a {type(text).__name__}"
        )
    content = _decoded(text) if longest is None or len(text) <= longest else None
    if content is None:
        takes_times = listed.kind is Kind.SAVED_CLIPS
        raise InvalidArgumentError(
            "cursor is damaged or was not created by this library: pass the unchanged cursor of a"
            " pager, or None to start from the beginning"
            + ("; for a point in time pass an int or an aware datetime" if takes_times else "")
        )
    header, expected = content[:_HEADER_SIZE], listed.header
    if header[0] >> 4 != _VERSION:
        raise InvalidArgumentError(
            "cursor was created by another version of this library: start from the beginning"
        )
    if header[0] != expected[0]:
        method = _METHODS.get(header[0] & 0x0F, "another listing")
        raise InvalidArgumentError(f"cursor belongs to {method}, not to {_METHODS[listed.kind]}")
    if header != expected:
        raise InvalidArgumentError(
            "cursor belongs to a listing with other bounds or filters: pass the same ones again"
        )
    return content[_HEADER_SIZE:-_CHECKSUM_SIZE]


def _decoded(text: str) -> bytes | None:
    # base64 ignores foreign characters, and several texts can have the same content.
    if not _ALPHABET.fullmatch(text):
        return None
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    is_whole = (
        len(content) > _HEADER_SIZE + _CHECKSUM_SIZE
        and content[-_CHECKSUM_SIZE:] == _hash(content[:-_CHECKSUM_SIZE], _CHECKSUM_SIZE)
        and base64.urlsafe_b64encode(content).rstrip(b"=").decode() == text
    )
    return content if is_whole else None


def _hash(content: bytes, size: int) -> bytes:
    return hashlib.blake2b(content, digest_size=size).digest()


def digest_of(identity: str | bytes) -> int:
    """Return a number of 48 bits that stands for *identity* in this and every other process.

    The number that its bytes spell, modulo a prime, is several times faster than a cryptographic
    hash, and as good for uuids, which are random or consecutive.
    """
    content = identity.encode("utf-8", "surrogatepass") if isinstance(identity, str) else identity
    return int.from_bytes(content, "big") % _LARGEST_PRIME


@define
class PayloadWriter:
    """Writes the values of a payload."""

    content: bytearray = field(factory=bytearray)

    def number(self, value: int) -> None:
        """Write an integer, which may be negative."""
        rest = value << 1 if value >= 0 else -value << 1 | 1
        while rest >= 0x80:
            self.content.append(rest & 0x7F | 0x80)
            rest >>= 7
        self.content.append(rest)

    def numbers(self, *values: int) -> None:
        """Write several integers."""
        for value in values:
            self.number(value)

    def text(self, value: str) -> None:
        """Write a string."""
        encoded = value.encode("utf-8", "surrogatepass")
        self.number(len(encoded))
        self.content += encoded

    def digests(self, digests: Mapping[int, int]) -> None:
        """Write digests with their counts, as a multiset."""
        items = sorted(Counter(digests).elements())
        self.number(len(items))
        for item in items:
            self.digest(item)

    def digest(self, digest: int) -> None:
        """Write a digest."""
        self.content += digest.to_bytes(_DIGEST_SIZE, "big")


@define
class PayloadReader:
    """Reads the values of a payload. Raises `ValueError` for a payload that is too short."""

    content: bytes
    _at: int = 0

    @property
    def is_at_end(self) -> bool:
        """True once everything was read."""
        return self._at == len(self.content)

    def number(self) -> int:
        """Read an integer."""
        value = shift = 0
        while True:
            (byte,) = self._take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return -(value >> 1) if value & 1 else value >> 1

    def numbers(self, count: int) -> list[int]:
        """Read several integers."""
        return [self.number() for _ in range(count)]

    def text(self) -> str:
        """Read a string."""
        return self._take(self.number()).decode("utf-8", "surrogatepass")

    def digests(self) -> Counter[int]:
        """Read digests with their counts."""
        return Counter(self.digest() for _ in range(self.number()))

    def digest(self) -> int:
        """Read a digest."""
        return int.from_bytes(self._take(_DIGEST_SIZE), "big")

    def _take(self, count: int) -> bytes:
        taken = self.content[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("the payload ends too early")
        self._at += count
        return taken


class Written(Protocol):
    """Anything that a cursor can contain."""

    @property
    def payload(self) -> bytes:
        """The object in the form that a cursor contains."""
        ...


def read_payload(payload: bytes, read: Callable[[PayloadReader], WrittenT]) -> WrittenT:
    """Return what *read* reads from a payload.

    Raises `InvalidArgumentError` for a payload that this library did not write: the checksum of a
    cursor is no protection against forgery.
    """
    reader = PayloadReader(payload)
    try:
        found = read(reader)
        if reader.is_at_end and found.payload == payload:
            return found
    except (ValueError, IndexError, OverflowError):
        pass
    raise InvalidArgumentError(
        "cursor was not created by this library: pass the unchanged cursor of a pager"
    )
