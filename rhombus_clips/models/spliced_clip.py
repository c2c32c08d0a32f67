"""Spliced clips: footage that is being cut together, device by device."""

from datetime import datetime, timedelta

from attrs import Factory, frozen

from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import ClipStatus, Integration, PolicyEventPipeline
from rhombus_clips.models.moments import from_epoch_ms, from_epoch_of_unstated_unit, to_length
from rhombus_clips.models.views import AlteredView, DewarpedView


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClipProgress(Model):
    """How much of one device's footage has arrived."""

    region: str | None = None
    segments_uploaded: int | None = None
    total_segments: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClip(Model):
    """A clip that is being spliced (``SplicedClipType`` of the reference).

    `device_uuid_map` has progress as its values here, where a saved clip has locations.
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
    """How long the clip will play, in seconds (the unit is not stated; inferred from its kin)."""
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
    """When the footage begins; the unit is not stated, see `starts_at`."""
    status: ClipStatus | None = None
    status_updated_at_ms: int | None = None
    """When the status last changed, in epoch milliseconds."""
    thumbnail_relative_second: float | None = None
    timestamp_ms: int | None = None
    title: str | None = None
    total_segments: int | None = None
    transaction_uuid: str | None = None
    user_uuid: str | None = None

    @property
    def starts_at(self) -> datetime | None:
        """When the footage begins: `start_time` read as milliseconds, or seconds below 1e11.

        None outside the years 1 to 9999.
        """
        return from_epoch_of_unstated_unit(self.start_time)

    @property
    def status_updated_at(self) -> datetime | None:
        """When the status last changed: `status_updated_at_ms` as an aware datetime.

        None outside the years 1 to 9999.
        """
        return from_epoch_ms(self.status_updated_at_ms)

    @property
    def length(self) -> timedelta | None:
        """How long the clip will play: `duration` as a timedelta; None beyond 999,999,999 days."""
        return to_length(self.duration)


@frozen(kw_only=True, field_transformer=hash_scalars)
class SplicedClipsAnswer(Answer):
    """What both ``getSplicedClipsInProgress`` endpoints answer."""

    spliced_clips: list[SplicedClip] = Factory(list[SplicedClip])
    """The clips; empty when the service sent null. A null among them is no clip and is left out."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class Splice(Answer):
    """The clips that a splice began to make, as ``spliceV3`` answers it."""

    clip_uuid: str | None = None
    clip_uuid_list: list[str | None] | None = None

    @property
    def clip_uuids(self) -> list[str]:
        """Every uuid that the answer names, each once, `clip_uuid` first."""
        named = [self.clip_uuid, *(self.clip_uuid_list or ())]
        return list(dict.fromkeys(uuid for uuid in named if uuid))


@frozen(kw_only=True, field_transformer=hash_scalars)
class MaxSpliceDurationAnswer(Answer):
    """What ``getMaxSpliceDuration`` answers."""

    max_duration: int | None = None
    """The longest clip that the organization may make, in seconds."""
