"""The demonstration: the real client against FakeRhombus, within one process."""

import time
from datetime import timedelta

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rhombus_clips import ClipSession, ClipStatus, PagingError
from rhombus_clips.cli.output import console
from rhombus_clips.testing import FakeRhombus

_CLIPS = 1000
_GROUPS = 40
_RENDER_SECONDS = 1.5
_POLL_SECONDS = 0.1
_WINDOW = timedelta(days=7)


async def show_everything() -> None:
    """List, follow and walk, with a progress bar for each, and say what was done."""
    out = console()
    started = time.perf_counter()
    async with (
        FakeRhombus(_CLIPS, shared_clip_groups=_GROUPS) as service,
        ClipSession(service.api_key, base_url=service.url) as session,
    ):
        out.print(f"A stand-in for the service runs at {service.url}; no key, no network.")
        with _progress(out) as progress:
            seen = await _list_clips(session, progress)
            watched = await _follow_render(session, service, progress)
            groups = await _walk_groups(session, progress)
        requests = len(service.requests)
    if seen != _CLIPS or groups != _GROUPS:
        raise PagingError(f"saw {seen} of {_CLIPS} clips and {groups} of {_GROUPS} groups")
    seconds = time.perf_counter() - started
    out.print(
        f"Listed {seen:,} saved clips, each once; followed the render of {watched} to the end;"
        f" walked {groups} shared groups in windows of {_WINDOW.days} days."
    )
    out.print(f"It took {requests} requests and {seconds:.1f} s.")


def _progress(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<42}"),
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
    bar = progress.add_task("Following a render", total=100)
    while True:
        clip = await session.get_clip_with_progress(clip_uuid)
        progress.update(
            bar,
            description=f"Following a render: {clip.current_operation}",
            completed=clip.percent_complete or 0,
        )
        if clip.status == ClipStatus.COMPLETE:
            return f"“{clip.title}”"
        await anyio.sleep(_POLL_SECONDS)


async def _walk_groups(session: ClipSession, progress: Progress) -> int:
    bar = progress.add_task("Walking the shared groups by windows", total=_GROUPS)
    oldest = [group.created_at async for group in session.shared_clip_groups()]
    since = min(moment for moment in oldest if moment is not None)
    count = 0
    async for _group in session.shared_clip_groups(created_after=since, window=_WINDOW):
        count += 1
        progress.advance(bar)
    return count
