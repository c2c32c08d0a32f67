"""JSON bytes to models and back, through cattrs; the only place that knows camelCase.

Strict: nothing is coerced. A wrong type raises `DecodeError` with its JSON path. What the
reference does not list is kept as it came: unknown keys in `Model.extra`, unknown enum members
as members of their open enum.
"""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from rhombus_clips.codec.bodies import decode
from rhombus_clips.codec.strict import MismatchError, strict
from rhombus_clips.codec.text import parse, render
from rhombus_clips.models.base import Model

__all__ = ["dumps", "from_dict", "loads", "to_dict"]

T = TypeVar("T")


def loads(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON as the service sends it into *kind*, a model or a list of models.

    Raises `DecodeError` for what is not JSON and for any value of a wrong type.
    """
    return decode(parse(data), data, kind)


def dumps(value: Model | Iterable[Model]) -> bytes:
    """Encode a model, or several as an array, as the service would: camelCase, UTF-8, compact.

    Fields that are None are left out, which means the same by the service's reference.
    ``loads(dumps(model), type(model)) == model``, unknown keys and enum members included.

    Raises `ValueError` for what JSON cannot hold, such as NaN; no answer of the service has it.
    """
    return render(to_dict(value) if isinstance(value, Model) else [to_dict(item) for item in value])


def from_dict(data: object, kind: type[T]) -> T:
    """Decode what a JSON parser made of an answer into *kind*, a model or a list of models.

    The model shares nothing with *data* but the values of unknown keys; `loads`, which need not
    leave anything as it was, is several times as fast.
    Raises `DecodeError` with the JSON path of a value that has a wrong type.
    """
    try:
        return cast("T", strict.get_structure_hook(kind)(data, kind))
    except MismatchError as mismatch:
        failure = mismatch.as_decode_error()
    raise failure


def to_dict(model: Model) -> dict[str, Any]:
    """The JSON object of a model: plain dicts, lists and strings, keys in camelCase."""
    return cast("dict[str, Any]", strict.unstructure(model))
