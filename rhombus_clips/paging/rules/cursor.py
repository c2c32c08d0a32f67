"""Walking a listing by its timestamp cursor without losing or repeating an item.

The reference documents the request (``pageTimestampMs``, ``maxPageSize``) and the response
(``savedClips``, ``lastEvaluatedTimestampMs``). It does not document the order of the clips, which
of their times the cursor refers to, whether the cursor is inclusive, or how the last page is
marked. The walk learns what it can from the responses and is correct under every remaining
reading:

- Only the cursor ends a listing: null, absent or 0. An empty page whose cursor moved does not end
  it, and a cursor that is not a time raises `DecodeError`.
- Clips that share the boundary's millisecond can be on either side of it. Each page is therefore
  requested from one millisecond before the last cursor (the overlap), and the clips that were
  already yielded are dropped.
- The overlap needs the direction. A page suggests one, and the overlap proves it: the clips at the
  boundary are returned again on one side of the cursor and cannot be returned on the other.
- If the overlap returns nothing while the unchanged cursor returns clips, the service does not
  treat the cursor as a time. From then on it is sent back unchanged (verbatim).
- A page without new clips whose cursor did not move is requested again with a larger size. If that
  does not help, the listing has ended, or more clips share the millisecond than the service
  returns at once. A page from the start of the listing distinguishes the two: if it lacks known
  clips, the service truncates its pages. Clips that are created or deleted meanwhile look the same,
  so the walk checks up to three times before it raises `CursorStalledError`.

`CursorWalk` does no I/O. Its caller requests `CursorWalk.request` and passes the response to
`CursorWalk.take` until the request is None.
"""

from collections import Counter
from collections.abc import Callable, Generator, Hashable

from attrs import define, field

from rhombus_clips.errors import CursorCycleError, CursorStalledError, DecodeError, PagingError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.pages import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    ListedPage,
    PageRequest,
    times_of,
)

LARGEST_PAGE_SIZE = 10_000
MOST_PAGES_WITHOUT_NEWS = 100

# If the listing changes during a check of its end, that check is void, and maybe the next one too.
_CHECKS_OF_AN_END = 3

# The service's times have 64 bits, and the walk requests pages up to 1 ms past its cursor.
_BEYOND_EVERY_TIME = 2**63 - 1

Search = Generator[PageRequest, ListedPage, ListedPage | None]
Probe = Generator[PageRequest, ListedPage, ListedPage]
Check = Generator[PageRequest, ListedPage, bool]


