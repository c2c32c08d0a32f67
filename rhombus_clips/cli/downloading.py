"""The command that downloads clips, and functions that other commands share."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.filesize import decimal

from rhombus_clips import (
    ApiError,
    ClipSession,
    ClipStatus,
    ClipWithProgress,
    DownloadFailure,
    DownloadSummary,
    NotFoundError,
    SavedClip,
)
from rhombus_clips.cli import options
from rhombus_clips.cli.bars import Bars, FileBars
from rhombus_clips.cli.output import echo
from rhombus_clips.cli.running import exit_with_failure, interruptible, notify, run_with_session
from rhombus_clips.concurrency import each

_CONCURRENCY = 4
_ADVICE = "run the same command to resume; partial files are kept as .part"
# Clips with another status may have a video.
_WITHOUT_VIDEO = frozenset(
    {
        ClipStatus.DELETED,
        ClipStatus.FAILED,
        ClipStatus.INITIATING,
        ClipStatus.RENDERING,
        ClipStatus.UPLOADING,
    }
)


@click.command(context_settings=options.TAKES_UUIDS)
@options.clip_uuids_argument(required=False)
@click.option("--all", "takes_all", is_flag=True,
              help="Download all finished clips that match the filters.")  # fmt: skip
@click.option("--folder", type=options.FOLDER,
              help="The target folder, by default the current one. Created if it does not exist."
                   " Complete files are skipped.")  # fmt: skip
@click.option("--output", type=options.FILE, help="The target file, for a single clip.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=_CONCURRENCY, show_default=True,
              help="The number of simultaneous downloads.")  # fmt: skip
@options.clip_filter_options
def download(
    *,
    clip_uuids: Sequence[str],
    takes_all: bool,
    folder: Path | None,
    output: Path | None,
    concurrency: int,
    **filters: Any,
) -> None:
    """Download and verify the videos of clips.

    Pass the uuids of the clips, or --all. Run the command again to resume after an interruption, or
    to download new clips.
    """
    filters = options.given(filters)
    _check(clip_uuids, filters, takes_all=takes_all, folder=folder, output=output)

    async def work(session: ClipSession) -> bool:
        if output is not None:
            return await _download_one(session, clip_uuids[0], output)
        missing: list[DownloadFailure] = []
        without_video = 0
        wanted: AsyncIterator[SavedClip]
        if takes_all:
            listed = await _listed(session, filters)
            clips = [clip for clip in listed if clip.status not in _WITHOUT_VIDEO]
            without_video = len(listed) - len(clips)
            wanted, total = each(clips), len(clips)
        else:
            uuids = dict.fromkeys(clip_uuids)
            wanted, total = _existing(session, uuids, missing), len(uuids)
        summary, byte_count = await download_with_bars(
            session, wanted, folder or Path(), total=total, concurrency=concurrency
        )
        summary.failures[:0] = missing
        return report(summary, byte_count, without_video=without_video)

    with interruptible(_ADVICE):
        if not run_with_session(work):
            exit_with_failure()


async def download_with_bars(
    session: ClipSession,
    clips: AsyncIterable[SavedClip],
    folder: Path,
    *,
    total: int,
    **settings: Any,
) -> tuple[DownloadSummary, int]:
    """Download *clips* into *folder* with progress bars, and return a summary and the total size.

    *settings* are passed to `ClipSession.download_clips`.
    """
    with FileBars(total) as bars:
        summary = await session.download_clips(
            clips, folder, progress=bars.show_file, on_end=bars.end, **settings
        )
    return summary, bars.byte_count


def report(
    summary: DownloadSummary, byte_count: int, *, without_video: int = 0, to_stderr: bool = False
) -> bool:
    """Print the result of downloads, and return whether all of them succeeded."""
    for failure in summary.failures:
        notify(f"{name_of(failure.clip)}: {failure.error}")
    line = (
        f"{summary.downloaded} downloaded ({decimal(byte_count)}),"
        f" {summary.skipped} already complete, {len(summary.failures)} failed"
    )
    if without_video:
        line += f"; {without_video} without a video, because they failed or are unfinished"
    echo(line, err=to_stderr)
    return not summary.failures


def name_of(clip: SavedClip) -> str:
    """Return the uuid and the title of a clip."""
    return f"{clip.uuid} “{clip.title}”" if clip.title else str(clip.uuid)


def _check(
    clip_uuids: Sequence[str],
    filters: Mapping[str, Any],
    *,
    takes_all: bool,
    folder: Path | None,
    output: Path | None,
) -> None:
    if takes_all == bool(clip_uuids):
        raise click.UsageError("pass either the uuids of clips or --all")
    if filters and not takes_all:
        raise click.UsageError("filters require --all")
    if folder is not None and output is not None:
        raise click.UsageError("use either --folder or --output, not both")
    if output is not None and len(clip_uuids) != 1:
        raise click.UsageError("--output takes a single clip; use --folder for several")


async def _download_one(session: ClipSession, clip_uuid: str, output: Path) -> bool:
    clip = await session.get_clip_with_progress(clip_uuid)
    with FileBars(1) as bars:
        file = await session.download_clip(
            clip, output, progress=lambda received, total: bars.show_file(clip, received, total)
        )
        bars.end(clip, file)
    is_new = bool(file.requests)
    return report(DownloadSummary(int(is_new), int(not is_new)), bars.byte_count)


async def _listed(session: ClipSession, filters: Mapping[str, Any]) -> list[ClipWithProgress]:
    """List all clips before any download: downloads may outlast the service's page tokens."""
    clips: list[ClipWithProgress] = []
    with Bars() as bars:
        async for clip in session.clips_with_progress(**filters):
            clips.append(clip)
            bars.show("", "Listing clips", f"{len(clips):,} clips")
    return clips


async def _existing(
    session: ClipSession, uuids: Iterable[str], missing: list[DownloadFailure]
) -> AsyncIterator[SavedClip]:
    """Yield the clips that exist, and add the others to *missing*."""
    for uuid in uuids:
        try:
            clip = await session.get_clip_with_progress(uuid)
        except (ApiError, NotFoundError) as error:
            missing.append(DownloadFailure(SavedClip(uuid=uuid), error))
        else:
            yield clip
