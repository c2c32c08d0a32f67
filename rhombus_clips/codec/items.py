"""The items of a list, decoded one by one, so that one that does not decode spoils no other."""

from collections.abc import Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from attrs import frozen

from rhombus_clips.codec import from_dict
from rhombus_clips.codec.document import ITEMS_A_STEP, Document
from rhombus_clips.codec.strict import (
    MismatchError,
    is_array,
    is_object,
    strict,
    wire_fields,
    wire_name,
)
from rhombus_clips.codec.text import parse_exactly
from rhombus_clips.errors import DecodeError
from rhombus_clips.models.base import Extra, Model

ModelT = TypeVar("ModelT", bound=Model)
ItemT = TypeVar("ItemT", bound=Model)


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
