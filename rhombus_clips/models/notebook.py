"""Models as HTML tables, for notebooks. All text is escaped.

The tables show the fields that ``repr`` shows and that are not None. Notebooks are saved and sent
to others, so that a table must not contain more.
"""

import html
from collections.abc import Iterable
from typing import Any, cast

from attrs import Attribute

from rhombus_clips.models import moments

MOST_ROWS = 50
"""The rows of a table; a line below it counts the others."""

MOST_CHARACTERS = 200
"""The characters of a cell; an ellipsis replaces the others."""


def html_of(model: Any) -> str:
    """Return *model*, an attrs object, as HTML.

    A table has a row for each field. Each list of models follows as a table of its own.
    """
    lists: list[str] = []
    rows: list[str] = []
    for field in _shown_fields(model):
        value = getattr(model, field.name)
        if _is_list_of_models(value):
            lists.append(_table_of_list(field.name, value))
        elif value is not None:
            rows.append(_row([_cell(field.name, "th"), _cell(_text(value, field))]))
    own = _table(type(model).__name__, rows) if rows or not lists else ""
    return own + "".join(lists)


def _shown_fields(model: Any) -> "list[Attribute[Any]]":
    return [field for field in model.__attrs_attrs__ if field.repr]


def _is_list_of_models(value: Any) -> bool:
    return isinstance(value, list) and any(map(_is_model, cast("list[object]", value)))


def _is_model(value: Any) -> bool:
    return hasattr(value, "__attrs_attrs__")


def _table_of_list(name: str, models: list[Any]) -> str:
    """Return a table with a row for each model, and a column for each plain field in use."""
    shown = models[:MOST_ROWS]
    first = next(filter(_is_model, models))
    columns = {
        field.name: field
        for field in _shown_fields(first)
        if any(_is_plain(getattr(model, field.name, None)) for model in shown)
    }
    header = _row(_cell(column, "th") for column in columns)
    rows = [
        _row(_cell(_text(getattr(model, name, None), field)) for name, field in columns.items())
        for model in shown
    ]
    hidden = len(models) - len(shown)
    rest = f"<p>and {hidden} more</p>" if hidden else ""
    return _table(f"{name}: {len(models)}", [header, *rows]) + rest


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _text(value: Any, field: "Attribute[Any]") -> str:
    if value is None:
        return ""
    unit = moments.time_unit(field)
    if unit is not None and type(value) is int:
        time = moments.from_epoch(value, unit)
        return str(value) if time is None else str(time)
    return str(value) if isinstance(value, str) else repr(value)


def _cell(text: str, tag: str = "td") -> str:
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 1] + "…"
    # Files of notebooks are UTF-8, which cannot encode a lone surrogate.
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"<{tag}>{html.escape(text)}</{tag}>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _table(caption: str, rows: Iterable[str]) -> str:
    return f"<table><caption>{html.escape(caption)}</caption>{''.join(rows)}</table>"
