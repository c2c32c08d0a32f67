"""Encoding of request bodies and decoding of response bodies.

The fast converter decodes a response. If it meets anything unusual, it steps aside, and the strict
converter decodes the same text again or reports the wrong value. A response that lists many items
is decoded in steps, so that a caller can let other tasks run in between.
"""

import json
import re
from collections.abc import Generator, Hashable, Mapping, Sized
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args

from attrs import evolve, frozen

from rhombus_clips.codec.fast import fast
from rhombus_clips.codec.strict import (
    Hook,
    MismatchError,
    is_array,
    is_list,
    is_model,
    is_object,
    strict,
    wire_fields,
    wire_name,
)
from rhombus_clips.codec.text import parse_exactly, render
from rhombus_clips.errors import DecodeError, InvalidArgumentError
from rhombus_clips.models.base import Extra, Model

T = TypeVar("T")

ITEMS_PER_STEP = 100
"""Number of listed items decoded at once; a hundred clips take half a millisecond."""

_PLAIN = frozenset({bool, int, str})
_MAY_EXCEED_64_BITS = re.compile(rb"[0-9]{19}")


# --- requests --------------------------------------------------------------------------------


class Null(Enum):
    """The type of `NULL`."""

    NULL = "null"


NULL: Final = Null.NULL
"""A null in a request, as opposed to a parameter that is None, which is left out."""


def encode_request(parameters: Mapping[str, object]) -> bytes:
    """Encode the body of a request: keys in camelCase, models as the service writes them.

    Parameters that are None are left out; `NULL` is sent as null. Raises `InvalidArgumentError` for
    a value that JSON cannot represent.
    """
    tree: dict[str, object] = {}
    for name, value in parameters.items():
        if value is not None:
            tree[wire_name(name)] = value if type(value) in _PLAIN else _wire_value(value)
    return render(tree)


def encode_body(body: Mapping[str, object]) -> bytes:
    """Encode a body whose keys and nulls are sent unchanged; models as the service writes them.

    Raises `ValueError` for a value that JSON cannot hold.
    """
    return render(_wire_value(body))


def _wire_value(value: object) -> Any:
    if value is NULL:
        return None
    try:
        return strict.unstructure(value)
    except RecursionError:
        reason = "it is nested too deeply"
    except TypeError as error:
        reason = str(error)
    raise InvalidArgumentError(f"the value cannot be written as JSON: {reason}")


# --- responses -------------------------------------------------------------------------------


@frozen
class _List:
    """The field of a response model that lists models."""

    name: str
    wire: str
    kind: Any


@frozen
class _Plan:
    """The converters' functions for one model, looked up once."""

    fast: Hook
    strict: Hook
    listed: _List | None
    """The field that lists models; None if the model has no such field."""


@cache
def _plan_of(kind: Hashable) -> _Plan:
    lists = (
        _List(*field)
        for field in (wire_fields(kind) if is_model(kind) else ())
        if is_list(field[2]) and is_model(get_args(field[2])[0])
    )
    return _Plan(fast.get_structure_hook(kind), strict.get_structure_hook(kind), next(lists, None))


def is_long(tree: Any, kind: type[Any]) -> bool:
    """Return whether a parsed response of *kind* lists more items than one step should decode."""
    listed = None if kind is dict else _plan_of(cast("Hashable", kind)).listed
    if listed is None or type(tree) is not dict:
        return False
    items: object = cast("dict[str, Any]", tree).get(listed.wire)
    return type(items) is list and len(cast("Sized", items)) > ITEMS_PER_STEP


def decode(tree: Any, body: bytes | str, kind: type[T]) -> T:
    """Decode a parsed response of *kind* in one step.

    This modifies *tree*. *body* is the text that it was parsed from. Raises `DecodeError` with the
    JSON path of a value that has the wrong type. If *kind* is `dict`, the tree is the answer.
    """
    if kind is dict:
        return cast("T", _as_received(tree, body))
    plan = _plan_of(cast("Hashable", kind))
    answer: T
    try:
        answer = plan.fast(tree, kind)
    except Exception:  # noqa: BLE001  # Any exception means that something is unusual.
        answer = _decode_strictly(body, kind)
    return answer


