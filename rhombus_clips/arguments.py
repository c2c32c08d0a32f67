"""Arguments are checked before anything is sent, and made what a request can carry."""

import inspect
import math
import os
import re
import unicodedata
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from attrs import Attribute, evolve, fields

from rhombus_clips.models.base import Model
from rhombus_clips.models.moments import LARGEST_SENT, SMALLEST_SENT, plain_int

__all__ = ["UNSET", "Unset"]

T = TypeVar("T")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.value


UNSET: Final = Unset.UNSET
"""The default of what an update leaves as it is; None clears it."""


# Clocks and calendars count no further, and infinite is no time to wait.
_MOST_SECONDS = 1e15

# A message quotes no more of an argument than one line holds.
_QUOTED = 80


# --- numbers ---------------------------------------------------------------------------------


def whole_number(value: object, name: str, *, least: int, most: int | None = None) -> int:
    """*value* as a plain int, if it is a whole number from *least* to *most*.

    Any type with an ``__index__`` will do, such as numpy's; a bool will not. None for *most* sets
    no bound.

    Raises `TypeError` for anything else, and `ValueError` out of range.
    """
    number = plain_int(value)
    if number is None:
        raise TypeError(f"{name} must be a whole number, not {_quoted(value)}")
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, not {_quoted(number)}")
    return number


def seconds_of(value: object, name: str, *, may_be_zero: bool = False) -> float:
    """*value* as a plain number, if it is a finite number of seconds above 0.

    Any real number will do, such as numpy's; a bool will not. 0 will do where it *may_be_zero*.

    Raises `TypeError` for anything else, and `ValueError` out of range.
    """
    number = _plain_number(value)
    if number is None:
        raise TypeError(f"{name} must be a number of seconds, not {_quoted(value)}")
    if not 0 <= number < _MOST_SECONDS or (number == 0 and not may_be_zero):
        least = "0 or more" if may_be_zero else "above 0"
        raise ValueError(f"{name} must be {least} and below 1e15, not {_quoted(value)}")
    return number


