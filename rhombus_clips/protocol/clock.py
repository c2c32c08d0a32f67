"""Learning which time of a clip the listing's cursor is.

A bound on one time ends a listing early only when the cursor is known to be that very time.
"""

from collections import Counter
from typing import Any, Literal

from attrs import field, frozen

from rhombus_clips.protocol.listed import NEWEST_FIRST, Listed, Timed

ClipTime = Literal["timestamp_ms", "created_at_ms"]
CLIP_TIMES: tuple[ClipTime, ...] = ("timestamp_ms", "created_at_ms")


class Clock:
    """Which of a clip's times the cursor can still be, after the pages seen so far."""

    def __init__(self) -> None:
        self._possible: set[ClipTime] = set(CLIP_TIMES)
        self._matches: Counter[ClipTime] = Counter()

    def observe(self, listed: Listed[Any], direction: int) -> None:
        """Rule out each time that does not run in *direction* and up to the page's cursor."""
        for name in CLIP_TIMES:
            times = [time for item in listed.items if (time := getattr(item, name)) is not None]
            if listed.cursor and times and times[-1] == listed.cursor:
                self._matches[name] += 1
            if listed.cursor:
                times.append(listed.cursor)
            if times != sorted(times, reverse=direction == NEWEST_FIRST):
                self._possible.discard(name)

    def rules_out(self, name: ClipTime) -> bool:
        """Whether the cursor cannot be that time."""
        return name not in self._possible

    @property
    def proven(self) -> ClipTime | None:
        """As `learned`, and some page has contradicted the other time: its absence is no proof."""
        learned = self.learned
        return (
            learned if all(name == learned or self.rules_out(name) for name in CLIP_TIMES) else None
        )

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
