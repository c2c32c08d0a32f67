"""Models as rows of plain values, without loss.

A column may be unable to hold a value: a time beyond the calendar, or text that UTF-8 cannot
encode. Then the column holds what it can, and the JSON of `extra` has the whole field.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast, get_args

import attrs

from rhombus_clips.codec.strict import (
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    MismatchError,
    is_list,
    is_map,
    is_model,
    strict,
    wire_fields,
    without_none,
)
from rhombus_clips.codec.text import render
from rhombus_clips.models.base import Model
from rhombus_clips.models.moments import TimeUnit, plain_int, time_unit

Cell = tuple[Any, bool]
"""A value for a column, and whether the value is exact."""

Row = dict[str, Any]

# The years 1 to 9999, as in the properties of the models. Arrow has more years, but Python has not,
# and one time beyond the range of DuckDB makes the whole table unreadable there.
_CALENDAR: dict[TimeUnit, range] = {
    "s": range(-62_135_596_800, 253_402_300_800),
    "ms": range(-62_135_596_800_000, 253_402_300_800_000),
}

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_LARGEST_EXACT_FLOAT = 2**53


@cache
def row_maker(model: type[Model]) -> Callable[[Any], Row]:
    """Return a function that makes the row of an item of *model*.

    It raises `MismatchError` for an item of another class, and for a value of a wrong type, which
    only the constructor of a model accepts.
    """
    fields = attrs.fields_dict(model)
    columns = [
        (name, wire, _converter(kind, time_unit(fields[name])))
        for name, wire, kind in wire_fields(model)
    ]

    def make_row(item: Any) -> Row:
        if type(item) is not model:
            raise MismatchError(f"a {model.__name__}", item)
        row: Row = {}
        inexact: dict[str, Any] = {}
        wire = ""
        try:
            for name, wire, convert in columns:
                row[name] = value = getattr(item, name)
                if value is None:
                    continue
                row[name], is_exact = convert(value)
                if not is_exact:
                    inexact[wire] = strict.unstructure(value)
        except MismatchError as mismatch:
            mismatch.passed(wire)
            raise
        extra = {**item.extra, **inexact}
        row["extra"] = render(extra).decode() if extra else None
        return row

    return make_row


def _converter(kind: Any, unit: TimeUnit | None = None) -> Callable[[Any], Cell]:
    convert = _converter_of_value(without_none(kind), unit)
    return lambda value: (None, True) if value is None else convert(value)


def _converter_of_value(kind: Any, unit: TimeUnit | None) -> Callable[[Any], Cell]:
    if unit is not None:
        return _time_converter(_CALENDAR[unit])
    if is_list(kind):
        return _list_converter(_converter(*get_args(kind)))
    if is_map(kind):
        return _map_converter(_converter(get_args(kind)[1]))
    if is_model(kind):
        make_row = row_maker(cast("Any", kind))
        return lambda item: (make_row(item), True)
    return _PLAIN.get(kind, _text)


def _list_converter(convert: Callable[[Any], Cell]) -> Callable[[Any], Cell]:
    def convert_list(value: Any) -> Cell:
        if not isinstance(value, list):
            raise MismatchError("an array", value)
        cells: list[Cell] = []
        try:
            for item in value:  # pyright: ignore[reportUnknownVariableType]  # convert checks it
                cells.append(convert(item))  # noqa: PERF401  # the error needs the index
        except MismatchError as mismatch:
            mismatch.passed(len(cells))
            raise
        return [cell for cell, _ in cells], all(is_exact for _, is_exact in cells)

    return convert_list


def _map_converter(convert: Callable[[Any], Cell]) -> Callable[[Any], Cell]:
    def convert_map(value: Any) -> Cell:
        if not isinstance(value, dict):
            raise MismatchError("an object", value)
        entries: dict[str, Any] = {}
        is_exact = True
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]  # as above
            name, is_name_exact = _text(key)
            try:
                cell, is_cell_exact = convert(item)
            except MismatchError as mismatch:
                mismatch.passed(name)
                raise
            # Names that differ only in what is replaced become equal, and DuckDB refuses those.
            entries.setdefault(name, cell)
            is_exact = is_exact and is_name_exact and is_cell_exact
        return list(entries.items()), is_exact

    return convert_map


def _time_converter(calendar: range) -> Callable[[Any], Cell]:
    def convert_time(value: Any) -> Cell:
        number, _ = _integer(value)
        return (number, True) if number in calendar else (None, False)

    return convert_time


def _text(value: Any) -> Cell:
    if not isinstance(value, str):
        raise MismatchError("a string", value)
    text = str(value)  # The string of an enum member.
    if text.isascii():
        return text, True
    replaced = _LONE_SURROGATES.sub("\ufffd", text)
    return replaced, replaced == text


def _integer(value: Any) -> Cell:
    number = plain_int(value)
    if number is None or not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
        raise MismatchError("an integer", value)
    return number, True


def _number(value: Any) -> Cell:
    if isinstance(value, float):
        return value, True
    if type(value) is int and abs(value) <= _LARGEST_EXACT_FLOAT:
        return float(value), True
    raise MismatchError("a number", value)


def _boolean(value: Any) -> Cell:
    if type(value) is not bool:
        raise MismatchError("true or false", value)
    return value, True


_PLAIN: dict[Any, Callable[[Any], Cell]] = {
    int: _integer,
    float: _number,
    bool: _boolean,
    Any: lambda value: (render(strict.unstructure(value)).decode(), True),
}
