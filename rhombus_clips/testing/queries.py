"""Choosing, sorting and paging clips as ``getClipsWithProgress`` does."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from rhombus_clips.testing.clips import Wire
from rhombus_clips.testing.listing import LastPage
from rhombus_clips.testing.organization import Organization, time_of
from rhombus_clips.testing.parameters import bare_uuids, flag, integer, refusal, text

# The reference gives the first as an example and lists none; the others are what it may mean.
_TIMES = {
    "timestampMs": "timestampMs",
    "timestamp": "timestampMs",
    "createdAtMs": "createdAtMs",
    "createdAt": "createdAtMs",
    "created": "createdAtMs",
}
_USUAL_SIZE, _LARGEST_SIZE = 100, 200

_Position = tuple[int, str, int]
"""Where a clip stands: its time, negative when the newest come first, then what breaks ties."""


@frozen(kw_only=True)
class Places:
    """The devices and the locations that clips are wanted of; all of them where none is named."""

    devices: frozenset[str]
    locations: frozenset[str]

    def have(self, clip: Wire, organization: Organization) -> bool:
        """Whether one of the clip's devices is among them."""
        facets: list[str | None] = clip.get("deviceUuids") or []
        devices = {device.partition(".")[0] for device in facets if device is not None}
        locations = {organization.location_of(device) for device in devices}
        return (not self.devices or bool(devices & self.devices)) and (
            not self.locations or bool(locations & self.locations)
        )


@frozen(kw_only=True)
class ClipQuery:
    """Which clips are asked for, and in which order."""

    places: Places
    search: str
    only_private: bool
    leaves_out_monitoring: bool
    after: int | None
    before: int | None
    filter_by: str
    sort_by: str
    newest_first: bool

    def wants(self, clip: Wire, organization: Organization) -> bool:
        """Whether *clip* is one of those."""
        words = " ".join(clip.get(name) or "" for name in ("title", "description")).casefold()
        return (
            self.places.have(clip, organization)
            and self.search in words
            and not (self.only_private and not is_private(clip))
            and not (self.leaves_out_monitoring and clip.get("isMonitoringClip"))
            and self._is_in_time(clip, slack=1 if organization.bounds_are_inclusive else 0)
        )

    def _is_in_time(self, clip: Wire, *, slack: int) -> bool:
        moment = time_of(clip, self.filter_by)
        return (self.after is None or moment > self.after - slack) and (
            self.before is None or moment < self.before + slack
        )

    def position(self, number: int, clip: Wire) -> _Position:
        """Where *clip* stands, *number* being its place among the clips as they are kept."""
        moment = time_of(clip, self.sort_by)
        return (-moment if self.newest_first else moment, clip.get("uuid") or "", number)

    @property
    def fingerprint(self) -> str:
        """What tells a page token of this query from those of others."""
        places = sorted(self.places.devices), sorted(self.places.locations)
        rest = (self.search, self.only_private, self.leaves_out_monitoring, self.after)
        order = (self.before, self.filter_by, self.sort_by, self.newest_first)
        return hashlib.sha256(repr((places, rest, order)).encode()).hexdigest()[:16]


def is_private(clip: Wire) -> bool:
    """Whether the clip is for few eyes only."""
    settings: Wire = clip.get("accessSettings") or {}
    return settings.get("visibility") == "PRIVATE"


def read_places(parameters: Wire, devices: str, locations: str) -> Places:
    """The devices and locations that the parameters of those names ask for."""
    return Places(
        devices=frozenset(bare_uuids(parameters, devices)),
        locations=frozenset(bare_uuids(parameters, locations)),
    )


def read_query(parameters: Wire) -> ClipQuery:
    """What the parameters of ``getClipsWithProgress`` ask for."""
    order = (text(parameters, "sortOrder") or "desc").lower()
    if order not in {"asc", "desc"}:
        raise refusal("sortOrder must be asc or desc")
    return ClipQuery(
        places=read_places(parameters, "deviceUuidFilters", "locationUuidFilters"),
        search=(text(parameters, "searchFilter") or "").casefold(),
        only_private=flag(parameters, "filterByPrivate"),
        leaves_out_monitoring=flag(parameters, "excludeAlertMonitoringClips"),
        after=integer(parameters, "timestampMsAfter"),
        before=integer(parameters, "timestampMsBefore"),
        filter_by=_time(parameters, "timestampFilterField"),
        sort_by=_time(parameters, "sortField"),
        newest_first=order == "desc",
    )


def answer_page(organization: Organization, clips: Iterable[Wire], parameters: Wire) -> Wire:
    """The page of *clips* that the parameters ask for."""
    query, size = read_query(parameters), _page_size(parameters)
    token = text(parameters, "pageToken")
    start = None if token is None else _read_token(token, query)
    wanted = [clip for clip in clips if query.wants(clip, organization)]
    standing = sorted(query.position(number, clip) for number, clip in enumerate(wanted))
    rest = [position for position in standing if start is None or position > start]
    evaluated = rest[: min(size, organization.listing.largest_page or size)]
    listed = [wanted[number] for _, _, number in evaluated]
    answer: Wire = {
        "savedClips": [clip for clip in listed if clip.get("uuid") not in organization.hidden],
        "pageToken": _token(evaluated[-1], query) if len(evaluated) < len(rest) else None,
    }
    if answer["pageToken"] is None and organization.listing.last_page is LastPage.ABSENT:
        del answer["pageToken"]
    return answer


def _time(parameters: Wire, name: str) -> str:
    value = text(parameters, name)
    if value is None:
        return "timestampMs"
    if value not in _TIMES:
        raise refusal(f"{name} must be one of {', '.join(_TIMES)}")
    return _TIMES[value]


def _page_size(parameters: Wire) -> int:
    size = integer(parameters, "pageSize", bits=32)
    if size is None:
        return _USUAL_SIZE
    if not 1 <= size <= _LARGEST_SIZE:
        raise refusal(f"pageSize must be between 1 and {_LARGEST_SIZE}")
    return size


def _token(position: _Position, query: ClipQuery) -> str:
    # A position rather than an offset: a clip that goes meanwhile moves none of the others.
    payload = json.dumps([*position, query.fingerprint])
    checked = f"{_checksum(payload)}{payload}"
    return base64.urlsafe_b64encode(checked.encode()).decode()


def _read_token(token: str, query: ClipQuery) -> _Position:
    try:
        checked = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise refusal("Invalid page token") from None
    checksum, payload = checked[:8], checked[8:]
    if checksum != _checksum(payload):
        raise refusal("Invalid page token")
    fields: list[Any] = json.loads(payload)
    if fields[3] != query.fingerprint:
        raise refusal("The page token belongs to a request with other filters")
    return fields[0], fields[1], fields[2]


def _checksum(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()[:8]
