"""Reading the parameters of a request as strictly as the service does."""

from typing import Any, cast

from rhombus_clips.testing.clips import Wire
from rhombus_clips.testing.faults import BAD_STRUCTURE, Respond, json_answer

INVALID_UUID = json_answer(400, {"msg": "Invalid UUID"})
_VISIBILITIES = frozenset({"PRIVATE", "ROLE_RESTRICTED", "ORG_WIDE"})


class RefusedError(Exception):
    """The service does not carry the request out, and answers *answer* instead."""

    def __init__(self, answer: Respond = BAD_STRUCTURE) -> None:
        super().__init__(answer.status)
        self.answer = answer


def failure(reason: str) -> Wire:
    """The answer of a request that was understood and could not be carried out."""
    return {"error": True, "errorMsg": reason}


def refusal(message: str) -> RefusedError:
    """A 400 that says why."""
    return RefusedError(json_answer(400, {"msg": message}))


def text(parameters: Wire, name: str) -> str | None:
    """A string, or None."""
    value = parameters.get(name)
    if value is None or isinstance(value, str):
        return value
    raise RefusedError


def integer(parameters: Wire, name: str, *, bits: int = 64) -> int | None:
    """A whole number of so many bits, or None."""
    value = parameters.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedError
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise RefusedError
    return value


def flag(parameters: Wire, name: str) -> bool:
    """A boolean; null and absent are False."""
    value = parameters.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RefusedError


def texts(parameters: Wire, name: str) -> list[str]:
    """A list of strings; null and absent are an empty one."""
    return [item for item in _items(parameters, name) if _is(item, str)]


def bare_uuids(parameters: Wire, name: str) -> list[str]:
    """A list of uuids; one with the facet of a device (``.v0``) is no uuid to the service."""
    values = texts(parameters, name)
    if any("." in value for value in values):
        raise RefusedError(INVALID_UUID)
    return values


def table(parameters: Wire, name: str) -> Wire:
    """An object; null and absent are an empty one."""
    value = parameters.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return cast("Wire", value)
    raise RefusedError


def tables(parameters: Wire, name: str) -> list[Wire]:
    """A list of objects; null and absent are an empty one."""
    return [item for item in _items(parameters, name) if _is(item, dict)]


def visibility(parameters: Wire, name: str) -> str | None:
    """One of the visibilities of a clip, or None."""
    value = text(parameters, name)
    if value is None or value in _VISIBILITIES:
        return value
    raise RefusedError


def access_settings(parameters: Wire) -> Wire | None:
    """Who may see a clip, or None."""
    if parameters.get("accessSettings") is None:
        return None
    settings = table(parameters, "accessSettings")
    return {
        "visibility": visibility(settings, "visibility"),
        "allowedRoles": texts(settings, "allowedRoles"),
        "allowedUsers": texts(settings, "allowedUsers"),
    }


def _items(parameters: Wire, name: str) -> list[Any]:
    value = parameters.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        # mypy knows the cast already; pyright does not.
        return cast(list[Any], value)  # type: ignore[redundant-cast]
    raise RefusedError


def _is(item: object, kind: type) -> bool:
    if isinstance(item, kind):
        return True
    raise RefusedError