@define(eq=False, kw_only=True)
class CursorWalk:
    """The state of one walk through a listing. After an error, `request` resumes the walk."""

    page_size: int
    identity: Callable[[SavedClip], Hashable]
    """Returns the value that distinguishes a clip from the others."""
    cursor: int | None = None
    """The position to resume from: the cursor of the last page; None at the start."""
    direction: int | None = None
    """`NEWEST_FIRST` or `OLDEST_FIRST`, once learned."""
    is_verbatim: bool = False
    """True if the cursor is sent back unchanged, without an overlap."""
    is_at_end: bool = field(default=False, init=False)
    """True once the last page was taken."""
    _search: Search | None = None
    _request: PageRequest | None = None
    _used_cursors: set[int] = field(factory=set[int])
    _seen: Counter[Hashable] = field(factory=Counter[Hashable])
    _suggested_direction: int | None = None
    _boundary_was_listed: bool = False
    _pages_without_news: int = 0
    _longest_page: int = 0
    _size: int = field(init=False)
    _accepted_size: int = field(init=False)
    _largest_size: int = LARGEST_PAGE_SIZE

    def __attrs_post_init__(self) -> None:
        self._size = self._accepted_size = self.page_size

    @property
    def request(self) -> PageRequest | None:
        """The page to request next; None at the end of the listing."""
        if self._request is None and not self.is_at_end:
            self._search = self._next_page()
            self._request = next(self._search)
        return self._request

    def take(self, page: ListedPage) -> ListedPage | None:
        """Take the response to `request`.

        Returns the next page of the listing with its `ListedPage.new_items`, or None if the
        listing has ended or if another request has to be answered first.

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
        if found is not None:
            self._accept(found)
        self.is_at_end = self._request is None and (found is None or not found.cursor)
        return found

    def _accept(self, page: ListedPage) -> None:
        counts: Counter[Hashable] = Counter()
        new_items: list[SavedClip] = []
        for item in page.items:
            key = self.identity(item)
            counts[key] += 1
            if counts[key] > self._seen[key] and (counts[key] == 1 or item.uuid is None):
                new_items.append(item)
        page.new_items = new_items
        # Once the cursor has moved, this page has every item that the next one can repeat.
        moved = bool(page.cursor) and self._move_to(page.cursor or 0)
        self._seen = counts if moved else self._seen | counts
        self._longest_page = max(self._longest_page, len(page.items))
        self._boundary_was_listed = bool(page.items) and self.cursor in times_of(page.items[-1])
        if self.direction is None:
            self._suggested_direction = _suggested_direction(page)
        self._pages_without_news = 0 if new_items else self._pages_without_news + 1
        if self._pages_without_news >= MOST_PAGES_WITHOUT_NEWS:
            self._pages_without_news = 0
            raise PagingError(
                f"{MOST_PAGES_WITHOUT_NEWS} consecutive pages contained no new items, although each"
                " had a cursor; iterate again to continue from there"
            )

    def _move_to(self, cursor: int) -> bool:
        """Make *cursor* the boundary. Return False if the boundary does not move."""
        before = self.cursor
        if self.is_verbatim:
            if cursor != before and cursor in self._used_cursors:
                raise CursorCycleError(f"the service returned cursor {cursor} for a second time")
            self._used_cursors.add(cursor)
            if before is not None and cursor != before:
                self.direction = OLDEST_FIRST if cursor > before else NEWEST_FIRST
        elif before is not None and self.direction is not None:
            if (cursor - before + self.direction) * self.direction < 0:
                raise CursorCycleError(
                    f"the cursor moved backwards from {before} to {cursor} in a listing that is"
                    f" {'newest' if self.direction == NEWEST_FIRST else 'oldest'} first"
                )
            if (cursor - before) * self.direction <= 0:
                return False
        if cursor == before:
            return False
        self.cursor = cursor
        self._size = self.page_size
        return True

    # --- finding the next page; each search returns the page, or None at the end -----------------

    def _next_page(self) -> Search:
        boundary, direction = self.cursor, self.direction
        if boundary is None:
            return (yield PageRequest(None, self._size))
        if self.is_verbatim:
            page = yield PageRequest(boundary, self._size)
            return (yield from self._moving_page(page, boundary, boundary))
        if direction is not None:
            page = yield PageRequest(boundary - direction, self._size)
            if page.items and self._continues(page, boundary, direction):
                return page
            return (yield from self._verified(page, boundary, direction))
        direction = self._suggested_direction or NEWEST_FIRST
        page = yield from self._probe(boundary - direction, self._size)
        if self._repeats(page) and self._continues(page, boundary, direction):
            self.direction = direction
            return page
        return (yield from self._page_that_tells_direction(page, boundary, direction))

    def _verified(self, page: ListedPage, boundary: int, direction: int) -> Search:
        """Find the page that follows *boundary*, given the response to the overlapping request."""
        requested = boundary - direction
        if page.is_refused:  # A refusal says nothing about the listing.
            page = yield PageRequest(requested, self._size)
        is_dead = not page.items and (not page.cursor or page.cursor == requested)
        if self._boundary_was_listed and is_dead:
            # The clip at the boundary must be returned again, unless it was deleted. In that case
            # the unchanged cursor returns nothing either.
            bare = yield PageRequest(boundary, self._size)
            if bare.items:
                self.is_verbatim = True
                return (yield from self._moving_page(bare, boundary, boundary))
        return (yield from self._moving_page(page, boundary, requested))

    def _page_that_tells_direction(self, page: ListedPage, boundary: int, first: int) -> Search:
        """Request both sides of the cursor; *page* is the response from the *first* side."""
        sides = {first: page}
        fuller = first
        for check in range(1 + _CHECKS_OF_AN_END):
            size = LARGEST_PAGE_SIZE if check else self._size
            for side in (first, -first) if check else (-first,):
                sides[side] = yield from self._probe(boundary - side, size)
                if self._repeats(sides[side]) and self._continues(sides[side], boundary, side):
                    break
            possible = self._possible_directions(sides, boundary)
            if not possible:
                self.is_verbatim = True
                return (yield from self._next_page())
            if len(possible) == 1:
                self.direction = possible[0]
                return (yield from self._verified(sides[possible[0]], boundary, possible[0]))
            # So few clips are left that both sides look alike. The page from the right side has
            # every clip of the other, and those in the boundary's millisecond.
            fuller = max(sides, key=lambda side: (self._news(sides[side]), len(sides[side].items)))
            if check and self._has_all(sides[fuller], sides[-fuller]):
                break
        else:
            raise _stalled(boundary, len(sides[fuller].items))
        if sides[fuller].items:
            self.direction = fuller
            return (yield from self._moving_page(sides[fuller], boundary, boundary - fuller))
        bare = yield PageRequest(boundary, self._size)
        self.is_verbatim = bool(bare.items)
        return (yield from self._moving_page(bare, boundary, boundary))

    def _possible_directions(self, sides: dict[int, ListedPage], boundary: int) -> list[int]:
        """Return the directions that the pages from both sides of the cursor leave possible.

        The list is empty if the service cannot be treating the cursor as a time.
        """
        repeating = [side for side, page in sides.items() if self._repeats(page)]
        if repeating:
            return repeating if len(repeating) == 1 else []
        # From the wrong side, the cursor can only move back or stay.
        moves = {
            side: (page.cursor - boundary + side) * side
            for side, page in sides.items()
            if page.cursor
        }
        forward = [side for side, move in moves.items() if move > 0]
        return forward if len(forward) == 1 else [side for side in sides if moves.get(side, 0) >= 0]

    def _moving_page(self, page: ListedPage, boundary: int, requested: int) -> Search:
        """Find a page that continues the listing: *page* or a larger one; None at the end."""
        direction, longest = self.direction, page
        for _ in range(_CHECKS_OF_AN_END):
            longest = yield from self._larger_page(page, boundary, requested)
            if self._continues(longest, boundary, direction):
                return longest
            bare = longest if self.is_verbatim else (yield from self._probe(boundary))
            has_more = self._has_more(bare, boundary, direction)
            shows_inclusive = bool(longest.items) and longest.cursor == requested
            if has_more and (self._repeats(bare) or shows_inclusive):
                return bare  # The cursor is inclusive: no clip of its millisecond is left out.
            if not (has_more or (yield from self._may_be_truncated(longest, bare, boundary))):
                return None
            # A clip that was created or deleted between these requests looks like hidden ties. An
            # undisturbed check distinguishes the two.
            page = yield from self._probe(requested)
        raise _stalled(boundary, len(longest.items))

    def _larger_page(self, page: ListedPage, boundary: int, requested: int) -> Probe:
        """Double the page size while that returns more, then try the largest.

        Returns the first page that continues the listing, or else the longest.
        """
        if self._continues(page, boundary, self.direction):
            return page
        size = self._size
        while size < self._largest_size:
            size = min(2 * size, self._largest_size)
            larger = yield from self._probe(requested, size)
            if self._continues(larger, boundary, self.direction):
                self._size = min(size, self._largest_size)
                return larger
            if len(larger.items) > len(page.items):
                page = larger
            else:
                size = max(size, self._largest_size // 2)
        return page

    def _may_be_truncated(self, longest: ListedPage, bare: ListedPage, boundary: int) -> Check:
        """Return whether more clips may share the boundary's millisecond than a page has room for.

        If everything the service returns fits into one such page, a truncated page and the end
        look alike, and the page counts as the end.
        """
        for side in (self.direction,) if self.direction else (NEWEST_FIRST, OLDEST_FIRST):
            beyond = yield from self._probe(boundary + side)
            if self._has_more(beyond, boundary + side, side):
                return True
        last = bare if self._repeats(bare) else longest  # The cursor is inclusive, or it is not.
        most = max(self._longest_page, len(last.items))
        if not _is_about_as_long(last, most):
            return False  # An earlier page was longer by more than a few hidden items.
        start = yield from self._probe(None, 10 * most + 10)
        if not _is_about_as_long(last, len(start.items)):
            return False
        # A complete page from the start has every clip. Counts prove nothing, because clips are
        # created and deleted during the walk.
        return not (self._has_all(start, longest) and self._has_all(start, bare))

    def _probe(self, page_timestamp_ms: int | None, size: int = LARGEST_PAGE_SIZE) -> Probe:
        """Request a page to test the listing, no larger than the service is known to accept."""
        size = min(size, self._largest_size)
        page = yield PageRequest(page_timestamp_ms, size, is_probe=True)
        if page.is_refused:
            if size > self._accepted_size:
                self._largest_size = size = self._accepted_size
            # If the size was not the reason, the refusal may have been temporary.
            page = yield PageRequest(page_timestamp_ms, size, is_probe=True)
        if not page.is_refused:
            self._accepted_size = max(self._accepted_size, size)
        return page

    # --- reading a page --------------------------------------------------------------------------

    def _news(self, page: ListedPage) -> int:
        """Return the number of items that the previous page did not have."""
        return (Counter(map(self.identity, page.items)) - self._seen).total()

    def _has_all(self, one: ListedPage, other: ListedPage) -> bool:
        """Return whether *one* page has every item of the *other*."""
        return Counter(map(self.identity, other.items)) <= Counter(map(self.identity, one.items))

    def _repeats(self, page: ListedPage) -> bool:
        """Return whether the page has an item of the previous page.

        An item without a uuid and times does not count, because another item may look the same.
        """
        for item in page.items:
            is_anonymous = item.uuid is None and times_of(item) == (None, None)
            if not is_anonymous and self.identity(item) in self._seen:
                return True
        return False

    def _continues(self, page: ListedPage, boundary: int, direction: int | None) -> bool:
        return not page.cursor or self._has_more(page, boundary, direction)

    def _has_more(self, page: ListedPage, boundary: int, direction: int | None) -> bool:
        """Return whether the page has new items, or a cursor that moved past *boundary*."""
        if self._news(page):
            return True
        if not page.cursor:
            return False
        if self.is_verbatim or direction is None:
            return page.cursor != boundary
        return (page.cursor - boundary) * direction > 0


def _suggested_direction(page: ListedPage) -> int | None:
    """Return the direction of a time that runs through the page and ends at its cursor, if any."""
    suggested: set[int] = set()
    for times in zip(*map(times_of, page.items), strict=True):
        if None not in times and times[0] != times[-1] == page.cursor:
            for direction in (NEWEST_FIRST, OLDEST_FIRST):
                if list(times) == sorted(times, reverse=direction == NEWEST_FIRST):
                    suggested.add(direction)
    return suggested.pop() if len(suggested) == 1 else None


def _is_about_as_long(page: ListedPage, most: int) -> bool:
    """Return whether a page has *most* items, apart from a few hidden ones."""
    return 10 * len(page.items) >= 9 * most


def _stalled(boundary: int, length: int) -> CursorStalledError:
    return CursorStalledError(
        f"more clips may share the millisecond {boundary} than the service returns at once"
        f" ({length}), so the clips after them cannot be listed; overlap_ms=0 continues after them"
        " but may lose some"
    )


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
