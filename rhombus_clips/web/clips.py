"""Clips: pages, whole listings, single records, and changes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from rhombus_clips.codec import dumps
from rhombus_clips.codec.text import render
from rhombus_clips.errors import ApiError, InvalidArgumentError, NotFoundError, RhombusError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging import ClipWithProgressPager, SavedClipPager
from rhombus_clips.session.clip_filters import ClipFilters
from rhombus_clips.web.body import fields_of
from rhombus_clips.web.call import Call, checked_devices, checked_uuids
from rhombus_clips.web.messages import Response, json_response
from rhombus_clips.web.problems import public_message

_LINES_AT_ONCE = 100
_NDJSON = "application/x-ndjson"

LISTING_PARAMETERS = (
    "cursor",
    "limit",
    "since",
    "until",
    "searchFilter",
    "filterByPrivate",
    "excludeAlertMonitoringClips",
    "sortField",
    "sortOrder",
    "timestampFilterField",
)
LISTING_LISTS = ("deviceUuidFilters", "locationUuidFilters")


# --- listings --------------------------------------------------------------------------------


@asynccontextmanager
async def list_clips(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clips``: a page, or the whole listing as NDJSON if the client accepts that."""
    if _NDJSON in call.request.headers.get("accept", ""):
        if call.query.text("limit") is not None:
            raise InvalidArgumentError(
                f"limit is the size of a page, whereas {_NDJSON} is the whole listing: omit limit"
            )
        async with call.state.stream():
            listing = _Listing(call, _LINES_AT_ONCE)
            first = await listing.next()
            yield Response(headers={"Content-Type": _NDJSON}, body=_lines(listing, first))
        return
    listing = _Listing(call, call.query.limit())
    clips = await listing.next()
    body = b'{"clips":%b,"cursor":%b}' % (dumps(clips), render(listing.pager.cursor))
    yield Response(headers={"Content-Type": "application/json"}, body=body)


class _Listing:
    """The listing that a query describes."""

    pager: SavedClipPager | ClipWithProgressPager

    def __init__(self, call: Call, size: int) -> None:
        query = call.query
        self._state = call.state
        self._size = size
        self._since, self._until = query.time("since"), query.time("until")
        cursor, filters = query.text("cursor"), _filters(call)
        self._is_filtered = bool(filters)
        if not filters:
            self.pager = call.session.saved_clips(
                since=self._since, until=self._until, cursor=cursor, page_size=size
            )
            return
        # The reference does not say whether the bounds are inclusive.
        if self._since is not None:
            filters["timestamp_ms_after"] = self._since - 1
        if self._until is not None:
            filters["timestamp_ms_before"] = self._until
        filters.setdefault("sort_order", "desc")
        self.pager = call.session.clips_with_progress(cursor=cursor, page_size=size, **filters)

    async def next(self) -> list[SavedClip]:
        """Return the next clips. There may be none although the cursor is not None."""
        clips = [clip for clip in await self.pager.collect(self._size) if self._is_wanted(clip)]
        self._state.remember_clips(clips)
        return clips

    def _is_wanted(self, clip: SavedClip) -> bool:
        time = clip.timestamp_ms
        return (
            not self._is_filtered
            or time is None
            or (
                (self._since is None or time >= self._since)
                and (self._until is None or time < self._until)
            )
        )


def _filters(call: Call) -> ClipFilters:
    query, filters = call.query, ClipFilters()
    if devices := query.texts("deviceUuidFilters"):
        filters["device_uuid_filters"] = checked_devices(devices, "deviceUuidFilters")
    if locations := query.texts("locationUuidFilters"):
        filters["location_uuid_filters"] = checked_uuids(locations, "locationUuidFilters")
    if search := query.text("searchFilter"):
        filters["search_filter"] = search
    if query.flag("filterByPrivate"):
        filters["filter_by_private"] = True
    if query.flag("excludeAlertMonitoringClips"):
        filters["exclude_alert_monitoring_clips"] = True
    if field := query.text("sortField"):
        filters["sort_field"] = field
    if order := query.text("sortOrder"):
        filters["sort_order"] = order  # type: ignore[typeddict-item]  # checked by the session
    if field := query.text("timestampFilterField"):
        filters["timestamp_filter_field"] = field
    return filters


async def _lines(listing: _Listing, clips: list[SavedClip]) -> AsyncIterator[bytes]:
    """Yield a line per clip. The next page is requested once the client has taken this one."""
    try:
        while True:
            if clips:
                yield b"".join(dumps(clip) + b"\n" for clip in clips)
            if listing.pager.cursor is None:
                return
            clips = await listing.next()
    except RhombusError as error:
        yield render({"errorMsg": public_message(error), "cursor": error.cursor}) + b"\n"
        raise  # The response ends without its last chunk, so that the client notices.


# --- single clips ----------------------------------------------------------------------------


async def read_clip(call: Call) -> Response:
    """``GET /clips/{clipUuid}``: the clip, with its detections or its progress."""
    clip: SavedClip
    try:
        clip = await call.session.get_saved_clip_details(call.clip_uuid)
    except (ApiError, NotFoundError):  # Both may mean that it is still being rendered.
        clip = await call.session.get_clip_with_progress(call.clip_uuid)
    call.state.remember_clips([clip])
    return Response(headers={"Content-Type": "application/json"}, body=dumps(clip))


async def make_clip(call: Call) -> Response:
    """``POST /clips``: start creating a clip from footage."""
    kinds = {
        "deviceUuids": list,
        "startTimeMillis": int,
        "durationSec": int,
        "title": str,
        "description": str,
        "audioIncluded": bool,
    }
    given = fields_of(call.body, kinds)
    for name in ("deviceUuids", "startTimeMillis", "durationSec"):
        if name not in given:
            raise InvalidArgumentError(f"{name} is required")
    splice = await call.session.splice(
        checked_devices(given["deviceUuids"], "deviceUuids"),
        given["startTimeMillis"],
        given["durationSec"],
        title=given.get("title"),
        description=given.get("description"),
        audio_included=given.get("audioIncluded"),
    )
    call.state.remember_splice(splice.clip_uuids)
    return json_response({"clipUuids": list(splice.clip_uuids)}, 201)


async def change_clip(call: Call) -> Response:
    """``PATCH /clips/{clipUuid}``: change the title or the description."""
    given = fields_of(call.body, {"title": str, "description": str})
    if not given:
        raise InvalidArgumentError("the body must have a title or a description")
    call.state.forget_clip(call.clip_uuid)
    await call.session.update_saved_clip(call.clip_uuid, **given)
    return Response(status=204)


async def delete_clip(call: Call) -> Response:
    """``DELETE /clips/{clipUuid}``."""
    call.state.forget_clip(call.clip_uuid)
    await call.session.delete_saved_clip(call.clip_uuid)
    return Response(status=204)


# --- calendar --------------------------------------------------------------------------------


async def count_days(call: Call) -> Response:
    """``GET /clips/calendar``: the number of clips per day."""
    zone, query = call.query.time_zone("timeZone"), call.query
    since, until = query.time("since"), query.time("until")
    times = await call.state.recorded_times.get()
    days = times.per_day(zone, since, until)
    return json_response({"days": days, "isComplete": times.is_complete})
