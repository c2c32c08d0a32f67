"""Arguments are checked before anything is sent."""

from collections.abc import Iterable
from enum import Enum
from typing import Final, TypeVar

from attrs import Attribute

T = TypeVar("T")


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.value


UNSET: Final = Unset.UNSET
"""The default of what an update leaves as it is; None clears it."""


# Clocks and calendars count no further, and infinite is no time to wait.
_MOST_SECONDS = 1e15


def whole_number(value: object, name: str, *, least: int, most: int | None = None) -> int:
    """*value*, if it is an int from *least* to *most*; None for *most* is no bound.

    Raises `TypeError` for anything but an int (a bool is none), and `ValueError` out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least or (most is not None and value > most):
        bounds = f"from {least} up" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")
    return value


def seconds_of(value: object, name: str, *, may_be_zero: bool = False) -> float:
    """*value*, if it is a finite number of seconds above 0, or 0 where that makes sense.

    Raises `TypeError` for anything but a number, and `ValueError` out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value < _MOST_SECONDS or (value == 0 and not may_be_zero):
        least = "0 or more" if may_be_zero else "above 0"
        raise ValueError(f"{name} must be {least} and below 1e15, not {value!r}")
    return value


def is_seconds(_instance: object, attribute: "Attribute[float]", value: object) -> None:
    """The validator of a field of seconds, as `seconds_of`."""
    seconds_of(value, attribute.name)


def is_seconds_or_zero(_instance: object, attribute: "Attribute[float]", value: object) -> None:
    """The validator of a field of seconds that may be 0, as `seconds_of`."""
    seconds_of(value, attribute.name, may_be_zero=True)


def identifier(value: object, name: str) -> str:
    """*value*, if it is a string that may name something: not empty, and no blank around it."""
    if not isinstance(value, str) or not value or value != value.strip():
        raise ValueError(f"{name} must be a non-empty string without blanks, not {value!r}")
    return value


def instance(value: T, kind: type, name: str) -> T:
    """*value*, if it is a *kind*. Raises `TypeError` otherwise."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {value!r}")
    return value


def function_or_none(value: object, name: str) -> None:
    """Raise `TypeError` unless *value* can be called, or is None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function, not {value!r}")


def instance_or_none(value: object, kind: type, name: str) -> None:
    """Raise `TypeError` unless *value* is a *kind*, None or `UNSET`."""
    if not isinstance(value, kind | Unset | None):
        raise TypeError(f"{name} must be a {kind.__name__}, not {value!r}")


def text(value: object, name: str) -> None:
    """Raise `TypeError` unless *value* is a string, None or `UNSET`."""
    instance_or_none(value, str, name)


def text_or_none(value: object, name: str) -> None:
    """Raise `TypeError` unless *value* is a string or None: nothing is left as it is."""
    if not isinstance(value, str | None):
        raise TypeError(f"{name} must be a string, not {value!r}")


def identifiers(values: Iterable[str], name: str, *, least: int = 0) -> list[str]:
    """*values* as a list, if they are strings that may name something, and at least *least*.

    A single string is refused: it would be taken for a list of letters.
    """
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a list of strings, not a string")
    checked = [identifier(value, f"each of {name}") for value in values]
    if len(checked) < least:
        raise ValueError(f"{name} must name at least {least}")
    return checked


def bare_device_uuids(values: Iterable[str] | None, name: str) -> list[str] | None:
    """Device uuids without their facets (``.v0``, ``.a0``), each once; None for None.

    The filters of the service take a device, not one of its facets, while its clips carry facets.
    """
    if values is None:
        return None
    return list(dict.fromkeys(uuid.partition(".")[0] for uuid in identifiers(values, name)))
