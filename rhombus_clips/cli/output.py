"""What the command prints: tables for people, a JSON object a line for programs."""

from collections.abc import AsyncIterable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

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
class Columns:
    """How to show models of one kind as a table."""

    headings: Sequence[str]
    row: Callable[..., Sequence[object]]


SAVED = Columns(
    ("Recorded", "Length", "Status", "Title", "Uuid"),
    lambda clip: (
        _moment(clip, "recorded_at"), clip.length, clip.status, clip.title, clip.uuid,
    ),
)  # fmt: skip
SHARED = Columns(
    ("Created", "Expires", "Clips", "Password", "Title", "Uuid"),
    lambda group: (
        _moment(group, "created_at"), _moment(group, "expires_at"), len(group.shared_clips or ()),
        "yes" if group.is_secured else "no", group.title, group.uuid,
    ),
)  # fmt: skip
SPLICED = Columns(
    ("Starts", "Length", "Status", "Segments", "Title", "Uuid"),
    lambda clip: (
        _moment(clip, "starts_at"), clip.length, clip.status,
        f"{clip.segments_uploaded or 0} of {clip.total_segments or '?'}",
        clip.title, clip.clip_uuid,
    ),
)  # fmt: skip
PROGRESS = Columns(
    ("Recorded", "Status", "Operation", "Percent", "Title", "Uuid"),
    lambda clip: (
        _moment(clip, "recorded_at"), clip.status, clip.current_operation, clip.percent_complete,
        clip.title, clip.uuid,
    ),
)  # fmt: skip

Listed = SavedClip | ClipWithProgress | SharedClipGroup | SplicedClip


async def show(models: AsyncIterable[ModelT], columns: Columns, *, as_json: bool) -> None:
    """Print *models* as they come, when as JSON, or as one table at the end."""
    if as_json:
        async for model in models:
            click.echo(dumps(model))
        return
    table = Table(*columns.headings)
    async for model in models:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in columns.row(model)))
    console().print(table)


def console() -> Console:
    """The console of the standard output, as wide as its terminal."""
    on_terminal = click.get_text_stream("stdout").isatty()
    return Console(width=None if on_terminal else _UNBOUNDED_WIDTH)


def _moment(model: Model, name: str) -> str | None:
    """A moment in UTC, to the second; a number beyond the calendar is shown as nothing."""
    try:
        moment: datetime | None = getattr(model, name)
    except OverflowError:
        return None
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
