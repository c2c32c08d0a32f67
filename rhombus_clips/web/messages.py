"""Requests and responses, independent of any framework."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from rhombus_clips.codec.text import render


class ProblemError(Exception):
    """A request that is answered with an error, before anything is sent to the service.

    :param http_status: The HTTP status.
    :param public_message: A sentence for the client.
    :param headers: Further headers of the response.
    """

    def __init__(
        self, http_status: int, public_message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(public_message)
        self.http_status: int = http_status
        self.public_message: str = public_message
        self.headers: Mapping[str, str] = headers or {}


@frozen(kw_only=True)
class Request:
    """A request that has been matched to a route."""

    method: str
    query: Sequence[tuple[str, str]]
    """The parameters of the query, decoded, in their order."""
    headers: Mapping[str, str]
    """The headers, with names in lower case."""
    path_parameters: Mapping[str, str] = field(factory=dict[str, str])
    """The values of the variable segments of the path, decoded."""
    body: bytes | ProblemError = b""
    """The body, or the reason why it was not read."""
    native: Any = None
    """The request of the framework, for the application's own functions."""


@frozen(kw_only=True)
class Response:
    """A response. While a streamed body is read, its context manager must stay open."""

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict[str, str])
    body: bytes | AsyncIterator[bytes] = b""


def json_response(tree: object, status: int = 200) -> Response:
    """Return *tree* as a response with a JSON body."""
    headers = {"Content-Type": "application/json"}
    return Response(status=status, headers=headers, body=render(tree))
