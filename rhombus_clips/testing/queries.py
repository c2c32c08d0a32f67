"""Filters, order and pages of ``getClipsWithProgress``."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence

from attrs import frozen

from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.listing import LastPage
from rhombus_clips.testing.organization import Organization, time_of
from rhombus_clips.testing.parameters import bare_uuids, flag, integer, text
from rhombus_clips.testing.refusals import refusal

# The reference gives `timestamp` as an example, but no list. The others are plausible.
_TIMES = {
    "timestampMs": "timestampMs",
    "timestamp": "timestampMs",
    "createdAtMs": "createdAtMs",
    "createdAt": "createdAtMs",
    "created": "createdAtMs",
}
_DEFAULT_SIZE, _LARGEST_SIZE = 100, 200

_Position = tuple[int, str, int]
"""The sort key of a clip: its time, negated if the newest is first, then two tie breakers."""


@frozen(kw_only=True)
class DeviceFilter:
    """The devices and locations whose clips match. An empty sequence matches all."""

    devices: Sequence[str]
    locations: Sequence[str]

    def matches(self, clip: JsonObject, organization: Organization) -> bool:
        """Return whether a device of *clip* matches."""
        facets: list[str | None] = clip.get("deviceUuids") or []
        devices = {device.partition(".")[0] for device in facets if device is not None}
        locations = {organization.location_of(device) for device in devices}
        return (not self.devices or not devices.isdisjoint(self.devices)) and (
            not self.locations or not locations.isdisjoint(self.locations)
        )


@frozen(kw_only=True)
class ClipQuery:
    """Which clips are requested, and in which order."""

    devices: DeviceFilter
    search: str
    only_private: bool
    excludes_monitoring: bool
    after: int | None
    before: int | None
    filter_by: str
    sort_by: str
    newest_first: bool

    def matches(self, clip: JsonObject, organization: Organization) -> bool:
        """Return whether *clip* is requested."""
        words = " ".join(clip.get(name) or "" for name in ("title", "description")).casefold()
        return (
            self.devices.matches(clip, organization)
            and self.search in words
            and not (self.only_private and not is_private(clip))
            and not (self.excludes_monitoring and clip.get("isMonitoringClip"))
            and organization.is_within(time_of(clip, self.filter_by), self.after, self.before)
        )

    def position(self, number: int, clip: JsonObject) -> _Position:
        """Return the sort key of *clip*, which has the index *number* in the unsorted list."""
        time = time_of(clip, self.sort_by)
        return (-time if self.newest_first else time, clip.get("uuid") or "", number)


def is_private(clip: JsonObject) -> bool:
    """Return whether the clip is private."""
    settings: JsonObject = clip.get("accessSettings") or {}
    return settings.get("visibility") == "PRIVATE"


def read_device_filter(parameters: JsonObject, devices: str, locations: str) -> DeviceFilter:
    """Read the device filter from the parameters with the given names."""
    return DeviceFilter(
        devices=sorted(bare_uuids(parameters, devices)),
        locations=sorted(bare_uuids(parameters, locations)),
    )


def read_query(parameters: JsonObject) -> ClipQuery:
    """Read the query from the parameters of ``getClipsWithProgress``."""
    order = (text(parameters, "sortOrder") or "desc").lower()
    if order not in {"asc", "desc"}:
        raise refusal("sortOrder must be asc or desc")
    return ClipQuery(
        devices=read_device_filter(parameters, "deviceUuidFilters", "locationUuidFilters"),
        search=(text(parameters, "searchFilter") or "").casefold(),
        only_private=flag(parameters, "filterByPrivate"),
        excludes_monitoring=flag(parameters, "excludeAlertMonitoringClips"),
        after=integer(parameters, "timestampMsAfter"),
        before=integer(parameters, "timestampMsBefore"),
        filter_by=_time(parameters, "timestampFilterField"),
        sort_by=_time(parameters, "sortField"),
        newest_first=order == "desc",
    )


def answer_page(
    organization: Organization, clips: Iterable[JsonObject], parameters: JsonObject
) -> JsonObject:
    """Return the requested page of *clips*."""
    query, size = read_query(parameters), _page_size(parameters)
    token = text(parameters, "pageToken")
    start = None if token is None else _read_token(token, query)
    matching = [clip for clip in clips if query.matches(clip, organization)]
    positions = sorted(query.position(number, clip) for number, clip in enumerate(matching))
    rest = [position for position in positions if start is None or position > start]
    evaluated = rest[: min(size, organization.listing.largest_page or size)]
    listed = [matching[number] for _, _, number in evaluated]
    answer: JsonObject = {
        "savedClips": [clip for clip in listed if clip.get("uuid") not in organization.hidden],
        "pageToken": _token(evaluated[-1], query) if len(evaluated) < len(rest) else None,
    }
    if answer["pageToken"] is None and organization.listing.last_page is LastPage.ABSENT:
        del answer["pageToken"]
    return answer


def _time(parameters: JsonObject, name: str) -> str:
    value = text(parameters, name)
    if value is not None and value not in _TIMES:
        raise refusal(f"{name} must be one of {', '.join(_TIMES)}")
    return _TIMES[value or "timestamp"]


def _page_size(parameters: JsonObject) -> int:
    given = integer(parameters, "pageSize", bits=32)
    size = _DEFAULT_SIZE if given is None else given
    if not 1 <= size <= _LARGEST_SIZE:
        raise refusal(f"pageSize must be between 1 and {_LARGEST_SIZE}")
    return size


def _token(position: _Position, query: ClipQuery) -> str:
    # A position stays valid if a clip is deleted between two pages; an offset does not.
    payload = json.dumps(position)
    return base64.urlsafe_b64encode(f"{_checksum(payload, query)}{payload}".encode()).decode()


def _read_token(token: str, query: ClipQuery) -> _Position:
    try:
        decoded = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        decoded = ""
    if decoded[:8] != _checksum(decoded[8:], query):
        raise refusal("Invalid page token, or one of a request with different filters")
    time, uuid, number = json.loads(decoded[8:])
    return time, uuid, number


def _checksum(payload: str, query: ClipQuery) -> str:
    return hashlib.sha256(f"{payload} {query}".encode()).hexdigest()[:8]
