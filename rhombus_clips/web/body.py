"""The bodies of requests: read within limits, and parsed as JSON objects."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from typing import Any, cast

from rhombus_clips.codec.text import parse_exactly
from rhombus_clips.errors import DecodeError, InvalidArgumentError
from rhombus_clips.web.messages import ProblemError, Request
from rhombus_clips.web.settings import Limits


class IncompleteBodyError(Exception):
    """The end of a body will not arrive, or the body cannot be decoded."""


async def read_body(
    chunks: AsyncIterable[bytes], length: str | None, limits: Limits
) -> bytes | ProblemError:
    """Read a body, or return the reason why it is rejected.

    :param chunks: The parts of the body. They end with `IncompleteBodyError` if not with the body.
    :param length: The ``Content-Length`` header, if any.
    """
    most = limits.body_bytes
    too_large = ProblemError(413, f"The body must not have more than {most} bytes.")
    if length is not None and length.isascii() and length.isdigit() and int(length[:18]) > most:
        return too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout):
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    return too_large
    except TimeoutError:
        return ProblemError(408, f"The body did not arrive within {limits.body_timeout:g} s.")
    except IncompleteBodyError:
        return ProblemError(400, "The body is incomplete, or cannot be decoded.")
    return bytes(body)


def refuse_simple_request(headers: Mapping[str, str]) -> None:
    """Raise `ProblemError` for a request that a form of another site can send.

    A form can send neither JSON nor ``X-Requested-With``. Scripts of another site can, but only
    after the browser has asked for permission, which is denied unless the origin is configured.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = content_type == "application/json" or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )
    if not is_json and not headers.get("x-requested-with"):
        raise ProblemError(
            415, "Send the header Content-Type: application/json, or X-Requested-With."
        )


def json_object(request: Request) -> Mapping[str, Any]:
    """Return the JSON object in the body of a request.

    Raises `ProblemError` if the body was not read, and `InvalidArgumentError` for anything else.
    """
    if isinstance(request.body, ProblemError):
        raise request.body
    try:
        body: object = parse_exactly(request.body, make_object=_with_unique_names)
    except DecodeError:
        body = None
    if not isinstance(body, dict):
        raise InvalidArgumentError("the body must be a JSON object, with each name once")
    return cast("dict[str, Any]", body)


def _with_unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with *pairs*.

    Raises `ValueError` for a repeated name, of which another parser might take another value.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is repeated")
    return found


def fields_of(body: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """Return the fields of a JSON object, without nulls.

    :param kinds: The names and types of the fields that the object may have.
    :raises InvalidArgumentError: for another field, and for a value of another type.
    """
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        raise InvalidArgumentError(
            f"unknown field; the body may have: {', '.join(kinds)}", given=unknown[0]
        )
    for name, value in body.items():
        if value is not None and type(value) is not kinds[name]:
            raise InvalidArgumentError(f"{name} must be {_KINDS[kinds[name]]}")
    return {name: value for name, value in body.items() if value is not None}


_KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list"}
