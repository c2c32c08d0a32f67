"""Listings: pagers that make as many requests as needed, and a follower for new clips."""

from datetime import datetime, timedelta
from typing import Any, Unpack, cast, overload

from rhombus_clips import arguments as check
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.caller import local_time_ms
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import ClipWithProgressPage, SavedClip
from rhombus_clips.models.moments import plain_int, to_epoch_ms
from rhombus_clips.paging import ClipWithProgressPager, SavedClipFollower, SavedClipPager
from rhombus_clips.paging.clips_with_progress import ClipWithProgressWalk
from rhombus_clips.paging.following import RepeatedListing
from rhombus_clips.paging.rules.clock import CLIP_TIMES, ClipTime, TimeRange
from rhombus_clips.paging.rules.cursor_text import Kind, Listed
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.paging.rules.page_search import LARGEST_PAGE_SIZE
from rhombus_clips.paging.rules.position import Position
from rhombus_clips.paging.rules.tokens import LARGEST_TOKEN_PAGE, TokenPosition
from rhombus_clips.paging.saved_clip_walk import (
    ListingOptions,
    OnDecodeError,
    SavedClipWalk,
    listed,
)
from rhombus_clips.session.clip_filters import ClipFilters, filter_parameters
from rhombus_clips.session.resource import Resource


