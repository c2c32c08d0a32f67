"""Walking a listing by its timestamp cursor, so that nothing is lost and nothing comes twice.

The reference says what a request takes (``pageTimestampMs``, ``maxPageSize``) and what an answer
gives (``savedClips``, ``lastEvaluatedTimestampMs``), and leaves open in which order clips come,
which of their times the cursor is, whether it is inclusive, and how the end is marked. The walk
settles what it can from the answers and is right whichever way the rest falls:

- Only the cursor ends a listing: null, absent or 0. An empty page with a cursor that moved goes
  on, and a cursor that is no time raises.
- Clips that share the boundary's millisecond can lie on both sides of it, so each page is asked
  from one millisecond before the last cursor (`overlap`), and what came already is dropped.
- For that the direction must be known. A page suggests it; the overlap proves it, because the
  boundary's clips must come back on one side of the cursor and cannot on the other.
- Where nothing comes back but the bare cursor does bring clips, the service does not read the
  cursor as a time, and from then on gets it back as it came (`verbatim`).
- A page that brings nothing new and does not move the cursor is asked again larger. What still
  does not move is the end, or hides clips that share its millisecond. A page from the beginning
  tells which: if it lacks clips that are there, the service cuts its pages. Clips that are created
  or deleted meanwhile look the same for a moment, so the walk looks up to three times before it
  raises `CursorStalledError`.

`CursorWalk.steps` is a generator without I/O: it yields what to ask and what is fresh.
"""

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from typing import Any, Generic

from rhombus_clips.errors import CursorCycleError, CursorStalledError, PagingError
from rhombus_clips.paging.rules.listed import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    Ask,
    Fresh,
    ItemT,
    Listed,
    checked_cursor,
    distance,
    suggested_direction,
    times_of,
)

LARGEST_PAGE_SIZE = 10_000
MOST_EMPTY_PAGES = 100

