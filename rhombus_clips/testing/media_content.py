"""The bytes of videos and thumbnails, generated from the uuid of their clip."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import frozen

# The box with which every MP4 file starts; noise follows it.
_MP4_HEAD = bytes.fromhex("000000186674797069736f6d0000020069736f6d6d703432")
_JPEG_HEAD = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
_JPEG_END = b"\xff\xd9"
# Small enough to generate and hash a thousand clips quickly.
BYTES_PER_SECOND = 20
_DEFAULT_SECONDS = 60


@frozen
class MediaContent:
    """The bytes of a file, and their hash, which is the base of its ETag."""

    data: bytes

    @cached_property
    def sha256_hex(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def make_mp4(uuid: str, size: int, version: int = 0) -> bytes:
    """Generate the *size* bytes of a clip's video. Each *version* has different bytes."""
    noise = hashlib.shake_128(f"mp4 {version} {uuid}".encode())
    return (_MP4_HEAD + noise.digest(max(0, size - len(_MP4_HEAD))))[:size]


def make_jpeg(uuid: str) -> bytes:
    """Generate the few thousand bytes of a clip's thumbnail."""
    noise = hashlib.shake_128(f"jpeg {uuid}".encode())
    size = 3000 + noise.digest(1)[0] * 8
    return _JPEG_HEAD + noise.digest(size) + _JPEG_END


def default_size(clip: Mapping[str, Any]) -> int:
    """Return the size of a clip's video: its ``byteCount``, or one that fits its length."""
    size = clip.get("byteCount")
    if isinstance(size, int):
        return max(0, size)
    seconds = clip.get("durationSec")
    return BYTES_PER_SECOND * (seconds if isinstance(seconds, int) else _DEFAULT_SECONDS)