class ClipListings(Resource):
    """The part of a session that lists and follows clips."""

    def saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        until: datetime | int | None = None,
        by: ClipTime = "timestamp_ms",
        cursor: str | datetime | int | None = None,
        page_size: int = 100,
        limit: int | None = None,
        overlap_ms: int = 1,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipPager:
        """List the organization's saved clips, each exactly once, in the service's order.

        Follows the cursor of ``/api/event/getSavedClipsV2``.

        :param since: List clips at or after this time: an aware datetime or epoch milliseconds.
            None, the default, sets no bound.
        :param until: List clips before this time. None, the default, sets no bound. If *since* is
            later than *until*, nothing is listed.
        :param by: The time of a clip that the bounds apply to: ``timestamp_ms``, the default, is
            the start of the footage; ``created_at_ms`` is the creation of the clip. Bounds exclude
            a clip without that time. The listing stops early only if it is known to be ordered by
            that time.
        :param cursor: The `cursor` of another pager with the same bounds, to resume from exactly.
            A time (an aware datetime or epoch milliseconds) starts with the clips at or after it in
            the service's order. None, the default, starts at the first page.
        :param page_size: The number of clips per request, 1 to 10,000; 100 by default, the largest
            number that the reference documents. Web pages are best served with 50 or fewer, because
            a request that resumes within a page asks for a few more. Sizes above 200 apply once the
            order of the listing is known.
        :param limit: The maximum number of clips to list; None, the default, for all.
        :param overlap_ms: 1, the default, lets each page overlap the previous one by a millisecond,
            so that no clip with the same time as the cursor is skipped; duplicates are dropped. 0
            sends the service's cursor unchanged.
        :param on_decode_error: A plain function, called with an item that cannot be decoded and its
            `DecodeError`; the listing then continues. By default, the error is raised.
        :return: The pager. Nothing is sent before it is iterated.
        :raises InvalidArgumentError: for naive datetimes and numbers out of range.
        """
        options = ListingOptions(
            caller=self._call,
            page_size=check.whole_number(page_size, "page_size", least=1, most=LARGEST_PAGE_SIZE),
            overlap=check.whole_number(overlap_ms, "overlap_ms", least=0, most=1) > 0,
            on_decode_error=check.function_or_none(on_decode_error, "on_decode_error"),
        )
        times = TimeRange(
            by=_checked(by),
            since=check.epoch_ms(since, "since"),
            until=check.epoch_ms(until, "until"),
        )
        start = _saved_clip_position(cursor, times)
        return SavedClipPager(SavedClipWalk(options, times=times, start=start), limit=limit)

    def clips_with_progress(
        self,
        *,
        cursor: str | None = None,
        page_size: int = 100,
        limit: int | None = None,
        on_decode_error: OnDecodeError | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPager:
        """List the clips that match the filters, each at most once, in the requested order.

        Follows the page tokens of ``/api/event/getClipsWithProgress``. A clip that moves to a later
        page because new clips were created is yielded once. A clip that moves to an earlier page
        because others were deleted may be missed: no client can detect that.

        :param cursor: The `cursor` of another pager with the same filters and order, to resume from
            exactly. None, the default, starts at the first page.
        :param page_size: The number of clips per request, 1 to 200; 100 by default.
        :param limit: The maximum number of clips to list; None, the default, for all.
        :param on_decode_error: As for `saved_clips`.
        :param filters: Filters and order, see `ClipFilters`.
        :return: The pager. Nothing is sent before it is iterated.
        :raises InvalidArgumentError: for naive datetimes and numbers out of range.
        :raises CursorCycleError: while iterating, if the service returns a token twice.
        """
        walk = self._walk(
            endpoints.GET_CLIPS_WITH_PROGRESS, filters, cursor, page_size, on_decode_error
        )
        return ClipWithProgressPager(walk, limit=limit)

    def expiring_clips(
        self,
        *,
        cursor: str | None = None,
        page_size: int = 100,
        limit: int | None = None,
        on_decode_error: OnDecodeError | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPager:
        """List the clips that expire soon, as `clips_with_progress` lists all clips.

        Follows the page tokens of ``/api/event/getExpiringClipsForOrg``. The reference does not say
        how soon these clips expire.

        :param cursor: The `cursor` of another pager with the same filters and order, to resume from
            exactly. None, the default, starts at the first page.
        :param page_size: The number of clips per request, 1 to 200; 100 by default.
        :param limit: The maximum number of clips to list; None, the default, for all.
        :param on_decode_error: As for `saved_clips`.
        :param filters: Filters and order, see `ClipFilters`.
        :return: The pager. Nothing is sent before it is iterated.
        :raises InvalidArgumentError: for naive datetimes and numbers out of range.
        :raises CursorCycleError: while iterating, if the service returns a token twice.
        """
        walk = self._walk(
            endpoints.GET_EXPIRING_CLIPS_FOR_ORG, filters, cursor, page_size, on_decode_error
        )
        return ClipWithProgressPager(walk, limit=limit)

    def _walk(
        self,
        endpoint: Endpoint[ClipWithProgressPage],
        filters: ClipFilters,
        cursor: str | None,
        page_size: int,
        on_decode_error: OnDecodeError | None,
    ) -> ClipWithProgressWalk:
        sent = filter_parameters(filters)
        is_expiring = endpoint is endpoints.GET_EXPIRING_CLIPS_FOR_ORG
        kind = Kind.EXPIRING_CLIPS if is_expiring else Kind.CLIPS_WITH_PROGRESS
        # The order of a filter's values does not matter, and that of a set differs by process.
        selection = {name: _without_order(value) for name, value in sent.items()}
        listing = Listed(kind, selection)
        sent["page_size"] = check.whole_number(
            page_size, "page_size", least=1, most=LARGEST_TOKEN_PAGE
        )
        return ClipWithProgressWalk(
            self._call,
            endpoint,
            sent,
            listing,
            TokenPosition() if cursor is None else TokenPosition.from_cursor(listing, cursor),
            check.function_or_none(on_decode_error, "on_decode_error"),
        )

    @overload
    def follow_saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        cursor: str | None = None,
        by: ClipTime = "created_at_ms",
        grace: float | timedelta = timedelta(minutes=5),
        interval: float | timedelta = 30.0,
        heartbeat: None = None,
        page_size: int = 100,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipFollower[SavedClip]: ...

    @overload
    def follow_saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        cursor: str | None = None,
        by: ClipTime = "created_at_ms",
        grace: float | timedelta = timedelta(minutes=5),
        interval: float | timedelta = 30.0,
        heartbeat: float | timedelta | None,
        page_size: int = 100,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipFollower[SavedClip | None]: ...

    def follow_saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        cursor: str | None = None,
        by: ClipTime = "created_at_ms",
        grace: float | timedelta = timedelta(minutes=5),
        interval: float | timedelta = 30.0,
        heartbeat: float | timedelta | None = None,
        page_size: int = 100,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipFollower[SavedClip] | SavedClipFollower[SavedClip | None]:
        """Follow the saved clips: yield each new clip once, indefinitely.

        Lists the saved clips (``/api/event/getSavedClipsV2``) every *interval*, starting *grace*
        before the newest known clip. This takes one or a few requests if the service turns out to
        list by the time *by*, newest first. Otherwise it lists all clips each time, which is the
        only way to find every new clip.

        :param since: Yield clips at or after this time: an aware datetime or epoch milliseconds.
            By default, without *cursor*, this is the time of this call by the service's clock, and
            earlier clips are yielded if they appear within *grace*. The service's clock is the
            ``Date`` of its responses, with a resolution of a second; if there was no response yet,
            a small request obtains one. If the service sends no ``Date``, the first listing reads
            every clip, and new clips are those that appear later or were created since this call
            by the local clock.
        :param cursor: The `cursor` of another follower, to resume from, instead of *since*. Clips
            that it has yielded are not yielded again. Clips that it missed are yielded if they
            appeared within *grace*.
        :param by: The time that decides whether a clip is new: ``created_at_ms``, the default, or
            ``timestamp_ms``. A clip without it is judged by ``timestamp_ms``; a clip with neither
            is not yielded.
        :param grace: How much later than other clips of the same time a clip may appear, in seconds
            or as a timedelta; 5 minutes by default.
        :param interval: The wait between two listings, in seconds or as a timedelta; 30 s by
            default.
        :param heartbeat: Yield None after this time without a new clip, in seconds or as a
            timedelta, even while a request is waiting for its response. The follower's `cursor` is
            then up to date. None, the default, yields new clips only.
        :param page_size: The number of clips per request, 1 to 10,000; 100 by default.
        :param on_decode_error: As for `saved_clips`. Each listing reports the same clip again.
        :return: The follower. Nothing is sent before it is iterated. After a timeout, a
            cancellation, a ``break`` or an error, the next iteration resumes with the next clip.
        :raises InvalidArgumentError: for naive datetimes, numbers out of range and invalid cursors.
        :raises RhombusError: while iterating, with `cursor`, if a listing fails despite the
            retries of its calls.
        """
        if since is not None and cursor is not None:
            raise InvalidArgumentError(
                "since and cursor are alternatives: pass at most one of them"
            )
        grace_ms = check.milliseconds_of(grace, "grace")
        seconds = check.seconds_of(interval, "interval", may_be_zero=True)
        if cursor is not None:
            state = FollowingState.at(cursor, grace_ms)
        elif since is not None:
            state = FollowingState(to_epoch_ms(since, "since"), grace_ms)
        else:
            now = local_time_ms()
            state = FollowingState(now, grace_ms, created_at=now)
        times = TimeRange(by=_checked(by), or_by="timestamp_ms")
        options = ListingOptions(
            caller=self._call,
            page_size=check.whole_number(page_size, "page_size", least=1, most=LARGEST_PAGE_SIZE),
            on_decode_error=check.function_or_none(on_decode_error, "on_decode_error"),
        )
        if heartbeat is not None:
            heartbeat = check.seconds_of(heartbeat, "heartbeat")
        listings = RepeatedListing(options, state, times=times, interval=seconds)
        return SavedClipFollower(listings, heartbeat=heartbeat)


def _without_order(value: Any) -> Any:
    return sorted({*cast("list[str]", value)}) if isinstance(value, list) else value


def _saved_clip_position(cursor: str | datetime | int | None, times: TimeRange) -> Position:
    if cursor is None:
        return Position()
    if isinstance(cursor, str):
        return Position.from_cursor(listed(times), cursor)
    if not isinstance(cursor, datetime) and plain_int(cursor) is None:
        raise InvalidArgumentError(
            "cursor must be the cursor of a pager, which is a string, or an aware datetime or epoch"
            " milliseconds as an int",
            given=cursor,
        )
    return Position(boundary=check.whole_number(to_epoch_ms(cursor, "cursor"), "cursor", least=1))


def _checked(by: ClipTime) -> ClipTime:
    if by not in CLIP_TIMES:
        raise InvalidArgumentError(f"by must be one of {', '.join(CLIP_TIMES)}", given=by)
    return by
