"""Splitting a range of time into half-open windows, newest first."""

from collections.abc import Iterator

from attrs import frozen

from rhombus_clips.models.moments import LARGEST_SENT


@frozen
class Window:
    """Times with ``start <= t < end``, in epoch milliseconds; None means unbounded."""

    start: int | None
    end: int | None

    def __contains__(self, time: int) -> bool:
        return (self.start is None or self.start <= time) and (self.end is None or time < self.end)

    @property
    def parameters(self) -> dict[str, int | None]:
        """The parameters of a request for this window, one millisecond wider on both sides.

        The reference does not say whether its bounds are inclusive. With wider bounds, the response
        is complete either way, but the excess has to be filtered out.
        """
        after = None if self.start is None or self.start <= 0 else self.start - 1
        before = None if self.end is None else min(self.end + 1, LARGEST_SENT)
        return {"created_after_ms": after, "created_before_ms": before}

    def split(self, length: int | None, *, now: int) -> Iterator["Window"]:
        """Yield this range as windows of at most *length* milliseconds, newest first.

        Without *length* or `start`, the range is one window. An unbounded range is split from *now*
        backwards and its newest window stays unbounded, in case the service's clock is ahead.
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
