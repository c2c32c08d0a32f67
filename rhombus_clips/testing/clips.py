"""Plausible clips, as the service would put them on the wire: made from a seed, always the same.

Written in the wire's own words rather than through the client's codec, so that a mistake in the
codec is not mirrored here.
"""

import base64
import hashlib
import random
from typing import Any

from rhombus_clips.testing.footage import BYTES_PER_SECOND, make_mp4, usual_size

Wire = dict[str, Any]
"""A JSON object of the service."""

# 9 October 2025; the newest clip of every seed lies before it.
NEWEST_MS = 1_760_000_000_000
_MINUTE_MS = 60_000

_PLACES = (
    "Loading dock", "Main entrance", "Parking lot north", "Parking lot south", "Reception",
    "Server room", "Warehouse aisle 3", "Cash desk 2", "Emergency exit", "Elevator lobby",
)  # fmt: skip
_EVENTS = (
    "motion", "person at the door", "delivery", "vehicle", "door ajar", "incident review",
    "after hours", "tailgating", "spill", "lost item",
)  # fmt: skip
_REGIONS = ("us-west-2", "us-east-1", "us-east-2")
_HARDWARE = ("CAMERA_R200", "CAMERA_R510", "CAMERA_R230", "CAMERA_R360", None)
_INTEGRATIONS = ("SLACK", "MICROSOFT_TEAMS", "GOOGLE", "CARRIER_PIGEON")


