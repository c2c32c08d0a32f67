"""Walking a listing by its timestamp cursor without losing or repeating an item.

The reference documents the request (``pageTimestampMs``, ``maxPageSize``) and the response
(``savedClips``, ``lastEvaluatedTimestampMs``). It does not document the order of the clips, which
of their times the cursor refers to, whether the cursor is inclusive, or how the last page is
marked. The walk learns what it can from the responses and is correct under every remaining
reading. Only the cursor ends a listing: null, absent or 0. An empty page whose cursor moved does
not end it, and a cursor that is not a time raises `DecodeError`. `page_search` describes how the
next page is found, and `position` how another process resumes.

`CursorWalk` does no I/O. Its caller requests `CursorWalk.request` and passes the response to
`CursorWalk.take` until the request is None.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import takewhile

from attrs import define, evolve, field

from rhombus_clips.errors import CursorCycleError, DecodeError, PagingError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.clock import Clock
from rhombus_clips.paging.rules.page_search import PageSearch, Search
from rhombus_clips.paging.rules.pages import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    ListedPage,
    PageRequest,
    times_of,
)
from rhombus_clips.paging.rules.position import Position, TakenPage, known_near

MOST_PAGES_WITHOUT_NEWS = 100

LARGEST_DOCUMENTED_PAGE = 100

LARGEST_UNSETTLED_PAGE = 200
"""The most items to request until few digests describe a position: each of them, on two pages, may
have to fit into a cursor."""

# The service's times have 64 bits, and the walk requests pages up to 1 ms past its cursor.
_BEYOND_EVERY_TIME = 2**63 - 1


@define(eq=False, kw_only=True)
class CursorWalk:
    """The state of one walk through a listing. After an error, `request` resumes the walk."""

    page_size: int
    digest: Callable[[SavedClip], int]
    """Returns the number that distinguishes a clip from the others."""
    start: Position = Position()
    """The position to resume from."""
    overlaps: bool = True
    """False sends each cursor back unchanged, at the price of clips that share its millisecond."""
    largest_page: int = LARGEST_DOCUMENTED_PAGE
    """The largest page to request for more than `page_size` items, of which some are repeated."""
    is_portable: bool = True
    """False if no cursor is needed for a position within a page, so all pages may be large."""
    is_at_end: bool = field(default=False, init=False)
    """True once the last page was taken."""
    clock: Clock = field(init=False)
    """What is known about the time that the cursor refers to."""
    _pages: PageSearch = field(init=False)
    _search: Search | None = None
    _request: PageRequest | None = None
    _unobserved: list[ListedPage] = field(factory=list[ListedPage])
    _pages_without_news: int = 0

    def __attrs_post_init__(self) -> None:
        self.clock = self.start.clock
        self._pages = PageSearch(
            position=self.start, digest=self.digest, size=self.page_size, overlaps=self.overlaps
        )
        self._pages.size = self._size(self.start, self.start.seen.total())

    @property
    def position(self) -> Position:
        """The position after the pages that were taken."""
        return self._pages.position

    @property
    def request(self) -> PageRequest | None:
        """The page to request next; None at the end of the listing."""
        if self._request is None and not self.is_at_end:
            self._search = self._pages.next_page()
            self._request = next(self._search)
        return self._request

    def take(self, page: ListedPage) -> TakenPage | None:
        """Take the response to `request`.

        Returns the next page of the listing, or None if the listing has ended or if another request
        has to be answered first.

        Raises `DecodeError` for a cursor that is not a time; `request` then repeats the request.
        Raises `PagingError` if the walk cannot continue without losing or repeating items.
        """
        if page.cursor is not None and not 0 <= page.cursor < _BEYOND_EVERY_TIME:
            raise _not_a_time(page.cursor)
        if self._search is None or self._request is None:
            raise RuntimeError("take() needs the response to a request")
        found: ListedPage | None = None
        self._request = None
        try:
            self._request = self._search.send(page)
        except StopIteration as end:
            found = end.value
        taken = None if found is None else self._accept(found)
        self.is_at_end = self._request is None and (found is None or not found.cursor)
        return taken

    def _accept(self, page: ListedPage) -> TakenPage:
        before = self.position
        digests = [self.digest(item) for item in page.items]
        new_indexes, left = _new_items(page, digests, before)
        self._observe_clock(page, before, digests)
        self._pages.position = after = self._after(page, digests, before, left)
        self._pages_without_news = 0 if new_indexes else self._pages_without_news + 1
        if self._pages_without_news >= MOST_PAGES_WITHOUT_NEWS:
            self._pages_without_news = 0
            raise PagingError(
                f"{MOST_PAGES_WITHOUT_NEWS} consecutive pages contained no new items, although each"
                " had a cursor; iterate again to continue from there"
            )
        return TakenPage(
            page,
            digests,
            new_indexes,
            before,
            after if page.cursor else None,
            self.clock,
            self.overlaps,
        )

    def _observe_clock(self, page: ListedPage, before: Position, digests: list[int]) -> None:
        self._unobserved.append(page)
        if before.direction is None:
            return
        overlaps = before.boundary_was_listed and not self._pages.is_verbatim
        if overlaps and page.items and before.seen.keys().isdisjoint(digests):
            # The clip at the boundary was deleted, or the cursor never was a time of that clip.
            self.clock = self.clock.unproven()
        for one in self._unobserved:
            self.clock = self.clock.observed(one, before.direction)
        self._unobserved.clear()

    def _after(
        self, page: ListedPage, digests: list[int], before: Position, left: Counter[int]
    ) -> Position:
        """Return the position after *page*, with *left* of the items handed out before it."""
        position = evolve(
            before,
            longest_page=max(before.longest_page, len(page.items)),
            clock=evolve(self.clock, counted=None),
            handed_out=evolve(before.handed_out, digests=left),
        )
        if page.cursor:
            position = self._moved_to(page.cursor, position)
        boundary = position.boundary
        if boundary is None or boundary == before.boundary:
            seen = before.seen | Counter(digests)
        else:
            # This page has every item that the next one can repeat.
            seen = known_near(boundary, page, digests, position=position, end=len(digests))
            position = evolve(
                position, handed_out=position.handed_out.after(boundary, position.direction)
            )
            at_boundary = takewhile(partial(_has_time, boundary), reversed(page.items))
            self._pages.size = self._size(position, len([*at_boundary]))
        return evolve(
            position,
            seen=seen,
            boundary_was_listed=bool(page.items) and boundary in times_of(page.items[-1]),
            suggested_direction=_suggested_direction(page) if position.direction is None else None,
        )

    def _size(self, position: Position, more: int) -> int:
        """Return how many items to request to get `page_size` new ones, if *more* are repeated."""
        if not self.overlaps:
            more = 0
        is_limited = self.is_portable and not (position.is_settled and self.overlaps)
        size = min(self.page_size, LARGEST_UNSETTLED_PAGE) if is_limited else self.page_size
        more += position.handed_out.digests.total()
        return min(size + more, max(size, self.largest_page))

    def _moved_to(self, cursor: int, position: Position) -> Position:
        """Return *position* with the boundary at *cursor*, unless the boundary does not move."""
        before, direction = position.boundary, position.direction
        if self._pages.is_verbatim:
            if cursor != before and position.cycle.has_returned_to(cursor):
                raise CursorCycleError(f"the service returned cursor {cursor} for a second time")
            if before is not None and cursor != before:
                direction = OLDEST_FIRST if cursor > before else NEWEST_FIRST
            cycle = position.cycle.moved_to(cursor)
            return evolve(position, boundary=cursor, direction=direction, cycle=cycle)
        if before is not None and direction is not None:
            if (cursor - before + direction) * direction < 0:
                raise CursorCycleError(
                    f"the cursor moved backwards from {before} to {cursor} in a listing that is"
                    f" {'newest' if direction == NEWEST_FIRST else 'oldest'} first"
                )
            if (cursor - before) * direction <= 0:
                return position
        return evolve(position, boundary=cursor)


def _has_time(time: int, item: SavedClip) -> bool:
    return time in times_of(item)


def _new_items(
    page: ListedPage, digests: list[int], before: Position
) -> tuple[list[int], Counter[int]]:
    """Return the indexes of the new items, and the handed-out items that the page does not have.

    An item without a uuid may have equal twins, so the number of its copies counts.
    """
    seen, left = before.seen, before.handed_out.digests.copy()
    counts: Counter[int] = Counter()
    new_indexes: list[int] = []
    for index, (item, digest) in enumerate(zip(page.items, digests, strict=True)):
        counts[digest] += 1
        if counts[digest] > seen[digest] and (counts[digest] == 1 or item.uuid is None):
            if left[digest] > 0:
                left[digest] -= 1
            else:
                new_indexes.append(index)
    return new_indexes, +left


def _suggested_direction(page: ListedPage) -> int | None:
    """Return the direction of a time that runs through the page and ends at its cursor, if any."""
    suggested: set[int] = set()
    for times in zip(*map(times_of, page.items), strict=True):
        if None not in times and times[0] != times[-1] == page.cursor:
            for direction in (NEWEST_FIRST, OLDEST_FIRST):
                if list(times) == sorted(times, reverse=direction == NEWEST_FIRST):
                    suggested.add(direction)
    return suggested.pop() if len(suggested) == 1 else None


def _not_a_time(cursor: int) -> DecodeError:
    path = "$.lastEvaluatedTimestampMs"
    expected = "epoch milliseconds, or null or 0 at the end of the listing"
    return DecodeError(
        f"{path} should be {expected}, but is {cursor}: the pages after this one cannot be listed;"
        " iterate again to repeat the request",
        path=path,
        expected=expected,
        value_excerpt=str(cursor)[:80],
    )
