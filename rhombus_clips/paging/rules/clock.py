"""Learning which time of a clip the listing's cursor is.

A bound on one time ends a listing early only when the cursor is known to be that very time.
"""

from collections import Counter
from typing import Any, Literal

from attrs import field, frozen

from rhombus_clips.paging.rules.listed import NEWEST_FIRST, Listed, Timed, times_of

ClipTime = Literal["timestamp_ms", "created_at_ms"]
CLIP_TIMES: tuple[ClipTime, ...] = ("timestamp_ms", "created_at_ms")


class Clock:
    """Which of a clip's times the cursor can still be, after the pages seen so far."""

    def __init__(self) -> None:
        self._possible: set[ClipTime] = set(CLIP_TIMES)
        # Page ends that are this time of the last clip and not the other; and those of them where
        # that clip has the other time, too.
        self._matches: Counter[ClipTime] = Counter()
        self._proofs: Counter[ClipTime] = Counter()
        self._ends_at_both = 0
        self._all_are_equal = True

    def observe(self, listed: Listed[Any], direction: int, asked: int | None = None) -> None:
        """Rule out each time that does not run in *direction*, from *asked* to the page's cursor.

        :param asked: The cursor that the page was asked with; None for the first page.
        """
        for name in CLIP_TIMES:
            times = [time for item in listed.items if (time := getattr(item, name)) is not None]
            if asked is not None:
                times.insert(0, asked)
            if listed.cursor:
                times.append(listed.cursor)
            if times != sorted(times, reverse=direction == NEWEST_FIRST):
                self._possible.discard(name)
        if self._all_are_equal:
            self._all_are_equal = all(map(has_equal_times, listed.items))
        if listed.cursor and listed.items:
            self._observe_end(listed.items[-1], listed.cursor)

    def _observe_end(self, last: Timed, cursor: int) -> None:
        equal: list[ClipTime] = [name for name in CLIP_TIMES if getattr(last, name) == cursor]
        if len(equal) == 1:
            self._matches[equal[0]] += 1
            self._proofs[equal[0]] += None not in times_of(last)
        self._ends_at_both += len(equal) > 1

    def rules_out(self, name: ClipTime) -> bool:
        """Whether the cursor cannot be that time.

        It does not run as the cursor does, or two pages end at the other time and none at this one.
        That a clip lacks the time proves nothing: the service may then go by the other.
        """
        if name not in self._possible:
            return True
        others: list[ClipTime] = [other for other in CLIP_TIMES if other != name]
        return not self._matches[name] and any(self._proofs[other] >= 2 for other in others)

    @property
    def proven(self) -> ClipTime | None:
        """As `learned`, and the pages rule out the other time."""
        learned = self.learned
        return (
            learned if all(name == learned or self.rules_out(name) for name in CLIP_TIMES) else None
        )

    @property
    def may_be_either(self) -> bool:
        """Whether two pages end at both times of a clip, and none at only one of them."""
        return self._ends_at_both >= 2 and not self._matches

    @property
    def all_are_equal(self) -> bool:
        """Whether every clip has two equal times, so that more pages are not likely to tell."""
        return self._all_are_equal

    @property
    def learned(self) -> ClipTime | None:
        """The one time that the cursor can be; None while that is open.

        Either the pages rule out the other time, or this one has been the cursor of two pages and
        the other of none.
        """
        for name in self._possible:
            others = self._possible - {name}
            enough = 2 if others else 1
            if self._matches[name] >= enough and not any(self._matches[o] for o in others):
                return name
        return None


def has_equal_times(item: Timed) -> bool:
    """Whether the two times of *item* are one."""
    return item.timestamp_ms is not None and item.timestamp_ms == item.created_at_ms


def _known_time(_instance: object, _attribute: object, value: str) -> None:
    if value not in CLIP_TIMES:
        raise ValueError(f"by must be one of {', '.join(CLIP_TIMES)}, not {value!r}")


@frozen(kw_only=True)
class TimeRange:
    """Clips with ``since <= time < until``, in epoch milliseconds, by one of their times."""

    by: ClipTime = field(validator=_known_time)
    since: int | None = None
    until: int | None = None
    or_by: ClipTime | None = None
    """Which time stands in for the one that a clip lacks; None for none."""

    def time_of(self, item: Timed) -> int | None:
        """The time by which *item* lies in the range or not."""
        time: int | None = getattr(item, self.by)
        return getattr(item, self.or_by) if time is None and self.or_by is not None else time

    @property
    def is_everything(self) -> bool:
        """Whether it has no bound at all."""
        return self.since is None and self.until is None

    def __contains__(self, item: Timed) -> bool:
        """Whether the item lies in it; one without that time lies in no range but the whole."""
        if self.is_everything:
            return True
        time = self.time_of(item)
        if time is None:
            return False
        return (self.since is None or self.since <= time) and (
            self.until is None or time < self.until
        )

    def ends_before(self, cursor: int, direction: int) -> bool:
        """Whether a listing by this time has nothing of the range left behind *cursor*."""
        if direction == NEWEST_FIRST:
            return self.since is not None and cursor < self.since
        return self.until is not None and cursor >= self.until
