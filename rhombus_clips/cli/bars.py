"""Progress bars, on standard error next to the results on standard output."""

from typing import Any, Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from rhombus_clips import ClipWithProgress, Downloaded, RhombusError, SavedClip
from rhombus_clips.cli.output import printable
from rhombus_clips.renders.polling import has_failed

_TITLE_WIDTH = 32


class Bars:
    """A display of progress bars, identified by name.

    It shows nothing if standard error is not a terminal.

    :param time: The column with the time of a bar: elapsed by default.
    :param transient: True to remove the bars at the end.
    """

    def __init__(self, *, time: ProgressColumn | None = None, transient: bool = True) -> None:
        # Without markup and emoji: the texts may come from the service.
        console = Console(stderr=True, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=_narrow(_TITLE_WIDTH)),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}", markup=False, table_column=_narrow(None)),
            time or TimeElapsedColumn(),
            console=console,
            transient=transient,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, text: str, state: object = "", **values: Any) -> None:
        """Draw a bar or update it. *values* are ``completed`` and ``total``."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task("", total=None, state="")
        values |= {"description": printable(text), "state": printable(state)}
        self._progress.update(self._tasks[name], **values)

    def remove(self, name: str) -> None:
        """Remove a bar if it exists."""
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))

    def show_render(self, clip: ClipWithProgress) -> None:
        """Show the progress of a render. Each of its operations starts at 0 again."""
        state = str(clip.status or "")
        if clip.current_operation and not clip.is_complete:
            state = f"{state}: {clip.current_operation}"
        percent = 100 if clip.is_complete else clip.percent_complete or 0
        completed = 0 if has_failed(clip) else percent
        uuid = clip.uuid or ""
        self.show(uuid, clip.title or uuid, state, total=100, completed=completed)

    def show_file(self, clip: SavedClip, received: int, total: int | None) -> None:
        """Show the progress of a download, in bytes."""
        state = decimal(received) if total is None else f"{decimal(received)} of {decimal(total)}"
        uuid = clip.uuid or ""
        self.show(uuid, clip.title or uuid, state, total=total, completed=received)


class FileBars(Bars):
    """A bar for each current download, and one for all of them if there are several.

    :param total: The number of downloads.
    """

    def __init__(self, total: int) -> None:
        super().__init__(time=TimeRemainingColumn())
        self._total = total
        self._ended = 0
        self.byte_count: int = 0
        """The bytes of the files that were downloaded."""
        self._show_all()

    def end(self, clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        """Remove the bar of a download."""
        self.remove(clip.uuid or "")
        if isinstance(outcome, Downloaded) and outcome.requests:
            self.byte_count += outcome.byte_count
        self._ended += 1
        self._show_all()

    def _show_all(self) -> None:
        if self._total > 1:
            state = f"{self._ended} of {self._total} clips"
            self.show("", "All", state, total=self._total, completed=self._ended)


def _narrow(width: int | None) -> Column:
    return Column(max_width=width, no_wrap=True, overflow="ellipsis")
