"""The recorded footage of cameras, generated from their uuids."""

import random
from collections.abc import Iterable, Iterator

from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.organization import Organization, time_of
from rhombus_clips.testing.parameters import integer, text
from rhombus_clips.testing.refusals import INVALID_UUID, RefusedError, refusal

_DAY = 24 * 60 * 60
_LAG = 60
"""The seconds that footage takes to be reported."""
_DAYS_ON_CAMERA = 30

Window = tuple[int, int]
"""The start and the end of footage, in epoch seconds."""


def get_presence_windows(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``camera/getPresenceWindows``: when a camera has footage, in the cloud and on the camera.

    A camera of the clips records from a day before its first clip until now. A third of its days
    have an outage, but never during a clip. Footage stays on the camera for 30 days.
    """
    camera = text(parameters, "cameraUuid")
    start, length = integer(parameters, "startTimeSec"), integer(parameters, "durationSec")
    if not camera:
        raise RefusedError(INVALID_UUID)
    if start is None or length is None or length < 0:
        raise refusal("startTimeSec and durationSec are required")
    camera = camera.partition(".")[0]
    clips = _clips_of(organization, camera)
    now = int(organization.now())
    recorded: list[Window] = []
    if clips:
        first = min(start for start, _ in clips) - _DAY
        span = max(start, first), min(start + length, now - _LAG)
        recorded = _merged([*_without_outages(camera, *span), *_clipped(clips, *span)])
    on_camera = _clipped(recorded, now - _DAYS_ON_CAMERA * _DAY, now)
    return {
        "presenceWindows": {"VideoCloud": _as_json(recorded), "VideoLocal": _as_json(on_camera)}
    }


def _clips_of(organization: Organization, camera: str) -> list[Window]:
    """Return the footage in the saved clips of *camera*."""
    windows: list[Window] = []
    for clip in organization.saved():
        devices: list[object] = [clip.get("deviceUuid"), *(clip.get("deviceUuids") or ())]
        if camera in {str(device).partition(".")[0] for device in devices}:
            start = time_of(clip, "timestampMs") / 1000
            end = start + (clip.get("durationSec") or 0)
            windows.append((int(start), int(-(-end // 1))))
    return windows


def _without_outages(camera: str, start: int, end: int) -> Iterator[Window]:
    """Yield the windows between *start* and *end* that a camera records."""
    for day in range(start - start % _DAY, end, _DAY):
        chance = random.Random(f"outage {camera} {day}")
        outage, seconds = day + chance.randrange(_DAY), chance.randrange(60, 90 * 60)
        if chance.random() >= 1 / 3:
            outage, seconds = day + _DAY, 0
        next_day = day + _DAY
        resumed = min(outage + seconds, next_day)
        yield from _clipped([(day, outage), (resumed, next_day)], start, end)


def _clipped(windows: Iterable[Window], start: int, end: int) -> list[Window]:
    clipped = ((max(first, start), min(last, end)) for first, last in windows)
    return [(first, last) for first, last in clipped if first < last]


def _merged(windows: list[Window]) -> list[Window]:
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _as_json(windows: list[Window]) -> list[JsonObject]:
    return [{"startSeconds": start, "durationSeconds": end - start} for start, end in windows]
