"""Arrow schemas, tables and batches of models. pyarrow is imported only when it is needed."""

from collections.abc import AsyncGenerator, Iterable
from itertools import chain
from types import ModuleType
from typing import Any, cast

from rhombus_clips.arguments import whole_number
from rhombus_clips.codec.kinds import model_class
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.extras import requiring
from rhombus_clips.models.base import Model
from rhombus_clips.paging import Pager

# The functions return objects of pyarrow as Any, because pyarrow has no types.


def arrow_schema(model: type[Model]) -> Any:
    """Return the `pyarrow.Schema` of a model's tables: a column for each field, and ``extra``.

    It depends only on *model*, not on any rows.

    :param model: A model, such as `SavedClip`, or a subclass of `Model` that the codec supports.
    :raises InvalidArgumentError: for anything else.
    :raises ImportError: if pyarrow is not installed.
    """
    model_class(model, "model")
    return _columns().schema_of(model)


def to_arrow(items: Iterable[Model], model: type[Model] | None = None) -> Any:
    """Return a `pyarrow.Table` with a row for each of *items*, and the columns of `arrow_schema`.

    :param items: Models of one class, such as the result of ``pager.collect(1000)``.
    :param model: Their class. None, the default, is the class of the first item.
    :raises InvalidArgumentError: if there are no items and no *model*, for items of different
        classes, and for a value of the wrong type, which only the constructor of a model accepts.
    :raises ImportError: if pyarrow is not installed.
    """
    columns = _columns()
    if not isinstance(items, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError("items must be an iterable of models", given=items)
    left = iter(items)
    if model is None:
        first = next(left, None)
        if first is None:
            raise InvalidArgumentError(
                "a table of no items needs their class: pass model=, such as model=SavedClip"
            )
        model, left = type(first), chain([first], left)
    model_class(model, "model")
    return columns.table_of(left, model)


def record_batches(pager: Pager[Any, Any], *, size: int = 1000) -> AsyncGenerator[Any, None]:
    """Yield the items of a pager in batches: a `pyarrow.RecordBatch` for each *size* items.

    All have the schema of `arrow_schema`. Only the items of one batch are in memory. After an
    error, a cancellation or a ``break``, another call with the same pager resumes after the last
    batch, and so does ``pager.cursor``: every item is in exactly one batch. A listing without items
    has no batches.

    :param pager: The listing, such as ``session.saved_clips()``. It must not be iterated meanwhile.
    :param size: The number of items in a batch. Only the last one may have fewer, and one after
        which the service hides many items in a row.
    :raises InvalidArgumentError: if *pager* is not a pager, or *size* is below 1.
    :raises ImportError: if pyarrow is not installed.
    :raises RhombusError: for the same reasons as iterating the pager.
    """
    columns = _columns()
    if not isinstance(pager, Pager):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError("pager must be a pager, such as saved_clips()", given=pager)
    return _batches(columns, pager, whole_number(size, "size", least=1))


async def _batches(
    columns: ModuleType, pager: Pager[Any, Any], size: int
) -> AsyncGenerator[Any, None]:
    while (batch := await _next_batch(columns, pager, size)) is not None:
        yield batch


async def _next_batch(columns: ModuleType, pager: Pager[Any, Any], size: int) -> Any:
    # collect() takes its items back if it fails. Items taken one by one would be lost with the
    # batch that they are not yet in.
    items = await pager.collect(size)
    if not items:
        return None
    model = cast("type[Model]", type(items[0]))
    return columns.batch_of(items, model, columns.schema_of(model))


def _columns() -> ModuleType:
    with requiring("pyarrow", extra="arrow", purpose="rhombus_clips.tables"):
        from rhombus_clips.tables import columns  # noqa: PLC0415  # see above
    return columns
