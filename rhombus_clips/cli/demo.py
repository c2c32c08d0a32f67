"""The demo: the real client against FakeRhombus, in one process."""

import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rhombus_clips import ClipSession, ClipWithProgress, Downloaded, PagingError, Polling
from rhombus_clips.cli.bars import Bars
from rhombus_clips.cli.output import echo
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import NEWEST_MS, make_uuid

_CLIPS = 1000
_GROUPS = 40
_RENDER_SECONDS = 1.5
_POLLING = Polling(interval=0.1, max_interval=0.1)
_WINDOW = timedelta(days=7)
_CAMERA = make_uuid("device", 0, 0)
_CLIP_LENGTH = timedelta(seconds=30)
# About half a minute of video, and enough for the progress bar to be visible.
_VIDEO_BYTES = 24 * 1024 * 1024


async def run_demo() -> None:
    """List, watch, create and download clips and walk groups, each with a progress bar."""
    started = time.perf_counter()
    async with (
        FakeRhombus(_CLIPS, shared_clip_groups=_GROUPS, render_seconds=_RENDER_SECONDS) as service,
        ClipSession(service.api_key, base_url=service.url, media_url=service.media_url) as session,
    ):
        echo(f"A fake service runs at {service.url}. No API key or network is needed.")
        with Bars(transient=False) as bars:
            listed = await _list_clips(session, bars)
            watched = await _watch_render(session, service, bars)
            created = await _make_clip(session, service, bars)
            file = await _download_clip(session, created, bars)
            groups = await _walk_groups(session, bars)
        requests = len(service.requests) + len(service.media_requests)
    if listed != _CLIPS or groups != _GROUPS:
        raise PagingError(f"listed {listed} of {_CLIPS} clips and {groups} of {_GROUPS} groups")
    echo(f"Listed {listed:,} saved clips, each once.")
    echo(f"Watched the render of “{watched.title}” until it was complete.")
    echo(
        f"Created a clip of {created.duration_sec} s, downloaded its {file.byte_count:,} bytes"
        f" and verified their SHA-256, {file.sha256_hex[:12]}…"
    )
    echo(f"Walked {groups} shared clip groups in windows of {_WINDOW.days} days.")
    echo(f"This took {requests} requests and {time.perf_counter() - started:.1f} s.")


async def _list_clips(session: ClipSession, bars: Bars) -> int:
    uuids: set[str | None] = set()
    async for clip in session.saved_clips():
        uuids.add(clip.uuid)
        bars.show("list", "Listing saved clips", completed=len(uuids), total=_CLIPS)
    return len(uuids)


async def _watch_render(session: ClipSession, service: FakeRhombus, bars: Bars) -> ClipWithProgress:
    clip_uuid = service.start_render(seconds=_RENDER_SECONDS)
    clip = ClipWithProgress()
    async for clip in session.watch_clip(clip_uuid, polling=_POLLING):  # the last
        bars.show_render(clip)
    return clip


async def _make_clip(session: ClipSession, service: FakeRhombus, bars: Bars) -> ClipWithProgress:
    video = random.Random(0).randbytes(_VIDEO_BYTES)

    def on_change(clip: ClipWithProgress) -> None:
        if not clip.is_complete:
            service.put_media(clip.uuid or "", video)
        bars.show_render(clip)

    (clip,) = await session.make_clip(
        [_CAMERA], NEWEST_MS, _CLIP_LENGTH, polling=_POLLING, on_change=on_change, title="New clip"
    )
    return clip


async def _download_clip(session: ClipSession, clip: ClipWithProgress, bars: Bars) -> Downloaded:
    with tempfile.TemporaryDirectory() as folder:
        return await session.download_clip(
            clip,
            Path(folder, "clip.mp4"),
            progress=lambda received, total: bars.show_file(clip, received, total),
        )


async def _walk_groups(session: ClipSession, bars: Bars) -> int:
    times = [group.created_at async for group in session.shared_clip_groups()]
    oldest = min(created for created in times if created is not None)
    count = 0
    async for _group in session.shared_clip_groups(created_after=oldest, window=_WINDOW):
        count += 1
        bars.show("groups", "Walking shared clip groups", completed=count, total=_GROUPS)
    return count
