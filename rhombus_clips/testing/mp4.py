"""Playable MP4 files, assembled from a short video that ships with the package.

``assets/video.mp4`` has 120 s of a colored area, whose color changes every 2 s, and a white box
that moves to the right: H.264 baseline, 2 frames per second, a keyframe every 2 s. FFmpeg drew it::

    ffmpeg -filter_complex "color=c=0xcc3333:size=160x120:rate=2:duration=120,
        hue=h=6*floor(t/2)[back];color=c=white:size=16x24:rate=2:duration=120[box];
        [back][box]overlay=x=1.2*t:y=48" -c:v libx264 -profile:v baseline -pix_fmt yuv420p
        -preset veryslow -crf 36 -g 4 -sc_threshold 0 -threads 1 -fflags +bitexact
        -flags:v +bitexact -map_metadata -1 -movflags +faststart video.mp4

A file has the index (``moov``) first, then a ``free`` box with the uuid, which players ignore,
and then the samples (``mdat``) in chunks. Noise before each chunk fills the file to its size, so a
player has to request another part of a large file to seek. The noise also makes the files of
different clips differ everywhere.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise

from attrs import frozen

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_SAMPLES_PER_CHUNK = 8
_HEADER = 8
_LABEL = 64
_LEAST_FILL = 32
# Noise is repeated after a prime number of bytes.
_MOST_NOISE = 65_521


@frozen
class _Video:
    """The parts of the video from which files are assembled."""

    file_type: bytes
    index: bytes
    """The box ``moov``, without the offsets of the chunks."""
    offsets_at: int
    """The place of these offsets in `index`."""
    chunks: tuple[bytes, ...]
    least_offsets: tuple[int, ...]
    """The offsets of the chunks in the smallest file."""
    smallest: int
    """The size of the smallest file."""


def smallest_mp4() -> int:
    """Return the size of the smallest file that `playable_mp4` can make."""
    return _video().smallest


def playable_mp4(uuid: str, size: int, version: int = 0) -> bytes:
    """Return a playable file of *size* bytes, `smallest_mp4` or more, that is unique to *uuid*."""
    video = _video()
    each, rest = divmod(size - video.smallest, len(video.chunks))
    offsets = [least + rest + each * n for n, least in enumerate(video.least_offsets, 1)]
    at = video.offsets_at
    packed = struct.pack(f">{len(offsets)}I", *offsets)
    label = f"{uuid} {version} ".encode().ljust(_LABEL)
    fill, samples_at = _LEAST_FILL + each, video.least_offsets[0] - _LEAST_FILL
    parts = [
        video.file_type,
        video.index[:at] + packed + video.index[at + len(packed) :],
        _box(b"free", label[:_LABEL]),
        _header(b"mdat", size - samples_at),
    ]
    length = fill + rest + len(offsets)
    noise = hashlib.shake_128(label).digest(min(length, _MOST_NOISE))
    noise *= 1 + length // len(noise)
    parts += [noise[:rest]]
    for number, chunk in enumerate(video.chunks):
        # Each part of the noise starts at another byte, so that no two are equal.
        parts += [noise[number : number + fill], chunk]
    return b"".join(parts)


@cache
def _video() -> _Video:
    """Read the video, and cut it into chunks of equal durations that start with a keyframe."""
    data = files("rhombus_clips.testing").joinpath("assets/video.mp4").read_bytes()
    tables = dict(_contents_of(data))
    count = struct.unpack_from(">I", tables[b"stsz"], 8)[0]
    sizes = struct.unpack_from(f">{count}I", tables[b"stsz"], 12)
    # The file has all samples in order in one box.
    ends = [0, *accumulate(sizes)][::_SAMPLES_PER_CHUNK]
    samples = tables[b"mdat"]
    chunks = [samples[start:end] for start, end in pairwise(ends)]
    changes = {
        b"stsc": struct.pack(">5I", 0, 1, 1, _SAMPLES_PER_CHUNK, 1),
        b"stco": struct.pack(f">{2 + len(chunks)}I", 0, len(chunks), *[0] * len(chunks)),
    }
    index = _box(b"moov", _replaced(tables[b"moov"], changes))
    file_type = _box(b"ftyp", tables[b"ftyp"])
    samples_at = len(file_type) + len(index) + _HEADER + _LABEL + _HEADER
    ends = list(accumulate((_LEAST_FILL + len(chunk) for chunk in chunks), initial=samples_at))
    return _Video(
        file_type=file_type,
        index=index,
        offsets_at=index.index(b"stco" + changes[b"stco"]) + 12,
        chunks=tuple(chunks),
        least_offsets=tuple(end + _LEAST_FILL for end in ends[:-1]),
        smallest=ends[-1],
    )


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box in *data*."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + _HEADER : at + size]
        at += size


def _contents_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box, including those in other boxes."""
    for kind, content in boxes(data):
        yield kind, content
        if kind in _CONTAINERS:
            yield from _contents_of(content)


def _replaced(data: bytes, changes: Mapping[bytes, bytes]) -> bytes:
    """Return boxes with other contents for some types of them."""
    return b"".join(
        _box(
            kind, _replaced(content, changes) if kind in _CONTAINERS else changes.get(kind, content)
        )
        for kind, content in boxes(data)
    )


def _box(kind: bytes, content: bytes) -> bytes:
    return _header(kind, len(content)) + content


def _header(kind: bytes, length: int) -> bytes:
    """Return the header of a box with *length* bytes of content."""
    return struct.pack(">I4s", _HEADER + length, kind)
