"""Shared clip groups: the pages by which an organization shows clips to others."""

from datetime import datetime, timedelta

from attrs import Factory, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.details import MetaDataLocation
from rhombus_clips.models.moments import (
    from_epoch_ms,
    from_epoch_of_unstated_unit,
    from_epoch_seconds,
    seconds_after,
    to_length,
)

# 1e9 s is September 2001: a smaller number cannot be the date on which a share expires, and no
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
    """When the footage begins; the unit is not stated, see `starts_at`."""
    thumbnail_location: MetaDataLocation | None = None
    thumbnail_location_v2: str | None = None
    uuid: str | None = None

    @property
    def starts_at(self) -> datetime | None:
        """When the footage begins: `start_time` read as milliseconds, or seconds below 1e11.

        None outside the years 1 to 9999.
        """
        return from_epoch_of_unstated_unit(self.start_time)

    @property
    def length(self) -> timedelta | None:
        """How long the clip plays: `duration_sec` as a timedelta; None beyond 999,999,999 days."""
        return to_length(self.duration_sec)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipPage(Model):
    """What both descriptions of a shared group say of the page itself."""

    created_at_millis: int | None = None
    """When the group was made, in epoch milliseconds."""
    description: str | None = None
    expiration_time_secs: int | None = None
    """When or after how long the group expires, in seconds; see `expires_at`."""
    org_uuid: str | None = None
    title: str | None = None
    uuid: str | None = None

    @property
    def created_at(self) -> datetime | None:
        """When the group was made: `created_at_millis` as an aware datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.created_at_millis)

    @property
    def expires_at(self) -> datetime | None:
        """When the group expires, as far as can be told; None when it does not.

        The reference does not say whether `expiration_time_secs` is a date or a length. Numbers
        of 1e9 and above are taken as epoch seconds, smaller ones as seconds after the group was
        made; None and 0 as no expiry. A length without a creation time gives None, as does
        a moment outside the years 1 to 9999.
        """
        seconds = self.expiration_time_secs
        if not seconds:
            return None
        if seconds >= SMALLEST_EPOCH_SECONDS:
            return from_epoch_seconds(seconds)
        return seconds_after(self.created_at, seconds)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroup(SharedClipPage):
    """A page that shares clips (``SharedClipGroupWrapperV2Type`` of the reference)."""

    is_secured: bool | None = None
    """Whether a password is asked for."""
    shared_clips: list[SharedClip | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipReference(Model):
    """A clip to share (``Event_RuuidWrapper`` of the reference): one of the two is given."""

    alert_uuid: str | None = None
    """An alert that was not saved as a clip."""
    event_uuid: str | None = None
    """A saved clip: the vendor's own example puts its uuid here."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupLink(Answer):
    """Where a group can be seen, as ``createSharedClipGroupV3`` and its update answer it."""

    share_url: str | None = None
    """The page's address: whoever has it sees the clips, unless a password is asked for."""
    uuid: str | None = None
    """The group's uuid."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SharedClipGroupPage(Answer):
    """The groups of one window of time, as ``getSharedClipGroupsV2`` answers them."""

    shared_clip_groups: list[SharedClipGroup] = Factory(list[SharedClipGroup])
    """The groups; empty when the service sent null. A null among them is left out."""
