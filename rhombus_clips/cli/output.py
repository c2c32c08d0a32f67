"""What the commands print: tables for people, a JSON object a line for programs.

Titles, messages and names come from the service or from a shell, and may hold anything. Every text
goes through `printable`, or as JSON through `json_line`, before it reaches a terminal.
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

# A table that goes into a file or a pipe has no screen to fit into.
_UNBOUNDED_WIDTH = 250
# In less, columns would lose their text; a narrower terminal wraps the lines.
_NARROWEST = 80
# Whoever copies a uuid wants it in one piece; other columns give way first.
_UNBROKEN = frozenset({"Uuid", "Status"})


@frozen
class Columns(Generic[ModelT]):
    """How to show models of one kind as a table."""

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
    """Print *models* as they come, when as JSON, or as one table at the end."""
    if as_json:
        async for model in models:
            echo_json(model)
        return
    rows = [columns.row(model) async for model in models]
    show_table(columns.headings, rows)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print one table."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _UNBROKEN)
    for row in rows:
        table.add_row(*map(cell, row))
    out = console()
    out.width = max(out.width, _NARROWEST)
    out.print(table)


def console() -> Console:
    """The console of the standard output, as wide as its terminal."""
    width = None if is_terminal(sys.stdout) else _UNBOUNDED_WIDTH
    return Console(width=width, markup=False, emoji=False)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether *stream* is a terminal; None stands for one that was closed before the start."""
    return stream is not None and stream.isatty()


def echo(text: object, *, err: bool = False) -> None:
    """Print *text* as one line on the standard output, or on the standard error."""
    # The streams themselves: click would choose an encoding of its own instead of ASCII.
    click.echo(printable(text), file=sys.stderr if err else sys.stdout)


def echo_json(model: Model) -> None:
    """Print *model* as one line of JSON."""
    # As bytes, which progress bars do not take for lines of text to wrap.
    click.echo(json_line(model, getattr(sys.stdout, "encoding", None)))


def printable(value: object) -> str:
    """A value as one line of text that no terminal takes for anything else."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if unicodedata.category(letter) == "Zs" else "�"


def json_line(model: Model, encoding: str | None) -> bytes:
    """*model* as JSON that a terminal takes for nothing else: the same value, with escapes.

    A terminal of another *encoding* than UTF-8 gets ASCII.
    """
    text = dumps(model).decode()
    # JSON escapes the controls below the space, and not those above it.
    if text.isprintable() and (text.isascii() or _is_utf_8(encoding)):
        return text.encode()
    is_shown = str.isprintable if _is_utf_8(encoding) else _is_plain
    return "".join(letter if is_shown(letter) else _escape(letter) for letter in text).encode()


def _is_plain(letter: str) -> bool:
    return letter.isascii() and letter.isprintable()


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _is_utf_8(encoding: str | None) -> bool:
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


def cell(value: object) -> Text:
    """A value as printable text in which nothing is markup, nor the name of an emoji."""
    return Text(printable(value))


def progress_of(clip: ClipWithProgress) -> str:
    """What is being done to a clip, and how much of that is done; nothing once it is complete."""
    if clip.is_complete or clip.current_operation is None:
        return ""
    # The percentage of what failed is none of a progress.
    is_told = clip.percent_complete is not None and not has_failed(clip)
    percent = f" {clip.percent_complete} %" if is_told else ""
    return f"{clip.current_operation}{percent}"


def in_utc(moment: datetime | None) -> str | None:
    """A moment in UTC, to the second."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
