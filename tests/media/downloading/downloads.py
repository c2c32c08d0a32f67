"""A clip and its bytes for tests of downloads, and checks of requests and memory."""

import asyncio
import gc
import io
import random
import types
from collections.abc import Iterator
from typing import Any

from attrs import evolve

from rhombus_clips import ClipSession, MediaTimeout, SavedClip
from rhombus_clips.testing import FakeRhombus, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
DATA = random.Random(1).randbytes(3_000_000)
HALF = len(DATA) // 2
SOURCE = f"/media/metadata/us-west-2/{UUID}.mp4"
WIRE = {
    "uuid": UUID,
    "status": "COMPLETE",
    "clipLocation": {"region": "us-west-2"},
    "thumbnailLocation": {"region": "us-east-1"},
}
# The response breaks off, and the host is then unavailable until the attempts are used up.
BREAKS_OFF = [faults.Disconnect(after_body_bytes=HALF), evolve(faults.UNAVAILABLE, times=5)]
PATIENT = MediaTimeout(stall=0.3, min_bytes_per_second=0)


async def the_clip(session: ClipSession, **changes: Any) -> SavedClip:
    return evolve(await session.get_clip_with_progress(UUID), **changes)


NOTHING_KNOWN: dict[str, Any] = {"byte_count": None, "sha256_hex": None}


def ranges_of(fake: FakeRhombus) -> list[str | None]:
    return [request.header("Range") for request in fake.media_requests]


_LARGE = 10_000
_OF_OTHERS = (type, types.ModuleType, types.FunctionType, types.CodeType, asyncio.Task)


def large_things_held_by(error: BaseException) -> list[str]:
    """Return the large bytes and buffers that are reachable from *error*."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    found: list[str] = []
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (*_OF_OTHERS, asyncio.AbstractEventLoop)):
            continue
        seen.add(id(thing))
        if isinstance(thing, bytes | bytearray | io.BytesIO):
            size = len(thing.getvalue() if isinstance(thing, io.BytesIO) else thing)
            if size >= _LARGE:
                found.append(f"{type(thing).__name__} of {size}")
        elif isinstance(thing, types.FrameType):
            waiting += _locals_of(thing)
        elif isinstance(thing, types.TracebackType):
            waiting += [thing.tb_frame, thing.tb_next]
        else:
            waiting += gc.get_referents(thing)
    return found


def _locals_of(frame: types.FrameType) -> Iterator[Any]:
    """Yield the local variables of a frame of the library, but not of the tests and their tools."""
    name = str(frame.f_globals.get("__name__"))
    if name.startswith(("rhombus_clips.", "concurrent.", "contextlib")):
        yield from frame.f_locals.values()
