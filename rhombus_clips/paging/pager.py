"""What every pager does: hand out, stop, resume and count.

A pager holds the state of one walk through a listing; its generators are thin views of it. A
generator that raised is finished, but the pager is not: iterating again goes on from where it
was. No generator here yields inside a task group or a cancel scope, nor while a connection is
held.
"""

import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import Any, Generic, TypeVar, cast

from attrs import define

from rhombus_clips.errors import RhombusError
from rhombus_clips.models import Answer
from rhombus_clips.protocol.arguments import whole_number

ItemT = TypeVar("ItemT")
PageT = TypeVar("PageT", bound=Answer)


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


@define
class Batch(Generic[ItemT, PageT]):
    """Items of one page that are still to be handed out."""

    items: deque[ItemT]
    page: PageT
    cursor: int | None


class Pager(ABC, Generic[ItemT, PageT]):
    """A listing, as an async iterable of its items; nothing is sent until it is iterated.

    A pager is walked once. After an error, a ``break`` or `collect`, iterating again goes on with
    the next item; at the end of the listing it yields nothing more. Two iterations at once are
    refused with a `RuntimeError`.
    """

    def __init__(self, *, cursor: int | None, limit: int | None) -> None:
        self._cursor = cursor
        self._limit = None if limit is None else whole_number(limit, "limit", least=0)
        self._batch: Batch[ItemT, PageT] | None = None
        self._is_exhausted = False
        self._iteration: weakref.ref[AsyncGeneratorType[Any, None]] | None = None
        self.stats = PagerStats()

    @property
    def cursor(self) -> int | None:
        """Where a new pager would go on, in epoch milliseconds; valid after an error too.

        It moves on when the last item of a page was handed out, so that nothing is lost by going
        on from it. What shares the cursor's millisecond comes again then: across two pagers each
        item comes at least once, within one exactly once. None at the beginning.
        """
        return self._cursor

    def __aiter__(self) -> AsyncGenerator[ItemT, None]:
        return self._claimed(self._items())

    def pages(self) -> AsyncGenerator[PageT, None]:
        """The listing page by page, each with just those of its items that are new."""
        return self._claimed(self._pages())

    async def collect(self, limit: int) -> list[ItemT]:
        """The next items as a list, *limit* at the most."""
        items: list[ItemT] = []
        if limit > 0:
            async with aclosing(self._claimed(self._items())) as iteration:
                async for item in iteration:
                    items.append(item)
                    if len(items) == limit:
                        break
        return items

    @abstractmethod
    async def _fetch(self) -> Batch[ItemT, PageT] | None:
        """The next page that brings something, or None at the end of the listing."""

    @abstractmethod
    def _with_items(self, page: PageT, items: list[ItemT]) -> PageT:
        """*page* with *items* for its list."""

    async def _items(self) -> AsyncGenerator[ItemT, None]:
        while (batch := await self._next_batch()) is not None:
            (item,) = self._handed_out(batch, 1)
            yield item

    async def _pages(self) -> AsyncGenerator[PageT, None]:
        while (batch := await self._next_batch()) is not None:
            items = self._handed_out(batch, len(batch.items))
            yield self._with_items(batch.page, items)

    def _handed_out(self, batch: Batch[ItemT, PageT], count: int) -> list[ItemT]:
        if self._limit is not None:
            count = min(count, self._limit - self.stats.items)
        items = [batch.items.popleft() for _ in range(count)]
        self.stats.items += count
        if not batch.items:
            self._cursor = batch.cursor
            self._batch = None
        return items

    async def _next_batch(self) -> Batch[ItemT, PageT] | None:
        if self._is_exhausted or self.stats.items == self._limit:
            return None
        if self._batch is None:
            try:
                self._batch = await self._fetch()
            except RhombusError as error:
                error.cursor = self._cursor
                raise
            self._is_exhausted = self._batch is None
            self.stats.pages += not self._is_exhausted
        return self._batch

    def _claimed(self, iteration: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        current = None if self._iteration is None else self._iteration()
        if current is not None and current.ag_frame is not None:
            raise RuntimeError(
                "this pager is being iterated already; close that iteration first, or make a"
                " second pager"
            )
        # Weak: a loop left by break drops its generator, and with it the claim.
        self._iteration = weakref.ref(cast("AsyncGeneratorType[Any, None]", iteration))
        return iteration
