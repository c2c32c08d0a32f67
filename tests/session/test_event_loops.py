"""A session belongs to one event loop. In another one, every entry point raises at once."""

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from rhombus_clips import (
    ClipSession,
    Polling,
    RateLimit,
    RhombusError,
    SessionClosedError,
    WrongEventLoopError,
)
from rhombus_clips.testing import FakeRhombus, faults
from tests.endpoint_calls import CALLS, ONE

Entry = Callable[[ClipSession, Any], Awaitable[Any]]


def _call_of(path: str) -> Entry:
    async def call(session: ClipSession, _: Any) -> None:
        for awaitable in CALLS[path](session):
            with pytest.raises(WrongEventLoopError):
                await awaitable
        raise WrongEventLoopError("each of the calls raised it")

    return call


async def _enter(session: ClipSession, _: Any) -> None:
    async with session:
        pass


async def _prefetch(session: ClipSession, _: Any) -> None:
    async with session.saved_clips().prefetched() as clips:
        await anext(clips)


async def _shard(session: ClipSession, _: Any) -> None:
    async with session.saved_clips(since=1).sharded(2) as clips:
        await anext(clips)


async def _stream(session: ClipSession, clip: Any) -> None:
    async with session.stream_clip(clip) as stream:
        await anext(aiter(stream))


async def _stream_thumbnail(session: ClipSession, clip: Any) -> None:
    async with session.stream_thumbnail(clip) as stream:
        await anext(aiter(stream))


async def _drain(iterable: AsyncIterable[Any], *_: Any) -> None:
    async for _ in iterable:
        pass


async def _download_several(session: ClipSession, clip: Any) -> None:
    await session.download_clips([clip], "folder")


