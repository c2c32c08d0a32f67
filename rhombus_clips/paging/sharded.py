"""Several walks through one listing, side by side, each within its own window of time.

It has to be known that the cursor is a time, which one, and in which direction the listing runs. A
scout finds that out with a few small pages. The walks start at the same time, on the guess that
the listing runs newest first by the time that bounds it; nothing is handed out before the scout
has said that the guess is right, and if it is wrong they start again.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from attrs import define, evolve, field, frozen

from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.concurrency import each, side_by_side
from rhombus_clips.errors import DecodeError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.pager import PagerStats
from rhombus_clips.paging.rules.clock import TimeRange, has_equal_times
from rhombus_clips.paging.rules.listed import NEWEST_FIRST, times_of
from rhombus_clips.paging.rules.shards import Order, Shard, divide, probe_of, steal
from rhombus_clips.paging.saved_clip_walk import (
    ClipBatch,
    EitherClock,
    SavedClipWalk,
    Walking,
)

logger = logging.getLogger("rhombus_clips")

_SCOUTED_PAGES = 10
_SCOUTED_CLIPS_A_PAGE = 20
_PROBED_CLIPS = 5

# The scout needs the answers to two requests at least, in which time each walk gets two.
_PAGES_ON_A_GUESS = 2


@define(eq=False)
class _Window:
    """A shard, the walk through it, and how much of it the caller has got."""

    shard: Shard
    walk: SavedClipWalk
    handed_out_to: int | None = field(init=False)
    on_their_way: int = 0
    is_walked: bool = False

    def __attrs_post_init__(self) -> None:
        # None is the beginning of the listing, whatever lies before the window.
        self.handed_out_to = self.walk.position

    @property
    def is_open(self) -> bool:
        """Whether something of it may be left to hand out."""
        return not self.is_walked or self.on_their_way > 0


@frozen
class Part:
    """A page on its way to the caller."""

    batch: ClipBatch
    window: _Window | None = None

    @property
    def clips(self) -> list[SavedClip]:
        """Its clips that were not handed out before."""
        return list(self.batch.items)


def _leave_to_the_walks(_raw: Any, _error: DecodeError) -> None:
    """What does not decode is reported by the walk in whose window it lies."""


class ShardedClips:
    """A listing of the clips of *times*, whose beginning is given, in *shards* windows.

    Where its end is open, *now* only helps to divide: the last window stays open, for clips that
    are later than this machine's clock, or made meanwhile.
    """

    def __init__(self, walking: Walking, times: TimeRange, shards: int, *, now: int) -> None:
        self._walking = evolve(walking, reported=set())
        self._times = times
        self._start = times.since or 0
        self._end = max(now, self._start + 1) if times.until is None else times.until
        self._shards = shards
        self._windows: list[_Window] = []
        self._order: Order | None = None
        self._either_clock: EitherClock | None = None
        self._failure: Exception | None = None
        self.is_misled = False
        """Whether the windows went by a time that the listing turned out not to go by."""
        self._stop: Callable[[], None] = lambda: None  # ends the walks, once there are any
        self._usual_density: float | None = None
        self._wanted = anyio.Event()
        self._settled = anyio.Event()
        self._changed = anyio.Event()
        # No buffer: a walk goes on when the caller has taken its page.
        self._send, self._receive = anyio.create_memory_object_stream[Part](0)

    # --- the caller's side -------------------------------------------------------------------

    async def next_part(self) -> Part | None:
        """The next page of any walk; None when all is listed. Raises what a walk raised."""
        self._wanted.set()
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            if self._failure is not None:
                raise self._failure from None
            return None

    def close(self) -> None:
        """Say that the caller takes no more."""
        self._receive.close()
        self._send.close()

    def handed_out(self, part: Part) -> int | None:
        """Note that the caller has got all of *part*; returns where another pager would go on."""
        if part.window is None or self._order is None:
            return part.batch.cursor
        part.window.on_their_way -= 1
        part.window.handed_out_to = part.batch.cursor
        self._windows = [window for window in self._windows if window.is_open]
        is_newest_first = self._order.direction == NEWEST_FIRST
        first, last = (max, self._start) if is_newest_first else (min, self._end)
        open_at: list[int] = []
        for window in self._windows:
            if window.handed_out_to is None:
                return None
            open_at.append(window.handed_out_to)
        return first(open_at, default=last)

    # --- the walks' side ---------------------------------------------------------------------

    async def run(self) -> None:
        """List everything, or until something fails, keeping the failure for the caller."""
        with self._send:
            await self._wanted.wait()
            await self._keeping_failure(self._list)

    async def _keeping_failure(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._stop()

    async def _list(self) -> None:
        guess = Order(self._times.by, NEWEST_FIRST)
        found = await self._walk_side_by_side(guess, self._scout)
        if self._failure is not None or found == guess:
            return
        if found is not None and found.clock == self._times.by:
            await self._walk_side_by_side(found)
        else:
            logger.info("the service's cursor is not known to be %s: one walk", self._times.by)
            await self._walk_alone()

    async def _walk_side_by_side(
        self, order: Order, scout: Callable[[], Awaitable[Order | None]] | None = None
    ) -> Order | None:
        """Walk all windows, on the condition that *scout* finds the same order; returns that."""
        found: Order | None = order
        self._order = order
        self._either_clock = EitherClock(self._times) if order.may_be_other_clock else None
        shards = divide(self._start, self._end, self._shards, order.direction)
        self._windows = [self._window(shard, order) for shard in shards]
        self._settled = anyio.Event()
        async with anyio.create_task_group() as walks:
            self._stop = walks.cancel_scope.cancel
            for window in self._windows:
                walks.start_soon(self._walk, window)
            if scout is not None:
                found = await scout()
            if found == order:
                self._walking.stats.windows = len(self._windows)
                self._settled.set()
            else:
                walks.cancel_scope.cancel()
        return found

    async def _scout(self) -> Order | None:
        """How the service lists, found out with small pages that are not handed out."""
        found: list[Order | None] = [None]

        async def scout() -> None:
            stats = PagerStats()
            walking = evolve(
                self._walking,
                stats=stats,
                page_size=_SCOUTED_CLIPS_A_PAGE,
                on_decode_error=_leave_to_the_walks,
            )
            walk = SavedClipWalk(walking, times=TimeRange(by=self._times.by))

            async def go_on() -> None:
                for _ in range(_SCOUTED_PAGES):
                    if walk.order is not None or await walk.next_batch() is None:
                        break

            try:
                first = await walk.next_batch()
                if first is not None and await self._goes_by_time(first, alongside=go_on):
                    found[0] = walk.order or walk.order_but_for_the_clock
            finally:
                self._walking.stats.requests += stats.requests

        await self._keeping_failure(scout)
        return found[0]

    async def _goes_by_time(
        self, first: ClipBatch, *, alongside: Callable[[], Awaitable[None]]
    ) -> bool:
        """Whether the service takes a time at which no clip lies for a cursor, too."""
        # A clip with two equal times is listed at that time, whichever the cursor is.
        clips = list(filter(has_equal_times, first.items))
        if len(clips) < 2:
            clips = list(first.items)
        times = [time for clip in clips if (time := self._time_of(clip)) is not None]
        if not times:
            return False
        taken = {time for clip in first.items for time in times_of(clip) if time is not None}
        moment, expected = probe_of(times, taken)
        found: list[int | None] = []

        async def probe() -> None:
            self._walking.stats.requests += 1
            page = await self._walking.caller(
                GET_SAVED_CLIPS, {"page_timestamp_ms": moment, "max_page_size": _PROBED_CLIPS}
            )
            found.extend(self._time_of(clip) for clip in page.saved_clips)

        await side_by_side(lambda work: work(), each((probe, alongside)), at_once=2)
        return expected in found

    async def _walk(self, window: _Window) -> None:
        if self._walking.on_decode_error is not None:
            await self._settled.wait()  # What is reported on a wrong guess would come again.
        try:
            await self._walk_on(window)
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits
            await self._settled.wait()  # On a wrong guess, errors mean nothing.
            self.is_misled = any(window.walk.is_misled for window in self._windows)
            self._fail(error)

    async def _walk_on(self, window: _Window | None) -> None:
        ready: list[Part] = []
        while window is not None:
            while (batch := await window.walk.next_batch()) is not None:
                times = [time for clip in batch.items if (time := self._time_of(clip)) is not None]
                # A few, which is what a narrow window leaves of a page, say little of what follows.
                if 2 * len(times) >= self._walking.page_size:
                    window.shard.met(len(times), max(times) - min(times))
                    self._usual_density = window.shard.density
                window.on_their_way += 1
                self._note_change()
                ready.append(Part(batch, window))
                if self._settled.is_set() or not self._may_go_on_guessing(len(ready)):
                    await self._hand_over(ready)
            await self._hand_over(ready)
            window.is_walked = True
            self._note_change()
            window = await self._next_window()

    def _may_go_on_guessing(self, pages: int) -> bool:
        """Whether a walk with so many pages fetches another while the scout is on its way."""
        return pages < _PAGES_ON_A_GUESS and not self._walking.caller.is_budget_spent

    async def _hand_over(self, ready: list[Part]) -> None:
        await self._settled.wait()
        while ready:
            await self._send.send(ready.pop(0))

    async def _walk_alone(self) -> None:
        self._windows = []
        walk = SavedClipWalk(self._walking, times=self._times)
        while (batch := await walk.next_batch()) is not None:
            await self._send.send(Part(batch))

    # --- sharing the work --------------------------------------------------------------------

    async def _next_window(self) -> _Window | None:
        """Half of a window that another walk has before it; None when all is walked."""
        while walked := [window for window in self._windows if not window.is_walked]:
            if not self._walking.caller.is_budget_spent:
                for window in walked:
                    window.shard.moved_to(window.walk.position)
                # What a walk at its end has before it is on its way to the caller already.
                going_on = [window.shard for window in walked if not window.walk.is_at_end]
                stolen = steal(going_on, self._walking.page_size, self._usual_density)
                if stolen is not None and self._order is not None:
                    for window in walked:
                        window.walk.times = self._times_of(window.shard)
                    self._windows.append(self._window(stolen, self._order))
                    self._walking.stats.windows += 1
                    return self._windows[-1]
            await self._changed.wait()
        return None

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _window(self, shard: Shard, order: Order) -> _Window:
        times = self._times_of(shard)
        cursor = shard.beginning
        if order.direction == NEWEST_FIRST:
            is_open = times.until is None
        else:
            is_open = times.since is None or cursor <= 0
        walk = SavedClipWalk(
            self._walking,
            times=times,
            cursor=None if is_open else cursor,
            order=order,
            either_clock=self._either_clock,
        )
        return _Window(shard, walk)

    def _time_of(self, clip: SavedClip) -> int | None:
        time: int | None = getattr(clip, self._times.by)
        return time

    def _times_of(self, shard: Shard) -> TimeRange:
        since: int | None = shard.start
        until = self._times.until if shard.end == self._end else shard.end
        if self._either_clock is not None:
            # Clips that lie in the range by one time may be listed outside of it by the other.
            since = None if shard.start == self._start else since
            until = None if shard.end == self._end else until
        return evolve(self._times, since=since, until=until)
