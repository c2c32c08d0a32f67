"""The output of the commands: tables for people, JSON lines for programs.

Titles, messages and names from the service or the shell may contain control characters. Every text
passes through `printable`, or as JSON through `json_line`, before it reaches a terminal.
"""

import codecs
import sys
import unicodedata
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Generic, TextIO, TypeVar

import click
from attrs import frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rhombus_clips import ClipWithProgress, SavedClip, SharedClipGroup, SplicedClip, dumps
from rhombus_clips.models.base import Model
from rhombus_clips.renders.polling import has_failed

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=Model)

# For tables in files and pipes.
_UNBOUNDED_WIDTH = 250
# Columns would lose text below this width. A narrower terminal wraps the lines.
_NARROWEST = 80
# Wrapped last, so that a uuid can be copied in one piece.
_UNBROKEN = frozenset({"Uuid", "Status"})


@frozen
class Columns(Generic[ModelT]):
    """The columns of a table of models."""

    headings: Sequence[str]
    row: Callable[[ModelT], Sequence[object]]


def _saved(clip: SavedClip) -> Sequence[object]:
    recorded = in_utc(clip.recorded_at)
    return recorded, clip.length, clip.status, clip.title, clip.uuid


def _shared(group: SharedClipGroup) -> Sequence[object]:
    created, expires = in_utc(group.created_at), in_utc(group.expires_at)
    password = "yes" if group.is_secured else "no"
    return created, expires, len(group.shared_clips or ()), password, group.title, group.uuid


def _spliced(clip: SplicedClip) -> Sequence[object]:
    segments = f"{clip.segments_uploaded or 0} of {clip.total_segments or '?'}"
    starts = in_utc(clip.starts_at)
    return starts, clip.length, clip.status, segments, clip.title, clip.clip_uuid


def _progress(clip: ClipWithProgress) -> Sequence[object]:
    recorded = in_utc(clip.recorded_at)
    return recorded, clip.status, progress_of(clip), clip.title, clip.uuid


SAVED = Columns(("Recorded", "Length", "Status", "Title", "Uuid"), _saved)
SHARED = Columns(("Created", "Expires", "Clips", "Password", "Title", "Uuid"), _shared)
SPLICED = Columns(("Starts", "Length", "Status", "Segments", "Title", "Uuid"), _spliced)
PROGRESS = Columns(("Recorded", "Status", "Progress", "Title", "Uuid"), _progress)


async def show(models: AsyncIterable[ModelT], columns: Columns[ModelT], *, as_json: bool) -> None:
    """Print *models* as JSON lines as they arrive, or as one table at the end."""
    if as_json:
        async for model in models:
            echo_json(model)
        return
    rows = [columns.row(model) async for model in models]
    show_table(columns.headings, rows)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _UNBROKEN)
    for row in rows:
        table.add_row(*map(cell, row))
    width = None if is_terminal(sys.stdout) else _UNBOUNDED_WIDTH
    out = Console(width=width, markup=False, emoji=False)
    out.width = max(out.width, _NARROWEST)
    out.print(table)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal. None is a stream that was closed at the start."""
    return stream is not None and stream.isatty()


def echo(text: object, *, err: bool = False) -> None:
    """Print *text* as one line on standard output or standard error."""
    # Pass the stream explicitly: otherwise click replaces an ASCII encoding with another.
    click.echo(printable(text), file=sys.stderr if err else sys.stdout)


def echo_json(model: Model) -> None:
    """Print *model* as one line of JSON."""
    # As bytes, because the display of progress bars would wrap text.
    click.echo(json_line(model, getattr(sys.stdout, "encoding", None)))


def printable(value: object) -> str:
    """Return *value* as one line of text without control characters."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(map(_safe, text))


def _safe(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if unicodedata.category(letter) == "Zs" else "�"


def json_line(model: Model, encoding: str | None) -> bytes:
    """Return *model* as one line of JSON in which control characters are escaped.

    It is ASCII unless *encoding* is UTF-8.
    """
    text = dumps(model).decode()
    # JSON itself escapes only the control characters below U+0020.
    if text.isprintable() and (text.isascii() or _is_utf_8(encoding)):
        return text.encode()
    is_shown = str.isprintable if _is_utf_8(encoding) else _is_printable_ascii
    return "".join(letter if is_shown(letter) else _escape(letter) for letter in text).encode()


def _is_printable_ascii(letter: str) -> bool:
    return letter.isascii() and letter.isprintable()


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _is_utf_8(encoding: str | None) -> bool:
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


def cell(value: object) -> Text:
    """Return *value* as printable text, in which markup and emoji codes have no effect."""
    return Text(printable(value))


def progress_of(clip: ClipWithProgress) -> str:
    """Return the current operation of a render and its percentage, or nothing if complete."""
    if clip.is_complete or clip.current_operation is None:
        return ""
    has_percentage = clip.percent_complete is not None and not has_failed(clip)
    percent = f" {clip.percent_complete} %" if has_percentage else ""
    return f"{clip.current_operation}{percent}"


def in_utc(time: datetime | None) -> str | None:
    """Return *time*, which is in UTC, to the second."""
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"
