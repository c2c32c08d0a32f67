"""Models, rebuilt from the rows of a table."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import attrs

from rhombus_clips import from_dict
from rhombus_clips.codec.strict import is_list, is_map, is_model, wire_fields, without_none
from rhombus_clips.models.base import Model
from rhombus_clips.models.moments import time_unit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": timedelta(milliseconds=1), "s": timedelta(seconds=1)}


def items_of(table: Any, model: type[Model]) -> list[Any]:
    """Return the items of *model* whose table is *table*."""
    return [from_dict(_json_object(row, model), model) for row in table.to_pylist()]


def _json_object(row: dict[str, Any], model: type[Model]) -> dict[str, Any]:
    fields = attrs.fields_dict(model)
    known = {
        wire: _json_value(row[name], without_none(kind), time_unit(fields[name]))
        for name, wire, kind in wire_fields(model)
    }
    extra = json.loads(row["extra"]) if row["extra"] is not None else {}
    return {**known, **extra}


def _json_value(value: Any, kind: Any, unit: str | None = None) -> Any:
    if value is None:
        return None
    if unit is not None:
        return (value - _EPOCH) // _UNITS[unit]
    if is_list(kind):
        item_kind = without_none(*get_args(kind))
        return [_json_value(item, item_kind) for item in value]
    if is_map(kind):
        item_kind = without_none(get_args(kind)[1])
        return {key: _json_value(item, item_kind) for key, item in value}
    return _json_object(value, kind) if is_model(kind) else value
