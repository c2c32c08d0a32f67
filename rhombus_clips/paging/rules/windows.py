"""Walking a range of time in half-open windows, newest first."""

from collections.abc import Iterator

from attrs import frozen

from rhombus_clips.models.moments import LARGEST_SENT


@frozen
class Window:
    """Moments with ``start <= t < end``, in epoch milliseconds; None is open."""

    start: int | None
    end: int | None

    def __contains__(self, moment: int) -> bool:
        return (self.start is None or self.start <= moment) and (
            self.end is None or moment < self.end
        )

    @property
    def asked_after(self) -> int | None:
        """``createdAfterMs`` to ask with, one millisecond wider.

        The reference does not say whether its bounds are inclusive. Asked wider by a millisecond
        on both sides, the answer is whole either way; what is too much is filtered out again.
        """
        return None if self.start is None or self.start <= 0 else self.start - 1

    @property
    def asked_before(self) -> int | None:
        """``createdBeforeMs`` to ask with, one millisecond wider."""
        return None if self.end is None else min(self.end + 1, LARGEST_SENT)

    def split(self, length: int | None, *, now: int) -> Iterator["Window"]:
        """This range as windows of at most *length* milliseconds, newest first.

        Whole when *length* is None. An open end is split from *now* on, and the newest window
        stays open, so that a service whose clock is ahead loses nothing.
        """
        if self.start is not None and self.end is not None and self.start >= self.end:
            return
        if length is None or self.start is None:
            yield self
            return
        end = now if self.end is None else self.end
        newest_end = self.end
        while end > self.start or newest_end is None:
            start = max(self.start, end - length)
            yield Window(start, newest_end)
            newest_end = end = start
