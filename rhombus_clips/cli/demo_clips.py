"""The organization of the demo: its clips, shared groups and renders, relative to the clock."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

from rhombus_clips.cli.demo_cameras import CAMERAS, Event, camera_at
from rhombus_clips.cli.demo_detections import add_detections
from rhombus_clips.cli.demo_saved_clips import clip_record, recording_times, saved_clip
from rhombus_clips.testing import FakeRhombus, Media
from rhombus_clips.testing.clips import JsonObject, make_uuid, shared_clip
from rhombus_clips.testing.renders import Render

_DAY_MS = 24 * 3600 * 1000
_NEW_VIDEO_BYTES = 6_000_000
_FAILED = 9
"""The clip that failed, counted from the newest."""

# Place, title, description, password, creation and expiry in days from now.
_GROUPS = (
    ("Loading dock", "Damaged delivery", "For the insurer, claim 2291", True, -2, 28),
    ("Parking lot north", "Scratched van", "For the police", True, -6, 24),
    ("Warehouse aisle 3", "Safety training", "Near misses of the last months", False, -20, None),
    ("Cash desk 2", "Disputed change", "", False, -1, 6),
    ("Main entrance", "Tailgating review", "For the landlord", True, -45, -15),
)
# Place, event, age of the footage in minutes, seconds since the start, and in total.
_RENDERS = (
    ("Loading dock", "unloading of truck 14", 55, 12, 90),
    ("Warehouse aisle 3", "damaged shelf", 130, 25, 200),
)


def demo_service(
    now: Callable[[], float] = time.time, *, clips: int = 400, seed: int = 0
) -> FakeRhombus:
    """Return a fake service with the data of a plausible organization. Enter it to start it.

    The same clock, seed and time zone of this machine always result in the same data.

    :param now: The clock of the service, in epoch seconds. All times are relative to it.
    :param clips: The number of saved clips.
    :param seed: The seed of the data.
    """
    chance = random.Random(f"demo {seed}")
    now_ms = int(now() * 1000)
    saved = [
        saved_clip(chance, seed, number, recorded, now_ms)
        for number, recorded in enumerate(recording_times(chance, now_ms, clips))
    ]
    for clip in saved[_FAILED : _FAILED + 1]:
        clip |= {"status": "FAILED", "byteCount": None, "sha256Hex": None}
    service = FakeRhombus(
        saved,
        shared_clip_groups=_groups(saved, seed, now_ms),
        seed=seed,
        render_seconds=8.0,
        media=Media(video_bytes=_NEW_VIDEO_BYTES),
        now=now,
    )
    add_detections(service)
    for render in _renders(chance, seed, now_ms):
        service.add_render(render)
    return service


async def add_clips_now_and_then(
    service: FakeRhombus, *, every: tuple[float, float] = (20.0, 40.0)
) -> None:
    """Add a new clip to *service* again and again, until cancelled.

    :param every: The shortest and the longest time between two clips, in seconds.
    """
    chance = random.Random(f"new clips {service.seed}")
    while True:
        await asyncio.sleep(chance.uniform(*every))
        uuid = make_uuid("new demo clip", service.seed, next(service.numbers))
        now_ms = int(service.now() * 1000)
        seconds = chance.randrange(8, 41)
        # The last seconds of the recording were just uploaded.
        recorded = now_ms - 1000 * (seconds + chance.randrange(3, 9))
        camera = camera_at(chance, recorded)
        event = camera.event_at(chance, recorded)
        clip = clip_record(
            chance, service.seed, uuid, camera=camera, event=event, recorded_ms=recorded,
            seconds=seconds,
        )  # fmt: skip
        service.clips.insert(0, {**clip, "createdAtMs": now_ms})


def _renders(chance: random.Random, seed: int, now_ms: int) -> Iterator[Render]:
    """Yield renders that are under way."""
    for place, title, minutes, since, seconds in _RENDERS:
        camera = next(camera for camera in CAMERAS if camera.place == place)
        uuid = make_uuid("demo render", seed, title)
        recorded = now_ms - minutes * 60_000
        clip = clip_record(
            chance, seed, uuid, camera=camera, event=Event(title), recorded_ms=recorded
        )
        started_ms = now_ms - since * 1000
        clip |= {"createdAtMs": started_ms, "status": "INITIATING"}
        yield Render(clip=clip, started_at=started_ms / 1000, seconds=seconds)


def _groups(clips: list[JsonObject], seed: int, now_ms: int) -> list[JsonObject]:
    """Return the shared groups of some *clips*, each with clips of one place."""
    groups: list[JsonObject] = []
    for place, title, description, is_secured, created, expires in _GROUPS:
        created_ms = now_ms + created * _DAY_MS
        older = [
            clip
            for clip in clips
            if clip["createdAtMs"] < created_ms
            and clip["status"] == "COMPLETE"
            and clip["title"].startswith(f"{place}:")
        ]
        groups.append(
            {
                "uuid": make_uuid("demo group", seed, title),
                "orgUuid": make_uuid("org", seed),
                "title": title,
                "description": description,
                "createdAtMillis": created_ms,
                "expirationTimeSecs": expires and (now_ms + expires * _DAY_MS) // 1000,
                "isSecured": is_secured,
                "sharedClips": [shared_clip(clip) for clip in older[: 2 + len(title) % 3]],
            }
        )
    return groups
