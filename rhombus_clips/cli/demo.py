"""The demonstration: the real client against FakeRhombus, within one process."""

import hashlib
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rhombus_clips import (
    ClipSession,
    ClipWithProgress,
    Downloaded,
    IntegrityError,
    PagingError,
    Polling,
)
from rhombus_clips.cli.output import console, printable
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import NEWEST_MS, make_uuid

_CLIPS = 1000
_GROUPS = 40
_RENDER_SECONDS = 1.5
_POLLING = Polling(interval=0.1, max_interval=0.1)
_WINDOW = timedelta(days=7)
_CAMERA = make_uuid("device", 0, 0)
_CLIP_LENGTH = timedelta(seconds=30)
# As much as a camera sends in half a minute, and enough for a bar to be seen.
_VIDEO_BYTES = 24 * 1024 * 1024


async def show_everything() -> None:
    """List, follow, make, download and walk, with a bar for each, and say what was done."""
    out = console()
    started = time.perf_counter()
    async with (
        FakeRhombus(_CLIPS, shared_clip_groups=_GROUPS, render_seconds=_RENDER_SECONDS) as service,
        ClipSession(service.api_key, base_url=service.url, media_url=service.media_url) as session,
    ):
        out.print(f"A stand-in for the service runs at {service.url}; no key, no network.")
        with _progress(out) as progress:
            seen = await _list_clips(session, progress)
            watched = await _follow_render(session, service, progress)
            made = await _make_clip(session, service, progress)
            file = await _download_clip(session, made, progress)
            groups = await _walk_groups(session, progress)
        requests = len(service.requests) + len(service.media_requests)
    if seen != _CLIPS or groups != _GROUPS:
        raise PagingError(f"saw {seen} of {_CLIPS} clips and {groups} of {_GROUPS} groups")
    seconds = time.perf_counter() - started
    out.print(
        f"Listed {seen:,} saved clips, each once; followed the render of {printable(watched)} to"
        f" the end; walked {groups} shared groups in windows of {_WINDOW.days} days."
    )
    out.print(
        f"Made a clip of {made.duration_sec} s, downloaded its {file.byte_count:,} bytes and"
        f" found their SHA-256 right ({file.sha256_hex[:12]}…)."
    )
    out.print(f"It took {requests} requests and {seconds:.1f} s.")


def _progress(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<42}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=out,
    )


async def _list_clips(session: ClipSession, progress: Progress) -> int:
    bar = progress.add_task("Listing the saved clips", total=_CLIPS)
    uuids: set[str | None] = set()
    async for clip in session.saved_clips():
        uuids.add(clip.uuid)
        progress.advance(bar)
    return len(uuids)


async def _follow_render(session: ClipSession, service: FakeRhombus, progress: Progress) -> str:
    clip_uuid = service.start_render(seconds=_RENDER_SECONDS)
    bar = _RenderBar(progress, "Following a render")
    title = ""
    async for clip in session.watch_clip(clip_uuid, polling=_POLLING):
        bar.show(clip)
        title = clip.title or ""
    return f"“{title}”"


async def _make_clip(
    session: ClipSession, service: FakeRhombus, progress: Progress
) -> ClipWithProgress:
    bar = _RenderBar(progress, "Making a clip")
    video = random.Random(0).randbytes(_VIDEO_BYTES)

    def film(clip: ClipWithProgress) -> None:
        if not clip.is_complete:
            service.put_media(clip.uuid or "", video)
        bar.show(clip)

    (clip,) = await session.make_clip(
        [_CAMERA], NEWEST_MS, _CLIP_LENGTH, polling=_POLLING, on_change=film, title="A new clip"
    )
    return clip


async def _download_clip(
    session: ClipSession, clip: ClipWithProgress, progress: Progress
) -> Downloaded:
    bar = progress.add_task("Downloading it", total=clip.byte_count)
    with tempfile.TemporaryDirectory() as folder:
        file = await session.download_clip(
            clip,
            Path(folder, "clip.mp4"),
            progress=lambda there, total: progress.update(bar, completed=there, total=total),
        )
        if hashlib.sha256(file.path.read_bytes()).hexdigest() != clip.sha256_hex:
            raise IntegrityError("the file is not the clip")
    return file


async def _walk_groups(session: ClipSession, progress: Progress) -> int:
    bar = progress.add_task("Walking the shared groups by windows", total=_GROUPS)
    oldest = [group.created_at async for group in session.shared_clip_groups()]
    since = min(moment for moment in oldest if moment is not None)
    count = 0
    async for _group in session.shared_clip_groups(created_after=since, window=_WINDOW):
        count += 1
        progress.advance(bar)
    return count


class _RenderBar:
    """The bar of a clip in the making, which says what is being done to it."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._what = what
        self._bar = progress.add_task(what, total=100)

    def show(self, clip: ClipWithProgress) -> None:
        self._progress.update(
            self._bar,
            description=printable(f"{self._what}: {clip.current_operation}"),
            completed=clip.percent_complete or 0,
        )
