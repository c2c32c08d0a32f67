"""The bounding boxes and seek points of a clip, generated from its uuid."""

import random

from rhombus_clips.testing.clips import JsonObject, make_uuid

_ACTIVITIES = (
    "MOTION", "MOTION_HUMAN", "MOTION_CAR", "FACE_IDENTIFIED", "LICENSEPLATE", "CUSTOM",
    "SOUND_LOUD", "POS_ORDER", "DOOR_OPENED",
)  # fmt: skip
_UNLISTED_ACTIVITY = "MOTION_UNICORN"
_COLORS = ("BLUE", "RED", "PURPLE", "TAN", "ORANGE", "TEAL", "GRAY", "BLACK")
_UNLISTED_COLOR = "ULTRAVIOLET"


def make_details(clip: JsonObject) -> JsonObject:
    """Generate the ``boundingBoxes`` and ``seekPoints`` of *clip*.

    Some are null, or have an activity or a color that is not in the reference.
    """
    chance = random.Random(f"details {clip.get('uuid')}")
    seconds = clip.get("durationSec") or 60
    boxes = [_box(chance, seconds) for _ in range(chance.randrange(2, 7))]
    points = [_point(chance, seconds, number) for number in range(chance.randrange(2, 9))]
    return {
        "boundingBoxes": _with_rare_null(chance, boxes),
        "seekPoints": _with_rare_null(chance, points),
    }


def _with_rare_null(
    chance: random.Random, items: list[JsonObject]
) -> list[JsonObject | None] | None:
    draw = chance.random()
    if draw < 0.03:
        return None
    return [*items, None] if draw < 0.10 else [*items]


def _detection(chance: random.Random, seconds: int) -> JsonObject:
    """Generate the fields that boxes and points have in common."""
    activity = chance.choice((*_ACTIVITIES * 3, _UNLISTED_ACTIVITY))
    is_custom = activity == "CUSTOM"
    return {
        "activity": None if chance.random() < 0.03 else activity,
        "alert": chance.random() < 0.1,
        # The service may detect something shortly before the clip starts.
        "relativeSecond": round(chance.uniform(-0.5, seconds), 3),
        "dwelling": chance.choice((False, None)),
        "inMotion": chance.random() < 0.5,
        "stableTrackId": chance.choice((None, chance.randrange(1000))),
        "loudness": chance.randrange(60, 110) if activity == "SOUND_LOUD" else None,
        "faceName": "Ada Example" if activity == "FACE_IDENTIFIED" else None,
        "unidentifiedFaceId": None,
        "licensePlate": "7ABC123" if activity == "LICENSEPLATE" else None,
        "vehicleName": "Van" if activity == "LICENSEPLATE" else None,
        "pose": chance.choice((None, "STANDING")),
        "customActivityDisplayName": "Spill" if is_custom else None,
        "customActivityDescription": "A wet floor" if is_custom else None,
        "customActivityColor": chance.choice((*_COLORS, _UNLISTED_COLOR)) if is_custom else None,
        "sensorValType": {"sensorBoolean": True, "sensorDouble": None, "sensorLong": None}
        if activity == "DOOR_OPENED"
        else None,
        "toastOrderIdInfo": _order(chance) if activity == "POS_ORDER" else None,
    }


def _order(chance: random.Random) -> JsonObject:
    return {
        "guid": make_uuid("order", chance.randrange(1_000_000)),
        "employeeName": "Grace Example",
        "restaurantName": "The Example",
        "locationName": None,
        "toastCheckInfo": {"totalAmount": chance.randrange(500, 20_000) / 100},
    }


def _box(chance: random.Random, seconds: int) -> JsonObject:
    """Generate a box. Its sides are in ten-thousandths of the picture."""
    left, top = chance.randrange(8000), chance.randrange(8000)
    return {
        **_detection(chance, seconds),
        "left": left,
        "top": top,
        "right": left + chance.randrange(100, 2000),
        "bottom": top + chance.randrange(100, 2000),
        "confidence": round(chance.uniform(0.3, 1.0), 3),
        "objectId": chance.randrange(100),
        "croppedImageLocator": None,
        "keypointsV2": {"nose": {"x": left, "y": top}, "left_ear": None}
        if chance.random() < 0.2
        else None,
    }


def _point(chance: random.Random, seconds: int, number: int) -> JsonObject:
    return {
        **_detection(chance, seconds),
        "id": number,
        "dcao": chance.choice((None, False)),
        "tu": None,
    }
