"""Walking a listing by its timestamp cursor, so that nothing is lost and nothing comes twice.

The reference says what a request takes (``pageTimestampMs``, ``maxPageSize``) and what an answer
gives (``savedClips``, ``lastEvaluatedTimestampMs``), and leaves open in which order clips come,
which of their times the cursor is, whether it is inclusive, and how the end is marked. The walk
settles what it can from the answers and is right whichever way the rest falls:

- Only the cursor ends a listing. An empty page with a cursor that moved goes on.
- Clips that share the boundary's millisecond can lie on both sides of it, so each page is asked
  from one millisecond before the last cursor (`overlap`), and what came already is dropped.
- For that the direction must be known. A page suggests it; the overlap proves it, because the
  boundary's clips must come back on one side of the cursor and cannot on the other.
- Where nothing comes back but the bare cursor does bring clips, the service does not read the
  cursor as a time, and from then on gets it back as it came (`verbatim`).
- A page that brings nothing new and does not move the cursor is asked again larger. What still
  does not move is the end if nothing lies beyond, and a `CursorStalledError` if something does.

`CursorWalk.steps` is a generator without I/O: it yields what to ask and what is fresh.
"""

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from typing import Any, Generic

from rhombus_clips.errors import CursorCycleError, CursorStalledError, PagingError
from rhombus_clips.protocol.listed import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    Ask,
    Fresh,
    ItemT,
    Listed,
    distance,
    suggested_direction,
    times_of,
)

LARGEST_PAGE_SIZE = 10_000
MOST_EMPTY_PAGES = 100

Steps = Generator[Ask | Fresh[ItemT], Any, None]
Asking = Generator[Ask, Listed[ItemT], Listed[ItemT] | None]
Probing = Generator[Ask, Listed[ItemT], Listed[ItemT]]


