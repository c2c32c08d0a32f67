"""Realistic clips as JSON objects, generated deterministically from a seed.

They are written in the vendor's camelCase instead of through the client's codec, so that they
cannot share a mistake with it.
"""

import base64
import hashlib
import random
from typing import Any

from rhombus_clips.testing.media_content import default_size, generated_size, make_video

JsonObject = dict[str, Any]
"""A JSON object as the service sends it."""

# 9 October 2025. The clips of every seed are older.
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
    """Return a uuid in the form of the service, 22 characters of url-safe base64, for *parts*."""
    digest = hashlib.sha256(repr(parts).encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def make_clips(
    count: int,
    seed: int = 0,
    created_after: float | None = None,
    created_jitter: float = 0.0,
    video_bytes: int | None = None,
) -> list[JsonObject]:
    """Generate *count* saved clips, newest first.

    Sometimes several cameras have a clip of the same time, as after a splice of several devices, a
    field is null or missing, or a key or enum member is not in the reference. *created_after* and
    *created_jitter* are options of `FakeRhombus`, and *video_bytes* of `Media`.
    """
    chance = random.Random(f"clips {seed}")
    clips: list[JsonObject] = []
    time_ms = NEWEST_MS
    while len(clips) < count:
        time_ms -= chance.randrange(1, 90 * _MINUTE_MS)
        cameras = chance.choice((1, 1, 1, 1, 2, 3))
        title = f"{chance.choice(_PLACES)}: {chance.choice(_EVENTS)}"
        clips += [
            _clip(chance, seed, number, time_ms, title=title, camera=camera, size=video_bytes)
            for camera, number in enumerate(range(len(clips), min(len(clips) + cameras, count)))
        ]
    if created_after is not None:
        chance = random.Random(f"creation {seed}")
        for clip in clips:
            seconds = created_after + chance.uniform(-created_jitter, created_jitter)
            clip["createdAtMs"] = clip["timestampMs"] + round(1000 * seconds)
    return clips


def make_shared_clip_groups(clips: list[JsonObject], count: int, seed: int = 0) -> list[JsonObject]:
    """Generate *count* groups of *clips*, unordered. Every tenth has no creation time."""
    chance = random.Random(f"groups {seed}")
    groups: list[JsonObject] = []
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


def base_clip(seed: int, uuid: str, devices: list[str], region: str) -> JsonObject:
    """Return the fields that all clips have, with the values that most of them have."""
    location = {"region": region}
    return {
        "uuid": uuid,
        "orgUuid": make_uuid("org", seed),
        "deviceUuid": devices[0],
        "deviceUuids": devices,
        "devicePresentationOrder": [*devices],
        "deviceUuidMap": {device: {"region": region} for device in devices},
        "clipLocation": location,
        "clipLocationV2": region,
        "thumbnailLocation": {**location},
        "thumbnailLocationV2": region,
        "videoResolution": {"width": 1920, "height": 1080},
        "alterMap": {},
        "fisheyeMap": {},
        "fisheyeHardware": None,
        "mountingDirection": None,
        "integrationUploadList": [],
        "analyzed": False,
        "consoleDelete": False,
        "isMonitoringClip": False,
        "isVendorClip": False,
        "placeholder": False,
        "sendToSharedStorage": False,
        "externalTransactionId": None,
        "sourceAlertUuid": None,
    }


def _clip(
    chance: random.Random,
    seed: int,
    number: int,
    time_ms: int,
    *,
    title: str,
    camera: int,
    size: int | None,
) -> JsonObject:
    device = f"{make_uuid('device', seed, chance.randrange(12), camera)}.v0"
    uuid = make_uuid("clip", seed, number)
    region = chance.choice(_REGIONS)
    seconds = chance.choice((15, 30, 60, 60, 120, 600))
    clip: JsonObject = {
        **base_clip(seed, uuid, [device], region),
        "userUuid": make_uuid("user", seed, chance.randrange(5)),
        "title": title,
        "description": chance.choice(("", "Saved from the console", None)),
        "timestampMs": time_ms,
        "createdAtMs": time_ms + chance.randrange(1, 48 * 60) * _MINUTE_MS,
        "durationSec": seconds,
        "byteCount": generated_size(seconds + chance.randrange(50_000) // 500, size),
        "sha256Hex": None,
        "status": chance.choice(("COMPLETE",) * 18 + ("FAILED", "UNKNOWN")),
        "deviceIntervalMap": {device: [{"startMs": time_ms, "endMs": time_ms + seconds * 1000}]},
        "accessSettings": {
            "visibility": chance.choice(("ORG_WIDE", "ORG_WIDE", "PRIVATE", "ROLE_RESTRICTED")),
            "allowedRoles": [],
            "allowedUsers": [],
        },
        "fisheyeHardware": chance.choice(_HARDWARE),
        "mountingDirection": chance.choice(("DOWN", "SIDEWAYS", None)),
        "analyzed": True,
        "externalTransactionId": f"txn_{number + 1:06}" if number % 10 == 9 else None,
    }
    _make_irregular(chance, clip, device)
    if "sha256Hex" in clip:
        # Last, because the size of a clip without a byteCount depends on its length.
        clip["sha256Hex"] = make_video(uuid, default_size(clip, size)).sha256_hex
    return clip


def _make_irregular(chance: random.Random, clip: JsonObject, device: str) -> None:
    """Add irregularities that a client must tolerate: nulls, missing fields, unknown values."""
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


def shared_clip(clip: JsonObject) -> JsonObject:
    """Return *clip* as shared clip groups contain it."""
    kept = (
        "uuid", "durationSec", "clipLocation", "clipLocationV2", "thumbnailLocation",
        "thumbnailLocationV2", "deviceUuidMap",
    )  # fmt: skip
    shared = {name: clip[name] for name in kept if name in clip}
    return {**shared, "startTime": clip.get("timestampMs")}
