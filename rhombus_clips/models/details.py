"""Models that several kinds of clips share: access settings, locations and intervals."""

from datetime import datetime

from attrs import field, frozen

from rhombus_clips.models.base import Model, hash_scalars
from rhombus_clips.models.enums import ClipVisibility
from rhombus_clips.models.moments import IN_MILLISECONDS, from_epoch_ms


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipAccessSettings(Model):
    """The access settings of a clip."""

    visibility: ClipVisibility | None = None
    allowed_roles: list[str | None] | None = None
    allowed_users: list[str | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class MetaDataLocation(Model):
    """The location of a clip's files: a region such as ``us-west-2``."""

    region: str | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class TimeInterval(Model):
    """An interval of footage, in epoch milliseconds."""

    start_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)
    end_ms: int | None = field(default=None, metadata=IN_MILLISECONDS)

    @property
    def starts_at(self) -> datetime | None:
        """`start_ms` as an aware UTC datetime; None outside the years 1 to 9999."""
        return from_epoch_ms(self.start_ms)

    @property
    def ends_at(self) -> datetime | None:
        """`end_ms` as an aware UTC datetime; None outside the years 1 to 9999."""
        return from_epoch_ms(self.end_ms)
