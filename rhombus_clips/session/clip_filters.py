"""The filters of a clip listing: validated and converted to request parameters."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from rhombus_clips.arguments import bare_device_uuids, identifiers, instance, text_or_none
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.moments import to_epoch_ms


class ClipFilters(TypedDict, total=False):
    """The filters of ``getClipsWithProgress`` and ``getExpiringClipsForOrg``, all optional.

    They are the service's own filters, sent unchanged except where noted.
    """

    device_uuid_filters: Iterable[str] | None
    """Only clips of these devices. Facets (``.v0``) are removed, because the service rejects
    them."""
    location_uuid_filters: Iterable[str] | None
    """Only clips of devices at these locations."""
    search_filter: str | None
    """Only clips that match this text."""
    filter_by_private: bool | None
    """True for private clips only."""
    exclude_alert_monitoring_clips: bool | None
    """True to exclude clips that were created to verify an alarm."""
    sort_field: str | None
    """The field to sort by. The reference mentions one value, ``timestamp``, in an example."""
    sort_order: Literal["asc", "desc"] | None
    """The direction to sort in."""
    timestamp_filter_field: str | None
    """The time that the bounds apply to, creation or recording. Its values are not documented."""
    timestamp_ms_after: datetime | int | None
    """Only clips after this time: aware datetime or epoch milliseconds. The reference does not say
    whether the bound is inclusive."""
    timestamp_ms_before: datetime | int | None
    """Only clips before this time."""


def filter_parameters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return *filters* as the parameters of a request.

    Raises `InvalidArgumentError` for an unknown filter and for an invalid value.
    """
    unknown = ", ".join(sorted(filters.keys() - _CONVERTERS.keys()))
    if unknown:
        raise InvalidArgumentError(
            f"unknown filter: {unknown}; the filters are {', '.join(_CONVERTERS)}"
        )
    return {
        name: None if value is None else _CONVERTERS[name](value, name)
        for name, value in filters.items()
    }


def _flag(value: object, name: str) -> object:
    return instance(value, bool, name)


def _sort_order(value: object, name: str) -> object:
    if value not in ("asc", "desc"):  # A tuple, because the value may not be hashable.
        raise InvalidArgumentError(f"{name} must be asc or desc", given=value)
    return value


_CONVERTERS: dict[str, Callable[[Any, str], object]] = {
    "device_uuid_filters": bare_device_uuids,
    "location_uuid_filters": identifiers,
    "search_filter": text_or_none,
    "filter_by_private": _flag,
    "exclude_alert_monitoring_clips": _flag,
    "sort_field": text_or_none,
    "sort_order": _sort_order,
    "timestamp_filter_field": text_or_none,
    "timestamp_ms_after": to_epoch_ms,
    "timestamp_ms_before": to_epoch_ms,
}
