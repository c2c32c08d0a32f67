"""Argument validation, done before anything is sent."""

import inspect
import math
import os
import re
import unicodedata
from collections import abc
from datetime import datetime, timedelta
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from attrs import Attribute, evolve, fields

from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import moments
from rhombus_clips.models.base import Model

__all__ = ["UNSET", "Unset"]

T = TypeVar("T")
FunctionT = TypeVar("FunctionT", bound=abc.Callable[..., Any])


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.value


UNSET: Final = Unset.UNSET
"""The default for the parameters of an update: the field keeps its value. None clears it."""

# No clock or calendar goes this far, and an infinite wait is a mistake.
_MAX_NUMBER = 1e15


# --- numbers and durations -------------------------------------------------------------------


def whole_number(value: object, name: str, *, least: int, most: int | None = None) -> int:
    """Return *value* as a plain int if it is a whole number between *least* and *most*.

    Any type with an ``__index__`` is accepted, such as numpy's integers, except bool. If *most* is
    None, there is no upper bound.

    Raises `InvalidArgumentError` for anything else, and for a number out of range.
    """
    number = value if type(value) is int else moments.plain_int(value)
    if number is None:
        raise InvalidArgumentError(f"{name} must be a whole number", given=value)
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidArgumentError(f"{name} must be {bounds}", given=number)
    return number


def epoch_ms(time: datetime | int | None, name: str) -> int | None:
    """Return *time* in epoch milliseconds, as `to_epoch_ms` does, or None for None."""
    return None if time is None else moments.to_epoch_ms(time, name)


_DURATION = "a number of seconds or a timedelta"


