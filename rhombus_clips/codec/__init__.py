"""JSON bytes to models and back, through cattrs; the only place that knows camelCase.

Strict: nothing is coerced. A wrong type raises `DecodeError` with its JSON path. What the
reference does not list is kept as it came: unknown keys in `Model.extra`, unknown enum members
as members of their open enum.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final, Generic, TypeVar, cast

from attrs import frozen

from rhombus_clips.codec.document import ITEMS_A_STEP, Document, finished, structure
from rhombus_clips.codec.strict import (
    MismatchError,
    is_array,
    is_object,
    strict,
    wire_fields,
    wire_name,
)
from rhombus_clips.codec.text import excerpt, parse, parse_exactly, render
from rhombus_clips.errors import DecodeError
from rhombus_clips.models import Extra, Model

__all__ = [
    "NULL",
    "DecodedItem",
    "Document",
    "dumps",
    "encode_request",
    "excerpt",
    "from_dict",
    "items_one_by_one",
    "loads",
    "parse",
    "structure",
    "to_dict",
]

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=Model)
ItemT = TypeVar("ItemT", bound=Model)


def loads(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON as the service sends it into *kind*, a model or a list of models.

    Raises `DecodeError` for what is not JSON and for any value of a wrong type.
    """
    return finished(structure(Document.of(data), kind))


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


@frozen(kw_only=True)
class DecodedItem(Generic[ItemT]):
    """An item of an answer, decoded apart from the others."""

    model: ItemT
    """The item; one that does not decode has those of its fields that do, and the rest in extra."""
    raw: Any
    """The item as the JSON parser made it."""
    error: DecodeError | None = None
    """Why it does not decode; None when it does."""


def items_one_by_one(
    document: Document, answer: type[ModelT], field: str, item: type[ItemT]
) -> Generator[None, None, tuple[ModelT, list[DecodedItem[ItemT]]]]:
    """Decode *answer* with its list *field* left empty, and apart from it each item of the list.

    Yields between the steps of a long list.

    Raises `DecodeError` when anything but an item of the list has a wrong type.
    """
    data = parse_exactly(document.body)
    wire = wire_name(field)
    if not is_object(data) or not is_array(data.get(wire)):
        return from_dict(data, answer), []
    shell = from_dict({**data, wire: []}, answer)
    items: list[DecodedItem[ItemT]] = []
    for index, raw in enumerate(data[wire]):
        if index % ITEMS_A_STEP == 0:
            yield
        if raw is not None:
            items.append(_decode_item(raw, item, wire, index))
    return shell, items


def _decode_item(raw: Any, kind: type[ItemT], wire: str, index: int) -> DecodedItem[ItemT]:
    try:
        model = cast("ItemT", strict.get_structure_hook(kind)(raw, kind))
    except MismatchError as mismatch:
        mismatch.passed(index)
        mismatch.passed(wire)
        error = mismatch.as_decode_error()
        return DecodedItem(model=_salvage(raw, kind), raw=raw, error=error)
    return DecodedItem(model=model, raw=raw)


def _salvage(raw: Any, kind: type[ItemT]) -> ItemT:
    """What of *raw* does decode, field by field; the whole of it stays in extra."""
    source = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"": raw}
    fields: dict[str, Any] = {}
    for name, wire, field_kind in wire_fields(kind):
        with suppress(MismatchError):
            fields[name] = strict.get_structure_hook(field_kind)(source.get(wire), field_kind)
    return kind(**fields, extra=Extra(source))
