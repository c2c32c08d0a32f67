"""The hooks with which pydantic finds the schemas of models and enums.

The classes themselves know no wire names, so the codec attaches the hooks to them.
"""

from typing import Any

from rhombus_clips.models import OpenEnum
from rhombus_clips.models.base import Model

# ruff: noqa: PLC0415  # pydantic is optional, and slow to import.


def _model_schema(cls: type[Model], _source: Any, handler: Any) -> Any:
    from rhombus_clips.codec import pydantic_schemas

    return pydantic_schemas.model_schema(cls, handler)


def _model_json_schema(cls: type[Model], schema: Any, handler: Any) -> Any:
    from rhombus_clips.codec import pydantic_schemas

    return pydantic_schemas.model_json_schema(cls, schema, handler)


def _enum_schema(cls: type[OpenEnum], _source: Any, _handler: Any) -> Any:
    from rhombus_clips.codec import pydantic_schemas

    return pydantic_schemas.enum_schema(cls)


def _enum_json_schema(cls: type[OpenEnum], schema: Any, handler: Any) -> Any:
    from rhombus_clips.codec import pydantic_schemas

    return pydantic_schemas.enum_json_schema(cls, schema, handler)


def attach_hooks() -> None:
    """Attach the hooks to the base classes; subclasses inherit them."""
    hooks: dict[type, tuple[Any, Any]] = {
        Model: (_model_schema, _model_json_schema),
        OpenEnum: (_enum_schema, _enum_json_schema),
    }
    for owner, functions in hooks.items():
        for kind, function in zip(("core", "json"), functions, strict=True):
            setattr(owner, f"__get_pydantic_{kind}_schema__", classmethod(function))
