"""A position in the listing of saved clips, from which any process can resume exactly.

A position is a question together with a filter on its answer. The question is the request for the
page that was being yielded: its boundary, and what has been learned about the listing. The filter
is the set of that page's items that were already yielded. Asking the same question again is always
right, because only proven knowledge changes a question.
"""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from attrs import evolve, field, frozen

from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.clock import CLIP_TIMES, ClipTime, Clock
from rhombus_clips.paging.rules.cursor_text import (
    Listed,
    PayloadReader,
    PayloadWriter,
    read_cursor,
    read_payload,
    write_cursor,
)
from rhombus_clips.paging.rules.cycles import CycleCheck
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, OLDEST_FIRST, ListedPage, times_of

_DIRECTIONS = (None, NEWEST_FIRST, OLDEST_FIRST)
_LATEST_TIME = 2**63 - 1

_MOST_KEPT = 200
"""The items of a page without a known end that are compared with the next page."""


@frozen
class HandedOut:
    """The yielded items of a page that may be listed again, or on a later page.

    They only filter what is yielded. They say nothing about the listing: clips that were created
    meanwhile can push them onto any later page.
    """

    digests: Counter[int] = field(factory=Counter[int])
    earliest: int | None = None
    """The earliest time of these items; None if they have no times."""
    latest: int | None = None
    """The latest time of these items."""

    def including(self, digests: Sequence[int], items: Sequence[SavedClip]) -> "HandedOut":
        """Return these items and more."""
        times = [time for item in items for time in times_of(item) if time is not None]
        times += [time for time in (self.earliest, self.latest) if time is not None]
        has_timeless = any(None in times_of(item) for item in items)
        if has_timeless or (self.digests and self.earliest is None):
            times = []  # The service may list them at any time.
        return HandedOut(
            self.digests + Counter(digests), min(times, default=None), max(times, default=None)
        )

    def without(self, digests: Sequence[int]) -> "HandedOut":
        """Return these items without some that were listed again."""
        return evolve(self, digests=self.digests - Counter(digests)) if self.digests else self

    def after(self, boundary: int, direction: int | None) -> "HandedOut":
        """Return the items that can still be listed after *boundary*."""
        if direction is None or self.earliest is None or self.latest is None:
            return self
        is_past = (
            boundary < self.earliest - 1
            if direction == NEWEST_FIRST
            else boundary > self.latest + 1
        )
        return HandedOut() if is_past else self


@frozen(kw_only=True)
class Position:
    """The question that the next page answers, and the filter on its answer."""

    boundary: int | None = None
    """The cursor of the page before; None at the start of the listing."""
    direction: int | None = None
    """`NEWEST_FIRST` or `OLDEST_FIRST`, once learned."""
    suggested_direction: int | None = None
    """The direction that the page before suggests; it is tried first."""
    is_verbatim: bool = False
    """True if the service does not treat the cursor as a time, so it is sent back unchanged."""
    boundary_was_listed: bool = False
    """True if the last item of the page before has the time of the cursor."""
    longest_page: int = 0
    """The number of items on the longest page so far."""
    clock: Clock = Clock()
    seen: Counter[int] = field(factory=Counter[int])
    """The digests of the known items that the next page may repeat."""
    handed_out: HandedOut = HandedOut()
    cycle: CycleCheck = CycleCheck()
    """Detects a verbatim cursor that returns to an earlier value."""

    @property
    def is_settled(self) -> bool:
        """True once direction and clock are proven, so few digests describe a position."""
        return self.direction is not None and not self.is_verbatim and bool(self.clock.candidates)

    def to_cursor(self, listed: Listed) -> str:
        """Return the portable cursor. Raises `CursorStalledError` if it would be too long."""
        return write_cursor(listed, self.payload)

    @classmethod
    def from_cursor(cls, listed: Listed, text: object) -> "Position":
        """Return the position of a cursor. Raises `InvalidArgumentError` for any other text."""
        return read_payload(read_cursor(listed, text), _read_position)

    @property
    def payload(self) -> bytes:
        """The position in the form that a cursor contains."""
        return _payload(self)


def known_near(
    boundary: int, page: ListedPage, digests: Sequence[int], *, position: Position, end: int
) -> Counter[int]:
    """Return the digests of the first *end* items of *page* that a page from *boundary* can repeat.

    These are the items within a millisecond of the boundary and those without a time. Any item may
    be repeated if the last one is not at the boundary, or the direction is not known.
    """
    items, clocks = page.items[:end], position.clock.candidates or CLIP_TIMES
    at_boundary = bool(items) and any(getattr(items[-1], clock) == boundary for clock in clocks)
    kept: set[int] = set()
    if position.direction is None or not at_boundary:
        kept.update(range(max(0, end - _MOST_KEPT), end))
    if position.is_verbatim:
        clocks = CLIP_TIMES
    for clock in clocks:
        times = map(attrgetter(clock), items)
        kept.update(
            index for index, time in enumerate(times) if time is None or -1 <= time - boundary <= 1
        )
    return Counter(digests[index] for index in kept)


