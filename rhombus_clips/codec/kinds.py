"""Verification that the codec can decode a class, before a request for it is sent."""

from functools import cache
from typing import Any, cast, get_args

from attrs import NOTHING, Attribute, fields

from rhombus_clips.codec.strict import (
    is_enum,
    is_list,
    is_map,
    is_model,
    is_optional,
    wire_fields,
    without_none,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Model

_PLAIN = (str, bool, int, float, Any)


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Model)


def answer_class(value: object, name: str) -> None:
    """Check that *value* is a class of answers: `dict`, or a model that the codec can decode.

    Raises `InvalidArgumentError` otherwise, with the field that is not supported.
    """
    if value is dict:
        return
    if not _is_model(value):
        raise InvalidArgumentError(f"{name} must be dict or a subclass of Model", given=value)
    _refuse_mistake(value, name)


def model_class(value: object, name: str) -> None:
    """Check that *value* is a model that the codec can decode.

    Raises `InvalidArgumentError` otherwise, with the field that is not supported.
    """
    if not _is_model(value):
        raise InvalidArgumentError(f"{name} must be a subclass of Model", given=value)
    _refuse_mistake(value, name)


def model_or_list(kind: object) -> None:
    """Check that *kind* is a model that the codec can decode, or ``list[...]`` of such a model.

    Raises `InvalidArgumentError` otherwise.
    """
    model: object = get_args(kind)[0] if is_list(kind) else kind
    if not _is_model(model):
        raise InvalidArgumentError(
            "kind must be a model or a list of models, such as SavedClip or list[SavedClip]",
            given=kind,
        )
    _refuse_mistake(model, "kind")


def _refuse_mistake(model: object, name: str) -> None:
    mistake = _mistake(cast("Any", model))
    if mistake is not None:
        raise InvalidArgumentError(f"{name} cannot be decoded: {mistake}")


@cache
def _mistake(model: Any) -> str | None:
    """Return the reason why *model* cannot be decoded; None if it can."""
    if "__attrs_attrs__" not in vars(model):
        return f"{model.__name__} must be an attrs class, such as one decorated with @attrs.frozen"
    try:
        types = {name: kind for name, _, kind in wire_fields(model)}
    except NameError as error:
        return f"the annotations of {model.__name__} cannot be resolved: {error}"
    for field in fields(model):
        if field.name in types:
            mistake = _mistake_of_field(field, types[field.name])
            if mistake is not None:
                return f"{model.__name__}.{field.name} {mistake}"
    return None


def _mistake_of_field(field: "Attribute[Any]", kind: Any) -> str | None:
    if field.default is NOTHING:
        return "must have a default, because the service may omit any field"
    if not field.init or field.alias != field.name:
        return "must be a parameter of __init__ with the same name"
    return _mistake_of_type(kind)


def _mistake_of_type(kind: Any) -> str | None:
    if kind in _PLAIN or is_enum(kind):
        return None
    if is_model(kind):
        mistake = _mistake(cast("Any", kind))
        return mistake and f"cannot be decoded: {mistake}"
    if is_optional(kind) and len(get_args(kind)) == 2:
        return _mistake_of_type(without_none(kind))
    if is_list(kind) or (is_map(kind) and get_args(kind)[0] is str):
        return _mistake_of_type(get_args(kind)[-1])
    return (
        f"has the unsupported type {kind}; use str, bool, int, float, Any, an OpenEnum, a Model,"
        " or list[...], dict[str, ...] and Optional of these"
    )
