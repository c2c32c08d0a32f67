"""The command that downloads clips, and what others need of it."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from attrs import define, field
from rich.filesize import decimal

from rhombus_clips import (
    ApiError,
    ClipSession,
    ClipStatus,
    ClipWithProgress,
    NotFoundError,
    RhombusError,
    SavedClip,
)
from rhombus_clips.cli.bars import FileBars, ListingBar
from rhombus_clips.cli.options import (
    FILE,
    FOLDER,
    TAKES_UUIDS,
    clip_filter_options,
    clip_uuids_argument,
    given,
)
from rhombus_clips.cli.output import echo
from rhombus_clips.cli.running import exit_for_failures, in_session, interruptible, say
from rhombus_clips.concurrency import each

_AT_ONCE = 4
_GO_ON = "what came of a file is kept as its .part; the same command goes on from there"
# Of the others none is known to have a file, nor to have none.
_WITHOUT_VIDEO = frozenset(
    {
        ClipStatus.DELETED,
        ClipStatus.FAILED,
        ClipStatus.INITIATING,
        ClipStatus.RENDERING,
        ClipStatus.UPLOADING,
    }
)


@define
class Outcome:
    """What became of downloads."""

    downloaded: int = 0
    byte_count: int = 0
    there: int = 0
    without_video: int = 0
    failures: list[tuple[str, RhombusError]] = field(factory=list[tuple[str, RhombusError]])
    """Clips whose files are not there, each with the reason."""


@click.command(context_settings=TAKES_UUIDS)
@clip_uuids_argument(required=False)
@click.option("--all", "takes_all", is_flag=True,
              help="All clips that the filters below let through, but for those that have no video"
                   " because they failed or are in the making.")  # fmt: skip
@click.option("--folder", type=FOLDER,
              help="Where to, here if unset; it is made if missing. What is there whole is"
                   " skipped.")  # fmt: skip
@click.option("--output", type=FILE, help="For one clip: the exact path, instead of --folder.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=_AT_ONCE, show_default=True,
              help="How many files to fetch at once.")  # fmt: skip
@clip_filter_options
def download(
    *,
    clip_uuids: Sequence[str],
    takes_all: bool,
    folder: Path | None,
    output: Path | None,
    concurrency: int,
    **filters: Any,
) -> None:
    """Download the videos of clips, whole and verified.

    Name the clips, or ask for --all. Run it again, after it was interrupted or because there are
    new clips: it goes on where it was.
    """
    filters = given(filters)
    _check(clip_uuids, filters, takes_all=takes_all, folder=folder, output=output)

    async def work(session: ClipSession) -> Outcome:
        if output is not None:
            return await _bring_one(session, clip_uuids[0], output)
        outcome, target = Outcome(), folder or Path()
        wanted: AsyncIterator[SavedClip]
        if takes_all:
            clips = await _with_video(session, filters, outcome)
            wanted, total = each(clips), len(clips)
        else:
            uuids = dict.fromkeys(clip_uuids)
            wanted, total = _found(session, uuids, outcome), len(uuids)
        return await bring(
            session, wanted, target, total=total, at_once=concurrency, outcome=outcome
        )

    with interruptible(_GO_ON):
        if not report(in_session(work)):
            exit_for_failures()


async def bring(
    session: ClipSession,
    clips: AsyncIterable[SavedClip],
    folder: Path,
    *,
    total: int,
    at_once: int = _AT_ONCE,
    deadline: float | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Download *clips* into *folder*, with bars, and add what became of them to *outcome*.

    Waits *deadline* seconds for one that is still in the making.
    """
    outcome = outcome or Outcome()
    with FileBars(total) as bars:
        summary = await session.download_clips(
            clips,
            folder,
            concurrency=at_once,
            timeout=deadline,
            progress=bars.show,
            on_end=bars.end,
        )
    outcome.downloaded += summary.downloaded
    outcome.byte_count += bars.byte_count
    outcome.there += summary.skipped
    outcome.failures += [(_name(failure.clip), failure.error) for failure in summary.failures]
    return outcome


def report(outcome: Outcome, *, to_stderr: bool = False) -> bool:
    """Say what became of downloads; whether all of them are there."""
    for name, error in outcome.failures:
        say(f"{name}: {error}")
    without = outcome.without_video
    line = (
        f"{outcome.downloaded} downloaded ({decimal(outcome.byte_count)}),"
        f" {outcome.there} already there, {len(outcome.failures)} failed"
        + (f"; {without} without a video, as they failed or are in the making" if without else "")
    )
    echo(line, err=to_stderr)
    return not outcome.failures


def _check(
    clip_uuids: Sequence[str],
    filters: Mapping[str, Any],
    *,
    takes_all: bool,
    folder: Path | None,
    output: Path | None,
) -> None:
    if takes_all == bool(clip_uuids):
        raise click.UsageError("name the clips, or give --all: one of the two")
    if filters and not takes_all:
        raise click.UsageError("filters choose among all clips: they need --all")
    if folder is not None and output is not None:
        raise click.UsageError("--folder and --output both say where to: one of the two")
    if output is not None and len(clip_uuids) != 1:
        raise click.UsageError("--output is the path of one clip: more go into a --folder")


async def _bring_one(session: ClipSession, clip_uuid: str, output: Path) -> Outcome:
    clip = await session.get_clip_with_progress(clip_uuid)

    with FileBars(1) as bars:

        def show(there: int, total: int | None) -> None:
            bars.show(clip, there, total)

        file = await session.download_clip(clip, output, progress=show)
    if not file.requests:
        return Outcome(there=1)
    return Outcome(downloaded=1, byte_count=file.byte_count)


async def _with_video(
    session: ClipSession, filters: Mapping[str, Any], outcome: Outcome
) -> list[ClipWithProgress]:
    """The clips that the filters let through and that may have a video.

    All of them before the first is fetched: the downloads may take longer than the service's page
    tokens last, and the bar of the whole says how much there is.
    """
    clips: list[ClipWithProgress] = []
    with ListingBar() as bar:
        async for clip in session.clips_with_progress(**filters):
            clips.append(clip)
            bar.show(len(clips))
    with_video = [clip for clip in clips if clip.status not in _WITHOUT_VIDEO]
    outcome.without_video = len(clips) - len(with_video)
    return with_video


async def _found(
    session: ClipSession, uuids: Iterable[str], outcome: Outcome
) -> AsyncIterator[SavedClip]:
    """The clips of *uuids*; those that the service does not have are failures of their own."""
    for uuid in uuids:
        try:
            clip = await session.get_clip_with_progress(uuid)
        except (ApiError, NotFoundError) as error:
            outcome.failures.append((uuid, error))
        else:
            yield clip


def _name(clip: SavedClip) -> str:
    return f"{clip.uuid} “{clip.title}”" if clip.title else str(clip.uuid)