ENTRIES: dict[str, Entry] = {
    **{path: _call_of(path) for path in CALLS},
    "aclose": lambda session, _: session.aclose(),
    "async with": _enter,
    "saved_clips": lambda session, _: session.saved_clips().collect(1),
    "anext of a pager": lambda session, _: anext(session.saved_clips()),
    "clips_with_progress": lambda session, _: session.clips_with_progress().collect(1),
    "expiring_clips": lambda session, _: session.expiring_clips().collect(1),
    "shared_clip_groups": lambda session, _: session.shared_clip_groups().collect(1),
    "prefetched": _prefetch,
    "sharded": _shard,
    "follow_saved_clips": lambda session, _: anext(session.follow_saved_clips()),
    "watch_clip": lambda session, _: anext(aiter(session.watch_clip(ONE))),
    "watch_clips": lambda session, _: anext(aiter(session.watch_clips([ONE] * 3))),
    "wait_for_clip": lambda session, _: session.wait_for_clip(ONE, timeout=60),
    "make_clip": lambda session, _: session.make_clip([ONE], 1, 5),
    "save_alert_clip": lambda session, _: session.save_alert_clip(ONE),
    "download_clip": lambda session, clip: session.download_clip(clip, "clip.mp4"),
    "download_thumbnail": lambda session, clip: session.download_thumbnail(clip, "clip.jpeg"),
    "download_clips": _download_several,
    "stream_clip": _stream,
    "stream_thumbnail": _stream_thumbnail,
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loop_in_a_thread():
    """An event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def _one_clip(session: ClipSession) -> Any:
    return (await session.get_saved_clips(max_page_size=1)).saved_clips[0]


def _fails_in_this_loop(
    entry: Entry, session: ClipSession, clip: Any, fake: FakeRhombus
) -> WrongEventLoopError:
    async def call() -> None:
        async with asyncio.timeout(20):
            await entry(session, clip)

    sent = len(fake.requests) + len(fake.media_requests)
    with pytest.raises(WrongEventLoopError) as caught:
        asyncio.run(call())
    assert len(fake.requests) + len(fake.media_requests) == sent
    return caught.value


@pytest.mark.parametrize("name", ENTRIES)
def test_second_run_of_an_event_loop_is_rejected(name: str, connect, fake_elsewhere) -> None:
    session = connect(fake_elsewhere)
    clip = asyncio.run(_one_clip(session))
    error = _fails_in_this_loop(ENTRIES[name], session, clip, fake_elsewhere)
    assert name in CALLS or ("closed" in str(error) and "run_coroutine_threadsafe" in str(error))
    assert isinstance(error, SessionClosedError)
    assert isinstance(error, RuntimeError)


@pytest.mark.parametrize("name", ENTRIES)
def test_loop_of_another_thread_is_rejected(
    name: str, connect, fake_elsewhere, loop_in_a_thread
) -> None:
    session = connect(fake_elsewhere)
    opened = asyncio.run_coroutine_threadsafe(_one_clip(session), loop_in_a_thread)
    _fails_in_this_loop(ENTRIES[name], session, opened.result(20), fake_elsewhere)
    # The session still works where it belongs.
    asyncio.run_coroutine_threadsafe(_one_clip(session), loop_in_a_thread).result(20)
    asyncio.run_coroutine_threadsafe(session.aclose(), loop_in_a_thread).result(20)


@pytest.mark.parametrize("name", ENTRIES)
def test_borrowed_client_session_determines_the_loop(
    name: str, connect, fake_elsewhere, loop_in_a_thread
) -> None:
    async def lend() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    http = asyncio.run_coroutine_threadsafe(lend(), loop_in_a_thread).result(20)
    session = connect(fake_elsewhere, http=http)
    clip = asyncio.run_coroutine_threadsafe(_one_clip(session), loop_in_a_thread).result(20)
    unused = connect(fake_elsewhere, http=http)
    _fails_in_this_loop(ENTRIES[name], unused, clip, fake_elsewhere)
    asyncio.run_coroutine_threadsafe(http.close(), loop_in_a_thread).result(20)


def test_call_does_not_wait_for_a_pause_or_a_queue_of_another_loop(
    connect, fake_elsewhere, loop_in_a_thread
) -> None:
    fake, session = fake_elsewhere, connect(fake_elsewhere, rate=RateLimit(0.01, burst=1))
    asyncio.run_coroutine_threadsafe(_one_clip(session), loop_in_a_thread).result(20)
    waiting = asyncio.run_coroutine_threadsafe(_one_clip(session), loop_in_a_thread)
    _fails_in_this_loop(ENTRIES["saved_clips"], session, None, fake)
    asyncio.run_coroutine_threadsafe(session.aclose(), loop_in_a_thread).result(20)
    with pytest.raises(SessionClosedError):
        waiting.result(20)


def test_started_iterations_raise_in_another_loop(
    connect, fake_elsewhere, loop_in_a_thread
) -> None:
    fake, session = fake_elsewhere, connect(fake_elsewhere)
    watched = fake.start_render(seconds=3600)
    polling = Polling(interval=0, max_interval=0)

    async def start() -> tuple[Any, Any, Any, Any]:
        pager = session.saved_clips(page_size=5)
        await pager.collect(5)
        changes = aiter(session.watch_clip(watched, polling=polling))
        await anext(changes)
        opened = session.stream_clip(await _one_clip(session))
        return pager, changes, opened, await opened.__aenter__()

    started = asyncio.run_coroutine_threadsafe(start(), loop_in_a_thread).result(20)
    pager, changes, opened, stream = started
    for iterable in (pager, changes, stream):
        resume = partial(_drain, iterable)
        _fails_in_this_loop(resume, session, None, fake)
    leave = opened.__aexit__(None, None, None)
    asyncio.run_coroutine_threadsafe(leave, loop_in_a_thread).result(20)
    asyncio.run_coroutine_threadsafe(session.aclose(), loop_in_a_thread).result(20)


@pytest.mark.parametrize("is_dropped", [True, False])
def test_loop_that_ends_closes_the_connections(is_dropped: bool, connect, fake_elsewhere) -> None:
    """Python issues no warning about open connections, although `aclose` was not called."""
    session = connect(fake_elsewhere)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = asyncio.run(_one_clip(session))

        async def download() -> None:
            other = connect(fake_elsewhere)
            await other.download_clip(clip, "clip.mp4")
            fake_elsewhere.faults = [faults.Stall(after_body_bytes=10, seconds=30)]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_one_clip(other), 0.1)

        asyncio.run(download())
        if not is_dropped:
            with pytest.raises(WrongEventLoopError):
                asyncio.run(_one_clip(session))
        del session
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_session_that_was_dropped_is_closed_by_its_running_loop(connect, fake_elsewhere) -> None:
    async def drop() -> None:
        session = connect(fake_elsewhere)
        await _one_clip(session)
        del session
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(drop())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_session_may_be_created_in_one_loop_and_used_in_another(connect, fake_elsewhere) -> None:
    """The constructor, and pagers that were not iterated, are not bound to a loop."""

    async def create() -> Any:
        session = connect(fake_elsewhere)
        return session, session.saved_clips(limit=3), session.watch_clip(ONE)

    async def use(session: ClipSession, pager: Any) -> None:
        async with session:
            assert len([clip async for clip in pager]) == 3

    session, pager, _ = asyncio.run(create())
    asyncio.run(use(session, pager))


def test_closed_session_stays_closed_in_every_loop(connect, fake_elsewhere) -> None:
    async def use_and_close() -> ClipSession:
        session: ClipSession = connect(fake_elsewhere)
        async with session:
            await _one_clip(session)
        return session

    session = asyncio.run(use_and_close())
    asyncio.run(session.aclose())  # It has no effect.
    for entry in (_one_clip, lambda session: _enter(session, None)):
        with pytest.raises(SessionClosedError, match="the session is closed") as caught:
            asyncio.run(entry(session))
        assert not isinstance(caught.value, WrongEventLoopError)


def test_each_run_may_have_its_own_session(connect, fake_elsewhere) -> None:
    async def use() -> int:
        async with connect(fake_elsewhere) as session:
            return len(await session.saved_clips().collect(3))

    assert [asyncio.run(use()) for _ in range(3)] == [3, 3, 3]


def test_wrong_event_loop_is_a_mistake_of_the_backend() -> None:
    assert WrongEventLoopError.http_status == 500
    assert issubclass(WrongEventLoopError, RhombusError)