def is_seconds(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """The validator of a field of seconds, as `seconds_of`; the field gets the plain number."""
    object.__setattr__(owner, attribute.name, seconds_of(value, attribute.name))


def is_seconds_or_zero(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """As `is_seconds`, for a field that may be 0."""
    seconds = seconds_of(value, attribute.name, may_be_zero=True)
    object.__setattr__(owner, attribute.name, seconds)


def _plain_number(value: object) -> float | None:
    whole = plain_int(value)
    if whole is not None or isinstance(value, bool) or not isinstance(value, Real):
        return whole
    try:
        return float(value)
    except OverflowError:
        return math.inf


# --- strings ---------------------------------------------------------------------------------


def identifier(value: object, name: str) -> str:
    """*value*, if it is a string that may name something.

    It must not be empty, nor begin or end with a blank, nor hold a control character. Blanks
    within it are left to the service, whose tokens and transaction ids have no documented form.
    """
    if not isinstance(value, str) or not value or value != value.strip() or _has_control(value):
        raise ValueError(
            f"{name} must be a non-empty string without control characters, and without a blank at"
            f" its beginning or end, not {_quoted(value)}"
        )
    return _encodable(value, name)


def identifiers(values: Iterable[str], name: str, *, least: int = 0) -> list[str]:
    """*values* as a list, if they are strings that may name something, and at least *least*.

    A single string is refused: it would be taken for a list of letters.
    """
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a list of strings, not a string")
    if not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise TypeError(f"{name} must be a list of strings, not {_quoted(values)}")
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
    bare = [uuid.partition(".")[0] for uuid in identifiers(values, name)]
    return list(dict.fromkeys(identifiers(bare, name)))


def text(value: T, name: str) -> T:
    """*value*, if it is a string that can be sent, None or `UNSET`. Raises `TypeError` otherwise.

    Raises `ValueError` for a string that has no encoding.
    """
    if not isinstance(value, str | Unset | None):
        raise TypeError(f"{name} must be a string, not {_quoted(value)}")
    if isinstance(value, str):
        _encodable(value, name)
    return value


def text_or_none(value: T, name: str) -> T:
    """As `text`, but `UNSET` is refused: nothing is left as it is."""
    if isinstance(value, Unset):
        raise TypeError(f"{name} must be a string, not {value!r}")
    return text(value, name)


def _encodable(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # The string is not quoted: it may be a password.
        raise ValueError(
            f"{name} has half of a surrogate pair at index {error.start}, which UTF-8 cannot encode"
        ) from None
    return value


def _has_control(value: str) -> bool:
    return not value.isprintable() and any(unicodedata.category(c) == "Cc" for c in value)


# --- other kinds -----------------------------------------------------------------------------


def instance(value: T, kind: type, name: str) -> T:
    """*value*, if it is a *kind*. Raises `TypeError` otherwise."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {_quoted(value)}")
    return value


def instance_or_none(value: T, kind: type, name: str) -> T:
    """*value*, if it is a *kind*, None or `UNSET`. Raises `TypeError` otherwise."""
    if not isinstance(value, kind | Unset | None):
        raise TypeError(f"{name} must be a {kind.__name__}, not {_quoted(value)}")
    return value


def as_sent(value: T, name: str) -> T:
    """*value* as a request can carry it: numbers, lists and mappings become plain ones.

    Raises `TypeError` for what JSON has no form for, and `ValueError` for a string that cannot be
    encoded, for a float that is not finite, and for an int beyond 64 bits.
    """
    return cast("T", _as_sent(value, name))


def _as_sent(value: object, name: str) -> object:
    match value:
        case None | bool() | Unset():
            return value
        case str():
            return _encodable(value, name)
        case Model():
            return evolve(value, **_fields_as_sent(value, name))
        case Mapping():
            return _mapping_as_sent(cast("Mapping[object, object]", value), name)
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_as_sent(item, name) for item in cast("Sequence[object]", value)]
        case _:
            return _number_as_sent(value, name)


def _fields_as_sent(model: Model, name: str) -> dict[str, Any]:
    values = {field.name: getattr(model, field.name) for field in fields(type(model))}
    return {
        field: _as_sent(value, f"{name}.{field}")
        for field, value in values.items()
        if not (field == "extra" and not value)
    }


def _mapping_as_sent(mapping: Mapping[object, object], name: str) -> dict[str, object]:
    sent: dict[str, object] = {}
    for key, value in mapping.items():
        if not isinstance(key, str):
            raise TypeError(f"each key of {name} must be a string, not {_quoted(key)}")
        sent[_encodable(key, f"a key of {name}")] = _as_sent(value, f"{name}[{key!r}]")
    return sent


def _number_as_sent(value: object, name: str) -> float:
    number = _plain_number(value)
    if number is None:
        raise TypeError(f"{name} cannot be sent as JSON: {_quoted(value)}")
    if isinstance(number, int) and not SMALLEST_SENT <= number <= LARGEST_SENT:
        raise ValueError(f"{name} is beyond what the service's 64 bits hold: {_quoted(value)}")
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, not {_quoted(value)}")
    return number


def _quoted(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python does not write out an int of thousands of digits.
        return f"a {type(value).__name__} that is too long to show"
    return shown if len(shown) <= _QUOTED else f"{shown[:_QUOTED]}…"


# --- paths ----------------------------------------------------------------------------------

# A scheme of one letter is a Windows drive. `Path` turns two slashes into one, or into none at the
# end.
_PATH_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:([/\\]|$)")


def local_path(value: object, name: str) -> Path:
    """Return *value* as a path of this machine's file system.

    Raises `TypeError` for anything but a string or a path object of strings, and `ValueError` for
    an empty path, a URL, or a character that no file name can have.
    """
    text = value
    if isinstance(value, os.PathLike):
        text = os.fspath(cast("os.PathLike[str] | os.PathLike[bytes]", value))
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string or a path object of strings, not {value!r}")
    if not text:
        raise ValueError(f'{name} must not be empty; use "." for the current folder')
    if "\0" in text:
        raise ValueError(f"{name} must not contain a NUL character: {text!r}")
    if _PATH_URL.match(text):
        raise ValueError(
            f"{name} must be a path on this machine, and {text!r} is a URL: download to a local"
            " path and copy the file from there (for a folder with this name, pass an absolute"
            " path)"
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(
            f"{name} must not contain a character that no file name can have: {text!r}"
        ) from None
    return Path(text)


# --- functions -------------------------------------------------------------------------------


def function(value: FunctionT, name: str) -> FunctionT:
    """*value*, if it is a plain function.

    What is returned calls it, and raises `TypeError` when the call gives something to await: as
    nobody does, it would never run.

    Raises `TypeError` for what cannot be called, and for a coroutine function.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {_quoted(value)}")
    if _only_begins(value) or _only_begins(type(value).__call__):
        raise TypeError(
            f"{name} must be a plain function: a call of {_quoted(value)} makes something to await"
            " or to iterate, which nobody does"
        )

    def called(*arguments: Any) -> Any:
        result = value(*arguments)
        if result is not None and isinstance(result, Awaitable | AsyncGenerator | Generator):
            if isinstance(result, Coroutine):
                result.close()
            kind = type(cast("object", result)).__name__
            raise TypeError(
                f"{name} must be a plain function, but it returned a {kind}, which nobody awaits"
            )
        return result

    return cast("FunctionT", called)


def function_or_none(value: FunctionT | None, name: str) -> FunctionT | None:
    """As `function`; None for None."""
    return None if value is None else function(value, name)


def _only_begins(value: object) -> bool:
    """Whether a call of *value* runs nothing of it."""
    return (
        inspect.iscoroutinefunction(value)
        or inspect.isasyncgenfunction(value)
        or inspect.isgeneratorfunction(value)
    )
