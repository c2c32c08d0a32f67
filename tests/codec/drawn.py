"""Hypothesis strategies for models: every value that the service's schema allows."""

from collections.abc import Iterator
from typing import Any, get_args

from hypothesis import strategies as st

from rhombus_clips import models
from rhombus_clips.codec.strict import (
    is_enum,
    is_list,
    is_map,
    is_model,
    is_optional,
    wire_fields,
    without_none,
)
from rhombus_clips.models.base import Extra, Model


def _subclasses(model: type[Model]) -> Iterator[type[Model]]:
    for kind in model.__subclasses__():
        # The decoder creates mutable subclasses, and some tests define models.
        if kind.__module__.startswith(models.__name__) and "__attrs_attrs__" in vars(kind):
            yield kind
        yield from _subclasses(kind)


ALL_MODELS = sorted({*_subclasses(Model)}, key=lambda kind: kind.__name__)

INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [
        0,
        1,
        -1,
        100,
        2**53,
        2**62,
        2**63 - 1,
        -(2**63),
        999_999_999,
        10**9,
        10**11,
        1_760_000_000_000,
    ]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(), max_size=6) | st.sampled_from(
    ["", "COMPLETE", "Complete", "\ud800", "\x00", "\x1b[2J", "\u202e", "\u2028", "🎥", "null"]
)
UNKNOWN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def conveniences(model: type[Model]) -> list[str]:
    """Return the names of the properties of *model*."""
    return [
        name
        for name in dir(model)
        if not name.startswith("_") and isinstance(getattr(model, name), property)
    ]


def drawn(model: type[Model]) -> st.SearchStrategy[Any]:
    """Return a strategy for instances of *model* with unknown keys."""
    if model not in _STRATEGIES:
        _STRATEGIES[model] = _instances(model)
    return _STRATEGIES[model]


_STRATEGIES: dict[type[Model], st.SearchStrategy[Any]] = {}


def _instances(model: type[Model]) -> st.SearchStrategy[Any]:
    fields = {name: _value(kind) for name, _, kind in wire_fields(model)}
    known = {wire for _, wire, _ in wire_fields(model)}
    extra = st.dictionaries(TEXTS.filter(lambda key: key not in known), UNKNOWN, max_size=2)
    return st.builds(model, **fields, extra=extra.map(Extra))


def _value(kind: Any) -> st.SearchStrategy[Any]:
    present = _present(without_none(kind))
    return st.none() | present if is_optional(kind) else present


def _present(kind: Any) -> st.SearchStrategy[Any]:
    if is_list(kind):
        return st.lists(_value(get_args(kind)[0]), max_size=2)
    if is_map(kind):
        return st.dictionaries(TEXTS, _value(get_args(kind)[1]), max_size=2)
    if is_model(kind):
        return drawn(kind)
    if is_enum(kind):
        return st.sampled_from(kind) | TEXTS.map(kind)
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        int: INTEGERS, float: FLOATS, bool: st.booleans(), str: TEXTS,
    }  # fmt: skip
    return scalars[kind]
