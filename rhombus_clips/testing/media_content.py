"""The bytes of videos and thumbnails, generated from the uuid of their clip."""

import hashlib
import struct
from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any

from attrs import frozen

from rhombus_clips.testing.mp4 import playable_mp4, smallest_mp4

# The box with which every MP4 file starts; noise follows it.
_MP4_HEAD = bytes.fromhex("000000186674797069736f6d0000020069736f6d6d703432")
# Small enough to generate and hash a thousand clips quickly.
_BYTES_PER_SECOND = 5
_DEFAULT_SECONDS = 60
_JPEG_COMMENT = 0xFFFE


@frozen
class MediaContent:
    """The bytes of a file, and their hash, which is the base of its ETag."""

    data: bytes

    @cached_property
    def sha256_hex(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


# Generated again when needed, so that many large videos do not fill the memory.
@lru_cache(maxsize=4)
def make_video(uuid: str, size: int, version: int = 0) -> MediaContent:
    """Generate a clip's video of *size* bytes. Each *version* has different bytes.

    It can be played if it is large enough. A smaller one only starts like an MP4 file.
    """
    if size >= smallest_mp4():
        return MediaContent(playable_mp4(uuid, size, version))
    noise = hashlib.shake_128(f"mp4 {version} {uuid}".encode())
    return MediaContent((_MP4_HEAD + noise.digest(max(0, size - len(_MP4_HEAD))))[:size])


def make_jpeg(uuid: str, picture: str | None = None) -> bytes:
    """Generate the thumbnail of a clip, about 10 kB: a picture with a unique comment.

    :param uuid: The uuid of the clip.
    :param picture: The name of the picture, such as the one that `picture_of` returns. By default,
        *uuid* determines it.
    """
    noise = hashlib.shake_128(f"jpeg {uuid}".encode())
    # As text, because simple decoders search for markers even in comments.
    comment = f"{uuid} {noise.hexdigest(1500 + noise.digest(1)[0] * 4)}".encode()
    image = _pictures()[picture or _any_picture(uuid)]
    # The first segment has to stay first: 2 bytes for the start of the image, 2 for its marker,
    # and the length.
    at = 4 + struct.unpack_from(">H", image, 4)[0]
    segment = struct.pack(">HH", _JPEG_COMMENT, 2 + len(comment)) + comment
    return image[:at] + segment + image[at:]


def picture_of(clip: Mapping[str, Any]) -> str:
    """Return the name of the picture for a clip, such as ``loading-dock``.

    It shows the place with which the title starts. The camera determines the picture of a clip with
    another title, so that all of them look alike.
    """
    place, _, _ = str(clip.get("title")).partition(":")
    name = place.lower().replace(" ", "-")
    if name in _pictures():
        return name
    camera, _, _facet = str(clip.get("deviceUuid")).partition(".")
    return _any_picture(camera)


def _any_picture(uuid: str) -> str:
    names = list(_pictures())
    return names[hashlib.sha256(uuid.encode()).digest()[0] % len(names)]


@cache
def _pictures() -> dict[str, bytes]:
    """Read the pictures of places. Their names are those of the files without the suffix.

    They are drawings of rooms and parking lots in perspective, made as SVG of 640x360 pixels from
    projected polygons, rendered by Chromium at twice that size and reduced by Pillow. Pillow also
    blurred them with a radius of 0.75 pixels and wrote them as baseline JPEG without metadata.
    """
    folder = files("rhombus_clips.testing").joinpath("assets/thumbnails")
    images = (file for file in folder.iterdir() if file.name.endswith(".jpeg"))
    # Sorted, because the order of the files in a folder is arbitrary.
    ordered = sorted(images, key=lambda file: file.name)
    return {file.name.removesuffix(".jpeg"): file.read_bytes() for file in ordered}


def default_size(clip: Mapping[str, Any], video_bytes: int | None = None) -> int:
    """Return the size of a clip's video: its ``byteCount``, or else `generated_size`."""
    size = clip.get("byteCount")
    if isinstance(size, int):
        return max(0, size)
    return generated_size(clip.get("durationSec"), video_bytes)


def generated_size(seconds: object, video_bytes: int | None = None) -> int:
    """Return the option *video_bytes*, or else a size that fits a clip's length."""
    if video_bytes is not None:
        return video_bytes
    length = seconds if isinstance(seconds, int) else _DEFAULT_SECONDS
    return smallest_mp4() + _BYTES_PER_SECOND * length
