"""`ClipSession.for_web`: two attempts and ten seconds, and no wait that cannot end in time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    ConnectError,
    DeadlineExceededError,
    MediaTimeout,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from rhombus_clips.testing import FakeRhombus, faults

pytestmark = pytest.mark.usefixtures("virtual_clock")

TURNS = 0.05
"""The time on the virtual clock that the turns of the event loop may take, in seconds."""


def _too_many(seconds: object = None) -> faults.Fault:
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return faults.Respond(429, headers=headers, times=None)


def _web_session(fake: FakeRhombus, **options: Any) -> ClipSession:
    options.setdefault("media_url", fake.media_url)
    return ClipSession.for_web(fake.api_key, base_url=fake.url, **options)


@pytest.fixture
async def web_session(fake) -> AsyncIterator[ClipSession]:
    async with _web_session(fake) as session:
        yield session


def _now() -> float:
    return asyncio.get_running_loop().time()


async def test_long_429_raises_immediately(fake, web_session) -> None:
    fake.faults = [_too_many(60)]
    started = _now()
    with pytest.raises(RateLimitedError) as caught:
        await web_session.get_saved_clips()
    assert _now() - started < TURNS
    assert caught.value.retry_after == 60
    assert (caught.value.http_status, caught.value.attempts) == (503, 1)
    assert len(fake.requests) == 1


async def test_call_during_a_long_pause_raises_immediately_without_a_request(
    fake, web_session
) -> None:
    """It has the rest of the pause as `retry_after`."""
    fake.faults = [_too_many(60)]
    with pytest.raises(RateLimitedError):
        await web_session.get_saved_clips()
    await asyncio.sleep(20)
    started = _now()
    for call in (web_session.get_saved_clips, web_session.get_shared_clip_groups):
        with pytest.raises(RateLimitedError, match="the session is paused for") as caught:
            await call()
        assert 39 <= (caught.value.retry_after or 0) <= 40.5
        assert caught.value.attempts == 0
    assert _now() - started < TURNS
    assert len(fake.requests) == 1


async def test_pause_that_ends_in_time_is_waited_for(fake, web_session) -> None:
    fake.faults = [evolve(_too_many(5), times=1)]
    started = _now()
    first, second = await asyncio.gather(
        web_session.get_saved_clips(), web_session.get_saved_clips()
    )
    assert first.saved_clips == second.saved_clips
    assert 5 <= _now() - started < 6
    assert len(fake.requests) == 3


@pytest.mark.parametrize("seconds", [2, None])
async def test_second_429_raises_with_a_wait(seconds: int | None, fake, web_session) -> None:
    """A backend always has a value for its Retry-After header."""
    fake.faults = [_too_many(seconds)]
    with pytest.raises(RateLimitedError) as caught:
        await web_session.get_saved_clips()
    assert len(fake.requests) == 2
    assert 0 < (caught.value.retry_after or 0) < 5


async def test_calls_that_wait_for_a_connection_raise_when_a_long_pause_starts(
    fake, web_session
) -> None:
    """The connections are busy when one of the calls gets a 429."""
    answer = asyncio.Event()
    fake.faults = [faults.Held(answer), _too_many(60)]
    web_session._call._pacing._most_in_flight = 2
    busy = asyncio.ensure_future(web_session.get_saved_clips())
    await fake.wait_for_requests(1)
    started = _now()
    others = [asyncio.ensure_future(web_session.get_saved_clips()) for _ in range(5)]
    for other in others:
        with pytest.raises(RateLimitedError) as caught:
            await other
        assert 59 < (caught.value.retry_after or 0) < 61
    assert _now() - started < TURNS
    assert len(fake.requests) == 2
    answer.set()
    assert (await busy).saved_clips


async def test_service_that_fails_gets_two_requests(fake, web_session) -> None:
    fake.faults = [faults.Respond(503, times=None)]
    with pytest.raises(ServerError):
        await web_session.get_saved_clips()
    assert len(fake.requests) == 2


async def test_service_that_hangs_gets_ten_seconds(fake, web_session) -> None:
    fake.faults = [faults.Silence(seconds=600, times=None)]
    started = _now()
    with pytest.raises(DeadlineExceededError) as caught:
        await web_session.get_saved_clips()
    assert 10 <= _now() - started < 10 + TURNS
    assert caught.value.http_status == 504


async def test_service_that_cannot_be_reached_gets_two_connections() -> None:
    async with ClipSession.for_web("key", base_url="http://127.0.0.1:1") as session:
        with pytest.raises(ConnectError) as caught:
            await session.get_saved_clips()
    assert caught.value.attempts == 2
    assert (caught.value.http_status, caught.value.retry_after) == (503, 5.0)


async def test_pager_raises_immediately_and_resumes_from_its_cursor(fake, web_session) -> None:
    pager = web_session.saved_clips(page_size=5)
    clips = await pager.collect(12)
    fake.faults, sent = [_too_many(60)], len(fake.requests)
    started = _now()
    for _ in range(3):
        with pytest.raises(RateLimitedError) as caught:
            await pager.collect(30)
        assert caught.value.cursor == pager.cursor
        assert (caught.value.retry_after or 0) > 59
    with pytest.raises(RateLimitedError):
        await web_session.saved_clips().collect(1)
    assert _now() - started < TURNS
    assert len(fake.requests) == sent + 1
    fake.faults = []
    await asyncio.sleep(61)
    clips += await pager.collect(30)
    assert len({clip.uuid for clip in clips}) == len(clips) == 30


@pytest.mark.parametrize("method", ["stream", "download"])
async def test_long_429_of_the_media_host_raises_immediately(
    method: str, fake, web_session, tmp_path
) -> None:
    clip = (await web_session.get_saved_clips(max_page_size=1)).saved_clips[0]
    fake.media_faults = [_too_many(60)]
    for _ in range(3):
        with pytest.raises(RateLimitedError) as caught:
            if method == "stream":
                await web_session.stream_clip(clip).__aenter__()
            else:
                await web_session.download_clip(clip, tmp_path / "clip.mp4")
        # The clock may move while a thread prepares the file of a download.
        assert 40 < (caught.value.retry_after or 0) <= 60.5
    assert len(fake.media_requests) == 1


async def test_options_override_the_settings(fake) -> None:
    async with _web_session(
        fake, retry=RetryPolicy(attempts=3, base=0.01), timeout=Timeout(total=70)
    ) as session:
        fake.faults = [evolve(_too_many(60), times=1)]
        assert (await session.get_saved_clips()).saved_clips
        fake.faults = [faults.Respond(503, times=None)]
        fake.requests.clear()
        with pytest.raises(ServerError):
            await session.get_saved_clips()
    assert len(fake.requests) == 3


async def test_pause_of_the_media_host_is_limited_by_a_setting() -> None:
    assert MediaTimeout().pause == 600
    assert MediaTimeout(pause=5).pause == 5
