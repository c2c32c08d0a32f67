"""A whole JSON document to a model, in steps: fast where nothing is odd, else strictly."""

from collections.abc import Generator, Hashable
from functools import cache
from typing import Any, TypeVar, cast, get_args

from attrs import define, frozen
from cattrs import Converter

from rhombus_clips.codec.fast import fast
from rhombus_clips.codec.strict import (
    MismatchError,
    is_array,
    is_list,
    is_model,
    is_object,
    strict,
    wire_fields,
)
from rhombus_clips.codec.text import parse, parse_exactly

T = TypeVar("T")

ITEMS_A_STEP = 100
"""How many items of a long list are structured at once; a hundred clips take half a millisecond."""


@define
class Document:
    """JSON text, and the tree that a parser made of it until a model takes the tree over."""

    body: bytes | str
    tree: Any

    @classmethod
    def of(cls, body: bytes | str) -> "Document":
        """The document that *body* says. Raises `DecodeError` for what is not JSON."""
        return cls(body, parse(body))


def structure(document: Document, kind: type[T]) -> Generator[None, None, T]:
    """Make a *kind* of *document*, yielding between the steps of a long one.

    Raises `DecodeError` with the JSON path of a value that has a wrong type.
    """
    try:
        tree, document.tree = document.tree, None
        return (yield from _in_steps(tree, kind, fast))
    except Exception:  # noqa: BLE001, S110  # It says that something is odd, and not what.
        pass  # It has taken the tree to pieces by then, so the body is parsed again.
    try:
        return (yield from _in_steps(parse_exactly(document.body), kind, strict))
    except MismatchError as mismatch:
        failure = mismatch.as_decode_error()
    raise failure


def finished(steps: Generator[None, None, T]) -> T:
    """The outcome of *steps*, all taken at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)


def _in_steps(tree: Any, kind: type[T], converter: Converter) -> Generator[None, None, T]:
    hook = converter.get_structure_hook(kind)
    listing = _listed_models(cast("Hashable", kind))
    items = None if listing is None else listing.items_of(tree)
    if listing is None or items is None or len(items) <= ITEMS_A_STEP:
        whole: T = hook(tree, kind)
        return whole
    answer = hook({**tree, listing.wire: []}, kind)
    structured: list[Any] = getattr(answer, listing.name)
    list_hook = converter.get_structure_hook(listing.kind)
    for start in range(0, len(items), ITEMS_A_STEP):
        yield
        try:
            structured += list_hook(items[start : start + ITEMS_A_STEP], listing.kind)
        except MismatchError as mismatch:
            mismatch.passed_list(start, listing.wire)
            raise
    return cast("T", answer)


@frozen
class _ListField:
    name: str
    wire: str
    kind: Any

    def items_of(self, tree: Any) -> list[Any] | None:
        items: Any = tree.get(self.wire) if is_object(tree) else None
        return items if is_array(items) else None


@cache
def _listed_models(kind: Hashable) -> _ListField | None:
    """The field of an answer that lists models: what makes it listing."""
    if not is_model(kind):
        return None
    lists = [_ListField(*field) for field in wire_fields(kind) if is_list(field[2])]
    return next((field for field in lists if is_model(get_args(field.kind)[0])), None)
