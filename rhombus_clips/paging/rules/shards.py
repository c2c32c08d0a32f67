"""Dividing the time range of a listing among concurrent walks.

A shard is a half-open window of the listing's clock. A walk passes through its shard in the
listing's direction. Clips are not spread evenly over time, so a walk that has finished takes half
of what the busiest walk has left.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from attrs import define, field, frozen

from rhombus_clips.paging.rules.clock import CLIP_TIMES, ClipTime
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, OLDEST_FIRST


@frozen
class Order:
    """The facts about a listing that must be known before its time range can be divided."""

    clock: ClipTime
    direction: int
    """`NEWEST_FIRST` or `OLDEST_FIRST`."""
    may_be_other_clock: bool = False
    """True if the cursor may be the other time, because all clips so far have two equal times."""

    @property
    def clocks(self) -> tuple[ClipTime, ...]:
        """The times that the cursor may refer to."""
        return CLIP_TIMES if self.may_be_other_clock else (self.clock,)


@define(eq=False)
class Shard:
    """A window of the listing's clock, and the progress of the walk through it."""

    start: int
    end: int
    direction: int
    position: int = field(init=False)
    """The walk's position in the window."""
    density: float | None = None
    """The clips per millisecond where the walk last found some; None before that."""

    def __attrs_post_init__(self) -> None:
        self.position = self.entry

    @property
    def entry(self) -> int:
        """The bound of the window where its walk starts."""
        return self.end if self.direction == NEWEST_FIRST else self.start

    def moved_to(self, cursor: int | None) -> None:
        """Record that the walk has reached *cursor*."""
        if cursor is not None:
            self.position = min(max(cursor, self.start), self.end)

    def met(self, clips: int, milliseconds: int) -> None:
        """Record that the walk found *clips* within *milliseconds*."""
        self.density = clips / max(milliseconds, 1)

    @property
    def left(self) -> int:
        """The milliseconds of the window that the walk has not reached yet."""
        return self.end - self.start - abs(self.position - self.entry)

    def cut(self) -> "Shard":
        """Split off the half of the remaining window that the walk would reach last."""
        if self.direction == NEWEST_FIRST:
            middle = self.start + self.left // 2
            other = Shard(self.start, middle, self.direction)
            self.start = middle
        else:
            middle = self.end - self.left // 2
            other = Shard(middle, self.end, self.direction)
            self.end = middle
        return other


def probe_of(times: Sequence[int], others: Collection[int] = ()) -> tuple[int, int]:
    """Return a time that no clip has, and the time of the first clip in a listing from there.

    A service whose cursor is not a time ignores such a cursor or starts from the beginning. The
    time is therefore between two clips of the page if possible, and before all clips if not.

    :param times: The times of the clips on the first page of a listing.
    :param others: Other values that may be cursors.
    """
    for before, after in pairwise(times):
        middle = (before + after) // 2
        if abs(before - after) >= 2 and middle not in others:
            return middle, after
    direction = OLDEST_FIRST if times[0] < times[-1] else NEWEST_FIRST
    probe = times[0] - direction
    while probe in others:
        probe -= direction
    return max(0, probe), times[0]


def divide(start: int, end: int, shards: int, direction: int) -> list[Shard]:
    """Divide the time from *start* to *end* into windows of about equal length."""
    bounds = [start + (end - start) * number // shards for number in range(shards + 1)]
    return [Shard(*window, direction) for window in pairwise(bounds) if window[0] < window[1]]


def steal(shards: Collection[Shard], page_size: int, usual: float | None) -> Shard | None:
    """Split the shard with the most clips left; None if that is not worth a request.

    The number of clips left is estimated from the density where the shard's walk last found some,
    or from *usual*, the density where any walk last did.
    """

    def clips_left(shard: Shard) -> float:
        density = usual if shard.density is None else shard.density
        return shard.left * (density or 0.0)

    largest = max(shards, key=clips_left, default=None)
    if largest is None or largest.left < 2 or clips_left(largest) <= page_size:
        return None
    return largest.cut()
