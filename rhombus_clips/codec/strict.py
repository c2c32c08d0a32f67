"""The strict converter: cattrs with hooks that check types and report the path of a wrong value.

Stock cattrs coerces: ``"12"`` becomes 12, ``"false"`` becomes True, and a string becomes a list of
characters. So every hook that a model can reach is replaced here.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any, TypeGuard, get_args, get_origin

import attrs
from cattrs import Converter

from rhombus_clips.codec.text import excerpt
from rhombus_clips.errors import DecodeError
from rhombus_clips.models import OpenEnum
from rhombus_clips.models.base import Extra, Model

Hook = Callable[[Any, Any], Any]

# int64 is the widest integer in the reference; a float holds every integer up to 2**53 exactly.
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1
_LARGEST_EXACT_FLOAT = 2.0**53


class MismatchError(Exception):
    """A value has the wrong type. The error collects its path on the way to the root."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self._steps: list[str | int] = []

    @property
    def steps(self) -> tuple[str | int, ...]:
        """The keys and indexes that lead from the root to the value."""
        return tuple(reversed(self._steps))

    def passed(self, step: str | int) -> None:
        """Add the key or index that the error has passed."""
        self._steps.append(step)

    def passed_list(self, start: int, step: str) -> None:
        """Add the key of a list whose items from *start* on were decoded as a list."""
        index = self._steps[-1]
        if isinstance(index, int):
            self._steps[-1] = start + index
        self._steps.append(step)

    def as_decode_error(self) -> DecodeError:
        """Return the error to raise to users."""
        path = "$" + "".join(map(_path_step, self.steps))
        received = excerpt(self.value)
        return DecodeError(
            f"{path} should be {self.expected}, but is {_json_type(self.value)}: {received}",
            path=path,
            expected=self.expected,
            value_excerpt=received,
        )


