"""The pager that all listings share: it yields items, stops, resumes and counts.

A pager holds the state of one walk through a listing. Its generators are thin views of that state.
A generator that raised is finished, but its pager is not: the next iteration resumes where it
stopped. No generator here yields inside a task group or a cancel scope, or while it holds a
connection.
"""

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from attrs import define, evolve, field

from rhombus_clips.arguments import whole_number
from rhombus_clips.concurrency import Iteration, Waiting, alongside, is_alive
from rhombus_clips.errors import CursorStalledError, PagingError, RhombusError
from rhombus_clips.models.base import Answer
from rhombus_clips.paging.prefetch import Prefetch

ItemT = TypeVar("ItemT")
AnyT = TypeVar("AnyT")
PageT = TypeVar("PageT", bound=Answer)


@define
class PagerStats:
    """The counters of a pager."""

    requests: int = 0
    """Pages requested, including requests that only determine the order of the listing."""
    pages: int = 0
    """Pages with items to yield."""
    items: int = 0
    """Items yielded."""
    duplicates: int = 0
    """Items dropped because an earlier page contained them."""
    undecodable: int = 0
    """Items that failed to decode and were passed to ``on_decode_error``."""
    windows: int = 0
    """Time windows listed concurrently; 0 if the listing was not sharded."""


@define
class PendingPage(Generic[ItemT, PageT]):
    """A page, with the items that have not been yielded yet."""

    items: deque[ItemT]
    page: PageT
    cursor_after: Callable[[int], str | None]
    """Returns the cursor after that many items of the page; None at the end of the listing."""
    is_last: bool = False
    """True if nothing follows the page."""
    is_started: bool = field(default=False, init=False)
    _total: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._total = len(self.items)

    @property
    def cursor(self) -> str | None:
        """The cursor after the items that have been yielded."""
        return self.cursor_after(self._total - len(self.items))

    def take_back(self, items: list[ItemT]) -> None:
        """Put back *items*, which were yielded last."""
        self.items.extendleft(reversed(items))


class Walk(Protocol[ItemT, PageT]):
    """One walk through a listing."""

    stats: PagerStats

    @property
    def start_cursor(self) -> str:
        """The cursor that the walk starts from, also if that is the beginning of the listing."""
        ...

    async def next_page(self) -> PendingPage[ItemT, PageT] | None:
        """Fetch the next page, which may have no items; None at the end of the listing.

        After an error, the next call resumes the walk.
        """


class Resumable(ABC, Generic[ItemT]):
    """An async iterable whose iterations each resume where the last one stopped."""

    def __init__(self) -> None:
        # A weak reference: a loop that is left by break drops its generator, which must not block
        # the next iteration. It refers to the generator rather than the iteration, because a task
        # that awaits an item may hold only the generator.
        self._generator: weakref.ref[AsyncGenerator[Any, None]] | None = None
        self._waiting = Waiting()
        self._one_by_one: Iteration[ItemT] | None = None
        self._refusal: str | None = None
        """The reason why no further iteration can start; None if one can."""

    @abstractmethod
    def _items(self, waiting: Waiting) -> AsyncGenerator[ItemT, None]:
        """Iterate from where the last iteration stopped; *waiting* can interrupt it."""

    def __aiter__(self) -> Iteration[ItemT]:
        # As with a generator, this continues an iteration that `anext` started.
        if self._one_by_one is not None and is_alive(self._one_by_one.generator):
            return self._one_by_one
        self._one_by_one = None
        return self._start(self._items)

    async def __anext__(self) -> ItemT:
        """Return the next item, for ``await anext(...)``. It can be called again after an error."""
        self._one_by_one = aiter(self)
        return await anext(self._one_by_one)

    def _start(self, generate: Callable[[Waiting], AsyncGenerator[AnyT, None]]) -> Iteration[AnyT]:
        """Start an iteration. Raises `RuntimeError` while another one is active."""
        if self._refusal is not None:
            raise RuntimeError(self._refusal)
        return Iteration(generate, self._claim)

    def _claim(self, generator: AsyncGenerator[Any, None], waiting: Waiting) -> None:
        """Make *generator* the active one. Raises `RuntimeError` while another one is active."""
        current = None if self._generator is None else self._generator()
        if current is not None and is_alive(current):
            raise RuntimeError(
                f"this {type(self).__name__} is already being iterated; close that iteration"
                f" first, or create another {type(self).__name__}"
            )
        self._generator = weakref.ref(generator)
        self._waiting = waiting

    async def aclose(self) -> None:
        """End the active iteration, if any. The next iteration resumes from there.

        A task that is waiting for the next item gets `StopAsyncIteration`.
        """
        self._one_by_one = None
        current = None if self._generator is None else self._generator()
        if current is not None:
            await self._waiting.close(current)


