"""Pages of saved clips in the service's format, generated from a seed."""

import json
import random
from typing import Any

from rhombus_clips.testing.clips import make_clips

CLIPS_A_PAGE = 100


def make_page(seed: int, clips: int = CLIPS_A_PAGE) -> bytes:
    """Return a page with nulls, missing keys, views and unknown enum members.

    A hundred clips take about 140 KB.
    """
    chance = random.Random(f"page {seed}")
    page = [_with_views(chance, clip) for clip in make_clips(clips, seed)]
    cursor = page[-1]["timestampMs"] if page else None
    answer = {"error": False, "savedClips": page, "lastEvaluatedTimestampMs": cursor}
    return json.dumps(answer, separators=(",", ":")).encode()


def _with_views(chance: random.Random, clip: dict[str, Any]) -> dict[str, Any]:
    device = clip["deviceUuid"]
    if chance.random() < 0.2:
        crop = {"x": 1200, "y": 800, "width": 5000, "height": 5000}
        clip["alterMap"] = {device: [{"crop": crop, "dewarp": None}]}
    if chance.random() < 0.2:
        view = {
            "pitchDegrees": -12.5,
            "rollDegrees": 0.0,
            "yawDegrees": 30.25,
            "verticalFieldOfViewDegrees": 90,
            "aspectRatio": {"width": 16, "height": 9},
        }
        clip["fisheyeMap"] = {device: [view, None]}
    if chance.random() < 0.3:
        for name in chance.sample(sorted(clip.keys() - {"uuid", "timestampMs"}), k=4):
            del clip[name]
    if chance.random() < 0.02:
        clip["status"] = "PENDING_REVIEW"
    if chance.random() < 0.5:
        clip["description"] = "Saved from the console after the report of the night shift. " * 3
    clip["externalTransactionId"] = f"case-{chance.randrange(10**9):09d}-{chance.randrange(10**6)}"
    return clip
