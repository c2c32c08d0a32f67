"""Conversion between numbers on the wire and aware datetimes and timedeltas."""

import operator
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from attrs import Attribute

from rhombus_clips.errors import InvalidArgumentError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_TIME_UNIT = "rhombus_clips.time_unit"

IN_MILLISECONDS: Mapping[str, str] = {_TIME_UNIT: "ms"}
"""The metadata of a model's field that holds a time in epoch milliseconds."""

IN_SECONDS: Mapping[str, str] = {_TIME_UNIT: "s"}
"""The metadata of a model's field that holds a time in epoch seconds."""

TimeUnit = Literal["ms", "s"]

# Times in an undocumented unit are taken as milliseconds unless they are too small: 1e11 ms is
# March 1973, 1e11 s is the year 5138.
_SMALLEST_MILLISECONDS = 100_000_000_000

SMALLEST_SENT, LARGEST_SENT = -(2**63), 2**63 - 1
"""The range of the service's 64-bit integers."""

# The years 1973 to 5138. As milliseconds, these numbers would be times shortly after 1970.
_PLAUSIBLE_SECONDS = range(100_000_000, 100_000_000_000)

# The names of numpy's boolean types, for which old versions of numpy define `__index__`.
_BOOLS = frozenset({"bool", "bool_"})


def from_epoch_ms(milliseconds: int | None) -> datetime | None:
    """Return the UTC datetime of epoch milliseconds; None for None or if beyond the calendar."""
    return None if milliseconds is None else _later(EPOCH, milliseconds=milliseconds)


def from_epoch_seconds(seconds: int | None) -> datetime | None:
    """Return the UTC datetime of epoch seconds; None for None or if beyond the calendar."""
    return None if seconds is None else _later(EPOCH, seconds=seconds)


def time_unit(field: "Attribute[Any]") -> TimeUnit | None:
    """Return the unit of the time that a model's *field* holds; None if it is not known to."""
    return cast("TimeUnit | None", field.metadata.get(_TIME_UNIT))


def from_epoch(time: int, unit: TimeUnit) -> datetime | None:
    """Return the UTC datetime of an epoch time in *unit*; None if beyond the calendar."""
    return from_epoch_ms(time) if unit == "ms" else from_epoch_seconds(time)


def from_epoch_of_unstated_unit(value: int | None) -> datetime | None:
    """Return the UTC datetime of epoch seconds if *value* is below 1e11, else of milliseconds.

    None for None or if beyond the calendar, which has the years 1 to 9999.
    """
    if value is not None and abs(value) < _SMALLEST_MILLISECONDS:
        return from_epoch_seconds(value)
    return from_epoch_ms(value)


def seconds_after(time: datetime | None, seconds: int) -> datetime | None:
    """Return the time *seconds* after *time*; None for None or if beyond the calendar."""
    return None if time is None else _later(time, seconds=seconds)


def to_length(seconds: int | None) -> timedelta | None:
    """Return a number of seconds as a timedelta; None for None or more than 999,999,999 days."""
    try:
        return None if seconds is None else timedelta(seconds=seconds)
    except OverflowError:
        return None


def _later(time: datetime, **units: int) -> datetime | None:
    # A 64-bit number may exceed the range of a datetime or a timedelta.
    try:
        return time + timedelta(**units)
    except OverflowError:
        return None


def parse_time(text: str) -> datetime | int:
    """Return the time in *text*: ISO 8601 with a UTC offset, or epoch milliseconds.

    Raises `ValueError` for anything else, for a number that looks like seconds, and for a time
    beyond the calendar.
    """
    if re.fullmatch("[0-9]{1,15}", text):
        if int(text) in _PLAUSIBLE_SECONDS:
            raise ValueError(f"{text} looks like seconds; use epoch milliseconds")
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise ValueError(
            f"{text!r} is not a time with a UTC offset, such as 2025-10-01T08:00Z or"
            " 2025-10-01T08:00-07:00, or epoch milliseconds"
        )
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC") from None


def to_epoch_ms(time: datetime | int, name: str = "time") -> int:
    """Return an aware datetime in epoch milliseconds; an int is already in milliseconds.

    Fractions of a millisecond are rounded up, which keeps half-open bounds exact: a whole
    millisecond is at or after the bound if and only if it is at or after the rounded bound.

    Raises `InvalidArgumentError` for a naive datetime, a time beyond 64 bits and anything else.
    """
    milliseconds = _milliseconds_of(time, name) if isinstance(time, datetime) else plain_int(time)
    if milliseconds is None:
        raise InvalidArgumentError(
            f"{name} must be an aware datetime or epoch milliseconds as an int", given=time
        )
    if not SMALLEST_SENT <= milliseconds <= LARGEST_SENT:
        raise InvalidArgumentError(f"{name} must fit into 64 bits as epoch milliseconds")
    return milliseconds


def _milliseconds_of(time: datetime, name: str) -> int:
    # Some time zones raise an OverflowError near the ends of the calendar.
    try:
        if time.utcoffset() is not None:
            return int(-((EPOCH - time) // MILLISECOND))
    except OverflowError as error:
        raise InvalidArgumentError(
            f"{name} must be in the range of its time zone", given=time
        ) from error
    raise InvalidArgumentError(
        f"{name} must not be a datetime without a time zone; add one, such as tzinfo=UTC"
    )


def plain_int(value: object) -> int | None:
    """Return *value* as an int, whatever its integer type, such as one of numpy's.

    None if it is not a whole number. A bool is not a whole number.
    """
    if type(value) is int:
        return value
    if isinstance(value, bool) or type(value).__name__ in _BOOLS:
        return None
    try:
        return operator.index(cast("Any", value))
    except TypeError:
        return None
