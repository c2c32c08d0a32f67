"""The detections in the clips of the demo: what moves in the videos, and where."""

import json
import random
from typing import Any

from rhombus_clips.cli.demo_cameras import AFTER_HOURS, CAMERAS
from rhombus_clips.testing import FakeRhombus, ReceivedRequest
from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.saved_clips import get_saved_clip_details

_PATH = "/api/event/getSavedClipDetails"
# The white box of the video, in ten-thousandths of the picture, and its movement per second; see
# `rhombus_clips.testing.mp4`.
_WIDTH, _TOP, _BOTTOM, _SPEED = 1000, 4000, 6000, 75
_VIDEO_SECONDS = 120
_ACTIVITIES = {event.title: event.activity for camera in CAMERAS for event in camera.events}
_LEAVING = {"MOTION_HUMAN": "HUMAN_EXIT", "MOTION_CAR": "CAR_EXIT"}


def add_detections(service: FakeRhombus) -> None:
    """Let *service* respond with detections that fit its videos, instead of arbitrary ones."""

    def answer(request: ReceivedRequest) -> JsonObject:
        parameters: Any = json.loads(request.body)
        found = get_saved_clip_details(service, parameters)
        clip = found.get("savedClip")
        return {"savedClip": {**clip, **detections_of(clip)}} if clip else found

    service.handlers[_PATH] = answer


def detections_of(clip: JsonObject) -> JsonObject:
    """Return the ``boundingBoxes`` and ``seekPoints`` of a clip: one object that moves."""
    chance = random.Random(f"detections {clip['uuid']}")
    _, _, event = str(clip.get("title")).partition(": ")
    activity = _ACTIVITIES.get(event, "MOTION_HUMAN")
    seconds = min(int(clip.get("durationSec") or 0), _VIDEO_SECONDS)
    track = chance.randrange(1, 1000)
    common: JsonObject = {
        "alert": event == AFTER_HOURS.title,
        "dwelling": False,
        "inMotion": True,
        "stableTrackId": track,
    }
    return {
        "boundingBoxes": [
            {
                **common,
                "activity": activity,
                "relativeSecond": float(second),
                "left": _SPEED * second,
                "right": _SPEED * second + _WIDTH,
                "top": _TOP,
                "bottom": _BOTTOM,
                "confidence": round(chance.uniform(0.8, 0.98), 3),
                "objectId": track,
            }
            for second in range(seconds)
        ],
        "seekPoints": [
            {**common, "id": number, "activity": kind, "relativeSecond": second}
            for number, (kind, second) in enumerate(_moments(activity, seconds))
        ],
    }


def _moments(activity: str, seconds: int) -> list[tuple[str, float]]:
    """Return the times of interest: the first motion, then what moves, then when it leaves."""
    moments = [("MOTION", 0.0)]
    if activity in _LEAVING:
        moments += [(activity, 1.0), (_LEAVING[activity], seconds - 1.0)]
    return moments
