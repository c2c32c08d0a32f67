"""What tests of downloads share: a clip, its bytes, and what was asked for."""

import random
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
# It breaks off, and the host is not to be had again for longer than a download is patient.
BREAKS_OFF = [faults.Disconnect(after_body_bytes=HALF), evolve(faults.UNAVAILABLE, times=5)]
PATIENT = MediaTimeout(stall=0.3, floor=0)


async def the_clip(session: ClipSession, **changes: Any) -> SavedClip:
    return evolve(await session.get_clip_with_progress(UUID), **changes)


NOTHING_KNOWN: dict[str, Any] = {"byte_count": None, "sha256_hex": None}


def ranges_of(fake: FakeRhombus) -> list[str | None]:
    return [request.header("Range") for request in fake.media_requests]
