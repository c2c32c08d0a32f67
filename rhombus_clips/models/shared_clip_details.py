"""A shared clip group with the detections in its clips."""

from attrs import frozen

from rhombus_clips.models.base import Answer, hash_scalars
from rhombus_clips.models.clip_details import ClipBoundingBox, ClipSeekPoint
from rhombus_clips.models.shared_clip import SharedClip, SharedClipPage


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipWithDetails(SharedClip):
    """A clip within a shared group (``SharedClipWithDetailsType`` of the reference)."""

    bounding_boxes: list[ClipBoundingBox | None] | None = None
    description: str | None = None
    seek_points: list[ClipSeekPoint | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupWithDetails(SharedClipPage):
    """A web page that shares clips (``SharedClipGroupWithDetailsType`` of the reference).

    Unlike `SharedClipGroup`, it does not say whether visitors need a password.
    """

    shared_clips: list[SharedClipWithDetails | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupDetailsAnswer(Answer):
    """The response of ``getSharedClipGroupDetails``."""

    shared_clip_group: SharedClipGroupWithDetails | None = None
    """The group; None if there is no such group."""
