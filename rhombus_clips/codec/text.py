"""Parsing and writing of JSON text, with orjson if it is installed."""

import json
import math
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

from rhombus_clips.errors import DecodeError, InvalidArgumentError

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment, unused-ignore]  # the extra "speedups" is optional

_EXCERPT_LENGTH = 80


def parse(data: bytes | str) -> Any:
    """Parse JSON. Raises `DecodeError` with an excerpt for anything else."""
    if orjson is not None:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            # The standard library decides, so that the same texts decode (such as one with a lone
            # surrogate) and errors have the same messages with and without orjson.
            pass
    return parse_exactly(data)


def parse_exactly(
    data: bytes | str, *, make_object: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """Parse JSON as `parse` does, but keep integers beyond 64 bits; orjson returns floats.

    :param make_object: Returns an object from its names and values, or raises `ValueError`. None,
        the default, makes a dict.
    """
    try:
        return json.loads(
            data,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            object_pairs_hook=make_object,
        )
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        reason = str(error)
    received = excerpt(data) or "an empty body"
    raise DecodeError(
        f"the body is not JSON ({reason}): {received}",
        path="$",
        expected="JSON",
        value_excerpt=received,
    )


def render(tree: object) -> bytes:
    """Return *tree* as compact JSON in UTF-8, with the same content with and without orjson.

    Text with a lone surrogate, which UTF-8 cannot encode, is written in ASCII, with escapes.
    Raises `InvalidArgumentError` for NaN, an infinity, an object that JSON cannot represent, and
    nesting that is too deep.
    """
    if orjson is not None:
        try:
            text = orjson.dumps(
                tree, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
            )
        except TypeError:
            pass  # A lone surrogate or an integer beyond 64 bits: left to the standard library.
        else:
            # orjson silently writes null for NaN, so the standard library checks each null.
            if b"null" not in text:
                return text
    try:
        return _render_exactly(tree)
    except RecursionError:
        reason = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise InvalidArgumentError(f"the value cannot be written as JSON: {reason}")


def _render_exactly(tree: object) -> bytes:
    text = _ENCODER.encode(tree)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(tree).encode()


def _plain(value: object) -> object:
    """Return a value that only orjson accepts as orjson would write it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not a JSON value")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
)
_ASCII_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain)


def excerpt(value: object, length: int = _EXCERPT_LENGTH) -> str:
    """Return the start of *value* on one line: text unchanged, anything else as JSON."""
    if isinstance(value, bytes):
        text = value[: 4 * length].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value[: 4 * length]
    else:
        text = _start_as_json(value, length)
    # Terminals and log files cannot encode a lone surrogate.
    text = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


def _start_as_json(value: object, length: int) -> str:
    text = ""
    try:
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
            text += piece
            if len(text) > length:
                break
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
    return text


def _finite_float(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError(f"{literal[:20]} is too large to be a number")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
