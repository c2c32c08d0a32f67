"""What the command prints: tables for people, a JSON object a line for programs."""

import sys
from collections.abc import AsyncIterable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import click
from attrs import frozen
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rhombus_clips import ClipWithProgress, SavedClip, SharedClipGroup, SplicedClip, dumps
from rhombus_clips.models import Model

ModelT = TypeVar("ModelT", bound=Model)

# A table that goes into a file or a pipe has no screen to fit into.
_UNBOUNDED_WIDTH = 250


@frozen
class Columns(Generic[ModelT]):
    """How to show models of one kind as a table."""

    headings: Sequence[str]
    row: Callable[[ModelT], Sequence[object]]


def _saved(clip: SavedClip) -> Sequence[object]:
    recorded = _moment(clip, "recorded_at")
    return recorded, _length(clip), clip.status, clip.title, clip.uuid


def _shared(group: SharedClipGroup) -> Sequence[object]:
    created, expires = _moment(group, "created_at"), _moment(group, "expires_at")
    password = "yes" if group.is_secured else "no"
    return created, expires, len(group.shared_clips or ()), password, group.title, group.uuid


def _spliced(clip: SplicedClip) -> Sequence[object]:
    segments = f"{clip.segments_uploaded or 0} of {clip.total_segments or '?'}"
    starts = _moment(clip, "starts_at")
    return starts, _length(clip), clip.status, segments, clip.title, clip.clip_uuid


def _progress(clip: ClipWithProgress) -> Sequence[object]:
    recorded, percent = _moment(clip, "recorded_at"), clip.percent_complete
    return recorded, clip.status, clip.current_operation, percent, clip.title, clip.uuid


SAVED = Columns(("Recorded", "Length", "Status", "Title", "Uuid"), _saved)
SHARED = Columns(("Created", "Expires", "Clips", "Password", "Title", "Uuid"), _shared)
SPLICED = Columns(("Starts", "Length", "Status", "Segments", "Title", "Uuid"), _spliced)
PROGRESS = Columns(("Recorded", "Status", "Operation", "Percent", "Title", "Uuid"), _progress)


async def show(models: AsyncIterable[ModelT], columns: Columns[ModelT], *, as_json: bool) -> None:
    """Print *models* as they come, when as JSON, or as one table at the end."""
    if as_json:
        async for model in models:
            click.echo(dumps(model))
        return
    table = Table(*columns.headings)
    async for model in models:
        table.add_row(*map(_cell, columns.row(model)))
    console().print(table)


def console() -> Console:
    """The console of the standard output, as wide as its terminal."""
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH)


def _cell(value: object) -> str:
    """A value as text that no terminal takes for anything else."""
    text = "" if value is None else str(value)
    printable = "".join(letter if letter.isprintable() else "�" for letter in text)
    return escape(printable)


def _length(clip: SavedClip | SplicedClip) -> timedelta | None:
    try:
        return clip.length
    except OverflowError:
        return None


def _moment(model: Model, name: str) -> str | None:
    """A moment in UTC, to the second; a number beyond the calendar is shown as nothing."""
    try:
        moment: datetime | None = getattr(model, name)
    except OverflowError:
        return None
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