@frozen
class TakenPage:
    """A page that was taken, and the positions before, within and after it."""

    page: ListedPage
    digests: Sequence[int]
    """The digests of all items of the page."""
    new_indexes: Sequence[int]
    """The indexes of the items that no earlier page had."""
    before: Position
    after: Position | None
    """The position after the page; None at the end of the listing."""
    clock: Clock
    """What is known about the clock after the page."""
    overlaps: bool = True
    """False if a boundary within the page would lose items that share its millisecond."""

    def position(self, handed_out: int) -> Position | None:
        """Return the position after the first *handed_out* of the new items; None at the end."""
        if handed_out >= len(self.new_indexes):
            return self.after
        if not handed_out:
            return self.before
        given = self.new_indexes[:handed_out]
        boundary = self._cut(given[-1])
        if boundary is not None:
            return self._position_at(boundary, given[-1] + 1)
        return evolve(
            self.before,
            clock=self.clock,
            handed_out=self.before.handed_out.including(
                [self.digests[index] for index in given],
                [self.page.items[index] for index in given],
            ),
        )

    def _position_at(self, boundary: int, end: int) -> Position:
        before = self.before
        seen = known_near(
            boundary, self.page, self.digests, position=evolve(before, clock=self.clock), end=end
        )
        if before.boundary is None or abs(boundary - before.boundary) <= 2:
            seen |= before.seen
        handed_out = before.handed_out.without(self.digests[:end])
        return evolve(
            before,
            boundary=boundary,
            boundary_was_listed=True,
            longest_page=max(before.longest_page, len(self.page.items)),
            clock=_worth_keeping(self.clock),
            seen=seen,
            handed_out=handed_out.after(boundary, before.direction),
        )

    def _cut(self, last: int) -> int | None:
        """Return the boundary after the item *last* if it is as good as the service's own cursor.

        That needs the direction and the clock to be proven, and the page itself to show both.
        """
        direction, start = self.before.direction, self.before.boundary
        clocks = self.clock.candidates
        can_cut = self.overlaps and not self.before.is_verbatim and bool(clocks)
        if not can_cut or direction is None or start is None:
            return None
        boundaries: set[int] = set()
        for clock in clocks:
            times = self._times(clock)  # They are monotone, or the clock would be excluded.
            if times is None or times[0] == times[-1]:
                return None
            boundaries.add(times[last])
        boundary = boundaries.pop()
        if boundaries or not 1 < boundary < _LATEST_TIME - 1:
            return None
        # An item from before the boundary may have been created meanwhile.
        return min(boundary, start) if direction == NEWEST_FIRST else max(boundary, start)

    def _times(self, clock: ClipTime) -> list[int] | None:
        times: list[int] = []
        for item in self.page.items:
            time = getattr(item, clock)
            if time is None:
                return None
            times.append(time)
        return times


def _worth_keeping(clock: Clock) -> Clock:
    """Return *clock* without the last counted page, once no further page needs to be counted."""
    return evolve(clock, counted=None) if clock.candidates else clock


# --- the payload of a cursor ---------------------------------------------------------------------


def _payload(position: Position) -> bytes:
    writer, clock, handed_out = PayloadWriter(), position.clock, position.handed_out
    optional = (position.boundary, clock.counted, handed_out.earliest, handed_out.latest)
    flags = [
        position.is_verbatim,
        position.boundary_was_listed,
        clock.all_are_equal,
        *(name in clock.excluded for name in CLIP_TIMES),
        *(value is not None for value in optional),
        bool(handed_out.digests),
        position.cycle != CycleCheck(),
    ]
    counts = (
        _DIRECTIONS.index(position.direction),
        _DIRECTIONS.index(position.suggested_direction),
        clock.ends_at_both,
        *clock.matches,
        *clock.proofs,
    )
    packed = sum(flag << bit for bit, flag in enumerate(flags))
    packed |= sum(count << len(flags) + 2 * number for number, count in enumerate(counts))
    writer.number(packed)
    writer.numbers(*(value for value in optional if value is not None), position.longest_page)
    writer.digests(position.seen)
    if handed_out.digests:
        writer.digests(handed_out.digests)
    if position.cycle != CycleCheck():
        writer.numbers(*position.cycle.state)
    return bytes(writer.content)


def _read_position(reader: PayloadReader) -> Position:
    packed = reader.number()
    bits = iter([packed >> bit & 1 == 1 for bit in range(11)])
    counts = [packed >> 11 + 2 * number & 3 for number in range(7)]
    if packed >> 25 or max(counts) > 2:
        raise ValueError("the payload has unknown flags")
    is_verbatim, was_listed, are_equal = next(bits), next(bits), next(bits)
    excluded: frozenset[ClipTime] = frozenset(name for name in CLIP_TIMES if next(bits))
    boundary, counted, earliest, latest = (
        reader.number() if next(bits) else None for _ in range(4)
    )
    longest_page, seen = reader.number(), reader.digests()
    digests = reader.digests() if next(bits) else Counter[int]()
    cycle = CycleCheck.of(reader.numbers(3)) if next(bits) else CycleCheck()
    if boundary is not None and not 0 < boundary < _LATEST_TIME:
        raise ValueError("the payload is not of a position")
    return Position(
        boundary=boundary,
        direction=_DIRECTIONS[counts[0]],
        suggested_direction=_DIRECTIONS[counts[1]],
        is_verbatim=is_verbatim,
        boundary_was_listed=was_listed,
        longest_page=longest_page,
        clock=Clock(
            all_are_equal=are_equal,
            excluded=excluded,
            ends_at_both=counts[2],
            matches=(counts[3], counts[4]),
            proofs=(counts[5], counts[6]),
            counted=counted,
        ),
        seen=seen,
        handed_out=HandedOut(digests, earliest, latest),
        cycle=cycle,
    )