class CursorWalk(Generic[ItemT]):
    """The state of one walk. `steps` may be started anew after it raised: it then goes on."""

    def __init__(
        self,
        *,
        page_size: int,
        identity: Callable[[ItemT], Hashable],
        cursor: int | None = None,
        overlap: bool = True,
        direction: int | None = None,
    ) -> None:
        self.cursor = cursor
        """Where to resume: the last cursor that the service gave for a page that was taken."""
        self.direction = direction
        """`NEWEST_FIRST` or `OLDEST_FIRST`, once the answers have told."""
        self.duplicates = 0
        self._page_size = page_size
        self._size = page_size
        self._identity = identity
        self.is_verbatim = not overlap
        """Whether the cursor goes back as it came: the service does not read it as a time, or the
        walk was told not to overlap."""
        self._used_cursors: set[int] = set()
        self._seen: Counter[Hashable] = Counter()
        self._hint: int | None = None
        self._boundary_was_listed = False
        self._fruitless_pages = 0
        self._largest_size = LARGEST_PAGE_SIZE
        self._accepted_size = page_size
        self._was_resumed = cursor is not None
        self._longest_page = 0
        self._handed_out = 0

    def steps(self) -> Steps[ItemT]:
        """Yield an `Ask` for each page to fetch and a `Fresh` for each page that was taken.

        Raises `PagingError` when the walk cannot go on without losing or repeating something.
        """
        listed = yield from self._next_page()
        while listed is not None:
            yield self._take(listed)
            if listed.is_last:
                return
            listed = yield from self._next_page()

    # --- taking a page -----------------------------------------------------------------------

    def _take(self, listed: Listed[ItemT]) -> Fresh[ItemT]:
        moved = listed.cursor is not None and not listed.is_last and self._move_to(listed.cursor)
        now: Counter[Hashable] = Counter()
        fresh: list[ItemT] = []
        for item in listed.items:
            key = self._identity(item)
            now[key] += 1
            repeats_itself = item.uuid is not None and now[key] > 1
            if now[key] > self._seen[key] and not repeats_itself:
                fresh.append(item)
        # Once the cursor has moved, this page holds every clip that the next can bring back.
        self._seen = now if moved else self._seen | now
        self.duplicates += len(listed.items) - len(fresh)
        self._handed_out += len(fresh)
        self._longest_page = max(self._longest_page, len(listed.items))
        self._boundary_was_listed = bool(listed.items) and self.cursor in times_of(listed.items[-1])
        self._hint = suggested_direction(listed)
        self._count_fruitless_pages(len(fresh))
        return Fresh(fresh, listed, self.cursor)

    def _move_to(self, cursor: int) -> bool:
        """Make *cursor* the boundary; False when it is where the boundary was already."""
        before = self.cursor
        if self.is_verbatim:
            if cursor != before and cursor in self._used_cursors:
                raise CursorCycleError(f"the cursor {cursor} has come before: it runs in a circle")
            self._used_cursors.add(cursor)
            if before is not None and cursor != before:
                self.direction = OLDEST_FIRST if cursor > before else NEWEST_FIRST
        elif before is not None and self.direction is not None:
            if (cursor - _asked(before, self.direction)) * self.direction < 0:
                raise CursorCycleError(
                    f"the cursor went back from {before} to {cursor}, in a listing that runs"
                    f" {'newest' if self.direction == NEWEST_FIRST else 'oldest'} first"
                )
            if (cursor - before) * self.direction <= 0:
                return False
        if cursor == before:
            return False
        self.cursor = cursor
        self._size = self._page_size
        return True

    def _count_fruitless_pages(self, fresh: int) -> None:
        self._fruitless_pages = 0 if fresh else self._fruitless_pages + 1
        if self._fruitless_pages >= MOST_EMPTY_PAGES:
            self._fruitless_pages = 0
            raise PagingError(
                f"{MOST_EMPTY_PAGES} pages in a row brought nothing new, though each named a"
                " cursor; iterate again to go on from there"
            )

    # --- finding the next page: each returns it, or None at the end --------------------------

    def _next_page(self) -> Asking[ItemT]:
        if self.cursor is None:
            return (yield Ask(None, self._size))
        if self.is_verbatim:
            listed = yield Ask(self.cursor, self._size)
            return (yield from self._page_that_moves(listed, self.cursor, self.cursor))
        if self.direction is None:
            return (yield from self._page_that_tells_direction(self.cursor))
        return (yield from self._overlapping_page(self.cursor, self.direction))

    def _overlapping_page(self, boundary: int, direction: int) -> Asking[ItemT]:
        asked = _asked(boundary, direction)
        listed = yield Ask(asked, self._size)
        is_dead = not listed.items and (listed.is_last or listed.cursor == asked)
        if self._boundary_was_listed and is_dead:
            # The boundary's clip must come back, unless it was deleted: then nothing else comes.
            bare = yield Ask(boundary, self._size)
            if bare.items:
                self.is_verbatim = True
                return (yield from self._page_that_moves(bare, boundary, boundary))
        return (yield from self._page_that_moves(listed, boundary, asked))

    def _page_that_tells_direction(self, boundary: int) -> Asking[ItemT]:
        """Ask on both sides of the cursor, unless the side that the page suggests proves it."""
        first = self._hint or NEWEST_FIRST
        sides: dict[int, Listed[ItemT]] = {}
        for size in (self._size, LARGEST_PAGE_SIZE):
            for side in (first, -first):
                sides[side] = yield from self._probe(_asked(boundary, side), size)
                if self._comes_back(sides[side]) and self._goes_on(sides[side], boundary, side):
                    break
            told = self._directions_told(sides, boundary)
            if not told:
                self.is_verbatim = True
                return (yield from self._next_page())
            if len(told) == 1:
                self.direction = told[0]
                asked = _asked(boundary, self.direction)
                return (yield from self._page_that_moves(sides[told[0]], boundary, asked))
        # So little is left that the sides do not differ in what they tell. The right one lists
        # whatever the wrong one does, and the boundary's own millisecond too.
        fuller = max(sides, key=lambda side: (self._news(sides[side]), len(sides[side].items)))
        if sides[fuller].items:
            self.direction = fuller
            asked = _asked(boundary, fuller)
            return (yield from self._page_that_moves(sides[fuller], boundary, asked))
        bare = yield Ask(boundary, self._size)
        self.is_verbatim = bool(bare.items)
        return (yield from self._page_that_moves(bare, boundary, boundary))

    def _directions_told(self, sides: dict[int, Listed[ItemT]], boundary: int) -> list[int]:
        """Which directions the answers from the sides of the cursor leave possible: one when they
        tell, none when the service cannot be reading the cursor as a time.
        """
        back = [side for side, listed in sides.items() if self._comes_back(listed)]
        if back:
            return back if len(back) == 1 else []
        # On the wrong side, a cursor can only lie behind what was asked, or repeat it.
        ahead = {
            side: distance(listed, _asked(boundary, side), side)
            for side, listed in sides.items()
            if not listed.is_last
        }
        moved = [side for side, distance in ahead.items() if distance > 0]
        return moved if len(moved) == 1 else [side for side in sides if ahead.get(side, 0) >= 0]

    def _page_that_moves(self, listed: Listed[ItemT], boundary: int, asked: int) -> Asking[ItemT]:
        """*listed* if it goes on, else the larger page that does, else None: the end."""
        direction = self.direction
        if self._goes_on(listed, boundary, direction):
            return listed
        longest = yield from self._larger_page(listed, boundary, asked)
        if self._goes_on(longest, boundary, direction):
            return longest
        bare = longest if self.is_verbatim else (yield from self._probe(boundary))
        brings_more = self._brings_more(bare, boundary, direction)
        if brings_more and self._comes_back(bare):
            return bare  # The cursor is inclusive: nothing of its millisecond stays behind.
        length = len(longest.items)
        if brings_more or (yield from self._more_lies_behind(boundary, length)):
            # Unless a clip was made just now, it lies behind more ties than are listed at once.
            again = yield Ask(asked, self._size)
            if self._goes_on(again, boundary, direction):
                return again
            raise CursorStalledError(
                f"more clips may share one millisecond, at {boundary}, than the service lists at"
                f" once ({length}), and what lies behind them cannot be told; overlap_ms=0 reads"
                " on from there but may lose some of them"
            )
        return None

    def _larger_page(self, listed: Listed[ItemT], boundary: int, asked: int) -> Probing[ItemT]:
        """Double the page while that lists more, then try the largest, until one goes on.

        Returns that one, or the longest page if none does.
        """
        size = self._size
        while size < self._largest_size:
            size = min(2 * size, self._largest_size)
            larger = yield from self._probe(asked, size)
            if self._goes_on(larger, boundary, self.direction):
                self._size = min(size, self._largest_size)
                return larger
            if len(larger.items) > len(listed.items):
                listed = larger
            else:
                size = max(size, self._largest_size // 2)
        return listed

    def _more_lies_behind(self, boundary: int, length: int) -> Generator[Ask, Listed[ItemT], bool]:
        """Whether anything may be left behind a boundary where the service lists *length* items.

        When all that it ever listed fits into one such page, a page that is cut and the end look
        alike, and it is taken for the end.
        """
        for side in (self.direction,) if self.direction else (NEWEST_FIRST, OLDEST_FIRST):
            beyond = yield from self._probe(boundary + side)
            if self._brings_more(beyond, boundary + side, side):
                return True
        most = self._longest_page
        if 10 * length < 9 * most:
            return False  # It has listed more at once, by more than a few hidden items.
        start = yield from self._probe(None, 10 * most + 10)
        if len(start.items) > most:
            return False
        if self._was_resumed:
            return self._news(start) > 0
        return len(start.items) < self._handed_out

    def _probe(
        self, page_timestamp_ms: int | None, size: int = LARGEST_PAGE_SIZE
    ) -> Probing[ItemT]:
        """A page that settles something; no larger than the service has shown to accept."""
        size = min(size, self._largest_size)
        listed = yield Ask(page_timestamp_ms, size, is_probe=True)
        if not listed.is_refused:
            self._accepted_size = max(self._accepted_size, size)
        elif size > self._accepted_size:
            self._largest_size = self._accepted_size
            listed = yield Ask(page_timestamp_ms, self._largest_size, is_probe=True)
        return listed

    # --- what a page tells -------------------------------------------------------------------

    def _news(self, listed: Listed[ItemT]) -> int:
        """How many of its items were not on the page before."""
        return (Counter(map(self._identity, listed.items)) - self._seen).total()

    def _comes_back(self, listed: Listed[ItemT]) -> bool:
        """Whether an item of the page before is on it; one without uuid and times may be a twin."""
        return any(
            (item.uuid, *times_of(item)) != (None, None, None)
            and self._identity(item) in self._seen
            for item in listed.items
        )

    def _goes_on(self, listed: Listed[ItemT], boundary: int, direction: int | None) -> bool:
        return listed.is_last or self._brings_more(listed, boundary, direction)

    def _brings_more(self, listed: Listed[ItemT], boundary: int, direction: int | None) -> bool:
        if self._news(listed):
            return True
        if listed.is_last:
            return False
        if self.is_verbatim or direction is None:
            return listed.cursor != boundary
        return distance(listed, boundary, direction) > 0


def _asked(boundary: int, direction: int) -> int:
    """One millisecond before the boundary, so that clips that share its millisecond come again."""
    return boundary - direction
