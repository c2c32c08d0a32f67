"""What a listing of clips may be narrowed to, checked and put into the wire's parameters."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from rhombus_clips.arguments import as_sent, bare_device_uuids, identifiers
from rhombus_clips.models.moments import to_epoch_ms


class ClipFilters(TypedDict, total=False):
    """The filters of ``getClipsWithProgress`` and ``getExpiringClipsForOrg``, all optional.

    They are the service's own, sent as they are but for what is said below.
    """

    device_uuid_filters: Iterable[str] | None
    """Only clips of these devices; facets (``.v0``) are cut off, since the service refuses them."""
    location_uuid_filters: Iterable[str] | None
    """Only clips of devices at these locations."""
    search_filter: str | None
    """Only clips in which the service finds this text."""
    filter_by_private: bool | None
    """Only private clips, when True."""
    exclude_alert_monitoring_clips: bool | None
    """Leave out the clips made to verify an alarm, when True."""
    sort_field: str | None
    """What to sort by; the reference names no value but ``timestamp``, in an example."""
    sort_order: Literal["asc", "desc"] | None
    timestamp_filter_field: str | None
    """Which time the two bounds are about, creation or footage; its values are not documented."""
    timestamp_ms_after: datetime | int | None
    """Only clips after this: aware datetime or epoch milliseconds. Whether the bound itself is
    included is not documented."""
    timestamp_ms_before: datetime | int | None
    """Only clips before this."""


_PLAIN_FILTERS = {
    "search_filter": str,
    "filter_by_private": bool,
    "exclude_alert_monitoring_clips": bool,
    "sort_field": str,
    "timestamp_filter_field": str,
}


def filter_parameters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """*filters* as the parameters of a request.

    Raises `TypeError` for a name that is no filter, and `ValueError` or `TypeError` for values
    that cannot be meant.
    """
    unknown = ", ".join(sorted(filters.keys() - ClipFilters.__annotations__.keys()))
    if unknown:
        raise TypeError(f"there is no filter {unknown}")
    parameters = dict(filters)
    for name, kind in _PLAIN_FILTERS.items():
        if not isinstance(filters.get(name), kind | None):
            raise TypeError(f"{name} must be a {kind.__name__}, not {filters[name]!r}")
        parameters[name] = as_sent(filters.get(name), name)
    locations = filters.get("location_uuid_filters")
    order = filters.get("sort_order")
    if order not in {None, "asc", "desc"}:
        raise ValueError(f"sort_order must be asc or desc, not {order!r}")
    parameters["device_uuid_filters"] = bare_device_uuids(
        filters.get("device_uuid_filters"), "device_uuid_filters"
    )
    if locations is not None:
        parameters["location_uuid_filters"] = identifiers(locations, "location_uuid_filters")
    for name in ("timestamp_ms_after", "timestamp_ms_before"):
        if filters.get(name) is not None:
            parameters[name] = to_epoch_ms(filters[name], name)
    return parameters
