"""Listings: pagers, which take as many requests as it takes, and none before they are iterated."""

from datetime import datetime, timedelta
from typing import Any, Unpack

from rhombus_clips.arguments import function_or_none, instance, seconds_of
from rhombus_clips.calls.caller import local_time_ms
from rhombus_clips.calls.endpoints import (
    GET_CLIPS_WITH_PROGRESS,
    GET_EXPIRING_CLIPS_FOR_ORG,
    Endpoint,
)
from rhombus_clips.models import ClipWithProgressPage
from rhombus_clips.models.moments import MILLISECOND, to_epoch_ms
from rhombus_clips.paging import ClipWithProgressPager, SavedClipFollower, SavedClipPager
from rhombus_clips.paging.rules.appearing import Appearing
from rhombus_clips.paging.rules.clock import ClipTime, TimeRange
from rhombus_clips.paging.rules.filters import ClipFilters, filter_parameters
from rhombus_clips.paging.saved_clip_walk import OnDecodeError
from rhombus_clips.session.resource import Resource, epoch_ms


class ClipListings(Resource):
    """How a session lists clips, and follows them."""

    def saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        until: datetime | int | None = None,
        by: ClipTime = "timestamp_ms",
        cursor: datetime | int | None = None,
        page_size: int = 100,
        limit: int | None = None,
        overlap_ms: int = 1,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipPager:
        """Every saved clip of the organization, each once, in the service's order.

        Follows the cursor of ``/api/event/getSavedClipsV2``.

        :param since: Only clips at or after this: aware datetime or epoch milliseconds.
        :param until: Only clips before this.
        :param by: Which time of a clip the bounds are about: ``timestamp_ms``, the default, when
            the footage begins, or ``created_at_ms``, when the clip was made. A clip that lacks it
            lies in no range. The listing stops early only once it is known to go by that time.
        :param cursor: Where another pager stopped, its `cursor`; None begins at the beginning.
        :param page_size: How many clips to ask for at once, 1 to 10,000; 100 by default, which is
            as many as the reference documents.
        :param limit: The most clips to yield; None for all.
        :param overlap_ms: 1, the default, asks for each page from a millisecond back towards what
            was listed already (the last cursor + 1 where the newest come first), so that clips that
            share the cursor's millisecond are not skipped; 0 sends the cursor as it came.
        :param on_decode_error: Called with an item that does not decode and the `DecodeError`;
            the listing then goes on. Without it the error is raised. A plain function, as nothing
            awaits it.
        :return: The pager; nothing is sent before it is iterated.
        :raises ValueError: for naive datetimes and numbers out of range.
        """
        on_decode_error = function_or_none(on_decode_error, "on_decode_error")
        return SavedClipPager(
            self._call,
            times=TimeRange(by=by, since=epoch_ms(since, "since"), until=epoch_ms(until, "until")),
            cursor=epoch_ms(cursor, "cursor"),
            page_size=page_size,
            limit=limit,
            overlap_ms=overlap_ms,
            on_decode_error=on_decode_error,
        )

    def clips_with_progress(
        self,
        *,
        cursor: str | None = None,
        page_size: int = 100,
        limit: int | None = None,
        on_decode_error: OnDecodeError | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPager:
        """Every clip that the filters let through, each once, in the order asked for.

        Pages follow the service's own tokens (``/api/event/getClipsWithProgress``). A clip that
        moves from one page to the next because newer ones came is dropped the second time; a
        clip that moves back because others were deleted may be missed, as no client can tell.

        :param cursor: Where another pager stopped, its `cursor`; None begins at the beginning.
        :param page_size: How many clips to ask for at once, 1 to 200; 100 by default.
        :param limit: The most clips to yield; None for all.
        :param on_decode_error: As for `saved_clips`.
        :param filters: Which clips, in which order, see `ClipFilters`.
        :return: The pager; nothing is sent before it is iterated.
        :raises ValueError: for naive datetimes and numbers out of range.
        :raises CursorCycleError: from the iteration, when the service gives a token twice.
        """
        return self._by_token(
            GET_CLIPS_WITH_PROGRESS,
            filters,
            cursor=cursor,
            page_size=page_size,
            limit=limit,
            on_decode_error=function_or_none(on_decode_error, "on_decode_error"),
        )

    def expiring_clips(
        self,
        *,
        cursor: str | None = None,
        page_size: int = 100,
        limit: int | None = None,
        on_decode_error: OnDecodeError | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPager:
        """Every clip that expires soon (``/api/event/getExpiringClipsForOrg``).

        How soon is not documented. The parameters are those of `clips_with_progress`.

        :param cursor: Where another pager stopped, its `cursor`; None begins at the beginning.
        :param page_size: How many clips to ask for at once, 1 to 200; 100 by default.
        :param limit: The most clips to yield; None for all.
        :param on_decode_error: As for `saved_clips`.
        :param filters: Which clips, in which order, see `ClipFilters`.
        :return: The pager; nothing is sent before it is iterated.
        :raises ValueError: for naive datetimes and numbers out of range.
        :raises CursorCycleError: from the iteration, when the service gives a token twice.
        """
        return self._by_token(
            GET_EXPIRING_CLIPS_FOR_ORG,
            filters,
            cursor=cursor,
            page_size=page_size,
            limit=limit,
            on_decode_error=function_or_none(on_decode_error, "on_decode_error"),
        )

    def _by_token(
        self, endpoint: Endpoint[ClipWithProgressPage], filters: ClipFilters, **settings: Any
    ) -> ClipWithProgressPager:
        return ClipWithProgressPager(self._call, endpoint, filter_parameters(filters), **settings)

    def follow_saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        cursor: str | None = None,
        by: ClipTime = "created_at_ms",
        grace: timedelta = timedelta(minutes=5),
        interval: float = 30.0,
        page_size: int = 100,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipFollower:
        """New saved clips as they appear, each once, without an end.

        Lists the saved clips (``/api/event/getSavedClipsV2``) again and again, from `grace` before
        the newest on. Where the service is found to list by the time *by*, newest first, that takes
        one request or a few; elsewhere it lists everything each time, as nothing else is sure to
        meet every new clip.

        :param since: Begin with the clips at or after this: aware datetime or epoch milliseconds;
            when neither this nor *cursor* is given, those at or after the moment of this call, by
            the service's clock, and earlier ones that appear late within the grace. That clock is
            the ``Date`` of its responses, to the second; where none has come yet, a small request
            asks for one. Where the service sends no ``Date``, the first look lists every clip:
            new is what follows these, and those made since this call by this machine's clock.
        :param cursor: Where another follower stopped, its `cursor`, instead of *since*. The clips
            that it handed out do not come again, those that it missed by less than the grace do.
        :param by: Which time of a clip tells whether it is new: ``created_at_ms`` unless given. A
            clip that lacks it goes by ``timestamp_ms``; one that lacks both is not followed.
        :param grace: How much later than others of its time a clip may appear; 5 minutes.
        :param interval: How long to wait between two listings, in seconds; 30 by default.
        :param page_size: How many clips to ask for at once, 1 to 10,000; 100 by default.
        :param on_decode_error: As for `saved_clips`; such a clip comes again with each listing.
        :return: The follower; nothing is sent before it is iterated.
        :raises ValueError: for naive datetimes, numbers out of range, and what is no cursor.
        :raises RhombusError: from the iteration, with `cursor`, when a listing fails for longer
            than the retries of its calls; iterating again goes on.
        """
        if since is not None and cursor is not None:
            raise ValueError("since and cursor both say where to begin: give one of them")
        grace_ms = instance(grace, timedelta, "grace") // MILLISECOND
        if grace_ms < 0:
            raise ValueError(f"grace must not be negative, but is {grace!r}")
        interval = seconds_of(interval, "interval", may_be_zero=True)
        if cursor is not None:
            appearing = Appearing.at(cursor, grace_ms)
        elif since is not None:
            appearing = Appearing(to_epoch_ms(since, "since"), grace_ms)
        else:
            now = local_time_ms()
            appearing = Appearing(now, grace_ms, made=now)

        times = TimeRange(by=by, or_by="timestamp_ms")
        on_decode_error = function_or_none(on_decode_error, "on_decode_error")

        def list_(times: TimeRange) -> SavedClipPager:
            return SavedClipPager(
                self._call,
                times=times,
                cursor=None,
                page_size=page_size,
                limit=None,
                overlap_ms=1,
                on_decode_error=on_decode_error,
            )

        list_(times)
        return SavedClipFollower(self._call, list_, appearing, times=times, interval=interval)
