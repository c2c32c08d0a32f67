"""A walk through the saved clips: requests the pages that `CursorWalk` needs, and filters them."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from attrs import field, frozen

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.codec import dumps
from rhombus_clips.codec.bodies import FailedItem
from rhombus_clips.errors import ApiError, DecodeError, PagingError, RhombusError, StatusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.pager import PagerStats, PendingPage
from rhombus_clips.paging.rules.clock import Clock, TimeRange, has_equal_times
from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.paging.rules.pages import ListedPage, PageRequest
from rhombus_clips.paging.rules.shards import Order

OnDecodeError = Callable[[Any, DecodeError], None]
"""Called with an item that failed to decode, as the JSON parser returned it, and the error."""

_ABOUT_THE_CALLER = (401, 403, 429)
"""The client errors that do not depend on the parameters of a request."""

PendingClips = PendingPage[SavedClip, SavedClipPage, int]


@frozen(kw_only=True)
class ListingOptions:
    """The options that all walks of one listing share."""

    caller: Caller
    page_size: int
    overlap: bool = True
    on_decode_error: OnDecodeError | None = None
    stats: PagerStats = field(factory=PagerStats)
    reported: set[str] | None = None
    """The items passed to `on_decode_error`, if several walks may find the same item."""


@frozen
class EitherClock:
    """The state that concurrent walks share if the clock of the listing cannot be determined.

    A clip with two equal times belongs to the shard of that time. A clip with two different times
    may be listed in either shard, and the first walk that finds it yields it. Only these clips are
    remembered. There are few of them if the clock cannot be determined.
    """

    whole: TimeRange
    """The range of all shards together."""
    _met: set[Hashable] = field(factory=set[Hashable])

    def has(self, clip: SavedClip, shard: TimeRange) -> bool:
        """Return whether the walk through *shard* yields *clip*."""
        if clip not in self.whole:
            return False
        if has_equal_times(clip):
            return clip in shard
        known = len(self._met)
        self._met.add(_identity(clip))
        return len(self._met) > known


class SavedClipWalk:
    """A walk through the clips of a time range, page by page.

    :param options: The options of the listing.
    :param times: The range. It may be narrowed during the walk.
    :param cursor: The position to start from; None is the start of the listing.
    :param order: The order of the listing, if known. Otherwise the walk determines it.
    :param either_clock: Shared by the walks if *order* leaves the clock open.
    :param finds_order: True to determine `order`. A walk through a bounded range always does so.
    """

    def __init__(
        self,
        options: ListingOptions,
        *,
        times: TimeRange,
        cursor: int | None = None,
        order: Order | None = None,
        either_clock: EitherClock | None = None,
        finds_order: bool = False,
    ) -> None:
        self.options = options
        self.stats: PagerStats = options.stats
        self.times = times
        self._order = order
        self._either_clock = either_clock
        self._is_bounded = times.since is not None or times.until is not None
        self._clock = Clock() if self._is_bounded or order or finds_order else None
        self._unobserved: list[ListedPage] = []
        self._cursors: CursorWalk = CursorWalk(
            page_size=options.page_size,
            identity=_identity,
            cursor=cursor,
            is_verbatim=not options.overlap,
            direction=None if order is None else order.direction,
        )
        self._unfiltered: ListedPage | None = None
        self._is_past_range = False
        self.is_misled: bool = False
        """True if the listing turned out to follow another time than *order* says."""

    @property
    def position(self) -> int | None:
        """The cursor of the last page."""
        return self._cursors.cursor

    @property
    def is_at_end(self) -> bool:
        """True once the last page of the listing was received."""
        return self._cursors.is_at_end

    def order(self, *, or_either_clock: bool = False) -> Order | None:
        """Return the order of the listing, once the responses reveal it, or are unlikely to.

        :param or_either_clock: True also accepts that each cursor equals both times of its clip.
        """
        direction, clock = self._cursors.direction, self._clock
        if direction is None or clock is None or self._cursors.is_verbatim:
            return None
        if clock.proven is not None:
            return Order(clock.proven, direction)
        if clock.may_be_either and (or_either_clock or clock.all_are_equal):
            return Order(self.times.by, direction, may_be_other_clock=True)
        return None

    async def next_page(self) -> PendingClips | None:
        """Fetch the next page, which may have no clips; None at the end of the range.

        After an error, the next call resumes the walk.
        """
        while self._unfiltered is None:
            request = None if self._is_past_range else self._cursors.request
            if request is None:
                return None
            response = await self._list(request)
            try:
                self._unfiltered = self._cursors.take(response)
            except RhombusError as error:
                error.endpoint = GET_SAVED_CLIPS.path
                raise
        # The page is kept until it is filtered. If `on_decode_error` raises, the next call retries.
        page = self._filtered(self._unfiltered)
        self._unfiltered = None
        return page

    async def _list(self, request: PageRequest) -> ListedPage:
        self.stats.requests += 1
        cursor = request.page_timestamp_ms
        try:
            response = await self.options.caller.respond(
                GET_SAVED_CLIPS,
                {"max_page_size": request.max_page_size, "page_timestamp_ms": cursor},
                keeps_failed_items=self.options.on_decode_error is not None,
            )
        except (ApiError, StatusError) as error:
            # An error in a response with status 200 may concern the parameters, like a 400.
            status = error.status if isinstance(error, StatusError) else 400
            if request.is_probe and 400 <= status < 500 and status not in _ABOUT_THE_CALLER:
                return ListedPage((), cursor, is_refused=True)
            raise
        page, failed = response.answer, response.failed_items
        last = page.last_evaluated_timestamp_ms
        return ListedPage(page.saved_clips, last, page, requested_from=cursor, failed_items=failed)

    def _filtered(self, page: ListedPage) -> PendingClips:
        either, times = self._either_clock, self.times
        clips: deque[SavedClip] = deque()
        failed = {id(page.items[index]): index for index in page.failed_items}
        for clip in page.new_items:
            index = failed.get(id(clip))
            if index is not None:
                if getattr(clip, times.by) is None or clip in (either.whole if either else times):
                    self._report(clip, page.failed_items[index])
            elif either.has(clip, times) if either else (not self._is_bounded or clip in times):
                clips.append(clip)
        self.stats.duplicates += len(page.items) - len(page.new_items)
        if self._clock is not None:
            self._unobserved.append(page)
            if self._cursors.direction is not None:
                self._observe_clock(self._clock, page.cursor, self._cursors.direction)
        return PendingPage(clips, page.page, self._cursors.cursor)

    def _observe_clock(self, clock: Clock, cursor: int | None, direction: int) -> None:
        """Learn from the pages, and find out whether the walk has passed its range."""
        for page in self._unobserved:
            clock.observe(page, direction)
        self._unobserved.clear()
        followed = clock.learned if self._order is None else self._order.clock
        if self._order is not None and all(map(clock.rules_out, self._order.clocks)):
            self.is_misled = True
            raise PagingError(
                f"the service stopped listing by {followed}, so its time range cannot be divided;"
                " iterate the pager without sharded()"
            )
        if followed == self.times.by and cursor is not None:
            self._is_past_range = self.times.ends_before(cursor, direction)

    def _report(self, clip: SavedClip, failed: FailedItem) -> None:
        reported, name = self.options.reported, clip.uuid or repr(failed.raw)
        if reported is not None:
            if name in reported:
                return
            reported.add(name)
        if self.options.on_decode_error is not None:
            self.options.on_decode_error(failed.raw, failed.error)
        self.stats.undecodable += 1


def _identity(clip: SavedClip) -> Hashable:
    """Return the uuid of a clip, or its JSON if it has none."""
    if clip.uuid is not None:
        return clip.uuid
    try:
        return dumps(clip)
    except RecursionError:
        reason = "a clip without a uuid is nested too deeply to be compared with others"
    raise DecodeError(reason, path="$", expected="a flatter clip", value_excerpt="…")
