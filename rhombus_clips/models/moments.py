"""Times on the wire are numbers; this turns them into aware datetimes and timedeltas, and back."""

import operator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# Times whose unit the reference does not state are milliseconds, unless they are too small for
# that: 1e11 ms is March 1973, 1e11 s is the year 5138.
_SMALLEST_MILLISECONDS = 100_000_000_000

SMALLEST_SENT, LARGEST_SENT = -(2**63), 2**63 - 1
"""The numbers that the service's 64 bits hold."""

# Those of numpy; old versions of it take them for numbers.
_BOOLS = frozenset({"bool", "bool_"})


def from_epoch_ms(milliseconds: int | None) -> datetime | None:
    """The UTC moment of epoch milliseconds; None for None and outside the years 1 to 9999."""
    return None if milliseconds is None else _later(EPOCH, milliseconds=milliseconds)


def from_epoch_seconds(seconds: int | None) -> datetime | None:
    """The UTC moment of epoch seconds; None for None and outside the years 1 to 9999."""
    return None if seconds is None else _later(EPOCH, seconds=seconds)


def from_epoch_of_unstated_unit(value: int | None) -> datetime | None:
    """The UTC moment of a number that is milliseconds, or seconds if it is below 1e11.

    None for None and outside the years 1 to 9999.
    """
    if value is not None and abs(value) < _SMALLEST_MILLISECONDS:
        return from_epoch_seconds(value)
    return from_epoch_ms(value)


def seconds_after(moment: datetime | None, seconds: int) -> datetime | None:
    """The moment *seconds* after *moment*; None for None and outside the years 1 to 9999."""
    return None if moment is None else _later(moment, seconds=seconds)


def to_length(seconds: int | None) -> timedelta | None:
    """A number of seconds as a timedelta; None for None and beyond 999,999,999 days."""
    try:
        return None if seconds is None else timedelta(seconds=seconds)
    except OverflowError:
        return None


def _later(moment: datetime, **units: int) -> datetime | None:
    # The wire has 64 bits for a number, which is more than a calendar or a timedelta holds.
    try:
        return moment + timedelta(**units)
    except OverflowError:
        return None


def to_epoch_ms(moment: datetime | int, name: str = "time") -> int:
    """Epoch milliseconds of an aware datetime; an int is taken as milliseconds already.

    A part of a millisecond is rounded up, which keeps half-open bounds exact: a whole
    millisecond is at or after the bound exactly when it is at or after the rounded one.

    Raises `ValueError` for a naive datetime and for a time that 64 bits do not hold, and
    `TypeError` for anything else, naming `name`.
    """
    milliseconds = (
        _milliseconds_of(moment, name) if isinstance(moment, datetime) else plain_int(moment)
    )
    if milliseconds is None:
        raise TypeError(
            f"{name} must be an aware datetime or epoch milliseconds as an int,"
            f" not {type(moment).__name__}"
        )
    if not SMALLEST_SENT <= milliseconds <= LARGEST_SENT:
        raise ValueError(f"{name} is beyond what the service's 64 bits hold")
    return milliseconds


def _milliseconds_of(moment: datetime, name: str) -> int:
    # A time zone is code of its own: some cannot count beyond the calendar's ends.
    try:
        is_naive = moment.utcoffset() is None
        milliseconds = None if is_naive else int(-((EPOCH - moment) // MILLISECOND))
    except OverflowError as error:
        raise ValueError(f"{name} is too far from the present: {moment!r}") from error
    if milliseconds is None:
        raise ValueError(
            f"{name} is a datetime without a time zone; give it one, such as tzinfo=UTC"
        )
    return milliseconds


def plain_int(value: object) -> int | None:
    """The int that *value* stands for, also where it is of another type, such as one of numpy's.

    None for anything that is no whole number; a bool is none.
    """
    if type(value) is int:
        return value
    if isinstance(value, bool) or type(value).__name__ in _BOOLS:
        return None
    try:
        return operator.index(cast("Any", value))
    except TypeError:
        return None
