"""Finding the page that continues a listing of saved clips.

- Clips that share the boundary's millisecond can be on either side of it. Each page is therefore
  requested from one millisecond before the last cursor (the overlap).
- The overlap needs the direction. A page suggests one, and the overlap proves it: the clips at the
  boundary are returned again on one side of the cursor and cannot be returned on the other.
- If the overlap returns nothing while the unchanged cursor returns clips, the service does not
  treat the cursor as a time. From then on it is sent back unchanged (verbatim).
- A page without new clips whose cursor did not move is requested again with a larger size. If that
  does not help, the listing has ended, or more clips share the millisecond than the service
  returns at once. A page from the start of the listing distinguishes the two: if it lacks known
  clips, the service truncates its pages. Clips that are created or deleted meanwhile look the same,
  so the walk checks up to three times before it raises `CursorStalledError`.
"""

from collections import Counter
from collections.abc import Callable, Generator

from attrs import define, evolve, field

from rhombus_clips.errors import CursorStalledError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.pages import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    ListedPage,
    PageRequest,
    times_of,
)
from rhombus_clips.paging.rules.position import Position

LARGEST_PAGE_SIZE = 10_000

# If the listing changes during a check of its end, that check is void, and maybe the next one too.
_CHECKS_OF_AN_END = 3

Search = Generator[PageRequest, ListedPage, ListedPage | None]
Probe = Generator[PageRequest, ListedPage, ListedPage]
Check = Generator[PageRequest, ListedPage, bool]


