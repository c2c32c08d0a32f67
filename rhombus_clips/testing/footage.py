"""What the media host serves: bytes that a clip's uuid settles, always the same."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import frozen

# The box that every MP4 file begins with; what follows it is noise.
_MP4_HEAD = bytes.fromhex("000000186674797069736f6d0000020069736f6d6d703432")
_JPEG_HEAD = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
_JPEG_END = b"\xff\xd9"
# Small enough that a thousand clips are made and hashed in no time.
BYTES_PER_SECOND = 20
_USUAL_SECONDS = 60


@frozen
class Footage:
    """The bytes of a file and what their ETag is made of."""

    data: bytes

    @cached_property
    def sha256_hex(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def make_mp4(uuid: str, size: int, version: int = 0) -> bytes:
    """The *size* bytes of a clip's video; another *version* has others."""
    noise = hashlib.shake_128(f"mp4 {version} {uuid}".encode())
    return (_MP4_HEAD + noise.digest(max(0, size - len(_MP4_HEAD))))[:size]


def make_jpeg(uuid: str) -> bytes:
    """The bytes of a clip's thumbnail, a few thousand."""
    noise = hashlib.shake_128(f"jpeg {uuid}".encode())
    size = 3000 + noise.digest(1)[0] * 8
    return _JPEG_HEAD + noise.digest(size) + _JPEG_END


def usual_size(clip: Mapping[str, Any]) -> int:
    """How many bytes a clip's video has: its ``byteCount``, or by its length where that is null."""
    size = clip.get("byteCount")
    if isinstance(size, int):
        return max(0, size)
    seconds = clip.get("durationSec")
    return BYTES_PER_SECOND * (seconds if isinstance(seconds, int) else _USUAL_SECONDS)
