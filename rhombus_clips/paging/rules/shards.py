"""Dividing a listing's time among several walks that run side by side.

Each shard is a half-open window of the listing's clock. A walk goes through its window in the
listing's direction; what lies behind its position is done. Clips are not spread evenly over time,
so a walk that is done takes half of what the one with most left has before it.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from attrs import define, field, frozen

from rhombus_clips.paging.rules.clock import CLIP_TIMES, ClipTime
from rhombus_clips.paging.rules.listed import NEWEST_FIRST, OLDEST_FIRST


@frozen
class Order:
    """What has to be known of a listing before its time can be divided."""

    clock: ClipTime
    direction: int
    """`NEWEST_FIRST` or `OLDEST_FIRST`."""
    may_be_other_clock: bool = False
    """Whether the cursor may as well be the other time: so far all clips have two equal times."""

    @property
    def clocks(self) -> tuple[ClipTime, ...]:
        """The times that the cursor may be."""
        return CLIP_TIMES if self.may_be_other_clock else (self.clock,)


@define(eq=False)
class Shard:
    """A window of the listing's clock, and how far the walk through it has come."""

    start: int
    end: int
    direction: int
    position: int = field(init=False)
    """Where the walk is: nothing of the window is left on the side that it comes from."""
    density: float | None = None
    """How many clips a millisecond the walk met last; None when it has met none."""

    def __attrs_post_init__(self) -> None:
        self.position = self.beginning

    @property
    def beginning(self) -> int:
        """The end of the window that its walk begins at."""
        return self.end if self.direction == NEWEST_FIRST else self.start

    def moved_to(self, cursor: int | None) -> None:
        """Note that the walk has come to *cursor*."""
        if cursor is not None:
            self.position = min(max(cursor, self.start), self.end)

    def met(self, clips: int, milliseconds: int) -> None:
        """Note that the walk met *clips* more, which lie within *milliseconds*."""
        self.density = clips / max(milliseconds, 1)

    @property
    def done(self) -> int:
        """How many milliseconds of the window the walk has behind it."""
        return abs(self.position - self.beginning)

    @property
    def left(self) -> int:
        """How many milliseconds of the window the walk has before it."""
        return self.end - self.start - self.done

    def cut(self) -> "Shard":
        """Give away the half of what is left that the walk would come to last."""
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
    """A moment at which no clip lies, and the time of the clip that a listing goes on with there.

    *times* are those of the clips of a listing's first page, *others* what else their cursors may
    be. A service whose cursor is no time
    takes it for nothing, or for the beginning; so the moment lies within the page where there is
    room for it between two clips, and before all clips where there is none.
    """
    for before, behind in pairwise(times):
        middle = (before + behind) // 2
        if abs(before - behind) >= 2 and middle not in others:
            return middle, behind
    direction = OLDEST_FIRST if times[0] < times[-1] else NEWEST_FIRST
    moment = times[0] - direction
    while moment in others:
        moment -= direction
    return max(0, moment), times[0]


def divide(start: int, end: int, shards: int, direction: int) -> list[Shard]:
    """The time from *start* to *end* in windows of about one length."""
    bounds = [start + (end - start) * number // shards for number in range(shards + 1)]
    return [Shard(*window, direction) for window in pairwise(bounds) if window[0] < window[1]]


def steal(shards: Collection[Shard], page_size: int, usual: float | None) -> Shard | None:
    """Half of what the shard with most left has before it; None if that is not worth a request.

    How many clips a window still holds is judged by how densely they lay where its walk met some
    last, or else by *usual*, how densely they lay where any walk met some last.
    """

    def clips_left(shard: Shard) -> float:
        density = usual if shard.density is None else shard.density
        return shard.left * (density or 0.0)

    largest = max(shards, key=clips_left, default=None)
    if largest is None or largest.left < 2 or clips_left(largest) <= page_size:
        return None
    return largest.cut()
