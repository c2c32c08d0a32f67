"""Clips that are being made: what a splice looks like while its render goes on."""

from attrs import frozen

from rhombus_clips.testing.clips import Wire, make_uuid

# The stages of a render, each with the share of the whole time at which it ends.
_STAGES = (
    (0.1, "INITIATING", "Waiting for the camera"),
    (0.6, "UPLOADING", "Uploading footage"),
    (1.0, "RENDERING", "Processing video"),
)
_COMPLETE = ("COMPLETE", "Complete", 100)
_SEGMENTS = 30


@frozen(kw_only=True)
class Render:
    """A clip that is done *seconds* after it was started, or fails halfway."""

    clip: Wire
    started_at: float
    seconds: float
    fails: bool = False

    def share_done(self, now: float) -> float:
        """How much of the whole is done, 0 to 1."""
        share = 1.0 if self.seconds <= 0 else (now - self.started_at) / self.seconds
        return min(max(share, 0.0), 0.5 if self.fails else 1.0)

    def is_over(self, now: float) -> bool:
        """Whether nothing will change any more."""
        return self.share_done(now) >= (0.5 if self.fails else 1.0)

    def as_clip_with_progress(self, now: float) -> Wire:
        """The clip with its progress, as ``getClipWithProgress`` shows it."""
        status, operation, percent = self._stage(now)
        return {
            **self.clip,
            "status": status,
            "currentOperation": operation,
            "percentComplete": percent,
            "lastUpdatedSec": int(now),
        }

    def _stage(self, now: float) -> tuple[str, str, int]:
        """Status, operation, and how much of that operation is done in percent."""
        if self.is_over(now):
            return ("FAILED", "The camera went offline", 0) if self.fails else _COMPLETE
        share, begin = self.share_done(now), 0.0
        for end, status, operation in _STAGES:
            if share < end:
                return status, operation, int(100 * (share - begin) / (end - begin))
            begin = end
        return _COMPLETE

    def as_spliced_clip(self, now: float) -> Wire:
        """The clip as ``getSplicedClipsInProgress`` lists it."""
        shown = self.as_clip_with_progress(now)
        uploaded = int(_SEGMENTS * min(1.0, self.share_done(now) / _STAGES[1][0]))
        device = self.clip["deviceUuid"]
        progress = {
            "region": self.clip["clipLocation"]["region"],
            "segmentsUploaded": uploaded,
            "totalSegments": _SEGMENTS,
        }
        return {
            "clipUuid": self.clip["uuid"],
            "orgUuid": self.clip["orgUuid"],
            "userUuid": self.clip["userUuid"],
            "title": self.clip["title"],
            "status": shown["status"],
            "statusUpdatedAtMs": int(now * 1000),
            "startTime": self.clip["timestampMs"],
            "timestampMs": self.clip["timestampMs"],
            "duration": self.clip["durationSec"],
            "deviceUuid": device,
            "devicePresentationOrder": [device],
            "deviceMap": {device: progress},
            "deviceUuidMap": {device: progress},
            "segmentsUploaded": uploaded,
            "totalSegments": _SEGMENTS,
            "thumbnailRelativeSecond": 1,
            "expectedSubClipCount": 1,
            "completedSubClipCount": 0,
            "deleted": False,
            "saveClip": True,
            "saveFrame": False,
            "isPolicyEvent": False,
            "metadataBucketRegion": progress["region"],
            "pendingConsumers": [],
            "policyEventPipeline": "DEFAULT",
            "transactionUuid": make_uuid("transaction", self.clip["uuid"]),
        }
