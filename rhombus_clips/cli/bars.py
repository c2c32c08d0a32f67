"""Progress bars, beside the results: for renders, and for files.

They are drawn on the terminal of the standard error, and nowhere when that is none.
"""

from types import TracebackType
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

from rhombus_clips import Downloaded, RhombusError, SavedClip
from rhombus_clips.cli.output import printable
from rhombus_clips.models import ClipWithProgress
from rhombus_clips.renders.polling import has_failed

_TITLE_WIDTH = 32


class _Bars:
    """A display of bars, each told from the others by a name."""

    def __init__(self, *last_columns: ProgressColumn) -> None:
        # Markup and emoji are off: what a bar says may be the service's words.
        console = Console(stderr=True, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=_narrow(_TITLE_WIDTH)),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}", markup=False, table_column=_narrow(None)),
            *last_columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def _set(self, name: str, text: str, **values: Any) -> None:
        """Draw a bar, the first time too."""
        text = printable(text)
        values["state"] = printable(values.get("state"))
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(text, total=None, state="")
        self._progress.update(self._bars[name], description=text, **values)

    def _remove(self, name: str) -> None:
        bar = self._bars.pop(name, None)
        if bar is not None:
            self._progress.remove_task(bar)


class RenderBars(_Bars):
    """A bar for each clip in the making; each operation of its render begins at 0 again."""

    def __init__(self) -> None:
        super().__init__(TimeElapsedColumn())
        self.seen: dict[str, ClipWithProgress] = {}
        """The clips as they were seen last."""

    def wait_for(self, name: str, state: str) -> None:
        """Draw a bar for what nothing is known of yet."""
        self._set(name, name, state=state)

    def show(self, clip: ClipWithProgress) -> None:
        """Show how far a clip has come."""
        uuid = clip.uuid or ""
        self.seen[uuid] = clip
        state = str(clip.status or "")
        if clip.current_operation and not clip.is_complete:
            state = f"{state}: {clip.current_operation}"
        percent = 100 if clip.is_complete else clip.percent_complete or 0
        if has_failed(clip):
            percent = 0
        self._set(uuid, clip.title or uuid, state=state, total=100, completed=percent)

    def show_first(self, waiting: str, clip: ClipWithProgress) -> None:
        """Show a clip, in the place of the bar that stood for it."""
        self._remove(waiting)
        self.show(clip)


class ListingBar(_Bars):
    """How many clips were listed, of nobody knows how many."""

    def __init__(self) -> None:
        super().__init__(TimeElapsedColumn())

    def show(self, count: int) -> None:
        """Show that *count* clips were listed."""
        self._set("", "Listing the clips", state=f"{count:,} clips")


class FileBars(_Bars):
    """A bar for each file on its way, and where there are several, one for the whole.

    :param total: How many there will be.
    """

    def __init__(self, total: int) -> None:
        super().__init__(TimeRemainingColumn())
        self._total = total
        self._over = 0
        self.byte_count = 0
        """How many bytes were fetched, of the files that are there."""

    def __enter__(self) -> Self:
        self._show_whole()
        return super().__enter__()

    def show(self, clip: SavedClip, there: int, total: int | None) -> None:
        """Show how much of a file is there."""
        state = decimal(there) if total is None else f"{decimal(there)} of {decimal(total)}"
        uuid = clip.uuid or ""
        self._set(uuid, clip.title or uuid, state=state, total=total, completed=there)

    def end(self, clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        """Take the bar of a file away."""
        self._remove(clip.uuid or "")
        if isinstance(outcome, Downloaded) and outcome.requests:
            self.byte_count += outcome.byte_count
        self._over += 1
        self._show_whole()

    def _show_whole(self) -> None:
        if self._total > 1:
            state = f"{self._over} of {self._total} clips"
            self._set("", "All", state=state, total=self._total, completed=self._over)


def _narrow(width: int | None) -> Column:
    return Column(max_width=width, no_wrap=True, overflow="ellipsis")
