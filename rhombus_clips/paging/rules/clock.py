"""Learning which time of a clip the listing's cursor refers to.

A bound on one time can end a listing early only if the cursor is known to be that time.
"""

from collections import Counter
from typing import Literal

from attrs import define, field, frozen

from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, ListedPage, times_of

ClipTime = Literal["timestamp_ms", "created_at_ms"]
CLIP_TIMES: tuple[ClipTime, ...] = ("timestamp_ms", "created_at_ms")


@define(eq=False)
class Clock:
    """The times that the cursor can refer to, given the pages observed so far."""

    all_are_equal: bool = True
    """True while every clip has two equal times; more pages are then unlikely to settle it."""
    _possible: set[ClipTime] = field(factory=lambda: set(CLIP_TIMES))
    _matches: Counter[ClipTime] = field(factory=Counter[ClipTime])
    """The number of pages whose cursor equals this time of the last clip, but not the other."""
    _proofs: Counter[ClipTime] = field(factory=Counter[ClipTime])
    """The number of these pages whose last clip also has the other time."""
    _ends_at_both: int = 0

    def observe(self, page: ListedPage, direction: int) -> None:
        """Rule out each time that does not run in *direction* from page start to cursor."""
        for name in CLIP_TIMES:
            times = [time for item in page.items if (time := getattr(item, name)) is not None]
            if page.requested_from is not None:
                times.insert(0, page.requested_from)
            if page.cursor:
                times.append(page.cursor)
            if times != sorted(times, reverse=direction == NEWEST_FIRST):
                self._possible.discard(name)
        self.all_are_equal = self.all_are_equal and all(map(has_equal_times, page.items))
        if page.cursor and page.items:
            last = page.items[-1]
            equal: list[ClipTime] = [
                name for name in CLIP_TIMES if getattr(last, name) == page.cursor
            ]
            self._ends_at_both += len(equal) > 1
            if len(equal) == 1:
                self._matches[equal[0]] += 1
                self._proofs[equal[0]] += None not in times_of(last)

    def rules_out(self, name: ClipTime) -> bool:
        """Return whether the cursor cannot refer to that time.

        Either the time does not run in the direction of the cursor, or two pages end at the other
        time and no page ends at this one. A clip without the time proves nothing, because the
        service may list it by the other time.
        """
        other = _other(name)
        return name not in self._possible or (not self._matches[name] and self._proofs[other] >= 2)

    @property
    def learned(self) -> ClipTime | None:
        """The only time that the cursor can refer to; None while undecided.

        Either the pages rule out the other time, or two pages end at this one and none at the
        other.
        """
        for name in self._possible:
            is_only_one = len(self._possible) == 1
            if self._matches[name] >= (1 if is_only_one else 2) and (
                is_only_one or not self._matches[_other(name)]
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
        return self._ends_at_both >= 2 and not self._matches


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