def _as_received(tree: Any, body: bytes | str) -> Any:
    """Return *tree* with every integer exact; orjson turns those beyond 64 bits into floats."""
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    return parse_exactly(body) if _MAY_EXCEED_64_BITS.search(data) else tree


def _decode_strictly(body: bytes | str, kind: type[T]) -> T:
    try:
        return cast("T", _plan_of(cast("Hashable", kind)).strict(parse_exactly(body), kind))
    except MismatchError as mismatch:
        failure = mismatch.as_decode_error()
    raise failure


def decode_in_steps(tree: Any, body: bytes | str, kind: type[T]) -> Generator[None, None, T]:
    """Decode a long response as `decode` does, and yield between the steps."""
    with suppress(Exception):
        return (yield from _steps(tree, kind, is_fast=True))
    try:
        return (yield from _steps(parse_exactly(body), kind, is_fast=False))
    except MismatchError as mismatch:
        failure = mismatch.as_decode_error()
    raise failure


def _steps(tree: Any, kind: type[T], *, is_fast: bool) -> Generator[None, None, T]:
    plan = _plan_of(cast("Hashable", kind))
    hook, converter = (plan.fast, fast) if is_fast else (plan.strict, strict)
    if plan.listed is None or not is_object(tree):
        return cast("T", hook(tree, kind))
    listed, items = plan.listed, tree[plan.listed.wire]
    answer: T = hook({**tree, listed.wire: []}, kind)
    decoded: list[Any] = getattr(answer, listed.name)
    decode_list = converter.get_structure_hook(listed.kind)
    for start in range(0, len(items), ITEMS_PER_STEP):
        yield
        try:
            decoded += decode_list(items[start : start + ITEMS_PER_STEP], listed.kind)
        except MismatchError as mismatch:
            mismatch.passed_list(start, listed.wire)
            raise
    return answer


@frozen
class FailedItem:
    """A listed item that could not be decoded."""

    raw: Any
    """The item as the JSON parser returned it."""
    error: DecodeError


def decode_item_by_item(
    body: bytes | str, kind: type[T]
) -> Generator[None, None, tuple[T, dict[int, FailedItem]]]:
    """Decode a response of *kind*, each listed item separately; yield between the steps.

    Returns the answer and the items that failed, by their index in the answer's list. In that
    list, a failed item has the fields that do decode, and the whole item in `extra`. Raises
    `DecodeError` if anything but a listed item has the wrong type.
    """
    tree = parse_exactly(body)
    listed = _plan_of(cast("Hashable", kind)).listed
    if listed is None or not is_object(tree) or not is_array(tree.get(listed.wire)):
        return decode(tree, body, kind), {}
    items, failed = list[Any](), dict[int, FailedItem]()
    (item_kind,) = get_args(listed.kind)
    shell: dict[str, Any] = {**tree, listed.wire: []}
    answer = decode(shell, json.dumps(shell), kind)
    for index, raw in enumerate(tree[listed.wire]):
        if index % ITEMS_PER_STEP == 0:
            yield
        if raw is None:
            continue
        try:
            items.append(strict.get_structure_hook(item_kind)(raw, item_kind))
        except MismatchError as mismatch:
            mismatch.passed(index)
            mismatch.passed(listed.wire)
            failed[len(items)] = FailedItem(raw, mismatch.as_decode_error())
            items.append(_salvaged(raw, item_kind))
    changes: Any = {listed.name: items}
    return evolve(cast("Any", answer), **changes), failed


def _salvaged(raw: Any, kind: type[Model]) -> Model:
    """Return a model with the fields of *raw* that decode, and all of *raw* in `extra`."""
    source = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"": raw}
    fields: dict[str, Any] = {}
    for name, wire, field_kind in wire_fields(kind):
        with suppress(MismatchError):
            fields[name] = strict.get_structure_hook(field_kind)(source.get(wire), field_kind)
    return kind(**fields, extra=Extra(source))
