"""Learning which time of a clip the listing's cursor refers to.

A bound on one time can end a listing early only if the cursor is known to be that time.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Literal

from attrs import evolve, frozen

from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, ListedPage, times_of

ClipTime = Literal["timestamp_ms", "created_at_ms"]
CLIP_TIMES: tuple[ClipTime, ...] = ("timestamp_ms", "created_at_ms")


@frozen
class Clock:
    """The times that the cursor can refer to, given the pages observed so far."""

    all_are_equal: bool = True
    """True while every clip has two equal times; more pages are then unlikely to settle it."""
    excluded: frozenset[ClipTime] = frozenset()
    """The times that do not run in the direction of the listing."""
    matches: tuple[int, int] = (0, 0)
    """For each of `CLIP_TIMES`, the number of pages, at most 2, whose cursor equals this time of
    the last clip, but not the other."""
    proofs: tuple[int, int] = (0, 0)
    """The number of these pages, at most 2, whose last clip also has the other time."""
    ends_at_both: int = 0
    """The number of pages, at most 2, whose cursor equals both times of the last clip."""
    counted: int | None = None
    """The cursor of the last page that was counted. A page that is requested again counts once."""

    def observed(self, page: ListedPage, direction: int) -> "Clock":
        """Return what is known after *page* of a listing in *direction*."""
        excluded = set(self.excluded)
        for name in CLIP_TIMES:
            times = [time for time in map(attrgetter(name), page.items) if time is not None]
            if page.requested_from is not None:
                times.insert(0, page.requested_from)
            if page.cursor:
                times.append(page.cursor)
            if times != sorted(times, reverse=direction == NEWEST_FIRST):
                excluded.add(name)
        known = evolve(
            self,
            excluded=frozenset(excluded),
            all_are_equal=self.all_are_equal and all(map(has_equal_times, page.items)),
        )
        if not page.cursor or not page.items or page.cursor == self.counted:
            return known
        times_at_end = times_of(page.items[-1])
        equal = [time == page.cursor for time in times_at_end]
        if all(equal):
            return evolve(known, ends_at_both=min(2, self.ends_at_both + 1), counted=page.cursor)
        is_proof = None not in times_at_end
        return evolve(
            known,
            matches=_counted(self.matches, equal),
            proofs=_counted(self.proofs, [one and is_proof for one in equal]),
            counted=page.cursor,
        )

    def unproven(self) -> "Clock":
        """Return what is left after a sign that the ends of the pages were coincidences."""
        return evolve(self, matches=(0, 0), proofs=(0, 0), ends_at_both=0)

    def rules_out(self, name: ClipTime) -> bool:
        """Return whether the cursor cannot refer to that time.

        Either the time does not run in the direction of the cursor, or two pages end at the other
        time and no page ends at this one. A clip without the time proves nothing, because the
        service may list it by the other time.
        """
        this = CLIP_TIMES.index(name)
        return name in self.excluded or (not self.matches[this] and self.proofs[1 - this] >= 2)

    @property
    def learned(self) -> ClipTime | None:
        """The only time that the cursor can refer to; None while undecided.

        Either the pages rule out the other time, or two pages end at this one and none at the
        other.
        """
        for this, name in enumerate(CLIP_TIMES):
            is_only_one = CLIP_TIMES[1 - this] in self.excluded
            if (
                name not in self.excluded
                and self.matches[this] >= (1 if is_only_one else 2)
                and (is_only_one or not self.matches[1 - this])
            ):
                return name
        return None

    @property
    def proven(self) -> ClipTime | None:
        """The same time as `learned` if the pages also rule out the other time; else None."""
        name = self.learned
        return name if name is not None and self.rules_out(_other(name)) else None

    @property
    def may_be_either(self) -> bool:
        """True if at least two pages end at both times of a clip, and none at only one of them."""
        return self.ends_at_both >= 2 and self.matches == (0, 0)

    @property
    def candidates(self) -> tuple[ClipTime, ...]:
        """The times that the cursor is known to refer to: one, or both if it may be either.

        Empty while that is unknown.
        """
        if self.proven is not None:
            return (self.proven,)
        return CLIP_TIMES if self.may_be_either and not self.excluded else ()


def _counted(counts: tuple[int, int], matches: Sequence[bool]) -> tuple[int, int]:
    return min(2, counts[0] + matches[0]), min(2, counts[1] + matches[1])


def _other(name: ClipTime) -> ClipTime:
    return CLIP_TIMES[name == CLIP_TIMES[0]]


def has_equal_times(item: SavedClip) -> bool:
    """Return whether both times of *item* are known and equal."""
    return item.timestamp_ms is not None and item.timestamp_ms == item.created_at_ms


@frozen(kw_only=True)
class TimeRange:
    """Clips with ``since <= time < until``, in epoch milliseconds, by one of their times."""

    by: ClipTime
    since: int | None = None
    until: int | None = None
    or_by: ClipTime | None = None
    """The time that applies to a clip without the time `by`; None if no other time applies."""

    def time_of(self, item: SavedClip) -> int | None:
        """Return the time of *item* that the bounds apply to."""
        time: int | None = getattr(item, self.by)
        return getattr(item, self.or_by) if time is None and self.or_by is not None else time

    def __contains__(self, item: SavedClip) -> bool:
        """Return whether *item* is in the range.

        An item without a time is only in a range without bounds.
        """
        time, since, until = self.time_of(item), self.since, self.until
        if time is None:
            return since is None and until is None
        return (since is None or since <= time) and (until is None or time < until)

    def ends_before(self, cursor: int, direction: int) -> bool:
        """Return whether a listing by this time has no item of the range after *cursor*."""
        if direction == NEWEST_FIRST:
            return self.since is not None and cursor < self.since
        return self.until is not None and cursor >= self.until