class Pager(Resumable[ItemT], Generic[ItemT, PageT]):
    """A listing, as an async iterable of its items. Nothing is sent before it is iterated.

    A pager walks through the listing once. After an error, a ``break`` or `collect`, the next
    iteration resumes with the next item; at the end of the listing it yields nothing. A second
    concurrent iteration raises `RuntimeError`.
    """

    _list_name: ClassVar[str]
    """The field of a page that holds its items."""

    is_cursor_exact: bool = True
    """False if another pager that resumes from `cursor` may repeat items; see `sharded`."""

    def __init__(self, walk: Walk[ItemT, PageT], *, limit: int | None) -> None:
        super().__init__()
        self.stats: PagerStats = walk.stats
        self._walk = walk
        self._current: PendingPage[ItemT, PageT] | None = None
        """The page whose items are being yielded, or were yielded last."""
        self._limit = None if limit is None else whole_number(limit, "limit", least=0)
        self._pending: deque[PendingPage[ItemT, PageT]] = deque()
        self._is_exhausted = False
        self._fetching = asyncio.Lock()

    def __repr__(self) -> str:
        limit = "" if self._limit is None else f" of limit {self._limit}"
        state = " exhausted" if self.is_exhausted else ""
        return f"<{type(self).__name__} items={self.stats.items}{limit}{state}>"

    @property
    def cursor(self) -> str | None:
        """The exact position of this pager: a string for URLs, or None if nothing is left.

        Another pager with the same bounds and filters, in this process or another, resumes after
        the last item that was yielded, also in the middle of a page and after an error or a
        cancellation. Each item is then yielded once by both pagers together. The page size and the
        limit may differ. The string is usually shorter than 100 characters, and never longer than
        4,000. It is protected against damage, not against forgery: it grants nothing.

        :raises CursorStalledError: if several hundred items share one time and only some of them
            were yielded; the cursor is available again after the last of them.
        """
        if self._is_finished:
            return None
        return self._walk.start_cursor if self._current is None else self._current.cursor

    @property
    def is_exhausted(self) -> bool:
        """True if nothing is left to yield; False if that is not known yet."""
        if self._is_finished:
            return True
        current = self._current
        return current is not None and not current.items and current.is_last

    @property
    def _is_finished(self) -> bool:
        return self._is_exhausted and not self._pending

    def pages(self) -> AsyncGenerator[PageT, None]:
        """Iterate over the pages of the listing, each with only its new items."""
        return self._start(self._pages)

    async def collect(self, limit: int) -> list[ItemT]:
        """Return the next items as a list.

        If the call fails or is cancelled, nothing counts as yielded: the next iteration starts with
        the same items again, and `cursor` is unchanged. If a hundred pages without new items follow
        some items, it returns these: fewer than *limit* are left only if `is_exhausted` is true.

        :param limit: The maximum number of items. It has no default, so that no program lists a
            whole organization by accident.
        :raises RuntimeError: if another task calls `aclose` meanwhile.
        :raises RhombusError: for the same reasons as iterating the pager.
        """
        limit = whole_number(limit, "limit", least=0)
        before = self._current
        parts: list[tuple[PendingPage[ItemT, PageT], list[ItemT]]] = []
        try:
            iteration = self._start(partial(self._parts, limit=limit))
            async with aclosing(iteration) as taken:
                async for part in taken:
                    parts.append(part)  # noqa: PERF401  # an error must leave the parts before it
                if iteration.waiting.has_ended:
                    raise RuntimeError(  # noqa: TRY301  # its items are taken back as for any error
                        "the pager was closed while collect() waited for a page; call collect()"
                        " again to get the items"
                    )
        except BaseException as error:
            if type(error) is PagingError and parts:
                # Many pages without new items followed. They are progress that must not be lost.
                return [item for _, items in parts for item in items]
            self._take_back(parts, before)
            if isinstance(error, RhombusError):
                self._add_cursor(error)
            raise
        return [item for _, items in parts for item in items]

    def _take_back(
        self,
        parts: list[tuple[PendingPage[ItemT, PageT], list[ItemT]]],
        current: PendingPage[ItemT, PageT] | None,
    ) -> None:
        """Return to the page *current*, as if the items of *parts* had not been yielded."""
        for pending, items in reversed(parts):
            if not pending.items:
                self._pending.appendleft(pending)
            pending.take_back(items)
            self.stats.items -= len(items)
        if parts:  # Pages without items to yield are progress, also if an error follows.
            self._current = current

    @asynccontextmanager
    async def prefetched(self, ahead: int = 1) -> AsyncGenerator[AsyncGenerator[ItemT, None], None]:
        """Fetch the next page while the caller processes the current one.

        ``async with pager.prefetched() as items: async for item in items: ...``. Items, their order
        and exceptions are the same as without prefetching. Leaving the block early stops the
        fetching. Pages that were fetched by then, at most *ahead*, are kept for the next iteration
        of the pager. A task that is still waiting for an item at the end of the block gets
        `StopAsyncIteration`.

        :param ahead: The number of pages to keep ready, 1 by default. Pages can only be fetched one
            after another, so a higher number helps only if the speed of the caller varies.
        :raises InvalidArgumentError: for *ahead* below 1.
        :raises RhombusError: for the same reasons as iterating the pager.
        """
        ahead = whole_number(ahead, "ahead", least=1)
        prefetch = Prefetch(ahead, self._fetch_another, self._pages_ready)
        iterate = partial(self._items, prefetch=prefetch)
        async with alongside(prefetch.run), aclosing(self._start(iterate)) as items:
            yield items

    async def _items(
        self, waiting: Waiting, prefetch: Prefetch | None = None
    ) -> AsyncGenerator[ItemT, None]:
        while (pending := await self._next_page(waiting, prefetch)) is not None:
            for item in self._taken_from(pending):
                yield item
        waiting.is_complete = True

    async def _pages(self, waiting: Waiting) -> AsyncGenerator[PageT, None]:
        async with aclosing(self._parts(waiting)) as parts:
            async for pending, items in parts:
                only_new: dict[str, Any] = {self._list_name: items}
                yield evolve(pending.page, **only_new)
        waiting.is_complete = True

    async def _parts(
        self, waiting: Waiting, limit: int | None = None
    ) -> AsyncGenerator[tuple[PendingPage[ItemT, PageT], list[ItemT]], None]:
        """Yield the pages, each with its next items, at most *limit* in total."""
        left = limit
        while left != 0 and (pending := await self._next_page(waiting)) is not None:
            items = list(islice(self._taken_from(pending), left))
            left = None if left is None else left - len(items)
            yield pending, items
        waiting.is_complete = True

    def _taken_from(self, pending: PendingPage[ItemT, PageT]) -> Generator[ItemT, None, None]:
        """Yield the items of *pending*, and count each before it is yielded."""
        while pending.items and self.stats.items != self._limit:
            item = pending.items.popleft()
            self.stats.items += 1
            if not pending.items:
                self._pending.popleft()
            yield item

    async def _next_page(
        self, waiting: Waiting, prefetch: Prefetch | None = None
    ) -> PendingPage[ItemT, PageT] | None:
        if self.stats.items == self._limit:
            return None
        if not self._pending and not self._is_exhausted:
            try:
                await waiting.for_(prefetch.wait if prefetch else self._fetch_another)
            except RhombusError as error:
                self._add_cursor(error)
                raise
        if waiting.has_ended or not self._pending:
            return None
        self._current = self._pending[0]
        self._current.is_started = True
        if prefetch:
            prefetch.started()
        return self._current

    def _add_cursor(self, error: RhombusError) -> None:
        with suppress(CursorStalledError):  # Too many items share one time: there is none now.
            error.cursor = self.cursor

    async def _fetch_another(self) -> bool:
        """Fetch the next page with items. Return False if none is left, or none is needed."""
        # An iteration that was cancelled or closed may still be fetching a page ahead.
        async with self._fetching:
            while not self._is_exhausted:
                if self._limit is not None:
                    kept = sum(len(pending.items) for pending in self._pending)
                    if self.stats.items + kept >= self._limit:
                        return False
                page = await self._walk.next_page()
                if page is None:
                    self._is_exhausted = True
                elif page.items:
                    self._pending.append(page)
                    self.stats.pages += 1
                    return True
                elif not self._pending:  # Otherwise, earlier items have not been yielded yet.
                    self._current = page
            return False

    def _pages_ready(self) -> int:
        return sum(not pending.is_started for pending in self._pending)