@cache
def wire_name(name: str) -> str:
    """Return the camelCase name on the wire: ``sha256Hex`` for ``sha256_hex``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def wire_fields(model: type[Model]) -> list[tuple[str, str, Any]]:
    """Return the name, wire name and type of each field that *model* has on the wire."""
    if any(isinstance(field.type, str) for field in attrs.fields(model)):
        # The module of a user's model may have `from __future__ import annotations`.
        attrs.resolve_types(model)
    return [
        (field.name, wire_name(field.name), field.type)
        for field in attrs.fields(model)
        if field.name != "extra"
    ]


# --- structure -------------------------------------------------------------------------------


def _structure_str(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise MismatchError("a string", value)
    return value


def _structure_bool(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise MismatchError("true or false", value)
    return value


def _structure_int(value: Any, _: Any) -> int:
    if type(value) is int and SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        return value
    if type(value) is float and abs(value) <= _LARGEST_EXACT_FLOAT and value.is_integer():
        return int(value)
    raise MismatchError("an integer", value)


def _structure_float(value: Any, _: Any) -> float:
    # The standard library parses 1e999 as infinity.
    if type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    raise MismatchError("a number", value)


def _structure_enum(value: Any, enum: Any) -> OpenEnum:
    if type(value) is not str:
        raise MismatchError(f"a string ({enum.__name__})", value)
    member: OpenEnum = enum(value)
    return member


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Return whether *value* is a JSON array."""
    return type(value) is list


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether *value* is a JSON object."""
    return type(value) is dict


def is_enum(kind: Any) -> TypeGuard[type[OpenEnum]]:
    """Return whether *kind* is an open enum."""
    return isinstance(kind, type) and issubclass(kind, OpenEnum)


def is_optional(kind: Any) -> bool:
    """Return whether *kind* includes None."""
    return type(None) in get_args(kind)


def without_none(kind: Any) -> Any:
    """Return *kind* without None."""
    if not is_optional(kind):
        return kind
    return next(part for part in get_args(kind) if part is not type(None))


def _make_optional_hook(kind: Any, converter: Converter) -> Hook:
    inner = without_none(kind)
    hook = converter.get_structure_hook(inner)

    def structure(value: Any, _: Any) -> Any:
        return None if value is None else hook(value, inner)

    return structure


def is_list(kind: Any) -> bool:
    """Return whether *kind* is ``list[...]``."""
    return get_origin(kind) is list


def _make_list_hook(kind: Any, converter: Converter) -> Hook:
    (item_kind,) = get_args(kind)
    hook = converter.get_structure_hook(item_kind)
    # A null among items that cannot be null holds no information.
    skips_null = not is_optional(item_kind)

    def structure(value: Any, _: Any) -> list[Any]:
        if not is_array(value):
            raise MismatchError("an array", value)
        items: list[Any] = []
        index = -1
        try:
            for item in value:
                index += 1
                if item is not None or not skips_null:
                    items.append(hook(item, item_kind))
        except MismatchError as mismatch:
            mismatch.passed(index)
            raise
        return items

    return structure


def is_map(kind: Any) -> bool:
    """Return whether *kind* is ``dict[str, ...]``."""
    return get_origin(kind) is dict


def _make_map_hook(kind: Any, converter: Converter) -> Hook:
    _, value_kind = get_args(kind)
    hook = converter.get_structure_hook(value_kind)

    def structure(value: Any, _: Any) -> dict[str, Any]:
        if not is_object(value):
            raise MismatchError("an object", value)
        entries: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                entries[key] = hook(item, value_kind)
        except MismatchError as mismatch:
            mismatch.passed(key)
            raise
        return entries

    return structure


def is_model(kind: Any) -> TypeGuard[type[Model]]:
    """Return whether *kind* is a model."""
    return isinstance(kind, type) and issubclass(kind, Model)


def _make_model_hook(model: Any, converter: Converter) -> Hook:
    fields = {
        wire: (name, kind, converter.get_structure_hook(kind))
        for name, wire, kind in wire_fields(model)
    }

    def structure(value: Any, _: Any) -> Any:
        if not is_object(value):
            raise MismatchError("an object", value)
        known: dict[str, Any] = {}
        unknown: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                if key not in fields:
                    unknown[key] = item
                elif item is not None:  # A null counts as absent: the field keeps its default.
                    name, kind, hook = fields[key]
                    known[name] = hook(item, kind)
        except MismatchError as mismatch:
            mismatch.passed(key)
            raise
        if unknown:
            known["extra"] = Extra(unknown)
        return model(**known)

    return structure


# --- unstructure -----------------------------------------------------------------------------


def _unstructure_enum(member: OpenEnum) -> str:
    return member.value


def _make_model_unstructure_hook(model: Any, converter: Converter) -> Callable[[Any], Any]:
    fields = [(name, wire) for name, wire, _ in wire_fields(model)]

    def unstructure(value: Any) -> dict[str, Any]:
        known = {
            wire: converter.unstructure(item)
            for name, wire in fields
            if (item := getattr(value, name)) is not None
        }
        return {**value.extra, **known}

    return unstructure


# --- error messages ------------------------------------------------------------------------


def _path_step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    is_plain = isinstance(step, str) and step.isidentifier()
    return f".{step}" if is_plain else f"[{excerpt([step])[1:-1]}]"


_JSON_TYPES: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number",
    str: "a string", list: "an array", dict: "an object",
}  # fmt: skip


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), f"a {type(value).__name__}")


# --- the converter ---------------------------------------------------------------------------

strict: Converter = Converter()
"""A converter with strict hooks for everything that a model can hold."""

# singledispatch prefers the most specific class, so OpenEnum's hook takes precedence over that of
# str, which would turn every enum member into a plain string.
strict.register_structure_hook(str, _structure_str)
strict.register_structure_hook(bool, _structure_bool)
strict.register_structure_hook(int, _structure_int)
strict.register_structure_hook(float, _structure_float)
strict.register_structure_hook(OpenEnum, _structure_enum)
strict.register_structure_hook_factory(is_optional, _make_optional_hook)
strict.register_structure_hook_factory(is_list, _make_list_hook)
strict.register_structure_hook_factory(is_map, _make_map_hook)
strict.register_structure_hook_factory(is_model, _make_model_hook)
strict.register_unstructure_hook(OpenEnum, _unstructure_enum)
strict.register_unstructure_hook_factory(is_model, _make_model_unstructure_hook)
