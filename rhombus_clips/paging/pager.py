"""What every pager does: hand out, stop, resume and count.

A pager holds the state of one walk through a listing; its generators are thin views of it. A
generator that raised is finished, but the pager is not: iterating again goes on from where it
was. No generator here yields inside a task group or a cancel scope, nor while a connection is
held.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from attrs import define

from rhombus_clips.arguments import whole_number
from rhombus_clips.concurrency import Waiting, alongside
from rhombus_clips.errors import RhombusError
from rhombus_clips.models.base import Answer
from rhombus_clips.paging.claim import Resumable
from rhombus_clips.paging.prefetch import Prefetch

ItemT = TypeVar("ItemT")
PageT = TypeVar("PageT", bound=Answer)
CursorT = TypeVar("CursorT", bound=int | str)


@define
class PagerStats:
    """What a pager has done so far."""

    requests: int = 0
    """Pages asked for, those included that only settle how the service lists."""
    pages: int = 0
    """Pages that brought something to hand out."""
    items: int = 0
    """Items handed out."""
    duplicates: int = 0
    """Items that came again and were dropped."""
    undecodable: int = 0
    """Items that did not decode and went to ``on_decode_error``."""
    windows: int = 0
    """Windows that were walked side by side; 0 where the listing was not sharded."""


@define
class Batch(Generic[ItemT, PageT, CursorT]):
    """Items of one page that are still to be handed out."""

    items: deque[ItemT]
    page: PageT
    cursor: CursorT | None
    is_begun: bool = False


class Pager(Resumable[ItemT], Generic[ItemT, PageT, CursorT]):
    """A listing, as an async iterable of its items; nothing is sent until it is iterated.

    A pager is walked once. After an error, a ``break`` or `collect`, iterating again goes on with
    the next item; at the end of the listing it yields nothing more. Two iterations at once are
    refused with a `RuntimeError`.
    """

    def __init__(self, *, cursor: CursorT | None, limit: int | None) -> None:
        super().__init__("pager")
        self._cursor = cursor
        self._limit = None if limit is None else whole_number(limit, "limit", least=0)
        self._batches: deque[Batch[ItemT, PageT, CursorT]] = deque()
        self._last_page: PageT | None = None
        self._is_exhausted = False
        self._fetching = asyncio.Lock()
        self.stats = PagerStats()

    @property
    def cursor(self) -> CursorT | None:
        """Where a new pager would go on; valid after an error too. None at the beginning.

        Epoch milliseconds, or the service's token where it has one. It moves on when the last item
        of a page was handed out, so that nothing is lost by going on from it. What shares the
        cursor's millisecond comes again then: across two pagers each item comes at least once,
        within one exactly once.
        """
        return self._cursor

    def _iterated(self, waiting: Waiting) -> AsyncGenerator[ItemT, None]:
        return self._items(waiting)

    def pages(self) -> AsyncGenerator[PageT, None]:
        """The listing page by page, each with just those of its items that are new."""
        return self._claimed(self._pages)

    async def collect(self, limit: int) -> list[ItemT]:
        """Return the next items as a list.

        When it fails or is cancelled midway it has handed out nothing: the items that it had
        already come again with the next iteration, and `cursor` is where it was before.

        :param limit: The most items to return; there is no default, so that nobody asks for a
            whole organization by accident.
        :raises RuntimeError: when another task calls `aclose` meanwhile.
        :raises RhombusError: as iterating does.
        """
        limit = whole_number(limit, "limit", least=0)
        items: list[ItemT] = []
        before = self._cursor
        try:
            iteration = self._claimed(partial(self._pages, limit=limit))
            async with aclosing(iteration) as pages:
                async for page in pages:
                    items.extend(self._items_of(page))
                if iteration.waiting.has_ended:
                    raise RuntimeError(  # noqa: TRY301  # its items are taken back as for any error
                        "the pager was closed while collect() waited for a page; collect again to"
                        " get the items"
                    )
        except BaseException as error:
            self._take_back(items, before)
            if isinstance(error, RhombusError):
                error.cursor = self._cursor
            raise
        return items

    @asynccontextmanager
    async def prefetched(self, ahead: int = 1) -> AsyncGenerator[AsyncGenerator[ItemT, None], None]:
        """Fetch the next page while the caller works on this one.

        ``async with pager.prefetched() as items: async for item in items: ...``. The items and
        their order are those of the pager itself, and exceptions come where they would come there.
        Leaving the block early ends the fetching; pages that were fetched by then, at most *ahead*,
        are kept, and iterating the pager goes on with them. A task that still awaits an item at the
        end of the block gets `StopAsyncIteration`.

        :param ahead: How many pages to keep ready, 1 by default. As each page names the next,
            more than one helps only a caller whose speed varies.
        :raises ValueError: for *ahead* below 1.
        :raises RhombusError: as iterating the pager does.
        """
        ahead = whole_number(ahead, "ahead", least=1)
        prefetch = Prefetch(ahead, fetch=self._fetch_another, ready=self._batches_ready)
        iterate = partial(self._items, prefetch=prefetch)
        async with alongside(prefetch.run), aclosing(self._claimed(iterate)) as items:
            yield items

    @abstractmethod
    async def _fetch(self) -> Batch[ItemT, PageT, CursorT] | None:
        """The next page that brings something, or None at the end of the listing."""

    @abstractmethod
    def _with_items(self, page: PageT, items: list[ItemT]) -> PageT:
        """*page* with *items* for its list."""

    @abstractmethod
    def _items_of(self, page: PageT) -> list[ItemT]:
        """The list of *page*."""

    async def _items(
        self, waiting: Waiting, prefetch: Prefetch | None = None
    ) -> AsyncGenerator[ItemT, None]:
        while (batch := await self._next_batch(waiting, prefetch)) is not None:
            for item in self._handing_out(batch):
                yield item

    async def _pages(
        self, waiting: Waiting, limit: int | None = None
    ) -> AsyncGenerator[PageT, None]:
        left = limit
        while left != 0 and (batch := await self._next_batch(waiting)) is not None:
            items = list(islice(self._handing_out(batch), left))
            left = None if left is None else left - len(items)
            yield self._with_items(batch.page, items)

    def _handing_out(self, batch: Batch[ItemT, PageT, CursorT]) -> Generator[ItemT, None, None]:
        """The items of *batch*, each counted as handed out before it is."""
        while batch.items and self.stats.items != self._limit:
            item = batch.items.popleft()
            self.stats.items += 1
            if not batch.items:
                self._cursor = batch.cursor
                self._batches.popleft()
            yield item

    def _take_back(self, items: list[ItemT], cursor: CursorT | None) -> None:
        """Undo that *items* were handed out since the pager's cursor was *cursor*."""
        if items and self._last_page is not None:
            self._batches.appendleft(Batch(deque(items), self._last_page, self._cursor))
            self._cursor = cursor
            self.stats.items -= len(items)

    async def _next_batch(
        self, waiting: Waiting, prefetch: Prefetch | None = None
    ) -> Batch[ItemT, PageT, CursorT] | None:
        if self.stats.items == self._limit:
            return None
        if not self._batches and not self._is_exhausted:
            try:
                await waiting.for_(prefetch.wait if prefetch else self._fetch_another)
            except RhombusError as error:
                error.cursor = self._cursor
                raise
        if waiting.has_ended or not self._batches:
            return None
        batch = self._batches[0]
        batch.is_begun = True
        if prefetch:
            prefetch.begun()
        self._last_page = batch.page
        return batch

    async def _fetch_another(self) -> bool:
        """Fetch the next batch and keep it; False when there is none, or none is needed."""
        # A fetch ahead may be under way whose iteration was cancelled or closed.
        async with self._fetching:
            return await self._fetch_alone()

    async def _fetch_alone(self) -> bool:
        if self._is_exhausted:
            return False
        kept = sum(len(batch.items) for batch in self._batches)
        if self._limit is not None and self.stats.items + kept >= self._limit:
            return False
        batch = await self._fetch()
        if batch is None:
            self._is_exhausted = True
            return False
        self._batches.append(batch)
        self.stats.pages += 1
        return True

    def _batches_ready(self) -> int:
        return sum(not batch.is_begun for batch in self._batches)
