"""The schemas of models and enums for pydantic, and thus for FastAPI.

This module is imported when pydantic asks for the first schema: pydantic is not a dependency. The
codec itself validates and serializes, so pydantic accepts what `from_dict` accepts and writes what
`dumps` writes, except for lone surrogates. The schemas of the fields are only the source of the
JSON schema.

The signatures name no types of pydantic, because type checkers do not find them where pydantic is
not installed.
"""

import inspect
import re
from typing import Any, Never, cast

from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticSerializationError,
    ValidationError,
    core_schema,
    to_json,
)

from rhombus_clips.codec.kinds import answer_class
from rhombus_clips.codec.strict import MismatchError, strict, wire_fields
from rhombus_clips.models import OpenEnum
from rhombus_clips.models.base import Model

_SURROGATE = re.compile("[\ud800-\udfff]")


def model_schema(model: type[Model], handler: Any) -> Any:
    """Return pydantic's schema of *model*.

    Validation accepts instances, and JSON objects as `from_dict` does. Serialization returns the
    JSON object of `to_dict`, in all modes. In JSON, U+FFFD replaces a lone surrogate, which
    pydantic cannot write.

    Raises `InvalidArgumentError` if *model* has a field that the codec does not support.
    """
    answer_class(model, model.__name__)
    documented = core_schema.typed_dict_schema(
        {
            wire: core_schema.typed_dict_field(handler.generate_schema(kind), required=False)
            for _, wire, kind in wire_fields(model)
        },
        extra_behavior="allow",
    )
    return _schema(model, documented)


def enum_schema(enum: type[OpenEnum]) -> Any:
    """Return pydantic's schema of *enum*: it accepts members and every string."""
    return _schema(enum, core_schema.str_schema())


def _schema(kind: type[Model | OpenEnum], documented: CoreSchema) -> CoreSchema:
    structure = strict.get_structure_hook(kind)

    def validate(value: Any, _: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, kind):
            return value
        try:
            return structure(value, kind)
        except MismatchError as mismatch:
            failure = mismatch
        _refuse(failure, kind.__name__)

    return core_schema.no_info_wrap_validator_function(
        validate,
        documented,
        ref=f"{kind.__module__}.{kind.__qualname__}:{id(kind)}",
        serialization=core_schema.plain_serializer_function_ser_schema(_serialize, info_arg=True),
    )


def _serialize(value: Any, info: core_schema.SerializationInfo) -> Any:
    tree = strict.unstructure(value)
    if info.mode == "json":
        try:
            to_json(tree)  # Faster than a search for surrogates in Python.
        except PydanticSerializationError:
            return _without_surrogates(tree)
    return tree


def _without_surrogates(tree: object) -> Any:
    match tree:
        case str():
            return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", tree)
        case list():
            return [_without_surrogates(item) for item in cast("list[object]", tree)]
        case dict():
            entries = cast("dict[object, object]", tree).items()
            return {_without_surrogates(key): _without_surrogates(item) for key, item in entries}
        case _:
            return tree


def _refuse(mismatch: MismatchError, title: str) -> Never:
    """Raise pydantic's error for *mismatch*, with the location of the wrong value."""
    expected = {"expected": mismatch.expected}
    error = PydanticCustomError("wrong_type", "Input should be {expected}", expected)
    raise ValidationError.from_exception_data(
        title, [{"type": error, "loc": mismatch.steps, "input": mismatch.value}]
    )


def model_json_schema(model: type[Model], schema: Any, handler: Any) -> Any:
    """Return the JSON schema of *model*, with the wire names of its fields."""
    json_schema = handler(schema)
    described = handler.resolve_ref_schema(json_schema)
    described |= {**_titles(model), "additionalProperties": True}
    for wire in described.get("properties", {}).values():
        wire.pop("title", None)  # pydantic would call createdAtMs "Createdatms".
    return json_schema


def enum_json_schema(enum: type[OpenEnum], schema: Any, handler: Any) -> Any:
    """Return the JSON schema of *enum*: any string, with the known members as examples."""
    json_schema = handler(schema)
    described = handler.resolve_ref_schema(json_schema)
    described |= {**_titles(enum), "examples": [member.value for member in enum]}
    return json_schema


def _titles(kind: type[Model | OpenEnum]) -> dict[str, str]:
    return {"title": kind.__name__, "description": inspect.cleandoc(kind.__doc__ or "")}
