"""JSON text to plain Python values and back, with orjson when it is installed."""

import json
import math
from typing import Any

from rhombus_clips.errors import DecodeError

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment, unused-ignore]  # the extra "speedups" is optional

_EXCERPT_LENGTH = 80


def parse(data: bytes | str) -> Any:
    """What *data* says as JSON. Raises `DecodeError`, with an excerpt, for what is not JSON."""
    if orjson is not None:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            # The standard library has the last word, so that the same bodies decode (one with a
            # lone surrogate, say) and the same messages come with and without the speedup.
            pass
    return parse_exactly(data)


def parse_exactly(data: bytes | str) -> Any:
    """As `parse`, with all digits of integers: orjson makes floats of those beyond 64 bits."""
    try:
        return json.loads(data, parse_constant=_refuse_constant, parse_float=_finite_float)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        reason = str(error)
    came = excerpt(data) or "an empty body"
    raise DecodeError(
        f"the body is not JSON ({reason}): {came}", path="$", expected="JSON", value_excerpt=came
    )


def render(tree: object) -> bytes:
    """*tree* as compact JSON bytes."""
    if orjson is not None:
        try:
            return orjson.dumps(tree)
        except TypeError:
            pass  # A lone surrogate or an integer beyond 64 bits: the standard library takes it.
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode()


def excerpt(value: object, length: int = _EXCERPT_LENGTH) -> str:
    """The beginning of *value* on one line: text as it is, anything else as JSON would show it."""
    if isinstance(value, bytes):
        text = value[: 4 * length].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value[: 4 * length]
    else:
        text = _beginning_as_json(value, length)
    # No terminal and no log file can encode a lone surrogate.
    text = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


def _beginning_as_json(value: object, length: int) -> str:
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
        raise ValueError(f"{literal[:20]} is beyond what a number holds")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
