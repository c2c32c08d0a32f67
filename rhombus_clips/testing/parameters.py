"""Reading the parameters of a request, as strictly as the service does.

A parameter of a wrong type raises `RefusedError`. Null and absent are the same.
"""

from typing import TypeVar, cast

from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.refusals import INVALID_UUID, RefusedError

T = TypeVar("T")

_VISIBILITIES = frozenset({"PRIVATE", "ROLE_RESTRICTED", "ORG_WIDE"})


def text(parameters: JsonObject, name: str) -> str | None:
    """Return a string, or None."""
    return _typed(parameters.get(name), str)


def integer(parameters: JsonObject, name: str, *, bits: int = 64) -> int | None:
    """Return a signed integer of *bits* bits, or None."""
    value = _typed(parameters.get(name), int)
    if value is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise RefusedError
    return value


def flag(parameters: JsonObject, name: str) -> bool:
    """Return a boolean, False by default."""
    return _typed(parameters.get(name), bool) or False


def texts(parameters: JsonObject, name: str) -> list[str]:
    """Return a list of strings, empty by default."""
    return _items(parameters, name, str)


def bare_uuids(parameters: JsonObject, name: str) -> list[str]:
    """Return a list of uuids. A uuid with a device facet such as ``.v0`` is invalid."""
    values = texts(parameters, name)
    if any("." in value for value in values):
        raise RefusedError(INVALID_UUID)
    return values


def table(parameters: JsonObject, name: str) -> JsonObject:
    """Return an object, empty by default."""
    return cast("JsonObject", _typed(parameters.get(name), dict) or {})


def tables(parameters: JsonObject, name: str) -> list[JsonObject]:
    """Return a list of objects, empty by default."""
    return _items(parameters, name, dict)


def visibility(parameters: JsonObject, name: str) -> str | None:
    """Return the visibility of a clip, or None."""
    value = text(parameters, name)
    if value is not None and value not in _VISIBILITIES:
        raise RefusedError
    return value


def access_settings(parameters: JsonObject) -> JsonObject | None:
    """Return the access settings of a clip, or None."""
    if parameters.get("accessSettings") is None:
        return None
    settings = table(parameters, "accessSettings")
    return {
        "visibility": visibility(settings, "visibility"),
        "allowedRoles": texts(settings, "allowedRoles"),
        "allowedUsers": texts(settings, "allowedUsers"),
    }


def _items(parameters: JsonObject, name: str, kind: type[T]) -> list[T]:
    items = cast("list[object]", _typed(parameters.get(name), list) or [])
    values = [_typed(item, kind) for item in items]
    if None in values:
        raise RefusedError
    return [value for value in values if value is not None]


def _typed(value: object, kind: type[T]) -> T | None:
    # Python treats a bool as an int, but the service does not.
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise RefusedError
    return value
