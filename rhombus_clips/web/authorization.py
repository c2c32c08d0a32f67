"""The application's consent, which every request needs."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from rhombus_clips.errors import InvalidArgumentError, RhombusError
from rhombus_clips.web.messages import ProblemError
from rhombus_clips.web.problems import phrase_of

logger: logging.Logger = logging.getLogger("rhombus_clips.web")

_PASSED_ON = ("Location", "Retry-After", "WWW-Authenticate")
_REFUSED = "You are not allowed to do this."


class Action(StrEnum):
    """What a request does, as `authorize` gets it."""

    LIST = "list"
    """List clips, count them by day, or receive new clips as events."""
    READ = "read"
    """Read a clip's record, progress or thumbnail."""
    DOWNLOAD = "download"
    """Play or download a clip's video."""
    MAKE = "make"
    """Make a clip, or look for footage to make one of."""
    SHARE = "share"
    """List, create or delete shared clip groups, whose addresses grant access to clips."""
    CHANGE = "change"
    """Change a clip's title or description."""
    DELETE = "delete"
    """Delete a clip."""


Authorize = Callable[[Any, Action, str | None], Awaitable[object]]
"""An async function of the framework's request, the action, and the clip's uuid or None."""


def checked_authorize(authorize: object) -> Authorize:
    """Return *authorize* if it is an async function. Raises `InvalidArgumentError` otherwise."""
    called = getattr(authorize, "__call__", None)  # noqa: B004  # an object may have an async one
    if not inspect.iscoroutinefunction(authorize) and not inspect.iscoroutinefunction(called):
        raise InvalidArgumentError(
            "authorize must be an async function (request, action, clip_uuid) that returns None"
            " or raises an exception",
            given=authorize,
        )
    return authorize  # type: ignore[return-value]  # checked above


async def consent(
    authorize: Authorize, request: object, action: Action, clip_uuid: str | None
) -> None:
    """Raise `ProblemError` unless *authorize* returns None.

    An exception refuses the request with status 403, or with the status of the exception if it is
    one of a framework, such as FastAPI's ``HTTPException(401)``.
    """
    try:
        answer = await authorize(request, action, clip_uuid)
    except RhombusError:
        raise  # It is no refusal: the application asked the service about the clip, and failed.
    except Exception as error:
        problem = _refusal_of(error)
        if problem is None:
            level = logging.INFO if isinstance(error, PermissionError) else logging.ERROR
            logger.log(level, "authorize refused %s: %r", action, error)
            problem = ProblemError(403, _REFUSED)
        raise problem from error
    if answer is not None:
        logger.error(
            "authorize must return None to allow a request, or raise: %s was refused because it"
            " returned an object of type %s",
            action,
            type(answer).__name__,
        )
        raise ProblemError(403, _REFUSED)


def _refusal_of(error: Exception) -> ProblemError | None:
    """Return the response that *error*, an HTTP exception of a framework, asks for."""
    status: object = getattr(error, "status_code", None)
    if type(status) is not int or not 300 <= status < 600:
        return None
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    found = {name.lower(): value for name, value in headers.items()}
    passed_on = {name: found[name.lower()] for name in _PASSED_ON if name.lower() in found}
    detail: object = getattr(error, "detail", None)
    if not isinstance(detail, str) or not detail:
        detail = _REFUSED if status == 403 else phrase_of(status)
    return ProblemError(status, detail, passed_on)
