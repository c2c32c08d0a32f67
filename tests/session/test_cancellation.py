"""Cancellation is safe at every point where a call or a listing waits."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from rhombus_clips import ClipSession, RateLimit, RetryPolicy
from rhombus_clips.testing import FakeRhombus, faults

Job = Callable[[ClipSession], Awaitable[Any]]


class Stepped:
    """An awaitable that calls *interrupt* when the awaited object suspends for the *at*-th time."""

    def __init__(self, awaitable: Awaitable[Any], at: int, interrupt: Callable[[], object]) -> None:
        self._awaitable = awaitable
        self._at = at
        self._interrupt = interrupt
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._awaitable.__await__()
        error: BaseException | None = None
        while True:
            try:
                waited_for = steps.send(None) if error is None else _throw(steps, error)
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits == self._at:
                self._interrupt()
            try:
                yield waited_for
            except BaseException as raised:  # noqa: BLE001  # it is raised in the awaited object
                error = raised
            else:
                error = None


def _throw(steps: Generator[Any, Any, Any], error: BaseException) -> Any:
    return steps.throw(error)


async def _page(session: ClipSession) -> None:
    await session.get_saved_clips()


async def _clip(session: ClipSession) -> None:
    clips = (await session.get_saved_clips(max_page_size=1)).saved_clips
    await session.get_clip_with_progress(str(clips[0].uuid))


async def _spliced(session: ClipSession) -> None:
    await session.get_spliced_clips_in_progress()


async def _listing(session: ClipSession) -> None:
    assert len([clip async for clip in session.saved_clips(page_size=9)]) == 30


async def _pages(session: ClipSession) -> None:
    assert [page async for page in session.saved_clips(page_size=9).pages()]


async def _collected(session: ClipSession) -> None:
    assert len(await session.saved_clips(page_size=9).collect(25)) == 25


async def _groups(session: ClipSession) -> None:
    assert len([group async for group in session.shared_clip_groups()]) == 20


async def _by_token(session: ClipSession) -> None:
    assert len([clip async for clip in session.clips_with_progress(page_size=9)]) == 30


async def _update(session: ClipSession) -> None:
    (clip,) = await session.saved_clips(limit=1).collect(1)
    await session.update_saved_clip(clip.uuid or "", title="new")


async def _watched(session: ClipSession) -> None:
    page = await session.get_clips_with_progress(page_size=5)
    complete = [clip.uuid or "" for clip in page.saved_clips if clip.is_complete]
    assert [clip async for clip in session.watch_clips(complete)]


async def _download(session: ClipSession) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clips = await session.saved_clips().collect(30)
        clip = next(clip for clip in clips if clip.is_complete)
        await session.download_clip(clip, Path(folder) / "clip.mp4")


async def _downloads(session: ClipSession) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await session.download_clips(session.saved_clips(limit=3), folder)


async def _stream(session: ClipSession) -> None:
    clips = await session.saved_clips().collect(30)
    async with session.stream_clip(next(clip for clip in clips if clip.is_complete)) as stream:
        assert [chunk async for chunk in stream]


JOBS: list[tuple[Job, list[faults.Fault]]] = [
    (_page, []),
    (_page, [faults.UNAVAILABLE, faults.Disconnect(), faults.Reset(after_bytes=60)]),
    (_page, [faults.Respond(429, headers={"Retry-After": "0.005"})]),
    (_clip, []),
    (_spliced, [faults.Respond(410)]),
    (_listing, [faults.Ok(), faults.UNAVAILABLE]),
    (_pages, []),
    (_collected, [faults.Ok(), faults.BAD_GATEWAY]),
    (_groups, []),
    (_by_token, [faults.Ok(), faults.UNAVAILABLE]),
    (_update, []),
    (_watched, []),
    (_download, []),
    (_downloads, []),
    (_stream, []),
]


def _open(fake: FakeRhombus) -> ClipSession:
    return ClipSession(
        fake.api_key,
        base_url=fake.url,
        media_url=fake.media_url,
        retry=RetryPolicy(base=0.001, cap=0.002),
        rate=RateLimit(per_second=10_000, burst=2),
    )


@pytest.mark.parametrize("by_scope", [False, True])
@pytest.mark.parametrize(("job", "injected"), JOBS)
async def test_cancellation_at_any_wait_leaves_nothing_open(
    fake_elsewhere, monkeypatch, job, injected, by_scope
) -> None:
    """No connection, task or token remains, and the session still works."""
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.001)
    at = 0
    while True:
        at += 1
        fake_elsewhere.faults = list(injected)
        before = asyncio.all_tasks()
        async with _open(fake_elsewhere) as session:
            cancelled = await (_by_scope if by_scope else _by_task)(job, session, at)
            http, pacing = session._transport.client._http, session._call._pacing
            assert http is not None
            assert http.connector is not None
            assert not http.connector._acquired
            media = session._media._own._http
            assert media is None or (media.connector and not media.connector._acquired)
            assert not session._media.responses
            assert pacing._bucket is not None
            assert pacing._bucket._in_flight == 0
            assert pacing._in_flight == 0
            fake_elsewhere.faults = []
            with anyio.fail_after(5):
                assert (await session.get_saved_clips()).saved_clips
            await asyncio.sleep(0)
            assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
        if not cancelled:
            break
    assert at >= 3


async def _by_task(job: Job, session: ClipSession, at: int) -> bool:
    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        await Stepped(job(session), at, task.cancel)

    task = asyncio.ensure_future(run())
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def _by_scope(job: Job, session: ClipSession, at: int) -> bool:
    with anyio.CancelScope() as scope:
        await Stepped(job(session), at, scope.cancel)
    return scope.cancelled_caught


async def test_pager_resumes_with_the_next_clip_after_a_cancellation(fake_elsewhere) -> None:
    """No clip is lost or repeated, wherever it was cancelled."""
    at, seen = 0, 0
    while seen < 30:
        at += 1
        async with _open(fake_elsewhere) as session:
            pager = session.saved_clips(page_size=9)
            uuids: list[str | None] = []

            async def read(pager=pager, uuids=uuids) -> None:
                async for clip in pager:
                    uuids.append(clip.uuid)

            with anyio.CancelScope() as scope:
                await Stepped(read(), at, scope.cancel)
            seen = len(uuids)
            await read()
            assert len(uuids) == len(set(uuids)) == 30
            assert scope.cancelled_caught == (seen < 30)
