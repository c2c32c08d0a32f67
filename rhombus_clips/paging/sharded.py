"""Concurrent walks through one listing, each within its own time window.

Dividing the range requires knowing that the cursor is a time, which of the clips' times it is, and
the direction of the listing. A scout finds this out with a few small pages. The walks start
immediately, on the assumption that the listing is newest first by the time that bounds it. Nothing
is yielded until the scout has confirmed this. If the assumption is wrong, the walks start again.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import anyio
from attrs import define, evolve

from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.concurrency import each, side_by_side
from rhombus_clips.errors import DecodeError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.pager import PagerStats
from rhombus_clips.paging.rules.clock import TimeRange, has_equal_times
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, times_of
from rhombus_clips.paging.rules.position import Position
from rhombus_clips.paging.rules.shards import Order, Shard, divide, probe_of, steal
from rhombus_clips.paging.saved_clip_walk import (
    EitherClock,
    ListingOptions,
    PendingClips,
    SavedClipWalk,
)

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("rhombus_clips")

_SCOUTED_PAGES = 10
_SCOUT_PAGE_SIZE = 20
_PROBED_CLIPS = 5

# The scout needs at least two responses; in that time, each walk receives two pages.
_PAGES_BEFORE_CONFIRMATION = 2


@define(eq=False)
class ShardState:
    """A shard, the walk through it, and how much of it was yielded."""

    shard: Shard
    walk: SavedClipWalk
    yielded_to: int | None
    """The cursor after the clips that were yielded; None is the start of the listing."""
    pages_waiting: int = 0
    is_finished: bool = False


def _ignore(_raw: Any, _error: DecodeError) -> None:
    """Ignore an item that failed to decode: the walk through its shard reports it."""


class ShardedListing:
    """A listing of the clips in *times*, which must have a start, by concurrent walks.

    If the range has no end, it is divided up to *now*. Its last shard has no end either, to include
    clips that are later than this machine's clock or are created meanwhile.
    """

    def __init__(self, options: ListingOptions, times: TimeRange, shards: int, *, now: int) -> None:
        self._options = evolve(options, reported=set())
        self._times = times
        self._start = times.since or 0
        self._end = max(now, self._start + 1) if times.until is None else times.until
        self._count = shards
        self._states: list[ShardState] = []
        self._order: Order | None = None
        self._either_clock: EitherClock | None = None
        self._failure: Exception | None = None
        self.is_misled: bool = False
        """True if the range was divided by a time that the listing does not follow."""
        self._stop: Callable[[], None] = lambda: None  # Cancels the walks, once they have started.
        self._usual_density: float | None = None
        self._wanted = anyio.Event()
        self._confirmed = anyio.Event()
        self._changed = anyio.Event()
        # Without a buffer, a walk waits until the caller has taken its page.
        self._send, self._receive = anyio.create_memory_object_stream[
            tuple[ShardState | None, PendingClips]
        ](0)

    # --- for the caller ---------------------------------------------------------------------------

    async def next_page(self) -> tuple[ShardState | None, PendingClips] | None:
        """Return the next page of any walk, or None at the end. Raise the exception of a walk."""
        self._wanted.set()
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            if self._failure is not None:
                raise self._failure from None
            return None

    def close(self) -> None:
        """Stop receiving pages."""
        self._receive.close()
        self._send.close()

    def yielded(self, state: ShardState | None, page: PendingClips) -> Position:
        """Record that all of *page* was yielded. Return the position for another pager."""
        if state is None or self._order is None:
            return Position(boundary=page.boundary)
        state.pages_waiting -= 1
        state.yielded_to = page.boundary
        self._states = [one for one in self._states if one.pages_waiting or not one.is_finished]
        positions = [one.yielded_to for one in self._states if one.yielded_to is not None]
        boundary: int | None = None
        if len(positions) == len(self._states):
            is_newest_first = self._order.direction == NEWEST_FIRST
            earliest = max if is_newest_first else min
            boundary = earliest(positions, default=self._start if is_newest_first else self._end)
        return Position(boundary=boundary or None, direction=self._order.direction)

    # --- the walks --------------------------------------------------------------------------------

    async def run(self) -> None:
        """List everything. Stop at an error, which is kept for `next_page`."""
        with self._send:
            await self._wanted.wait()
            await self._keeping_failure(self._list)

    async def _keeping_failure(self, job: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await job()
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._stop()

    async def _list(self) -> None:
        assumed = Order(self._times.by, NEWEST_FIRST)
        found = await self._list_shards(assumed, self._scout)
        if self._failure is not None or found == assumed:
            return
        if found is not None and found.clock == self._times.by:
            await self._list_shards(found)
            return
        logger.info("the service's cursor may not be %s: using one walk", self._times.by)
        self._states = []
        walk = SavedClipWalk(self._options, times=self._times)
        while (page := await walk.next_page()) is not None:
            if page.items:
                await self._send.send((None, page))

    async def _list_shards(
        self, order: Order, scout: Callable[[], Awaitable[Order | None]] | None = None
    ) -> Order | None:
        """List all shards, provided that *scout* finds the same order. Return the order found."""
        found: Order | None = order
        self._order = order
        self._either_clock = EitherClock(self._times) if order.may_be_other_clock else None
        shards = divide(self._start, self._end, self._count, order.direction)
        self._states = [self._state_of(shard, order) for shard in shards]
        self._confirmed = anyio.Event()
        async with anyio.create_task_group() as tasks:
            self._stop = tasks.cancel_scope.cancel
            for state in self._states:
                tasks.start_soon(self._list_shard, state)
            if scout is not None:
                found = await self._keeping_failure(scout)
            if found == order:
                self._options.stats.windows = len(self._states)
                self._confirmed.set()
            else:
                tasks.cancel_scope.cancel()
        return found

    async def _scout(self) -> Order | None:
        """Determine the order of the listing, with small pages that are not yielded."""
        options = evolve(
            self._options, stats=PagerStats(), page_size=_SCOUT_PAGE_SIZE, on_decode_error=_ignore
        )
        walk = SavedClipWalk(options, times=TimeRange(by=self._times.by))

        async def read_on() -> None:
            for _ in range(_SCOUTED_PAGES):
                if walk.order() is not None or not await _next_clips(walk):
                    break

        try:
            first = await _next_clips(walk)
            has_time_cursor = first and await self._has_time_cursor(first, meanwhile=read_on)
            return walk.order(or_either_clock=True) if has_time_cursor else None
        finally:
            self._options.stats.requests += options.stats.requests

    async def _has_time_cursor(
        self, first: list[SavedClip], *, meanwhile: Callable[[], Awaitable[None]]
    ) -> bool:
        """Return whether the service accepts a time as a cursor even if no clip has that time."""
        # A clip with two equal times is listed at that time, whichever clock the listing follows.
        clips = list(filter(has_equal_times, first))
        times = self._times_in(clips if len(clips) > 1 else first)
        if not times:
            return False
        taken = {time for clip in first for time in times_of(clip) if time is not None}
        cursor, expected = probe_of(times, taken)
        found: list[int] = []

        async def probe() -> None:
            self._options.stats.requests += 1
            parameters = {"page_timestamp_ms": cursor, "max_page_size": _PROBED_CLIPS}
            page = await self._options.caller(GET_SAVED_CLIPS, parameters)
            found.extend(self._times_in(page.saved_clips))

        await side_by_side(lambda work: work(), each((probe, meanwhile)), at_once=2)
        return expected in found

    async def _list_shard(self, state: ShardState) -> None:
        if self._options.on_decode_error is not None:
            await self._confirmed.wait()  # A wrong assumption would report items twice.
        try:
            current: ShardState | None = state
            while current is not None:
                await self._list_one(current)
                current = await self._stolen()
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits
            await self._confirmed.wait()  # If the assumption is wrong, errors mean nothing.
            self.is_misled = any(one.walk.is_misled for one in self._states)
            self._fail(error)

    async def _list_one(self, state: ShardState) -> None:
        ready: list[PendingClips] = []
        while (page := await state.walk.next_page()) is not None:
            if not page.items:
                continue
            times = self._times_in(page.items)
            # If a narrow shard leaves only a few clips of a page, they do not show the density.
            if 2 * len(times) >= self._options.page_size:
                state.shard.met(len(times), max(times) - min(times))
                self._usual_density = state.shard.density
            state.pages_waiting += 1
            self._notify()
            ready.append(page)
            may_read_on = len(ready) < _PAGES_BEFORE_CONFIRMATION
            if self._confirmed.is_set() or not may_read_on or self._options.caller.is_budget_spent:
                await self._hand_over(state, ready)
        await self._hand_over(state, ready)
        state.is_finished = True
        self._notify()

    async def _hand_over(self, state: ShardState, ready: list[PendingClips]) -> None:
        await self._confirmed.wait()
        while ready:
            await self._send.send((state, ready.pop(0)))

    async def _stolen(self) -> ShardState | None:
        """Take over half of what another walk has left. Return None once everything is listed."""
        while unfinished := [one for one in self._states if not one.is_finished]:
            if not self._options.caller.is_budget_spent and self._order is not None:
                for one in unfinished:
                    one.shard.moved_to(one.walk.boundary)
                # A walk at its end has nothing left; its last pages wait for the caller.
                busy = [one.shard for one in unfinished if not one.walk.is_at_end]
                stolen = steal(busy, self._options.page_size, self._usual_density)
                if stolen is not None:
                    for one in unfinished:
                        one.walk.times = self._times_of(one.shard)
                    self._states.append(self._state_of(stolen, self._order))
                    self._options.stats.windows += 1
                    return self._states[-1]
            await self._changed.wait()
        return None

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _state_of(self, shard: Shard, order: Order) -> ShardState:
        times, entry = self._times_of(shard), shard.entry
        is_newest_first = order.direction == NEWEST_FIRST
        is_open = times.until is None if is_newest_first else times.since is None or entry <= 0
        start = Position(boundary=None if is_open else entry)
        walk = SavedClipWalk(
            self._options, times=times, start=start, order=order, either_clock=self._either_clock
        )
        return ShardState(shard, walk, walk.boundary)

    def _times_in(self, clips: Iterable[SavedClip]) -> list[int]:
        return [time for clip in clips if (time := self._times.time_of(clip)) is not None]

    def _times_of(self, shard: Shard) -> TimeRange:
        since: int | None = shard.start
        until = self._times.until if shard.end == self._end else shard.end
        if self._either_clock is not None:
            # A clip that is in the range by one time may be listed outside it by the other.
            since = None if shard.start == self._start else since
            until = None if shard.end == self._end else until
        return evolve(self._times, since=since, until=until)


async def _next_clips(walk: SavedClipWalk) -> list[SavedClip]:
    """Return the clips of the next page that has some, or no clips at the end."""
    while (page := await walk.next_page()) is not None:
        if page.items:
            return list(page.items)
    return []