def seconds_of(
    value: object, name: str, *, may_be_zero: bool = False, kinds: str = _DURATION
) -> float:
    """Return the duration *value* in seconds.

    A number of seconds may have any real type, such as one of numpy's, except bool. Zero is
    accepted only if *may_be_zero* is true. *kinds* names the accepted types in the error message.

    Raises `InvalidArgumentError` for anything else and for a duration out of range.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    return _number(number, name, value, kind=kinds, unit=" seconds", may_be_zero=may_be_zero)


def _number(
    number: object, name: str, given: object, *, kind: str, unit: str = "", may_be_zero: bool
) -> float:
    plain = _plain_number(number)
    if plain is None:
        raise InvalidArgumentError(f"{name} must be {kind}", given=given)
    if not 0 <= plain < _MAX_NUMBER or (plain == 0 and not may_be_zero):
        least = "at least 0" if may_be_zero else "greater than 0"
        raise InvalidArgumentError(f"{name} must be {least} and less than 1e15{unit}", given=given)
    return float(plain)


def milliseconds_of(value: object, name: str) -> int:
    """Return the duration *value* in whole milliseconds. It may be 0.

    Raises `InvalidArgumentError` as `seconds_of` does.
    """
    seconds = seconds_of(value, name, may_be_zero=True)
    return value // moments.MILLISECOND if isinstance(value, timedelta) else int(1000 * seconds)


def to_seconds(value: float | timedelta) -> float:
    """Return a timedelta in seconds, and anything else unchanged.

    This is the attrs converter of a field that holds a duration. A converter does not know the
    name of its field, so the validators `is_seconds` and `is_seconds_or_zero` check the value.
    """
    return value.total_seconds() if isinstance(value, timedelta) else value


def is_seconds(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """Validate a field with `seconds_of`, and store its plain number."""
    object.__setattr__(owner, attribute.name, seconds_of(value, attribute.name))


def is_seconds_or_zero(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """Validate a field as `is_seconds` does, but accept 0."""
    seconds = seconds_of(value, attribute.name, may_be_zero=True)
    object.__setattr__(owner, attribute.name, seconds)


def is_positive(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """Validate a field that holds a number greater than 0, and store it as a plain number."""
    number = _number(value, attribute.name, value, kind="a number", may_be_zero=False)
    object.__setattr__(owner, attribute.name, number)


def is_positive_or_zero(owner: object, attribute: "Attribute[float]", value: object) -> None:
    """Validate a field as `is_positive` does, but accept 0."""
    number = _number(value, attribute.name, value, kind="a number", may_be_zero=True)
    object.__setattr__(owner, attribute.name, number)


def _plain_number(value: object) -> float | None:
    whole = moments.plain_int(value)
    if whole is not None or isinstance(value, bool) or not isinstance(value, Real):
        return whole
    try:
        return float(value)
    except OverflowError:
        return math.inf


# --- strings ---------------------------------------------------------------------------------


_MODELS_WITH_UUID = ("clip", "group")


def identifier(value: object, name: str) -> str:
    """Return *value* if it is a string that can identify something.

    It must not be empty, start or end with whitespace, or contain a control character. Spaces
    within it are allowed: tokens and transaction ids have no documented format.

    Raises `InvalidArgumentError` for anything else.
    """
    if isinstance(value, Model):
        owner = name.removeprefix("each of ").partition("_uuid")[0]
        remedy = f": pass {owner}.uuid" if owner in _MODELS_WITH_UUID else ""
        kind = type(value).__name__
        raise InvalidArgumentError(f"{name} must be a string, not a {kind}{remedy}")
    if not isinstance(value, str) or not value or value != value.strip() or _has_control(value):
        raise InvalidArgumentError(
            f"{name} must be a non-empty string without control characters or surrounding"
            " whitespace",
            given=value,
        )
    return _encodable(value, name)


def identifiers(values: abc.Iterable[str], name: str, *, least: int = 0) -> list[str]:
    """Return *values* as a list of at least *least* identifiers.

    A single string is rejected, because iterating over it would yield its characters.
    """
    if isinstance(values, str | bytes):
        raise InvalidArgumentError(f"{name} must be a list of strings, not a string")
    if not isinstance(values, abc.Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError(f"{name} must be a list of strings", given=values)
    checked = [identifier(value, f"each of {name}") for value in values]
    if len(checked) < least:
        raise InvalidArgumentError(f"{name} must have {least:d} or more items, not {len(checked)}")
    return checked


def bare_device_uuids(values: abc.Iterable[str] | None, name: str) -> list[str] | None:
    """Return device uuids without their facets (``.v0``, ``.a0``) or duplicates; None for None.

    The service's filters expect devices, whereas its clips refer to facets of devices.
    """
    if values is None:
        return None
    bare = [uuid.partition(".")[0] for uuid in identifiers(values, name)]
    return list(dict.fromkeys(identifiers(bare, name)))


def text(value: T, name: str) -> T:
    """Return *value* if it is None, `UNSET` or a string that can be sent.

    Raises `InvalidArgumentError` for anything else and for a string that cannot be encoded.
    """
    if not isinstance(value, str | Unset | None):
        # The value is not quoted: it may be a password.
        raise InvalidArgumentError(f"{name} must be a string, not {type(value).__name__}")
    if isinstance(value, str):
        _encodable(value, name)
    return value


def text_or_none(value: T, name: str) -> T:
    """Return *value* as `text` does, but reject `UNSET`, because there is no old value to keep."""
    if isinstance(value, Unset):
        raise InvalidArgumentError(f"{name} must be a string", given=value)
    return text(value, name)


def _encodable(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # The string is not quoted: it may be a password.
        raise InvalidArgumentError(
            f"{name} has a lone surrogate at index {error.start}, which UTF-8 cannot encode"
        ) from None
    return value


def _has_control(value: str) -> bool:
    return not value.isprintable() and any(unicodedata.category(c) == "Cc" for c in value)


# --- other types -----------------------------------------------------------------------------


def instance(value: T, kind: type, name: str) -> T:
    """Return *value* if it is a *kind*. Raises `InvalidArgumentError` otherwise."""
    if not isinstance(value, kind):
        raise InvalidArgumentError(f"{name} must be a {kind.__name__}", given=value)
    return value


def instance_or_none(value: T, kind: type, name: str) -> T:
    """Return *value* if it is a *kind* or None. Raises `InvalidArgumentError` otherwise."""
    return value if value is None else instance(value, kind, name)


def as_sent(value: T, name: str) -> T:
    """Return *value* with its numbers, lists and mappings converted to built-in types for JSON.

    Raises `InvalidArgumentError` for a value that JSON cannot represent and for a string that
    cannot be encoded, a float that is not finite or an int beyond 64 bits. `UNSET` is accepted only
    as *value* itself.
    """
    return value if isinstance(value, Unset) else cast("T", _as_sent(value, name))


def _as_sent(value: object, name: str) -> object:
    match value:
        case None | bool():
            return value
        case str():
            return _encodable(value, name)
        case Model():
            return evolve(value, **_fields_as_sent(value, name))
        case abc.Mapping():
            return _mapping_as_sent(cast("abc.Mapping[object, object]", value), name)
        case abc.Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_as_sent(item, name) for item in cast("abc.Sequence[object]", value)]
        case _:
            return _number_as_sent(value, name)


def _fields_as_sent(model: Model, name: str) -> dict[str, Any]:
    values = {field.name: getattr(model, field.name) for field in fields(type(model))}
    return {
        field: _as_sent(value, f"{name}.{field}")
        for field, value in values.items()
        if not (field == "extra" and not value)
    }


def _mapping_as_sent(mapping: abc.Mapping[object, object], name: str) -> dict[str, object]:
    sent: dict[str, object] = {}
    for key, value in mapping.items():
        if not isinstance(key, str):
            raise InvalidArgumentError(f"each key of {name} must be a string", given=key)
        sent[_encodable(key, f"a key of {name}")] = _as_sent(value, f"{name}[{key!r}]")
    return sent


def _number_as_sent(value: object, name: str) -> float:
    number = _plain_number(value)
    if number is None:
        # The value is not quoted: it may be a password.
        kind = type(value).__name__
        raise InvalidArgumentError(f"{name} must be a value that JSON can represent, not {kind}")
    if isinstance(number, int) and not moments.SMALLEST_SENT <= number <= moments.LARGEST_SENT:
        raise InvalidArgumentError(f"{name} must fit into 64 bits", given=value)
    if not math.isfinite(number):
        raise InvalidArgumentError(f"{name} must be a finite number", given=value)
    return number


# --- paths ----------------------------------------------------------------------------------

# A one-letter scheme is a Windows drive. `Path` collapses the two slashes of a URL into one, or
# removes them at the end.
_PATH_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:([/\\]|$)")


def local_path(value: object, name: str) -> Path:
    """Return *value* as a path on this machine.

    Raises `InvalidArgumentError` for anything but a `str` or an ``os.PathLike[str]`` and for an
    empty path, a URL, or a character that is not allowed in file names.
    """
    text: object = value
    if isinstance(value, os.PathLike):
        text = os.fspath(cast("os.PathLike[str] | os.PathLike[bytes]", value))
    if not isinstance(text, str):
        raise InvalidArgumentError(f"{name} must be a str or an os.PathLike[str]", given=text)
    if not text:
        raise InvalidArgumentError(f'{name} must not be empty; use "." for the current folder')
    if "\0" in text:
        raise InvalidArgumentError(f"{name} must be a path without NUL characters", given=text)
    if _PATH_URL.match(text):
        raise InvalidArgumentError(
            f"{name} must be a path on this machine, not a URL: download to a local path and copy"
            " the file from there (if a folder has this name, pass its absolute path)"
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidArgumentError(
            f"{name} must contain only characters that are allowed in file names", given=text
        ) from None
    return Path(text)


# --- functions -------------------------------------------------------------------------------


def function(value: FunctionT, name: str) -> FunctionT:
    """Return a wrapper around *value* if it is a plain function.

    The wrapper raises `InvalidArgumentError` when a call returns an awaitable or a generator,
    because nothing would run it.

    Raises `InvalidArgumentError` for a value that is not callable, and for a coroutine function.
    """
    if not callable(value):
        raise InvalidArgumentError(f"{name} must be a function", given=value)
    if _is_deferred(value) or _is_deferred(type(value).__call__):
        raise InvalidArgumentError(
            f"{name} must be a plain function, because a coroutine or a generator would never run",
            given=value,
        )

    def checked(*arguments: Any) -> Any:
        result = value(*arguments)
        if result is not None and isinstance(
            result, abc.Awaitable | abc.AsyncGenerator | abc.Generator
        ):
            if isinstance(result, abc.Coroutine):
                result.close()
            kind = type(cast("object", result)).__name__
            raise InvalidArgumentError(
                f"{name} must be a plain function, but it returned a {kind}, which would never run"
            )
        return result

    return cast("FunctionT", checked)


def function_or_none(value: FunctionT | None, name: str) -> FunctionT | None:
    """Return *value* wrapped as `function` does, or None for None."""
    return None if value is None else function(value, name)


def _is_deferred(value: object) -> bool:
    """Return True if calling *value* runs none of its code."""
    return (
        inspect.iscoroutinefunction(value)
        or inspect.isasyncgenfunction(value)
        or inspect.isgeneratorfunction(value)
    )
