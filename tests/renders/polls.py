"""Shared by the tests of renders: paths, fast polling, and answers of the service."""

from collections.abc import AsyncIterator
from typing import Any

from rhombus_clips import ClipWithProgress, Polling
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.faults import json_answer

GET = "/api/event/getClipWithProgress"
LIST = "/api/event/getClipsWithProgress"
SPLICE = "/api/video/spliceV3"
QUICK = Polling(interval=0.01, max_interval=0.02, appears_within=0.3, outage=0.3)
CAMERA, OTHER = "C" * 22, "D" * 22
LONG_AGO = 1_700_000_000_000


def answers(*clips: dict[str, Any] | None) -> list[faults.Fault]:
    """The service's answers to successive polls of a clip."""
    return [json_answer(200, {"clip": clip and {"uuid": "a", **clip}}, path=GET) for clip in clips]


def status(name: str, **more: Any) -> dict[str, Any]:
    return {"status": name, **more}


async def statuses(changes: AsyncIterator[ClipWithProgress]) -> list[str | None]:
    return [clip.status async for clip in changes]


def count_of(fake: FakeRhombus, path: str) -> int:
    return sum(request.path == path for request in fake.requests)
