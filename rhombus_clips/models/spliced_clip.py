"""Spliced clips: clips that are being created from footage."""

from datetime import datetime, timedelta

from attrs import Factory, field, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import ClipStatus, Integration, PolicyEventPipeline
from rhombus_clips.models.moments import (
    IN_MILLISECONDS,
    from_epoch_ms,
    from_epoch_of_unstated_unit,
    to_length,
)
from rhombus_clips.models.views import AlteredView, DewarpedView


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClipProgress(Model):
    """The upload progress of one device's footage."""

    region: str | None = None
    segments_uploaded: int | None = None
    total_segments: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClip(Model):
    """A clip that is being spliced (``SplicedClipType`` of the reference).

    The values of `device_uuid_map` are progress, whereas a saved clip has locations there.
    """

    access_settings: ClipAccessSettings | None = None
    analyze_clip: bool | None = None
    clip_target_location: MetaDataLocation | None = None
    clip_uuid: str | None = None
    completed_sub_clip_count: int | None = None
    console_delete: bool | None = None
    deleted: bool | None = None
    description: str | None = None
    device_interval_map: dict[str, list[TimeInterval | None] | None] | None = None
    device_map: dict[str, SplicedClipProgress | None] | None = None
    device_presentation_order: list[str | None] | None = None
    device_uuid: str | None = None
    device_uuid_map: dict[str, SplicedClipProgress | None] | None = None
    device_uuid_to_altered_view_map: dict[str, list[AlteredView | None] | None] | None = None
    device_uuid_to_fisheye_presentation_map: dict[str, list[DewarpedView | None] | None] | None = (
        None
    )
    duration: int | None = None
    """The length of the clip in seconds; the unit is inferred from similar fields."""
    expected_sub_clip_count: int | None = None
    integration_upload_list: list[Integration | None] | None = None
    is_policy_event: bool | None = None
    metadata_bucket_region: str | None = None
    org_uuid: str | None = None
    parent_clip_uuid: str | None = None
    pending_consumers: list[str | None] | None = None
    policy_event_pipeline: PolicyEventPipeline | None = None
    save_clip: bool | None = None
    save_frame: bool | None = None
    segments_uploaded: int | None = None
    send_to_shared_storage: bool | None = None
    start_time: int | None = None
    """The start of the footage; its unit is not documented, see `starts_at`."""
    status: ClipStatus | None = None
    status_updated_at_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)
    """The time of the last status change, in epoch milliseconds."""
    thumbnail_relative_second: float | None = None
    timestamp_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)
    title: str | None = None
    total_segments: int | None = None
    transaction_uuid: str | None = None
    user_uuid: str | None = None

    @property
    def starts_at(self) -> datetime | None:
        """The start of the footage: `start_time`, as seconds if below 1e11, otherwise milliseconds.

        None outside the years 1 to 9999.
        """
        return from_epoch_of_unstated_unit(self.start_time)

    @property
    def status_updated_at(self) -> datetime | None:
        """The time of the last status change: `status_updated_at_ms` as an aware UTC datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.status_updated_at_ms)

    @property
    def length(self) -> timedelta | None:
        """The length of the clip: `duration` as a timedelta; None above 999,999,999 days."""
        return to_length(self.duration)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClipsAnswer(Answer):
    """The response of both ``getSplicedClipsInProgress`` endpoints."""

    spliced_clips: list[SplicedClip] = Factory(list[SplicedClip])
    """The clips; empty if the service sent null. Null items are omitted."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class Splice(Answer):
    """The clips that a splice creates, from ``spliceV3``."""

    clip_uuid: str | None = None
    clip_uuid_list: list[str | None] | None = None

    @property
    def clip_uuids(self) -> list[str]:
        """Every distinct uuid in the response, `clip_uuid` first."""
        named = [self.clip_uuid, *(self.clip_uuid_list or ())]
        return list(dict.fromkeys(uuid for uuid in named if uuid))


@frozen(kw_only=True, field_transformer=hash_scalars)
class MaxSpliceDurationAnswer(Answer):
    """The response of ``getMaxSpliceDuration``."""

    max_duration: int | None = None
    """The maximum length of a clip for the organization, in seconds."""
