"""The pager of the saved clips, over their timestamp cursor."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, closing
from functools import partial

from attrs import evolve

from rhombus_clips.arguments import whole_number
from rhombus_clips.calls.caller import Caller, service_or_local_time_ms
from rhombus_clips.concurrency import Iteration, Waiting, alongside
from rhombus_clips.errors import RhombusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.claim import AnyT
from rhombus_clips.paging.pager import Pager
from rhombus_clips.paging.rules.clock import TimeRange
from rhombus_clips.paging.rules.cursor import LARGEST_PAGE_SIZE
from rhombus_clips.paging.saved_clip_walk import ClipBatch, OnDecodeError, SavedClipWalk, Walking
from rhombus_clips.paging.sharded import ShardedClips

_MOST_SHARDS = 64


class SavedClipPager(Pager[SavedClip, SavedClipPage, int]):
    """Every saved clip of the organization, once; see `ClipSession.saved_clips`."""

    def __init__(
        self,
        caller: Caller,
        *,
        times: TimeRange,
        cursor: int | None,
        page_size: int,
        limit: int | None,
        overlap_ms: int,
        on_decode_error: OnDecodeError | None,
    ) -> None:
        super().__init__(cursor=cursor, limit=limit)
        page_size = whole_number(page_size, "page_size", least=1, most=LARGEST_PAGE_SIZE)
        overlap_ms = whole_number(overlap_ms, "overlap_ms", least=0, most=1)
        if cursor is not None:
            cursor = whole_number(cursor, "cursor", least=1)
        self._times = times
        self._walking = Walking(
            caller=caller,
            stats=self.stats,
            page_size=page_size,
            overlaps=overlap_ms > 0,
            on_decode_error=on_decode_error,
        )
        self._walk = SavedClipWalk(self._walking, times=times, cursor=cursor)
        self._was_sharded = False

    @asynccontextmanager
    async def sharded(
        self, shards: int = 8
    ) -> AsyncGenerator[AsyncGenerator[SavedClip, None], None]:
        """List several parts of the time range side by side: the same clips, in another order.

        ``async with pager.sharded() as clips: async for clip in clips: ...``. The range is divided
        into windows, each read by a walk of its own; a walk that is done takes half of what the
        busiest has left, unless the rate budget is spent. Within a window clips come in the
        service's order. At most two pages of each walk wait for the caller.

        That needs a service whose cursor is the time that bounds the listing, which a few small
        requests find out; where it is not so, one walk lists everything, and the log says so.
        `stats.windows` says how many windows were walked, 0 for one walk. A task that still awaits
        a clip at the end of the block gets `StopAsyncIteration`.
        The pager is used up by it: to go on after an error or a ``break``, make another with
        its `cursor`, behind which some clips may come again.

        :param shards: How many pages to fetch at once, 1 to 64; 8 by default.
        :raises ValueError: without ``since``, or with ``cursor``, or for *shards* out of range.
        :raises RuntimeError: when the pager was iterated before.
        :raises RhombusError: as iterating the pager does.
        """
        shards = whole_number(shards, "shards", least=1, most=_MOST_SHARDS)
        if self._times.since is None:
            raise ValueError("sharded() needs since: an open range cannot be divided")
        if self._was_sharded or self.stats.requests:
            raise RuntimeError("sharded() lists from the beginning: make a new pager for it")
        if self._cursor is not None:
            raise ValueError("sharded() divides the range of since and until, not a cursor")
        now = service_or_local_time_ms(self._walking.caller)
        with closing(ShardedClips(self._walking, self._times, shards, now=now)) as listing:
            items = self._claimed(partial(self._sharded_items, listing=listing))
            self._was_sharded = True
            async with alongside(listing.run), aclosing(items):
                yield items

    async def _sharded_items(
        self, waiting: Waiting, listing: ShardedClips
    ) -> AsyncGenerator[SavedClip, None]:
        while self.stats.items != self._limit:
            try:
                part = await waiting.for_(listing.next_part)
            except RhombusError as error:
                if listing.is_misled:
                    self._cursor = None
                error.cursor = self._cursor
                raise
            if part is None:
                return
            self.stats.pages += 1
            for clip in part.clips:
                if self.stats.items == self._limit:
                    return
                self.stats.items += 1
                yield clip
            self._cursor = listing.handed_out(part)

    def _claimed(
        self, generate: Callable[[Waiting], AsyncGenerator[AnyT, None]]
    ) -> Iteration[AnyT]:
        if self._was_sharded:
            raise RuntimeError("this pager was sharded: go on with a new one, from its cursor")
        return super()._claimed(generate)

    async def _fetch(self) -> ClipBatch | None:
        try:
            return await self._walk.next_batch()
        finally:
            # Unless there are clips before the pages that were passed over, still to be handed out.
            if self._walk.skipped_to is not None and not self._batches:
                self._cursor = self._walk.skipped_to

    def _items_of(self, page: SavedClipPage) -> list[SavedClip]:
        return page.saved_clips

    def _with_items(self, page: SavedClipPage, items: list[SavedClip]) -> SavedClipPage:
        return evolve(page, saved_clips=items)
