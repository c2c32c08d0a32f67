"""A walk through the saved clips: requests the pages that `CursorWalk` needs, and filters them."""

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field, frozen

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.codec import dumps
from rhombus_clips.codec.bodies import FailedItem
from rhombus_clips.errors import ApiError, DecodeError, PagingError, RhombusError, StatusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.pager import PagerStats, PendingPage
from rhombus_clips.paging.rules.clock import TimeRange, has_equal_times
from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.paging.rules.cursor_text import Kind, Listed, digest_of
from rhombus_clips.paging.rules.pages import ListedPage, PageRequest
from rhombus_clips.paging.rules.position import Position, TakenPage
from rhombus_clips.paging.rules.shards import Order

OnDecodeError = Callable[[Any, DecodeError], None]
"""Called with an item that failed to decode, as the JSON parser returned it, and the error."""

_ABOUT_THE_CALLER = (401, 403, 429)
"""The client errors that do not depend on the parameters of a request."""


@define
class PendingClips(PendingPage[SavedClip, SavedClipPage]):
    """A page of saved clips, with the clips that have not been yielded yet."""

    boundary: int | None = None
    """The service's cursor after the page."""


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
    _met: set[int] = field(factory=set[int])

    def has(self, clip: SavedClip, shard: TimeRange) -> bool:
        """Return whether the walk through *shard* yields *clip*."""
        if clip not in self.whole:
            return False
        if has_equal_times(clip):
            return clip in shard
        known = len(self._met)
        self._met.add(digest_of_clip(clip))
        return len(self._met) > known


class SavedClipWalk:
    """A walk through the clips of a time range, page by page.

    :param options: The options of the listing.
    :param times: The range. It may be narrowed during the walk.
    :param start: The position to start from.
    :param order: The order of the listing, if known. Otherwise the walk determines it.
    :param either_clock: Shared by the walks if *order* leaves the clock open.
    """

    def __init__(
        self,
        options: ListingOptions,
        *,
        times: TimeRange,
        start: Position = Position(),
        order: Order | None = None,
        either_clock: EitherClock | None = None,
    ) -> None:
        self.options = options
        self.stats: PagerStats = options.stats
        self.times = times
        self.start = start
        self.listed: Listed = listed(times)
        """The listing that the cursors of this walk belong to."""
        self._order = order
        self._either_clock = either_clock
        self._is_bounded = times.since is not None or times.until is not None
        self._cursors: CursorWalk = CursorWalk(
            page_size=options.page_size,
            digest=digest_of_clip,
            start=start if order is None else evolve(start, direction=order.direction),
            overlaps=options.overlap,
            is_portable=order is None,
        )
        self._unfiltered: TakenPage | None = None
        self._is_past_range = False
        self.is_misled: bool = False
        """True if the listing turned out to follow another time than *order* says."""

    @property
    def start_cursor(self) -> str:
        """The cursor that the walk starts from."""
        return self.start.to_cursor(self.listed)

    @property
    def boundary(self) -> int | None:
        """The service's cursor of the last page."""
        return self._cursors.position.boundary

    @property
    def is_at_end(self) -> bool:
        """True once the last page of the listing was received."""
        return self._cursors.is_at_end

    def order(self, *, or_either_clock: bool = False) -> Order | None:
        """Return the order of the listing, once the responses reveal it, or are unlikely to.

        :param or_either_clock: True also accepts that each cursor equals both times of its clip.
        """
        position, clock = self._cursors.position, self._cursors.clock
        direction = position.direction
        if direction is None or position.is_verbatim:
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

    def _filtered(self, taken: TakenPage) -> PendingClips:
        either, times, page = self._either_clock, self.times, taken.page
        clips: deque[SavedClip] = deque()
        passed: list[int] = []  # For each of the clips, the number of new clips up to it.
        for number, index in enumerate(taken.new_indexes, 1):
            clip = page.items[index]
            if index in page.failed_items:
                if getattr(clip, times.by) is None or clip in (either.whole if either else times):
                    self._report(clip, page.failed_items[index])
            elif either.has(clip, times) if either else (not self._is_bounded or clip in times):
                clips.append(clip)
                passed.append(number)
        self.stats.duplicates += len(page.items) - len(taken.new_indexes)
        self._compare_with_range(page.cursor)
        is_last = self.is_at_end or self._is_past_range

        def cursor_after(yielded: int) -> str | None:
            if yielded == len(passed):
                position = None if is_last else taken.after
            else:
                position = taken.position(passed[yielded - 1] if yielded else 0)
            return None if position is None else position.to_cursor(self.listed)

        return PendingClips(
            clips,
            page.page,
            cursor_after,
            is_last=is_last or taken.after is None,
            boundary=self.boundary,
        )

    def _compare_with_range(self, cursor: int | None) -> None:
        """Stop after a page that ends behind the range, if the listing is known to follow it."""
        direction, clock = self._cursors.position.direction, self._cursors.clock
        if direction is None:
            return
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


def listed(times: TimeRange) -> Listed:
    """Return the listing of saved clips in a range, for its cursors."""
    is_bounded = times.since is not None or times.until is not None
    by = times.by if is_bounded else None
    return Listed(Kind.SAVED_CLIPS, {"by": by, "since": times.since, "until": times.until})


def digest_of_clip(clip: SavedClip) -> int:
    """Return the digest of a clip's uuid, or of its JSON if it has none."""
    if clip.uuid is not None:
        return digest_of(clip.uuid)
    try:
        return digest_of(dumps(clip))
    except RecursionError:
        reason = "a clip without a uuid is nested too deeply to be compared with others"
    raise DecodeError(reason, path="$", expected="a flatter clip", value_excerpt="…")
