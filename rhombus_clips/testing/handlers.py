"""Endpoints that the author of a test adds to `FakeRhombus`."""

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from aiohttp import web

from rhombus_clips.calls.endpoints import endpoint_path
from rhombus_clips.codec import to_dict
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Model
from rhombus_clips.testing.faults import Respond, json_answer
from rhombus_clips.testing.raw_responses import body_of
from rhombus_clips.testing.received import ReceivedRequest

HandlerAnswer: TypeAlias = (
    Mapping[str, Any] | tuple[int, Mapping[str, Any]] | Model | Respond | web.StreamResponse
)
"""The response of a handler: a JSON object with status 200, or with another status."""

Handler: TypeAlias = Callable[[ReceivedRequest], HandlerAnswer | Awaitable[HandlerAnswer]]
"""A plain or async function that responds to a request."""

Handlers: TypeAlias = dict[str, HandlerAnswer | Handler]

_logger = logging.getLogger("rhombus_clips.testing")


def checked_handlers(_options: object, attribute: Any, value: object) -> None:
    """Validate the option *handlers*. Raises `InvalidArgumentError`."""
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"{attribute.name} must be a dict", given=value)
    for path, handler in cast("dict[object, object]", value).items():
        endpoint_path(path, f"each path of {attribute.name}")
        if not callable(handler):
            try:
                _response(handler)
            except (TypeError, ValueError) as error:
                raise InvalidArgumentError(f"{attribute.name}[{path!r}]: {error}") from None


async def answer_of(
    handler: HandlerAnswer | Handler, request: ReceivedRequest
) -> web.StreamResponse:
    """Return the response of *handler*: a 500 with the reason if it fails."""
    try:
        answer: object = handler(request) if callable(handler) else handler
        return _response(await answer if inspect.isawaitable(answer) else answer)
    except Exception as error:
        _logger.exception("the handler of %s failed", request.path)
        reason = f"the handler of {request.path} raised {type(error).__name__}: {error}"
        return json_answer(500, {"error": True, "errorMsg": reason}).response()


def _response(answer: object) -> web.StreamResponse:
    match answer:
        case Respond():
            return answer.response()
        case web.Response() if isinstance(answer.body, bytes | None):
            # aiohttp sends a response object only once.
            return web.Response(
                status=answer.status, reason=answer.reason, headers=answer.headers,
                body=body_of(answer),
            )  # fmt: skip
        case web.StreamResponse():
            return answer
        case (int(), object()):
            status, content = cast("tuple[int, object]", answer)
            return _json(status, content)
        case _:
            return _json(200, answer)


def _json(status: int, content: object) -> web.Response:
    if isinstance(content, Model):
        content = to_dict(content)
    if not isinstance(content, Mapping):
        raise TypeError(
            "a handler must return a dict, a status and a dict, a model, a Respond or a"
            f" web.Response, not {content!r}"
        )
    text = json.dumps(dict(cast("Mapping[str, Any]", content)))
    return web.Response(status=status, text=text, content_type="application/json")
