"""The command that follows the saved clips, and where it keeps how far it has come."""

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
from rhombus_clips.cli.downloading import bring
from rhombus_clips.cli.options import FILE, FOLDER, Moment, Seconds, as_json_option
from rhombus_clips.cli.output import SAVED, echo, echo_json, printable
from rhombus_clips.cli.running import in_session, say
from rhombus_clips.concurrency import alongside, each
from rhombus_clips.media.files import read, replace

# For a clip that appears while it is still in the making.
_MOST_WAITED = 900.0
_SPARED, _LATER = 9.0, 0.2
_PASSING = (TransportError, ServerError, RateLimitedError)


@click.command()
@click.option("--since", type=Moment(),
              help="Begin with the clips made at or after this time; now if unset.")  # fmt: skip
@click.option("--interval", type=Seconds(), default=30.0, show_default=True,
              help="How long to wait between two looks, and after a failure.")  # fmt: skip
@click.option("--download", "folder", type=FOLDER, help="Bring each clip into this folder, too.")
@click.option("--state", type=FILE,
              help="Keep in this file how far it has come, and go on from there at the next start;"
                   " --since counts at the first.")  # fmt: skip
@as_json_option
def follow(
    *,
    since: datetime | int | None,
    interval: float,
    folder: Path | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Print each new clip as it appears.

    It ends when it is interrupted. When the service is out of reach it says so, waits and goes
    on. A clip whose download was interrupted comes again at the next start.
    """
    place = Place(state)

    async def work(session: ClipSession) -> None:
        follower = _follower(session, since, place, interval)
        place.keep(follower.cursor)
        async with alongside(lambda: place.catch_up(follower)):
            try:
                while True:
                    try:
                        async for clip in follower:
                            place.begin()
                            echo_json(clip) if as_json else echo(_line(clip))
                            if folder is not None:
                                await _bring(session, clip, folder, interval)
                            place.note(follower)
                    except RhombusError as error:
                        if not is_passing(error):
                            raise
                        await _wait_after(error, interval)
            finally:
                # It ends with an exception, which says more than a file that is a little behind.
                try:
                    place.end(follower)
                except OSError as error:
                    say(f"{error}: the last clips may come again at the next start")

    with contextlib.suppress(KeyboardInterrupt):
        in_session(work)


class Place:
    """The file that keeps how far a follower has come; without a path, nothing does.

    Until its first listing of a long past is through, what is to be kept grows with every clip. To
    keep it each time would take ever longer; so no more than a part of the time goes into that.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next_at = -math.inf
        self._is_behind = False
        self._is_busy = False

    def read(self) -> str | None:
        """What was kept; None at the first start."""
        kept = None if self._path is None else read(self._path)
        return None if kept is None else kept.decode("utf-8", errors="replace")

    def begin(self) -> None:
        """Say that the follower has handed out a clip which is not done with."""
        self._is_busy = True

    def note(self, follower: SavedClipFollower) -> None:
        """Keep where *follower* is, now or, when that was kept just now, a little later."""
        self._is_busy = False
        began = monotonic()
        self._is_behind = began < self._next_at
        if not self._is_behind:
            self.keep(follower.cursor)
            self._next_at = monotonic() + _SPARED * (monotonic() - began)

    async def catch_up(self, follower: SavedClipFollower) -> None:
        """Do later what `note` put off, again and again."""
        while True:
            await anyio.sleep(_LATER)
            if self._is_behind and not self._is_busy:
                self.note(follower)

    def end(self, follower: SavedClipFollower) -> None:
        """Do what `note` put off."""
        if self._is_behind and not self._is_busy:
            self.keep(follower.cursor)

    def keep(self, cursor: str) -> None:
        """Put *cursor* in the place of what was kept; a kill leaves the one or the other."""
        if self._path is not None:
            replace(self._path, cursor.encode())


def _follower(
    session: ClipSession, since: datetime | int | None, place: Place, interval: float
) -> SavedClipFollower:
    cursor = place.read()
    if cursor is None:
        return session.follow_saved_clips(since=since, interval=interval)
    try:
        return session.follow_saved_clips(cursor=cursor, interval=interval)
    except ValueError as error:
        raise ConfigurationError(
            f"the file of --state is none of this command's: {error}"
        ) from None


async def _bring(session: ClipSession, clip: SavedClip, folder: Path, interval: float) -> None:
    """Download a clip, however long the service is out of reach; say why if it cannot be."""
    while True:
        outcome = await bring(session, each([clip]), folder, total=1, deadline=_MOST_WAITED)
        if not outcome.failures:
            return
        ((name, error),) = outcome.failures
        if not is_passing(error):
            say(f"{name}: {error}")
            return
        await _wait_after(error, interval)


def is_passing(error: RhombusError) -> bool:
    """Whether *error* may be over after a while: an invalid certificate stays so."""
    is_lasting = isinstance(error, ConnectError) and error.is_lasting
    return isinstance(error, _PASSING) and not is_lasting


async def _wait_after(error: RhombusError, interval: float) -> None:
    asked = error.retry_after if isinstance(error, RateLimitedError) else None
    seconds = max(interval, asked or 0.0)
    say(f"{error}; going on in {seconds:g} s")
    await anyio.sleep(seconds)


def _line(clip: SavedClip) -> str:
    return "  ".join(map(printable, SAVED.row(clip)))
