"""Saved clips, with and without the progress of their renders."""

from datetime import datetime, timedelta

from attrs import Factory, field, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import (
    CameraMountingDirection,
    ClipStatus,
    HardwareVariation,
    Integration,
)
from rhombus_clips.models.moments import (
    IN_MILLISECONDS,
    IN_SECONDS,
    from_epoch_ms,
    from_epoch_seconds,
    to_length,
)
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
    created_at_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)
    """The creation time of the clip, in epoch milliseconds."""
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
    timestamp_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)
    """The start of the footage, in epoch milliseconds."""
    title: str | None = None
    user_uuid: str | None = None
    uuid: str | None = None
    video_resolution: Resolution | None = None

    @property
    def recorded_at(self) -> datetime | None:
        """The start of the footage: `timestamp_ms` as an aware UTC datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.timestamp_ms)

    @property
    def created_at(self) -> datetime | None:
        """The creation time of the clip: `created_at_ms` as an aware UTC datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.created_at_ms)

    @property
    def length(self) -> timedelta | None:
        """The length of the clip: `duration_sec` as a timedelta; None above 999,999,999 days."""
        return to_length(self.duration_sec)

    @property
    def is_complete(self) -> bool:
        """True if the clip is rendered and can be downloaded."""
        return self.status == ClipStatus.COMPLETE


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgress(SavedClip):
    """A saved clip with the progress of its render (``Event_SavedClipWithProgressType``)."""

    current_operation: str | None = None
    """The current operation on the clip, as free text from the service."""
    last_updated_sec: int | None = field(default=None, metadata=IN_SECONDS)
    """The time of the last progress, in epoch seconds; the other times are in milliseconds."""
    percent_complete: int | None = None
    """The progress of the current operation, 0 to 100."""

    @property
    def is_complete(self) -> bool:
        """True if the render is complete.

        Either the status is ``COMPLETE``, or the operation ``Complete`` is at 100 %, which the
        vendor's clients also accept.
        """
        is_at_end = self.percent_complete == 100 and self.current_operation == "Complete"
        return self.status == ClipStatus.COMPLETE or is_at_end

    @property
    def last_updated_at(self) -> datetime | None:
        """The time of the last progress: `last_updated_sec` as an aware UTC datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_seconds(self.last_updated_sec)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipPage(Answer):
    """One page of the saved clips, from ``getSavedClipsV2``."""

    saved_clips: list[SavedClip] = Factory(list[SavedClip])
    """The clips; empty if the service sent null. Null items are omitted."""
    last_evaluated_timestamp_ms: int | None = None
    """The cursor of the next page; None or 0 if this is the last page."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgressAnswer(Answer):
    """The response of ``getClipWithProgress``."""

    clip: ClipWithProgress | None = None
    """The clip; None if there is no such clip."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipWithProgressPage(Answer):
    """One page of clips with their progress, from ``getClipsWithProgress``."""

    saved_clips: list[ClipWithProgress] = Factory(list[ClipWithProgress])
    """The clips; empty if the service sent null. Null items are omitted."""
    page_token: str | None = None
    """The token of the next page; None if this is the last page."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipsAnswer(Answer):
    """All saved clips, from the endpoints without pages."""

    saved_clips: list[SavedClip] = Factory(list[SavedClip])
    """The clips; empty if the service sent null. Null items are omitted."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipCount(Answer):
    """The number of saved clips, from ``getSavedClipCount``."""

    count: int | None = None
    """The number of matching clips in the organization."""
    private_count: int | None = None
    """The number of matching private clips."""
