"""One walk through the saved clips: what `CursorWalk` asks for is fetched, decoded and filtered."""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from attrs import field, frozen

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.codec import dumps
from rhombus_clips.codec.bodies import FailedItem
from rhombus_clips.errors import ApiError, DecodeError, PagingError, RhombusError, StatusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.pager import Batch, PagerStats
from rhombus_clips.paging.rules.clock import Clock, TimeRange, has_equal_times
from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.paging.rules.listed import Ask, Fresh, Listed, checked_cursor, refused
from rhombus_clips.paging.rules.shards import Order

OnDecodeError = Callable[[Any, DecodeError], None]
"""Takes an item of a page that does not decode, as the JSON parser made it, and the error."""

ClipBatch = Batch[SavedClip, SavedClipPage, int]


@frozen(kw_only=True)
class Walking:
    """How saved clips are walked through, whatever the part of them."""

    caller: Caller
    stats: PagerStats
    page_size: int
    overlaps: bool
    on_decode_error: OnDecodeError | None
    reported: set[str] | None = None
    """What `on_decode_error` has had already, where several walks may meet one item."""


@frozen
class EitherClock:
    """What walks side by side share of a listing whose clock cannot be told.

    A clip with two equal times lies in the window of that time, whichever the cursor is. Of a clip
    with two different times it is not known in whose window it lies: the first walk that meets it
    hands it out. Only these are remembered, and they are few where the clock cannot be told.
    """

    whole: TimeRange
    """The range of all windows together."""
    _met: set[Hashable] = field(factory=set[Hashable])

    def has(self, clip: SavedClip, window: TimeRange) -> bool:
        """Whether a walk through *window* hands out *clip*."""
        if clip not in self.whole:
            return False
        if has_equal_times(clip):
            return clip in window
        name, known = _identity(clip), len(self._met)
        self._met.add(name)
        return len(self._met) > known