def make_uuid(*parts: object) -> str:
    """A uuid as the service writes them, 22 characters of url-safe base64, made from *parts*."""
    digest = hashlib.sha256(repr(parts).encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def make_clips(
    count: int, seed: int = 0, *, created_after: float | None = None, created_jitter: float = 0.0
) -> list[Wire]:
    """*count* saved clips, newest first; *created_after* and its jitter as for `FakeRhombus`.

    Now and then several cameras have one moment (a splice over many makes a clip each), a field
    is null or missing, a key or an enum member is one that no reference lists.
    """
    chance = random.Random(f"clips {seed}")
    clips: list[Wire] = []
    moment = NEWEST_MS
    while len(clips) < count:
        moment -= chance.randrange(1, 90 * _MINUTE_MS)
        cameras = chance.choice((1, 1, 1, 1, 2, 3))
        place, event = chance.choice(_PLACES), chance.choice(_EVENTS)
        for camera in range(min(cameras, count - len(clips))):
            clips.append(
                _clip(
                    chance,
                    seed,
                    len(clips),
                    moment=moment,
                    title=f"{place}: {event}",
                    camera=camera,
                )
            )
    if created_after is not None:
        chance = random.Random(f"creation {seed}")
        for clip in clips:
            seconds = created_after + chance.uniform(-created_jitter, created_jitter)
            clip["createdAtMs"] = clip["timestampMs"] + round(1000 * seconds)
    return clips


def make_shared_clip_groups(clips: list[Wire], count: int, seed: int = 0) -> list[Wire]:
    """*count* pages that share some of *clips*, in no order; a few have no creation time."""
    chance = random.Random(f"groups {seed}")
    groups: list[Wire] = []
    for number in range(count):
        shared = chance.sample(clips, k=min(len(clips), chance.randrange(1, 4)))
        newest = max((clip.get("createdAtMs") or NEWEST_MS for clip in shared), default=NEWEST_MS)
        groups.append(
            {
                "uuid": make_uuid("group", seed, number),
                "orgUuid": make_uuid("org", seed),
                "title": f"For {chance.choice(('the insurer', 'the police', 'the landlord'))}",
                "description": chance.choice(("", "Case review", None)),
                "createdAtMillis": None
                if number % 10 == 9
                else newest + chance.randrange(600) * _MINUTE_MS,
                "expirationTimeSecs": chance.choice((None, 0, 86_400, 172_800, 1_798_761_600)),
                "isSecured": chance.random() < 0.4,
                "sharedClips": [shared_clip(clip) for clip in shared],
            }
        )
    return groups


def _clip(
    chance: random.Random, seed: int, number: int, *, moment: int, title: str, camera: int
) -> Wire:
    device = f"{make_uuid('device', seed, chance.randrange(12), camera)}.v0"
    uuid = make_uuid("clip", seed, number)
    region = chance.choice(_REGIONS)
    seconds = chance.choice((15, 30, 60, 60, 120, 600))
    clip: Wire = {
        "uuid": uuid,
        "orgUuid": make_uuid("org", seed),
        "userUuid": make_uuid("user", seed, chance.randrange(5)),
        "title": title,
        "description": chance.choice(("", "Saved from the console", None)),
        "timestampMs": moment,
        "createdAtMs": moment + chance.randrange(1, 48 * 60) * _MINUTE_MS,
        "durationSec": seconds,
        "byteCount": seconds * BYTES_PER_SECOND + chance.randrange(50_000) // 25,
        "sha256Hex": None,
        "status": chance.choice(("COMPLETE",) * 18 + ("FAILED", "UNKNOWN")),
        "deviceUuid": device,
        "deviceUuids": [device],
        "devicePresentationOrder": [device],
        "deviceUuidMap": {device: {"region": region}},
        "deviceIntervalMap": {device: [{"startMs": moment, "endMs": moment + seconds * 1000}]},
        "clipLocation": {"region": region},
        "clipLocationV2": region,
        "thumbnailLocation": {"region": region},
        "thumbnailLocationV2": region,
        "accessSettings": {
            "visibility": chance.choice(("ORG_WIDE", "ORG_WIDE", "PRIVATE", "ROLE_RESTRICTED")),
            "allowedRoles": [],
            "allowedUsers": [],
        },
        "videoResolution": {"width": 1920, "height": 1080},
        "alterMap": {},
        "fisheyeMap": {},
        "fisheyeHardware": chance.choice(_HARDWARE),
        "mountingDirection": chance.choice(("DOWN", "SIDEWAYS", None)),
        "integrationUploadList": [],
        "analyzed": True,
        "consoleDelete": False,
        "isMonitoringClip": False,
        "isVendorClip": False,
        "placeholder": False,
        "sendToSharedStorage": False,
        "externalTransactionId": f"txn_{number + 1:06}" if number % 10 == 9 else None,
        "sourceAlertUuid": None,
    }
    _make_odd(chance, clip, device)
    if "sha256Hex" in clip:
        # Last, since a clip whose byteCount became null has as many bytes as its length makes.
        clip["sha256Hex"] = hashlib.sha256(make_mp4(uuid, usual_size(clip))).hexdigest()
    return clip


def _make_odd(chance: random.Random, clip: Wire, device: str) -> None:
    """What makes clients stumble: rare nulls, missing fields, unknown keys and members."""
    if chance.random() < 0.10:
        clip["alterMap"] = {device: [{"crop": {"x": 0, "y": 0, "width": 5000, "height": 5000}}]}
    if chance.random() < 0.10:
        view = {"pitchDegrees": -12.5, "yawDegrees": 30, "verticalFieldOfViewDegrees": 90}
        clip["fisheyeMap"] = {device: [view, None]}
    if chance.random() < 0.10:
        clip["integrationUploadList"] = [chance.choice(_INTEGRATIONS), None]
    if chance.random() < 0.15:
        clip[chance.choice(("accessSettings", "videoResolution", "byteCount", "title"))] = None
    if chance.random() < 0.15:
        del clip[chance.choice(("placeholder", "sha256Hex", "deviceIntervalMap", "analyzed"))]
    if chance.random() < 0.05:
        clip["retentionDays"] = chance.choice((30, 365, 730))


def shared_clip(clip: Wire) -> Wire:
    """*clip* as a page that shares it shows it."""
    kept = (
        "uuid", "durationSec", "clipLocation", "clipLocationV2", "thumbnailLocation",
        "thumbnailLocationV2", "deviceUuidMap",
    )  # fmt: skip
    shared = {name: clip[name] for name in kept if name in clip}
    return {**shared, "startTime": clip.get("timestampMs")}