@define(eq=False, kw_only=True)
class PageSearch:
    """Searches the page after `position`, which it updates with what the responses prove."""

    position: Position
    digest: Callable[[SavedClip], int]
    """Returns the number that distinguishes a clip from the others."""
    size: int
    """The number of items to request."""
    overlaps: bool = True
    """False sends each cursor back unchanged, like `Position.is_verbatim`."""
    _accepted_size: int = field(init=False)
    _largest_size: int = LARGEST_PAGE_SIZE

    def __attrs_post_init__(self) -> None:
        self._accepted_size = self.size

    @property
    def direction(self) -> int | None:
        """The direction of the listing, once learned."""
        return self.position.direction

    @property
    def is_verbatim(self) -> bool:
        """True if the cursor is sent back unchanged, without an overlap."""
        return self.position.is_verbatim or not self.overlaps

    def _learn(self, *, direction: int | None = None, is_verbatim: bool = False) -> None:
        self.position = evolve(
            self.position,
            direction=direction or self.position.direction,
            is_verbatim=is_verbatim or self.position.is_verbatim,
        )

    # --- each search returns the page, or None at the end -----------------------------------------

    def next_page(self) -> Search:
        """Search the page after `position`."""
        boundary, direction = self.position.boundary, self.direction
        if boundary is None:
            return (yield PageRequest(None, self.size))
        if self.is_verbatim:
            page = yield PageRequest(boundary, self.size)
            return (yield from self._moving_page(page, boundary, boundary))
        if direction is not None:
            page = yield PageRequest(boundary - direction, self.size)
            if page.items and self._continues(page, boundary, direction):
                return page
            return (yield from self._verified(page, boundary, direction))
        direction = self.position.suggested_direction or NEWEST_FIRST
        page = yield from self._probe(boundary - direction, self.size)
        if self._repeats(page) and self._continues(page, boundary, direction):
            self._learn(direction=direction)
            return page
        return (yield from self._page_that_tells_direction(page, boundary, direction))

    def _verified(self, page: ListedPage, boundary: int, direction: int) -> Search:
        """Find the page that follows *boundary*, given the response to the overlapping request."""
        requested = boundary - direction
        if page.is_refused:  # A refusal says nothing about the listing.
            page = yield PageRequest(requested, self.size)
        is_dead = not page.items and (not page.cursor or page.cursor == requested)
        if self.position.boundary_was_listed and is_dead:
            # The clip at the boundary must be returned again, unless it was deleted. In that case
            # the unchanged cursor returns nothing either.
            bare = yield PageRequest(boundary, self.size)
            if bare.items:
                self._learn(is_verbatim=True)
                return (yield from self._moving_page(bare, boundary, boundary))
        return (yield from self._moving_page(page, boundary, requested))

    def _page_that_tells_direction(self, page: ListedPage, boundary: int, first: int) -> Search:
        """Request both sides of the cursor; *page* is the response from the *first* side."""
        sides = {first: page}
        fuller = first
        for check in range(1 + _CHECKS_OF_AN_END):
            size = LARGEST_PAGE_SIZE if check else self.size
            for side in (first, -first) if check else (-first,):
                sides[side] = yield from self._probe(boundary - side, size)
                if self._repeats(sides[side]) and self._continues(sides[side], boundary, side):
                    break
            possible = self._possible_directions(sides, boundary)
            if not possible:
                self._learn(is_verbatim=True)
                return (yield from self.next_page())
            if len(possible) == 1:
                self._learn(direction=possible[0])
                return (yield from self._verified(sides[possible[0]], boundary, possible[0]))
            # So few clips are left that both sides look alike. The page from the right side has
            # every clip of the other, and those in the boundary's millisecond.
            fuller = max(sides, key=lambda side: (self._news(sides[side]), len(sides[side].items)))
            if check and self._has_all(sides[fuller], sides[-fuller]):
                break
        else:
            raise _stalled(boundary, len(sides[fuller].items))
        return (yield from self._page_from_either_side(sides[fuller], boundary, fuller))

    def _page_from_either_side(self, page: ListedPage, boundary: int, side: int) -> Search:
        """Find the next page, given the fuller *page* of both sides, which look alike."""
        if self.position.boundary_was_listed and not self._repeats(page):
            # The clip at the boundary was deleted, or the service does not treat the cursor as a
            # time. In that case, the unchanged cursor returns other clips.
            bare = yield from self._probe(boundary)
            if not self._has_all(page, bare):
                self._learn(is_verbatim=True)
                return (yield from self._moving_page(bare, boundary, boundary))
        if page.items and not page.cursor and not self._repeats(page):
            # The last page: the direction is not proven, so no cursor may contain it.
            self.position = evolve(self.position, suggested_direction=side)
            return page
        if page.items:
            self._learn(direction=side)
            return (yield from self._moving_page(page, boundary, boundary - side))
        bare = yield PageRequest(boundary, self.size)
        if bare.items:
            self._learn(is_verbatim=True)
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
        size = self.size
        while size < self._largest_size:
            size = min(2 * size, self._largest_size)
            larger = yield from self._probe(requested, size)
            if self._continues(larger, boundary, self.direction):
                self.size = min(size, self._largest_size)
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
        most = max(self.position.longest_page, len(last.items))
        if not _is_about_as_long(last, most):
            return False  # An earlier page was longer by more than a few hidden items.
        # The first page may consist of hidden clips. Only the largest page proves that pages are
        # truncated.
        for size in (10 * most + 10, LARGEST_PAGE_SIZE):
            start = yield from self._probe(None, size)
            if not _is_about_as_long(last, len(start.items)):
                return False
            # A complete page from the start has every clip. Counts prove nothing, because clips are
            # created and deleted during the walk.
            if self._has_all(start, longest) and self._has_all(start, bare):
                return False
        return True

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
        return (Counter(map(self.digest, page.items)) - self.position.seen).total()

    def _has_news(self, page: ListedPage) -> bool:
        seen, counts = self.position.seen, Counter[int]()
        for item in page.items:
            digest = self.digest(item)
            counts[digest] += 1
            if counts[digest] > seen[digest]:
                return True
        return False

    def _has_all(self, one: ListedPage, other: ListedPage) -> bool:
        """Return whether *one* page has every item of the *other*."""
        return Counter(map(self.digest, other.items)) <= Counter(map(self.digest, one.items))

    def _repeats(self, page: ListedPage) -> bool:
        """Return whether the page has an item of the previous page.

        An item without a uuid and times does not count, because another item may look the same.
        """
        for item in page.items:
            is_anonymous = item.uuid is None and times_of(item) == (None, None)
            if not is_anonymous and self.digest(item) in self.position.seen:
                return True
        return False

    def _continues(self, page: ListedPage, boundary: int, direction: int | None) -> bool:
        return not page.cursor or self._has_more(page, boundary, direction)

    def _has_more(self, page: ListedPage, boundary: int, direction: int | None) -> bool:
        """Return whether the page has new items, or a cursor that moved past *boundary*."""
        if self._has_news(page):
            return True
        if not page.cursor:
            return False
        if self.is_verbatim or direction is None:
            return page.cursor != boundary
        return (page.cursor - boundary) * direction > 0


def _is_about_as_long(page: ListedPage, most: int) -> bool:
    """Return whether a page has *most* items, apart from a few hidden ones."""
    return 10 * len(page.items) >= 9 * most


def _stalled(boundary: int, length: int) -> CursorStalledError:
    return CursorStalledError(
        f"more clips may share the millisecond {boundary} than the service returns at once"
        f" ({length}), so the clips after them cannot be listed; overlap_ms=0 continues after them"
        " but may lose some"
    )
