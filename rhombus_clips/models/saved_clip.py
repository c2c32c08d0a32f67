"""Saved clips: the organization's list of them, and one with the progress of its render."""

from datetime import datetime, timedelta

from attrs import Factory, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import (
    CameraMountingDirection,
    ClipStatus,
    HardwareVariation,
    Integration,
)
from rhombus_clips.models.moments import from_epoch_ms, from_epoch_seconds, to_length
from rhombus_clips.models.views import AlteredView, DewarpedView, Resolution


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClip(Model):
    """A saved clip (``SavedClipV2Type`` of the reference)."""

    access_settings: ClipAccessSettings | None = None
    alter_map: dict[str, list[AlteredView | None] | None] | None = None
    analyzed: bool | None = None
    byte_count: int | None = None
    clip_location: MetaDataLocation | None = None
    clip_location_v2: str | None = None
    console_delete: bool | None = None
    created_at_ms: int | None = None
    """When the clip was made, in epoch milliseconds."""
    description: str | None = None
    device_interval_map: dict[str, list[TimeInterval | None] | None] | None = None
    device_presentation_order: list[str | None] | None = None
    device_uuid: str | None = None
    device_uuid_map: dict[str, MetaDataLocation | None] | None = None
    device_uuids: list[str | None] | None = None
    duration_sec: int | None = None
    external_transaction_id: str | None = None
    fisheye_hardware: HardwareVariation | None = None
    fisheye_map: dict[str, list[DewarpedView | None] | None] | None = None
    integration_upload_list: list[Integration | None] | None = None
    is_monitoring_clip: bool | None = None
    is_vendor_clip: bool | None = None
    mounting_direction: CameraMountingDirection | None = None
    org_uuid: str | None = None
    placeholder: bool | None = None
    send_to_shared_storage: bool | None = None
    sha256_hex: str | None = None
    source_alert_uuid: str | None = None
    status: ClipStatus | None = None
    thumbnail_location: MetaDataLocation | None = None
    thumbnail_location_v2: str | None = None
    timestamp_ms: int | None = None
    """When the footage begins, in epoch milliseconds."""
    title: str | None = None
    user_uuid: str | None = None
    uuid: str | None = None
    video_resolution: Resolution | None = None

    @property
    def recorded_at(self) -> datetime | None:
        """When the footage begins: `timestamp_ms` as an aware datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.timestamp_ms)

    @property
    def created_at(self) -> datetime | None:
        """When the clip was made: `created_at_ms` as an aware datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.created_at_ms)

    @property
    def length(self) -> timedelta | None:
        """How long the clip plays: `duration_sec` as a timedelta; None beyond 999,999,999 days."""
        return to_length(self.duration_sec)

    @property
    def is_complete(self) -> bool:
        """Whether the clip is rendered and can be fetched."""
        return self.status == ClipStatus.COMPLETE


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgress(SavedClip):
    """A saved clip and how far its render has come (``Event_SavedClipWithProgressType``)."""

    current_operation: str | None = None
    """What is being done to the clip, in the service's words."""
    last_updated_sec: int | None = None
    """When the progress last changed, in epoch seconds: not milliseconds like the rest."""
    percent_complete: int | None = None
    """How much of the current operation is done, 0 to 100."""

    @property
    def is_complete(self) -> bool:
        """Whether the render has come to its end: by the status, or as the vendor's clients see it.

        These take an operation called ``Complete`` that is at 100 % for it.
        """
        is_at_end = self.percent_complete == 100 and self.current_operation == "Complete"
        return self.status == ClipStatus.COMPLETE or is_at_end

    @property
    def last_updated_at(self) -> datetime | None:
        """When the progress last changed: `last_updated_sec` as an aware datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_seconds(self.last_updated_sec)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipPage(Answer):
    """One page of the saved clips, as ``getSavedClipsV2`` answers it."""

    saved_clips: list[SavedClip] = Factory(list[SavedClip])
    """The clips; empty when the service sent null. A null among them is no clip and is left out."""
    last_evaluated_timestamp_ms: int | None = None
    """What to ask the next page from; None or 0 when there is none."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgressAnswer(Answer):
    """What ``getClipWithProgress`` answers."""

    clip: ClipWithProgress | None = None
    """The clip; None when the service has no such clip."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgressPage(Answer):
    """One page of clips with their progress, as ``getClipsWithProgress`` answers it."""

    saved_clips: list[ClipWithProgress] = Factory(list[ClipWithProgress])
    """The clips; empty when the service sent null. A null among them is no clip and is left out."""
    page_token: str | None = None
    """What to ask the next page with; None when there is none."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipsAnswer(Answer):
    """Saved clips all at once, as the endpoints without pages answer them."""

    saved_clips: list[SavedClip] = Factory(list[SavedClip])
    """The clips; empty when the service sent null. A null among them is no clip and is left out."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipCount(Answer):
    """How many clips there are, as ``getSavedClipCount`` answers it."""

    count: int | None = None
    """Clips of the whole organization that match."""
    private_count: int | None = None
    """Private clips that match."""
