"""The body of a request: parameters to JSON."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from rhombus_clips.codec.strict import strict, wire_name
from rhombus_clips.codec.text import render


class Null(Enum):
    """The type of `NULL`."""

    NULL = "null"


NULL: Final = Null.NULL
"""In a request: null, written out. None stands for what is left out."""

_PLAIN = frozenset({bool, int, str})


def encode_request(parameters: Mapping[str, object]) -> bytes:
    """The body of a request: keys in camelCase, models as the service would write them.

    Parameters that are None are left out, those that are `NULL` are sent as null.
    Raises `ValueError` for what JSON cannot hold.
    """
    return render(
        {
            wire_name(name): value if type(value) in _PLAIN else _wire_value(value)
            for name, value in parameters.items()
            if value is not None
        }
    )


def _wire_value(value: object) -> Any:
    if value is NULL:
        return None
    try:
        return strict.unstructure(value)
    except RecursionError:
        reason = "it is nested too deeply"
    except TypeError as error:
        reason = str(error)
    raise ValueError(f"the value cannot be written as JSON: {reason}")