class SavedClipWalk:
    """A walk through the clips of a time range, page by page.

    :param walking: How to walk.
    :param times: The range; it may be narrowed on the way.
    :param cursor: Where to begin; None for the beginning of the listing.
    :param order: How the service lists, when that is known; else the walk finds out.
    :param either_clock: Where *order* leaves the clock open: what the walks share.
    """

    def __init__(
        self,
        walking: Walking,
        *,
        times: TimeRange,
        cursor: int | None = None,
        order: Order | None = None,
        either_clock: EitherClock | None = None,
    ) -> None:
        self.times = times
        self._walking = walking
        self._order = order
        self._either_clock = either_clock
        self._unobserved: list[Listed[SavedClip]] = []
        self._clock = Clock()
        self._cursors: CursorWalk[SavedClip] = CursorWalk(
            page_size=walking.page_size,
            identity=_identity,
            cursor=cursor,
            overlap=walking.overlaps,
            direction=None if order is None else order.direction,
        )
        self._steps = self._cursors.steps()
        self._step: Ask | Fresh[SavedClip] | None = None
        self._is_past_range = False
        self.is_at_end = False
        """Whether the last page was taken: nothing lies before the walk any more."""
        self.is_misled = False
        """Whether the listing turned out to go by another time than *order* says."""
        self.skipped_to: int | None = None
        """The cursor of the last page that `next_batch` passed over; None when it passed none."""

    @property
    def position(self) -> int | None:
        """The cursor of the last page that was taken."""
        return self._cursors.cursor

    @property
    def order(self) -> Order | None:
        """How the service lists, once its answers have told, or are not likely to tell more."""
        clock, direction = self._clock.proven, self._cursors.direction
        if direction is None or self._cursors.is_verbatim:
            return None
        if clock is not None:
            return Order(clock, direction)
        return self.order_but_for_the_clock if self._clock.all_are_equal else None

    @property
    def order_but_for_the_clock(self) -> Order | None:
        """How the service lists, where the cursor equals both times of each clip at it."""
        direction = self._cursors.direction
        if direction is None or self._cursors.is_verbatim or not self._clock.may_be_either:
            return None
        return Order(self.times.by, direction, may_be_other_clock=True)

    async def next_batch(self) -> ClipBatch | None:
        """The next page with clips of the range; None at the end. After an error it goes on."""
        self.skipped_to = None
        while not self._is_past_range:
            # A step stays pending until it is done with: after an error it is taken up again.
            step = self._step or self._advance(None)
            if isinstance(step, Ask):
                self._advance(await self._list(step))
            elif step is None:
                return None
            else:
                batch = self._batch_of(step)
                self._step = None
                if batch.items:
                    return batch
                self.skipped_to = step.cursor
        return None

    def _advance(self, answer: Listed[SavedClip] | None) -> Ask | Fresh[SavedClip] | None:
        try:
            self._step = self._steps.send(answer)
        except StopIteration:
            self._step = None
        except RhombusError:
            self._steps = self._cursors.steps()
            self._step = None
            raise
        return self._step

    async def _list(self, ask: Ask) -> Listed[SavedClip]:
        self._walking.stats.requests += 1
        asked = ask.page_timestamp_ms
        try:
            response = await self._walking.caller.respond(
                GET_SAVED_CLIPS,
                {"max_page_size": ask.max_page_size, "page_timestamp_ms": asked},
                keeps_failed_items=self._walking.on_decode_error is not None,
            )
        except (ApiError, StatusError) as error:
            if ask.is_probe and _refuses_the_parameters(error):
                return refused(ask)
            raise
        page = response.answer
        try:
            cursor = checked_cursor(page.last_evaluated_timestamp_ms)
        except DecodeError as error:
            raise response.error(error) from None
        clips = page.saved_clips
        failed = {id(clips[index]): item for index, item in response.failed_items.items()}
        return Listed(clips, cursor, _Origin(page, asked, failed))

    def _batch_of(self, fresh: Fresh[SavedClip]) -> ClipBatch:
        listed: Listed[SavedClip] = fresh.listed
        origin: _Origin = listed.origin
        either, times = self._either_clock, self.times
        clips: deque[SavedClip] = deque()
        for clip in fresh.items:
            bad = origin.bad.get(id(clip))
            if bad is None:
                if clip in times if either is None else either.has(clip, times):
                    clips.append(clip)
            elif getattr(clip, times.by) is None or clip in (either.whole if either else times):
                self._report(clip, bad)
        self._walking.stats.duplicates += len(listed.items) - len(fresh.items)
        self.is_at_end = listed.is_last
        self._unobserved.append(listed)
        if self._cursors.direction is not None:
            self._look_for_end(listed, self._cursors.direction)
        return Batch(clips, origin.page, fresh.cursor)

    def _look_for_end(self, listed: Listed[SavedClip], direction: int) -> None:
        for page in self._unobserved:
            self._clock.observe(page, direction, page.origin.asked)
        self._unobserved.clear()
        clock = self._clock.learned if self._order is None else self._order.clock
        if self._order is not None and all(map(self._clock.rules_out, self._order.clocks)):
            self.is_misled = True
            raise PagingError(
                f"the service began to list by another time than {clock}, so that windows of it"
                " cannot be told apart; iterate the pager without sharding it"
            )
        self._is_past_range = (
            clock == self.times.by
            and listed.cursor is not None
            and self.times.ends_before(listed.cursor, direction)
        )

    def _report(self, clip: SavedClip, bad: FailedItem) -> None:
        reported, name = self._walking.reported, clip.uuid or repr(bad.raw)
        if reported is not None:
            if name in reported:
                return
            reported.add(name)
        if self._walking.on_decode_error is not None:
            self._walking.on_decode_error(bad.raw, bad.error)
        self._walking.stats.undecodable += 1


@frozen
class _Origin:
    """The page that clips came on, and those of them that did not decode, by identity."""

    page: SavedClipPage
    asked: int | None
    """The cursor that the page was asked with."""
    bad: Mapping[int, FailedItem] = {}


def _identity(clip: SavedClip) -> Hashable:
    """What tells a clip from others: its uuid, or all that it says when it has none."""
    if clip.uuid is not None:
        return clip.uuid
    try:
        return dumps(clip)
    except RecursionError:
        reason = "a clip without a uuid is nested too deeply to be told from others"
    raise DecodeError(reason, path="$", expected="a flatter clip", value_excerpt="…")


def _refuses_the_parameters(error: ApiError | StatusError) -> bool:
    """Whether the service may have refused a page for what it was asked with."""
    about_the_caller = {401, 403, 429}
    return isinstance(error, ApiError) or (
        400 <= error.status < 500 and error.status not in about_the_caller
    )
