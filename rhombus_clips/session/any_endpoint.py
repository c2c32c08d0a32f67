"""Calls of endpoints that have no method, such as those for cameras."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

from rhombus_clips import arguments as check
from rhombus_clips.calls.endpoints import any_endpoint, endpoint_path
from rhombus_clips.codec.bodies import encode_body
from rhombus_clips.codec.kinds import answer_class
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Model
from rhombus_clips.session.resource import Resource

ModelT = TypeVar("ModelT", bound=Model)


class AnyEndpoint(Resource):
    """The part of a session that calls any endpoint of the service."""

    @overload
    async def call(
        self, path: str, body: Mapping[str, object] | None = None, *, safe: bool = False
    ) -> dict[str, Any]: ...

    @overload
    async def call(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        answer: type[ModelT],
        safe: bool = False,
    ) -> ModelT: ...

    async def call(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        answer: type[Any] = dict,
        safe: bool = False,
    ) -> Any:
        """Call any endpoint of the service, and return its response.

        For example, ``await session.call("/api/camera/getPresenceWindows", body, safe=True)``. The
        call has the retries, pauses, timeouts and errors of every other call.

        :param path: The path of the endpoint, starting with ``/api/``.
        :param body: The JSON object to send, with the service's camelCase keys. It is sent
            unchanged, including nulls. Values may be models. None, the default, sends ``{}``.
        :param answer: The class of the result: a subclass of `Model`, or `dict`, the default.
        :param safe: True if the endpoint only reads data. Then the call is repeated after a failure
            even if the service may have received it. False by default.
        :return: The JSON object exactly as received, or the decoded *answer*.
        :raises InvalidArgumentError: if an argument is invalid, or if *safe* is True for an
            endpoint that is known to change data.
        :raises ApiError: if the service rejects the request with ``error: true``.
        :raises DecodeError: if the response is not a JSON object, or is not an *answer*.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        if self._secret in str(path):
            del path  # A traceback with local variables must not show the key.
            raise InvalidArgumentError("path must not contain the API key")
        path = endpoint_path(path, "path")
        answer_class(answer, "answer")
        if not isinstance(safe, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
            raise InvalidArgumentError("safe must be True or False", given=safe)
        endpoint = any_endpoint(path, answer, safe=safe)
        response: object = await self._call(endpoint, _encoded(body))
        return response


def _encoded(body: object) -> bytes:
    """Return the JSON of a request's *body*. Raises `InvalidArgumentError` if that is invalid."""
    given: object = {} if body is None else body
    if not isinstance(given, Mapping):
        # The value is not quoted: it may be JSON text with a password.
        raise InvalidArgumentError(f"body must be a dict, not {type(given).__name__}")
    try:
        return encode_body(check.as_sent(cast("Mapping[str, object]", given), "body"))
    except InvalidArgumentError as error:
        rejection = error
    except RecursionError:
        rejection = InvalidArgumentError("body is nested too deeply")
    except (TypeError, ValueError) as error:
        rejection = InvalidArgumentError(f"body cannot be written as JSON: {error}")
        rejection.public_message = "body must be a value that JSON can represent"
    raise rejection.with_traceback(None)
