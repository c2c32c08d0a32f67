"""Shared clip groups: web pages that show clips to people outside the organization."""

from datetime import datetime, timedelta

from attrs import Factory, field, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.clip_details import ClipBoundingBox, ClipSeekPoint
from rhombus_clips.models.details import MetaDataLocation
from rhombus_clips.models.moments import (
    IN_MILLISECONDS,
    from_epoch_ms,
    from_epoch_of_unstated_unit,
    from_epoch_seconds,
    seconds_after,
    to_length,
)

# 1e9 s is September 2001. A smaller number is a duration: no share expired that early, and no
# share lasts 31 years.
SMALLEST_EPOCH_SECONDS = 1_000_000_000


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClip(Model):
    """A clip within a shared group (``SharedClipV2Type`` of the reference)."""

    clip_location: MetaDataLocation | None = None
    clip_location_v2: str | None = None
    device_uuid_map: dict[str, MetaDataLocation | None] | None = None
    duration_sec: int | None = None
    start_time: int | None = None
    """The start of the footage; its unit is not documented, see `starts_at`."""
    thumbnail_location: MetaDataLocation | None = None
    thumbnail_location_v2: str | None = None
    uuid: str | None = None

    @property
    def starts_at(self) -> datetime | None:
        """The start of the footage: `start_time`, as seconds if below 1e11, otherwise milliseconds.

        None outside the years 1 to 9999.
        """
        return from_epoch_of_unstated_unit(self.start_time)

    @property
    def length(self) -> timedelta | None:
        """The length of the clip: `duration_sec` as a timedelta; None above 999,999,999 days."""
        return to_length(self.duration_sec)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipWithDetails(SharedClip):
    """A clip within a shared group (``SharedClipWithDetailsType`` of the reference)."""

    bounding_boxes: list[ClipBoundingBox | None] | None = None
    description: str | None = None
    seek_points: list[ClipSeekPoint | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipPage(Model):
    """The fields of a shared group that both the list and the details contain."""

    created_at_millis: int | None = field(default=None, metadata=IN_MILLISECONDS)
    """The creation time of the group, in epoch milliseconds."""
    description: str | None = None
    expiration_time_secs: int | None = None
    """The expiration date or the lifetime of the group, in seconds; see `expires_at`."""
    org_uuid: str | None = None
    title: str | None = None
    uuid: str | None = None

    @property
    def created_at(self) -> datetime | None:
        """The creation time of the group: `created_at_millis` as an aware UTC datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.created_at_millis)

    @property
    def expires_at(self) -> datetime | None:
        """The time when the group expires; None if it does not expire or the time is unknown.

        The reference does not say whether `expiration_time_secs` is a date or a duration. Numbers
        of 1e9 and above are read as epoch seconds, smaller ones as seconds since the group was
        created, and 0 as no expiration. None for a duration without a creation time, and outside
        the years 1 to 9999.
        """
        seconds = self.expiration_time_secs
        if not seconds:
            return None
        if seconds >= SMALLEST_EPOCH_SECONDS:
            return from_epoch_seconds(seconds)
        return seconds_after(self.created_at, seconds)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroup(SharedClipPage):
    """A web page that shares clips (``SharedClipGroupWrapperV2Type`` of the reference)."""

    is_secured: bool | None = None
    """True if visitors need a password."""
    shared_clips: list[SharedClip | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupWithDetails(SharedClipPage):
    """A web page that shares clips (``SharedClipGroupWithDetailsType`` of the reference).

    Unlike `SharedClipGroup`, it does not say whether visitors need a password.
    """

    shared_clips: list[SharedClipWithDetails | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipReference(Model):
    """A clip to share (``Event_RuuidWrapper`` of the reference); one of the two uuids is set."""

    alert_uuid: str | None = None
    """The uuid of an alert that is not saved as a clip."""
    event_uuid: str | None = None
    """The uuid of a saved clip, as in the vendor's own example."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupLink(Answer):
    """The address of a group, from ``createSharedClipGroupV3`` and ``updateSharedClipGroupV2``."""

    share_url: str | None = None
    """The address of the page. Unless it has a password, anyone with the address can see it."""
    uuid: str | None = None
    """The group's uuid."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupPage(Answer):
    """The groups within a time range, from ``getSharedClipGroupsV2``."""

    shared_clip_groups: list[SharedClipGroup] = Factory(list[SharedClipGroup])
    """The groups; empty if the service sent null. Null items are omitted."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupDetailsAnswer(Answer):
    """The response of ``getSharedClipGroupDetails``."""

    shared_clip_group: SharedClipGroupWithDetails | None = None
    """The group; None if there is no such group."""
