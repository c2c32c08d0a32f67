"""The command that follows the saved clips, and the file that keeps its position."""

import contextlib
import math
from datetime import datetime
from pathlib import Path
from time import monotonic

import anyio
import click

from rhombus_clips import (
    ClipSession,
    ConfigurationError,
    ConnectError,
    RateLimitedError,
    RhombusError,
    SavedClip,
    SavedClipFollower,
    ServerError,
    TransportError,
)
from rhombus_clips.cli.downloading import download_with_bars, name_of
from rhombus_clips.cli.options import FILE, FOLDER, SECONDS, TIME, as_json_option
from rhombus_clips.cli.output import SAVED, echo, echo_json, printable
from rhombus_clips.cli.running import notify, run_with_session
from rhombus_clips.concurrency import alongside, each
from rhombus_clips.media.files import read, replace

# For a clip that is unfinished when it appears.
_DOWNLOAD_TIMEOUT = 900.0
# Between two writes of the state file, wait nine times as long as the last one took, so that
# writing takes at most a tenth of the time.
_PAUSE_PER_WRITE, _RETRY_INTERVAL = 9.0, 0.2
_TRANSIENT = (TransportError, ServerError, RateLimitedError)


@click.command()
@click.option("--since", type=TIME,
              help="Start with clips created at or after this time. Default: now.")  # fmt: skip
@click.option("--interval", type=SECONDS, default=30.0, show_default=True,
              help="Seconds between two listings, and after a failure.")  # fmt: skip
@click.option("--download", "folder", type=FOLDER, help="Download each clip into this folder.")
@click.option("--state", type=FILE,
              help="Keep the position in this file, and resume from it. --since applies only if the"
                   " file does not exist.")  # fmt: skip
@as_json_option
def follow(
    *,
    since: datetime | int | None,
    interval: float,
    folder: Path | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Print new clips as they appear, until interrupted.

    While the service is unavailable, the command reports it and tries again. A clip whose download
    was interrupted is printed again after a restart.
    """
    state_file = StateFile(state)

    async def work(session: ClipSession) -> None:
        follower = _follower(session, since, state_file, interval)
        state_file.write(follower.cursor)
        async with alongside(lambda: state_file.save_repeatedly(follower)):
            try:
                while True:
                    try:
                        async for clip in follower:
                            state_file.is_busy = True
                            echo_json(clip) if as_json else echo(_line(clip))
                            if folder is not None:
                                await _download(session, clip, folder, interval)
                            state_file.finish_clip(follower)
                    except RhombusError as error:
                        if not is_transient(error):
                            raise
                        await _wait_after(error, interval)
            finally:
                # An exception ends the command. A failure to write the file must not hide it.
                try:
                    state_file.save(follower, at_end=True)
                except OSError as error:
                    notify(f"{error}: the last clips may be printed again after a restart")

    with contextlib.suppress(KeyboardInterrupt):
        run_with_session(work)


class StateFile:
    """Keeps the cursor of a follower in a file, if there is a path.

    During the first listing of a long history, the cursor grows with every clip. Therefore the time
    spent on writing it is limited.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next_write = -math.inf
        self._is_outdated = False
        self.is_busy: bool = False
        """True while a clip that the follower yielded is being processed."""

    def read(self) -> str | None:
        """Return the cursor, or None on the first run."""
        content = None if self._path is None else read(self._path)
        return None if content is None else content.decode("utf-8", errors="replace")

    def finish_clip(self, follower: SavedClipFollower[SavedClip]) -> None:
        """Save the cursor after a clip was processed."""
        self.is_busy, self._is_outdated = False, True
        self.save(follower)

    async def save_repeatedly(self, follower: SavedClipFollower[SavedClip]) -> None:
        """Save the cursor later if `finish_clip` did not."""
        while True:
            await anyio.sleep(_RETRY_INTERVAL)
            self.save(follower)

    def save(self, follower: SavedClipFollower[SavedClip], *, at_end: bool = False) -> None:
        """Save the cursor, unless a clip is being processed or the last write was too recent."""
        started = monotonic()
        if self._is_outdated and not self.is_busy and (at_end or started >= self._next_write):
            self.write(follower.cursor)
            self._is_outdated = False
            self._next_write = monotonic() + _PAUSE_PER_WRITE * (monotonic() - started)

    def write(self, cursor: str) -> None:
        """Replace the content of the file atomically."""
        if self._path is not None:
            replace(self._path, cursor.encode())


def _follower(
    session: ClipSession, since: datetime | int | None, state_file: StateFile, interval: float
) -> SavedClipFollower[SavedClip]:
    cursor = state_file.read()
    if cursor is None:
        return session.follow_saved_clips(since=since, interval=interval)
    try:
        return session.follow_saved_clips(cursor=cursor, interval=interval)
    except ValueError as error:
        raise ConfigurationError(
            f"the --state file was not written by this command: {error}"
        ) from None


async def _download(session: ClipSession, clip: SavedClip, folder: Path, interval: float) -> None:
    """Download a clip, however long the service is unavailable, or report the failure."""
    while True:
        summary, _ = await download_with_bars(
            session, each([clip]), folder, total=1, timeout=_DOWNLOAD_TIMEOUT
        )
        if not summary.failures:
            return
        error = summary.failures[0].error
        if not is_transient(error):
            notify(f"{name_of(clip)}: {error}")
            return
        await _wait_after(error, interval)


def is_transient(error: RhombusError) -> bool:
    """Return whether a retry may succeed. An invalid certificate, for example, is permanent."""
    is_lasting = isinstance(error, ConnectError) and error.is_lasting
    return isinstance(error, _TRANSIENT) and not is_lasting


async def _wait_after(error: RhombusError, interval: float) -> None:
    retry_after = error.retry_after if isinstance(error, RateLimitedError) else None
    seconds = max(interval, retry_after or 0.0)
    notify(f"{error}; trying again in {seconds:g} s")
    await anyio.sleep(seconds)


def _line(clip: SavedClip) -> str:
    return "  ".join(map(printable, SAVED.row(clip)))
