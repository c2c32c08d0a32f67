"""The saved clips of the demo: when they were recorded, and their records."""

import random

from rhombus_clips.cli.demo_cameras import Camera, Event, camera_at, local_time
from rhombus_clips.testing.clips import JsonObject, base_clip, make_uuid
from rhombus_clips.testing.media_content import make_video

_DAYS = 120
_DAY_MS = 24 * 3600 * 1000
_RECENT_MINUTES = (6, 13, 41)
"""The ages of the newest clips, at any time of the day."""
# The number of clips in each hour of a working day, compared with the busiest hours.
_RHYTHM = (
    *(0.05,) * 6, 0.3, 0.7, 1, 1, 1, 1, 0.8, 1, 1, 1, 1, 0.9, 0.6, 0.35, 0.25, 0.15, 0.1, 0.07,
)  # fmt: skip
_WEEKEND = 0.15
_SHORTEST, _USUAL, _LONGEST = 5, 24, 300
_SMALLEST, _LARGEST = 1_000_000, 24_000_000
_BYTES_PER_SECOND = (30_000, 80_000)
_REGION = "us-west-2"
_USERS = 4


def recording_times(chance: random.Random, now_ms: int, count: int) -> list[int]:
    """Return the times of *count* recordings in the rhythm of an organization, latest first."""
    recent = [now_ms - minutes * 60_000 for minutes in _RECENT_MINUTES][:count]
    latest = now_ms - max(_RECENT_MINUTES) * 60_000
    others: set[int] = set()
    while len(others) < count - len(recent):
        time_ms = chance.randrange(now_ms - _DAYS * _DAY_MS, latest)
        local = local_time(time_ms)
        share = _RHYTHM[local.hour] * (_WEEKEND if local.weekday() >= 5 else 1.0)
        if chance.random() < share:
            others.add(time_ms)
    return [*recent, *sorted(others, reverse=True)]


def saved_clip(
    chance: random.Random, seed: int, number: int, recorded_ms: int, now_ms: int
) -> JsonObject:
    """Return the record of a clip that was saved some time after its recording."""
    camera = camera_at(chance, recorded_ms)
    event = camera.event_at(chance, recorded_ms)
    uuid = make_uuid("demo clip", seed, number)
    clip = clip_record(chance, seed, uuid, camera=camera, event=event, recorded_ms=recorded_ms)
    # Rules save a clip at once, people when they look for it.
    delay = chance.choice((chance.uniform(4, 60), chance.uniform(120, 6 * 3600)))
    ended = recorded_ms + 1000 * clip["durationSec"]
    return {**clip, "createdAtMs": min(ended + int(1000 * delay), now_ms - 5000)}


def clip_record(
    chance: random.Random,
    seed: int,
    uuid: str,
    *,
    camera: Camera,
    event: Event,
    recorded_ms: int,
    seconds: int | None = None,
) -> JsonObject:
    """Return a complete clip without a creation time."""
    if seconds is None:
        typical = chance.lognormvariate(0, 0.8) * _USUAL
        seconds = min(max(int(typical), _SHORTEST), _LONGEST)
    rate = chance.randrange(*_BYTES_PER_SECOND)
    size = min(max(seconds * rate, _SMALLEST + rate), _LARGEST)
    device = camera.device
    visibility = chance.choices(("ORG_WIDE", "PRIVATE"), (9, 1))[0]
    return {
        **base_clip(seed, uuid, [device], _REGION),
        "userUuid": make_uuid("user", seed, chance.randrange(_USERS)),
        "title": f"{camera.place}: {event.title}",
        "description": event.description,
        "timestampMs": recorded_ms,
        "durationSec": seconds,
        "byteCount": size,
        "sha256Hex": make_video(uuid, size).sha256_hex,
        "status": "COMPLETE",
        "deviceIntervalMap": {
            device: [{"startMs": recorded_ms, "endMs": recorded_ms + 1000 * seconds}]
        },
        "accessSettings": {"visibility": visibility, "allowedRoles": [], "allowedUsers": []},
        "analyzed": True,
    }
