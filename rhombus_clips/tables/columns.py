"""The Arrow types of models, and batches of rows. This module imports pyarrow."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, cast, get_args

import attrs
import pyarrow  # noqa: ICN001  # pyright: ignore[reportMissingTypeStubs]

from rhombus_clips.codec.strict import (
    MismatchError,
    is_list,
    is_map,
    is_model,
    wire_fields,
    without_none,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Model
from rhombus_clips.models.moments import TimeUnit, time_unit
from rhombus_clips.tables.rows import row_maker

pa: Any = pyarrow  # It has no types.

_ROWS_PER_BATCH = 10_000  # Limits the memory that the rows of a table need while it is made.

_PLAIN: dict[Any, Any] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def schema_of(model: type[Model]) -> Any:
    """Return the schema of *model*, a class that the codec can decode."""
    return pa.schema(_fields_of(model))


def _fields_of(model: type[Model]) -> list[Any]:
    attributes = attrs.fields_dict(model)
    fields = [
        pa.field(name, _type_of(kind, time_unit(attributes[name])))
        for name, _, kind in wire_fields(model)
    ]
    return [*fields, pa.field("extra", pa.string())]


def _type_of(kind: Any, unit: TimeUnit | None = None) -> Any:
    kind = without_none(kind)
    if unit is not None:
        return pa.timestamp(unit, tz="UTC")
    if is_list(kind):
        return pa.list_(_type_of(*get_args(kind)))
    if is_map(kind):
        return pa.map_(pa.string(), _type_of(get_args(kind)[1]))
    if is_model(kind):
        return pa.struct(_fields_of(kind))
    return _PLAIN.get(kind, pa.string())  # Any is JSON.


def table_of(items: Iterable[Any], model: type[Model]) -> Any:
    """Return a table of *items*; raises `InvalidArgumentError` as `batch_of` does."""
    schema = schema_of(model)
    return pa.Table.from_batches(_batches_of(items, model, schema), schema=schema)


def _batches_of(items: Iterable[Any], model: type[Model], schema: Any) -> Iterator[Any]:
    left = iter(items)
    for start in count(step=_ROWS_PER_BATCH):
        taken = list(islice(left, _ROWS_PER_BATCH))
        if not taken:
            return
        yield batch_of(taken, model, schema, start=start)


def batch_of(items: Sequence[Any], model: type[Model], schema: Any, *, start: int = 0) -> Any:
    """Return a batch of *items*, the first of which has the index *start*.

    Raises `InvalidArgumentError`, with the path, for a value that does not fit the schema.
    """
    make_row = row_maker(cast("Any", model))
    rows: list[dict[str, Any]] = []
    try:
        rows.extend(map(make_row, items))
    except MismatchError as mismatch:
        mismatch.passed(start + len(rows))
        failure = mismatch.as_decode_error()
        raise InvalidArgumentError(
            f"items{failure.path[1:]} must be {failure.expected}", given=mismatch.value
        ) from None
    return pa.RecordBatch.from_arrays(
        [pa.array([row[field.name] for row in rows], type=field.type) for field in schema],
        schema=schema,
    )
