"""Renders: clips that are being created, and their progress over time."""

from attrs import frozen

from rhombus_clips.testing.clips import JsonObject, make_uuid

# The stages of a render, each with its end as a share of the total time.
_STAGES = (
    (0.1, "INITIATING", "Waiting for the camera"),
    (0.6, "UPLOADING", "Uploading footage"),
    (1.0, "RENDERING", "Processing video"),
)
_COMPLETE = ("COMPLETE", "Complete", 100)
_SEGMENTS = 30
# The fields that a clip and a spliced clip have in common.
_SHARED_FIELDS = (
    "orgUuid", "userUuid", "title", "description", "status", "timestampMs", "deviceUuid",
    "devicePresentationOrder", "accessSettings",
)  # fmt: skip


@frozen(kw_only=True)
class Render:
    """A clip that completes *seconds* after its start, or fails halfway."""

    clip: JsonObject
    started_at: float
    seconds: float
    fails: bool = False
    deleted: bool = False
    """True if the render was cancelled."""
    appears_after: float = 0.0
    """The delay before other endpoints return it, in seconds after its start."""

    def has_appeared(self, now: float) -> bool:
        """Return whether other endpoints return the clip."""
        return now - self.started_at >= self.appears_after

    def share_done(self, now: float) -> float:
        """Return the progress of the whole render, from 0 to 1."""
        share = 1.0 if self.seconds <= 0 else (now - self.started_at) / self.seconds
        return min(max(share, 0.0), 0.5 if self.fails else 1.0)

    def is_over(self, now: float) -> bool:
        """Return whether the render has ended."""
        return self.deleted or self.share_done(now) >= (0.5 if self.fails else 1.0)

    def is_complete(self, now: float) -> bool:
        """Return whether the clip is complete."""
        return self.status(now) == "COMPLETE"

    def has_failed(self, now: float) -> bool:
        """Return whether the render has failed and can be retried."""
        return self.status(now) == "FAILED"

    def status(self, now: float) -> str:
        """Return the status of the clip."""
        return self._stage(now)[0]

    def as_saved_clip(self, now: float) -> JsonObject:
        """Return the clip as it is in listings. Size and hash are null until it is complete."""
        unknown = {} if self.is_complete(now) else {"byteCount": None, "sha256Hex": None}
        return {**self.clip, **unknown, "status": self.status(now)}

    def as_clip_with_progress(self, now: float) -> JsonObject:
        """Return the clip as it is in ``getClipWithProgress``."""
        _, operation, percent = self._stage(now)
        return {
            **self.as_saved_clip(now),
            "currentOperation": operation,
            "percentComplete": percent,
            "lastUpdatedSec": int(now),
        }

    def _stage(self, now: float) -> tuple[str, str, int]:
        """Return the status, the operation, and the progress of that operation in percent."""
        if self.deleted:
            return "DELETED", "Cancelled", 0
        if self.is_over(now):
            return ("FAILED", "The camera went offline", 0) if self.fails else _COMPLETE
        share, start = self.share_done(now), 0.0
        for end, status, operation in _STAGES:
            if share < end:
                return status, operation, int(100 * (share - start) / (end - start))
            start = end
        return _COMPLETE

    def as_spliced_clip(self, now: float) -> JsonObject:
        """Return the clip as it is in ``getSplicedClipsInProgress``."""
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
            **{name: shown[name] for name in _SHARED_FIELDS},
            "clipUuid": self.clip["uuid"],
            "statusUpdatedAtMs": int(now * 1000),
            "startTime": self.clip["timestampMs"],
            "duration": self.clip["durationSec"],
            "deviceMap": progress,
            "deviceUuidMap": progress,
            "deviceIntervalMap": self.clip.get("deviceIntervalMap"),
            "clipTargetLocation": self.clip["clipLocation"],
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
