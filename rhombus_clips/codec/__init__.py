"""Conversion between JSON and models, with cattrs. Only this package deals with camelCase.

Decoding is strict: nothing is coerced, and a wrong type raises `DecodeError` with its JSON path.
Anything that the reference does not list is preserved: unknown keys in `Model.extra`, unknown enum
values as members of their open enum.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from rhombus_clips.codec.bodies import decode
from rhombus_clips.codec.hooks import attach_hooks
from rhombus_clips.codec.kinds import model_or_list
from rhombus_clips.codec.strict import MismatchError, strict
from rhombus_clips.codec.text import parse, render
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Model

__all__ = ["dumps", "from_dict", "loads", "to_dict"]

T = TypeVar("T")

attach_hooks()


def loads(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON that the service sent.

    For example, ``loads(body, SavedClipPage)`` or ``loads(body, list[SavedClip])``.

    :param data: JSON text.
    :param kind: A model, or a list of models.
    :raises DecodeError: if *data* is not JSON, or a value has the wrong type.
    :raises InvalidArgumentError: for *data* or a *kind* of another type, and for a model with a
        field that the codec does not support.
    """
    model_or_list(kind)
    if not isinstance(data, bytes | bytearray | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError("data must be bytes or a string", given=data)
    return decode(parse(data), data, kind)


def dumps(value: Model | Iterable[Model]) -> bytes:
    """Encode a model, or several as an array, as the service does: camelCase, UTF-8, compact.

    Fields that are None are left out; to the service, an absent field and a null mean the same.
    ``loads(dumps(model), type(model)) == model``, including unknown keys and enum members.

    :param value: A model, or an iterable of models.
    :raises InvalidArgumentError: for another type, or a value that JSON cannot represent, such as
        NaN. The service sends none.
    """
    if isinstance(value, Mapping):
        raise InvalidArgumentError(
            "dumps takes a model or an iterable of models, not a dict: use json.dumps(value,"
            " default=to_dict)"
        )
    if not isinstance(value, Model | Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError("value must be a model or an iterable of models", given=value)
    return render(to_dict(value) if isinstance(value, Model) else [to_dict(item) for item in value])


def from_dict(data: object, kind: type[T]) -> T:
    """Decode parsed JSON without changing it.

    The model shares only the values of unknown keys with *data*. `loads` is several times faster.

    :param data: The dicts, lists and values that a JSON parser returned.
    :param kind: A model, or a list of models.
    :raises DecodeError: with the JSON path of a value that has the wrong type.
    :raises InvalidArgumentError: for another *kind*, and for a model with a field that the codec
        does not support.
    """
    model_or_list(kind)
    try:
        return cast("T", strict.get_structure_hook(kind)(data, kind))
    except MismatchError as mismatch:
        failure = mismatch.as_decode_error()
    raise failure


def to_dict(model: Model) -> dict[str, Any]:
    """Return the JSON object of a model: plain dicts, lists and strings, with camelCase keys.

    It is also a hook for other JSON libraries: ``json.dumps({"clips": clips}, default=to_dict)``.

    :raises InvalidArgumentError: if *model* is not a model.
    """
    if not isinstance(model, Model):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        kind = type(model).__name__
        raise InvalidArgumentError(f"to_dict and dumps take models, not {kind}")
    return cast("dict[str, Any]", strict.unstructure(model))
