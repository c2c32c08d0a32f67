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
    deleted: bool = False
    """Whether it was cancelled."""
    appears_after: float = 0.0
    """For how many seconds the service does not know of it yet."""

    def has_appeared(self, now: float) -> bool:
        """Whether the service knows of it."""
        return now - self.started_at >= self.appears_after

    def share_done(self, now: float) -> float:
        """How much of the whole is done, 0 to 1."""
        share = 1.0 if self.seconds <= 0 else (now - self.started_at) / self.seconds
        return min(max(share, 0.0), 0.5 if self.fails else 1.0)

    def is_over(self, now: float) -> bool:
        """Whether nothing will change any more."""
        return self.deleted or self.share_done(now) >= (0.5 if self.fails else 1.0)

    def is_complete(self, now: float) -> bool:
        """Whether it has become a saved clip."""
        return self.status(now) == "COMPLETE"

    def has_failed(self, now: float) -> bool:
        """Whether it ended without a clip, and can be tried again."""
        return self.status(now) == "FAILED"

    def status(self, now: float) -> str:
        """The status of its clip."""
        return self._stage(now)[0]

    def as_saved_clip(self, now: float) -> Wire:
        """The clip as listings show it; before it is complete it has no size and no hash."""
        unknown = {} if self.is_complete(now) else {"byteCount": None, "sha256Hex": None}
        return {**self.clip, **unknown, "status": self.status(now)}

    def as_clip_with_progress(self, now: float) -> Wire:
        """The clip with its progress, as ``getClipWithProgress`` shows it."""
        _, operation, percent = self._stage(now)
        return {
            **self.as_saved_clip(now),
            "currentOperation": operation,
            "percentComplete": percent,
            "lastUpdatedSec": int(now),
        }

    def _stage(self, now: float) -> tuple[str, str, int]:
        """Status, operation, and how much of that operation is done in percent."""
        if self.deleted:
            return "DELETED", "Cancelled", 0
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
        progress = {
            device: {
                "region": self.clip["deviceUuidMap"][device]["region"],
                "segmentsUploaded": uploaded,
                "totalSegments": _SEGMENTS,
            }
            for device in self.clip["deviceUuids"]
        }
        return {
            "clipUuid": self.clip["uuid"],
            "orgUuid": self.clip["orgUuid"],
            "userUuid": self.clip["userUuid"],
            "title": self.clip["title"],
            "description": self.clip["description"],
            "status": shown["status"],
            "statusUpdatedAtMs": int(now * 1000),
            "startTime": self.clip["timestampMs"],
            "timestampMs": self.clip["timestampMs"],
            "duration": self.clip["durationSec"],
            "deviceUuid": self.clip["deviceUuid"],
            "devicePresentationOrder": self.clip["devicePresentationOrder"],
            "deviceMap": progress,
            "deviceUuidMap": progress,
            "deviceIntervalMap": self.clip.get("deviceIntervalMap"),
            "clipTargetLocation": self.clip["clipLocation"],
            "accessSettings": self.clip["accessSettings"],
            "segmentsUploaded": uploaded,
            "totalSegments": _SEGMENTS,
            "thumbnailRelativeSecond": 1,
            "expectedSubClipCount": 1,
            "completedSubClipCount": 0,
            "deleted": self.deleted,
            "saveClip": True,
            "saveFrame": False,
            "isPolicyEvent": False,
            "metadataBucketRegion": self.clip["clipLocation"]["region"],
            "pendingConsumers": [],
            "policyEventPipeline": "DEFAULT",
            "transactionUuid": make_uuid("transaction", self.clip["uuid"]),
        }
