"""What a walk through a listing asks for, gets, and hands out."""

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from rhombus_clips.errors import DecodeError

NEWEST_FIRST, OLDEST_FIRST = -1, 1

_CURSOR_PATH = "$.lastEvaluatedTimestampMs"

# The service's times have 64 bits, and the walk asks from a millisecond past its cursor.
_BEYOND_EVERY_TIME = 2**63 - 1


class Timed(Protocol):
    """What the walk needs to know of an item."""

    @property
    def uuid(self) -> str | None:
        """What tells it from others."""
        ...

    @property
    def timestamp_ms(self) -> int | None:
        """A time that the cursor may be."""
        ...

    @property
    def created_at_ms(self) -> int | None:
        """Another time that the cursor may be."""
        ...


ItemT = TypeVar("ItemT", bound=Timed)


@frozen
class Ask:
    """A page to ask for. The answer goes into the generator as a `Listed`."""

    page_timestamp_ms: int | None
    max_page_size: int
    is_probe: bool = False
    """Whether the service may refuse it: a refusal goes in as `refused`."""


@frozen
class Listed(Generic[ItemT]):
    """A page that the service listed."""

    items: Sequence[ItemT]
    cursor: int | None
    origin: Any = None
    """Whatever the caller wants to find again on `Fresh.listed`."""
    is_refused: bool = False
    """Whether the service would not list it at all."""

    @property
    def is_last(self) -> bool:
        """Whether the service says that no page follows."""
        return self.cursor is None or self.cursor == 0


@frozen
class Fresh(Generic[ItemT]):
    """Items to hand out, none of them handed out before; nothing goes into the generator."""

    items: Sequence[ItemT]
    listed: Listed[ItemT]
    cursor: int | None
    """Where to resume once they are all handed out."""


def checked_cursor(cursor: int | None) -> int | None:
    """*cursor*, if a page may have it. Raises `DecodeError` for a number that is no time.

    Only null, absent and 0 end a listing: to take another number for the end would lose the rest.
    """
    if cursor is not None and not 0 <= cursor < _BEYOND_EVERY_TIME:
        expected = "epoch milliseconds, or null or 0 at the end of the listing"
        raise DecodeError(
            f"{_CURSOR_PATH} should be {expected}, but is {cursor}: what follows this page cannot"
            " be listed; iterate again to repeat the request",
            path=_CURSOR_PATH,
            expected=expected,
            value_excerpt=str(cursor)[:80],
        )
    return cursor


def refused(ask: Ask) -> Listed[Any]:
    """What goes in for a probe that the service refused: nothing, and no end either."""
    return Listed((), ask.page_timestamp_ms, is_refused=True)


def times_of(item: Timed) -> tuple[int | None, int | None]:
    """The times of an item, either of which the cursor may be."""
    return item.timestamp_ms, item.created_at_ms


def distance(listed: Listed[Any], moment: int, direction: int) -> int:
    """How far past *moment* the cursor of a page lies; negative when before it."""
    return ((listed.cursor or 0) - moment) * direction


def suggested_direction(listed: Listed[Any]) -> int | None:
    """The direction in which a time runs through the page and ends at the cursor, if one does."""
    suggested: set[int] = set()
    for times in zip(*map(times_of, listed.items), strict=True):
        if None in times or times[-1] != listed.cursor:
            continue
        for direction in (NEWEST_FIRST, OLDEST_FIRST):
            if times[0] != times[-1] and list(times) == sorted(times, reverse=direction < 0):
                suggested.add(direction)
    return suggested.pop() if len(suggested) == 1 else None