# One change during a look at an end spoils that look, and perhaps the next.
_LOOKS_AT_AN_END = 3

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

        Raises `PagingError` when the walk cannot go on without losing or repeating something, and
        `DecodeError` for a cursor that is no time.
        """
        listed = yield from self._next_page()
        while listed is not None:
            yield self._take(listed)
            if listed.is_last:
                return
            listed = yield from self._next_page()

    # --- taking a page -----------------------------------------------------------------------

    def _take(self, listed: Listed[ItemT]) -> Fresh[ItemT]:
        cursor = checked_cursor(listed.cursor)
        moved = cursor is not None and not listed.is_last and self._move_to(cursor)
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
        listed = yield Ask(_asked(boundary, direction), self._size)
        return (yield from self._verified(listed, boundary, direction))

    def _verified(self, listed: Listed[ItemT], boundary: int, direction: int) -> Asking[ItemT]:
        """The page that follows *boundary*, given what the overlap lists."""
        asked = _asked(boundary, direction)
        if listed.is_refused:  # A refusal says nothing about what there is.
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
        first = fuller = self._hint or NEWEST_FIRST
        sides: dict[int, Listed[ItemT]] = {}
        for look in range(1 + _LOOKS_AT_AN_END):
            size = LARGEST_PAGE_SIZE if look else self._size
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
                return (yield from self._verified(sides[told[0]], boundary, told[0]))
            # So little is left that the sides do not differ in what they tell. The right one lists
            # whatever the wrong one does, and the boundary's own millisecond too.
            fuller = max(sides, key=lambda side: (self._news(sides[side]), len(sides[side].items)))
            if look and self._has_all(sides[fuller], sides[-fuller]):
                break
        else:
            raise _stalled(boundary, len(sides[fuller].items))
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
        direction, longest = self.direction, listed
        for _ in range(_LOOKS_AT_AN_END):
            longest = yield from self._larger_page(listed, boundary, asked)
            if self._goes_on(longest, boundary, direction):
                return longest
            bare = longest if self.is_verbatim else (yield from self._probe(boundary))
            brings_more = self._brings_more(bare, boundary, direction)
            if brings_more and (self._comes_back(bare) or _lists_its_own_moment(longest, asked)):
                return bare  # The cursor is inclusive: nothing of its millisecond is left out.
            if not (brings_more or (yield from self._may_be_cut(longest, bare, boundary))):
                return None
            # A clip that was created or deleted between these requests looks like hidden ties,
            # too. Only one look that nothing disturbs tells them apart.
            listed = yield from self._probe(asked)
        raise _stalled(boundary, len(longest.items))

    def _larger_page(self, listed: Listed[ItemT], boundary: int, asked: int) -> Probing[ItemT]:
        """Double the page while that lists more, then try the largest, until one goes on.

        Returns that one, or the longest page if none does.
        """
        if self._goes_on(listed, boundary, self.direction):
            return listed
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

    def _may_be_cut(
        self, longest: Listed[ItemT], bare: Listed[ItemT], boundary: int
    ) -> Generator[Ask, Listed[ItemT], bool]:
        """Whether more clips may share the boundary's millisecond than *longest*, or *bare* where
        the cursor is inclusive, has room for.

        When all that the service lists fits into one such page, a page that is cut and the end
        look alike, and it is taken for the end.
        """
        for side in (self.direction,) if self.direction else (NEWEST_FIRST, OLDEST_FIRST):
            beyond = yield from self._probe(boundary + side)
            if self._brings_more(beyond, boundary + side, side):
                return True
        is_inclusive = self._comes_back(bare)
        last = bare if is_inclusive else longest
        most = max(self._longest_page, len(last.items))
        if not _is_about_as_long(last, most):
            return False  # It has listed more at once, by more than a few hidden items.
        start = yield from self._probe(None, 10 * most + 10)
        if not _is_about_as_long(last, len(start.items)):
            return False
        # An uncut page from the beginning has all that is there. Counts would not tell: clips are
        # created and deleted during the walk.
        return not (self._has_all(start, longest) and self._has_all(start, bare))

    def _probe(
        self, page_timestamp_ms: int | None, size: int = LARGEST_PAGE_SIZE
    ) -> Probing[ItemT]:
        """A page that settles something; no larger than the service has shown to accept."""
        size = min(size, self._largest_size)
        listed = yield Ask(page_timestamp_ms, size, is_probe=True)
        if listed.is_refused:
            if size > self._accepted_size:
                self._largest_size = size = self._accepted_size
            # If it was not the size, the service may have refused at that moment alone.
            listed = yield Ask(page_timestamp_ms, size, is_probe=True)
        if not listed.is_refused:
            self._accepted_size = max(self._accepted_size, size)
        return listed

    # --- what a page tells -------------------------------------------------------------------

    def _news(self, listed: Listed[ItemT]) -> int:
        """How many of its items were not on the page before."""
        return (Counter(map(self._identity, listed.items)) - self._seen).total()

    def _has_all(self, one: Listed[ItemT], other: Listed[ItemT]) -> bool:
        """Whether *one* page has every item of the *other*."""
        return Counter(map(self._identity, other.items)) <= Counter(map(self._identity, one.items))

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


def _stalled(boundary: int, length: int) -> CursorStalledError:
    return CursorStalledError(
        f"more clips may share one millisecond, at {boundary}, than the service lists at once"
        f" ({length}), and the clips that follow them cannot be told; overlap_ms=0 reads on from"
        " there but may lose some of them"
    )


def _is_about_as_long(listed: Listed[Any], most: int) -> bool:
    """Whether a page is as long as *most* but for a few hidden items."""
    return 10 * len(listed.items) >= 9 * most


def _lists_its_own_moment(listed: Listed[Any], asked: int) -> bool:
    """Whether a page shows that the cursor is inclusive: it ends at the moment asked for."""
    return bool(listed.items) and listed.cursor == asked


def _asked(boundary: int, direction: int) -> int:
    """One millisecond before the boundary, so that clips that share its millisecond come again."""
    return boundary - direction
