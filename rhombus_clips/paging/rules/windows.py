"""Splitting a range of time into half-open windows, newest first, and positions within them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, field, frozen

from rhombus_clips.models.moments import LARGEST_SENT
from rhombus_clips.paging.rules.cursor_text import (
    Listed,
    PayloadReader,
    PayloadWriter,
    read_cursor,
    read_payload,
    write_cursor,
)


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

        Without *length* or `start`, the range is one window. The part of the range before *now* is
        split, and the newest window extends to its end, in case the service's clock is ahead.
        """
        if self.start is not None and self.end is not None and self.start >= self.end:
            return
        if length is None or self.start is None:
            yield self
            return
        end = now if self.end is None else min(self.end, now)
        newest_end = self.end
        is_newest = True
        while end > self.start or is_newest:
            start = max(self.start, end - length)
            yield Window(start, newest_end)
            newest_end = end = start
            is_newest = False


@frozen
class DatedItem:
    """An item of a window, as these rules see it."""

    digest: int
    time: int | None
    """The item's time in epoch milliseconds; None if it has none."""
    has_uuid: bool
    """True if the digest is of a uuid. Otherwise equal items are several items."""


@frozen(kw_only=True)
class WindowPosition:
    """The end of the time that is left to list, newest first, and the items yielded around it."""

    end: int | None = None
    """The time before which items are left, in epoch milliseconds; None if it has no end."""
    at_end: Counter[int] = field(factory=Counter[int])
    """The digests of the yielded items of the last millisecond before `end`."""
    timeless: Counter[int] = field(factory=Counter[int])
    """The digests of the yielded items without a time, which any window may repeat."""

    def to_cursor(self, listed: Listed) -> str:
        """Return the portable cursor. Raises `CursorStalledError` if it would be too long."""
        return write_cursor(listed, self.payload)

    @classmethod
    def from_cursor(cls, listed: Listed, text: object) -> "WindowPosition":
        """Return the position of a cursor. Raises `InvalidArgumentError` for any other text."""
        return read_payload(read_cursor(listed, text), cls._read)

    @classmethod
    def _read(cls, reader: PayloadReader) -> "WindowPosition":
        end = reader.number() if reader.number() == 1 else None
        return cls(end=end, at_end=reader.digests(), timeless=reader.digests())

    @property
    def payload(self) -> bytes:
        """The position in the form that a cursor contains."""
        writer = PayloadWriter()
        writer.number(self.end is not None)
        if self.end is not None:
            writer.number(self.end)
        writer.digests(self.at_end)
        writer.digests(self.timeless)
        return bytes(writer.content)


@frozen
class TakenWindow:
    """The response for a window, and the positions before, within and after it."""

    items: Sequence[DatedItem]
    new_indexes: Sequence[int]
    """The indexes of the new items, in the order to yield them: those without a time, then the
    others, newest first."""
    before: WindowPosition
    after: WindowPosition | None
    """The position after the window; None after the last one."""

    def position(self, yielded: int) -> WindowPosition | None:
        """Return the position after the first *yielded* of the new items; None at the end."""
        if yielded >= len(self.new_indexes):
            return self.after
        given = [self.items[index] for index in self.new_indexes[:yielded]]
        timeless = self.before.timeless + _digests(item for item in given if item.time is None)
        last = given[-1].time if given else None
        if last is None:
            return evolve(self.before, timeless=timeless)
        at_end = _digests(item for item in given if item.time == last)
        if last + 1 == self.before.end:
            at_end += self.before.at_end
        return WindowPosition(end=last + 1, at_end=at_end, timeless=timeless)


def take_window(
    items: Sequence[DatedItem], window: Window, before: WindowPosition, *, is_last: bool
) -> TakenWindow:
    """Return which *items* of the response for *window* are new at the position *before*.

    The service may repeat items without a time in each window. Those without a uuid are
    distinguished only by their content and count.
    """
    known = before.timeless + before.at_end
    counts: Counter[int] = Counter()
    new: list[int] = []
    for index, item in enumerate(items):
        if item.time is not None and item.time not in window:
            continue
        counts[item.digest] += 1
        if counts[item.digest] > known[item.digest] and (
            counts[item.digest] == 1 or not item.has_uuid
        ):
            new.append(index)
    # The sort is stable: items of the same time keep the service's order.
    new.sort(key=lambda index: _sort_key(items[index].time))
    timeless = before.timeless + _digests(
        items[index] for index in new if items[index].time is None
    )
    after = None if is_last else WindowPosition(end=window.start, timeless=timeless)
    return TakenWindow(items, new, before, after)


def _sort_key(time: int | None) -> tuple[bool, int]:
    return time is not None, -(time or 0)


def _digests(items: Iterable[DatedItem]) -> Counter[int]:
    return Counter(item.digest for item in items)
