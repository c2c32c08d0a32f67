"""A shared clip group with what was seen in its clips."""

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
    """A page that shares clips (``SharedClipGroupWithDetailsType`` of the reference).

    Unlike the list of groups it does not say whether a password is asked for.
    """

    shared_clips: list[SharedClipWithDetails | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupDetailsAnswer(Answer):
    """What ``getSharedClipGroupDetails`` answers."""

    shared_clip_group: SharedClipGroupWithDetails | None = None
    """The group; None when the service has no such group."""
