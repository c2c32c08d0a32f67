"""The pager of the saved clips, which follows their timestamp cursor."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, closing
from functools import partial

from rhombus_clips.arguments import whole_number
from rhombus_clips.calls.caller import service_or_local_time_ms
from rhombus_clips.concurrency import Waiting, alongside
from rhombus_clips.errors import InvalidArgumentError, RhombusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.pager import Pager, PendingPage
from rhombus_clips.paging.rules.position import Position
from rhombus_clips.paging.saved_clip_walk import SavedClipWalk
from rhombus_clips.paging.sharded import ShardedListing

_MOST_SHARDS = 64


class SavedClipPager(Pager[SavedClip, SavedClipPage]):
    """Every saved clip of the organization, once; see `ClipSession.saved_clips`."""

    _list_name = "saved_clips"
    _walk: SavedClipWalk

    @asynccontextmanager
    async def sharded(
        self, shards: int = 8
    ) -> AsyncGenerator[AsyncGenerator[SavedClip, None], None]:
        """List several parts of the time range concurrently. The clips come in another order.

        ``async with pager.sharded() as clips: async for clip in clips: ...``. The range is divided
        into time windows, each with its own walk. A walk that has finished takes over half of what
        the busiest has left, unless the rate budget is exhausted. Within a window, clips have the
        service's order. At most two pages of each walk wait for the caller.

        This requires that the service's cursor is the time that bounds the listing. A few small
        requests check that. If it is not, a single walk lists everything, and a message is logged.
        `stats.windows` is the number of windows, or 0 for a single walk. A task that is still
        waiting for a clip at the end of the block gets `StopAsyncIteration`.

        The pager cannot be iterated afterwards. To continue after an error or a ``break``, create
        another with its `cursor`. That is an earlier position, which `is_cursor_exact` tells, so
        some clips are repeated.

        :param shards: The number of pages to fetch concurrently, 1 to 64; 8 by default.
        :raises InvalidArgumentError: without ``since``, with ``cursor``, or for *shards* out of
            range.
        :raises RuntimeError: if the pager was iterated before.
        :raises RhombusError: for the same reasons as iterating the pager.
        """
        shards = whole_number(shards, "shards", least=1, most=_MOST_SHARDS)
        options, times = self._walk.options, self._walk.times
        if times.since is None:
            raise InvalidArgumentError(
                "sharded() needs since: a range without a start cannot be divided"
            )
        if self._refusal is not None or self.stats.requests:
            raise RuntimeError("sharded() starts from the beginning: create a new pager for it")
        if self._walk.start != Position():
            raise InvalidArgumentError(
                "sharded() divides the range of since and until; it takes no cursor"
            )
        now = service_or_local_time_ms(options.caller)
        with closing(ShardedListing(options, times, shards, now=now)) as listing:
            items = self._start(partial(self._sharded_items, listing=listing))
            self._refusal = "this pager was sharded: create a new one from its cursor"
            self.is_cursor_exact = False
            async with alongside(listing.run), aclosing(items):
                yield items

    async def _sharded_items(
        self, waiting: Waiting, listing: ShardedListing
    ) -> AsyncGenerator[SavedClip, None]:
        while self.stats.items != self._limit:
            try:
                part = await waiting.for_(listing.next_page)
            except RhombusError as error:
                if listing.is_misled:
                    self._current = None
                self._add_cursor(error)
                raise
            if part is None:
                self._is_exhausted = not waiting.has_ended
                break
            state, page = part
            self.stats.pages += 1
            for clip in page.items:
                if self.stats.items == self._limit:
                    waiting.is_complete = True
                    return
                self.stats.items += 1
                yield clip
            position = listing.yielded(state, page)
            self._current = PendingPage(deque(), page.page, partial(self._cursor_at, position))
        waiting.is_complete = True

    def _cursor_at(self, position: Position, _yielded: int) -> str:
        return position.to_cursor(self._walk.listed)
