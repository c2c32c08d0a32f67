"""Rate limits of the media host: a session's downloads share one pause, by the loop's clock."""

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    DisconnectedError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    SessionClosedError,
)
from rhombus_clips.media.media_file import clip_file
from rhombus_clips.media.ranges import FetchState
from rhombus_clips.testing import Media, faults
from tests.media.downloading.downloads import DATA, SOURCE, the_clip


@pytest.fixture
async def move_clock() -> AsyncIterator[Callable[[float], None]]:
    """Advance the loop's clock, which wakes whatever waits until then."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    loop.time = lambda: real() + ahead  # type: ignore[method-assign]  # the test controls the clock
    yield move
    loop.time = real  # type: ignore[method-assign]  # as above


def too_many(seconds: object, path: str = SOURCE, status: int = 429) -> faults.Respond:
    return faults.Respond(status, headers={"Retry-After": str(seconds)}, path=path)


def long_wait_of(session: ClipSession) -> asyncio.Event:
    """Return an event that is set when a download of the session waits for longer than a second."""
    started, pause = asyncio.Event(), session._media.pause
    real = pause.sleep

    async def sleep(seconds: float) -> None:
        if seconds > 1:
            started.set()
        await real(seconds)

    pause.sleep = sleep  # type: ignore[method-assign]  # the same, but observed
    return started


@pytest.mark.parametrize("redirects", [0, 1])
async def test_pause_requested_by_the_host_delays_all_downloads(
    redirects, fake, session, path, move_clock
) -> None:
    """It delays no API call. A redirect target may request it as well."""
    fake.media = Media(redirects=redirects)
    fake.media_faults = [too_many(200, f"/0{SOURCE}" if redirects else SOURCE)]
    clip, waits = await the_clip(session), long_wait_of(session)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.download_clip(clip, path))
        await waits.wait()
        sent = len(fake.media_requests)
        group.create_task(session.download_clip(clip, path.with_name("other.mp4")))
        for _ in range(3):
            await session.get_saved_clips()
        move_clock(150)
        for _ in range(3):
            await session.get_saved_clips()
        assert len(fake.media_requests) == sent
        move_clock(51)
    assert path.read_bytes() == path.with_name("other.mp4").read_bytes() == DATA


async def test_longest_pause_is_bounded(fake, session, path, move_clock) -> None:
    fake.media_faults = [too_many("9" * 500)]
    waits = long_wait_of(session)
    download = asyncio.create_task(session.download_clip(await the_clip(session), path))
    await waits.wait()
    move_clock(301)
    await download


async def test_pause_starts_even_if_its_download_fails(fake, connect, path, move_clock) -> None:
    fake.media_faults = [too_many(100)]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        clip = await the_clip(session)
        with pytest.raises(RateLimitedError) as caught:
            await session.download_clip(clip, path)
        assert caught.value.retry_after == 100
        waits = long_wait_of(session)
        download = asyncio.create_task(session.download_clip(clip, path))
        await waits.wait()
        assert len(fake.media_requests) == 1
        move_clock(101)
        await download


async def test_retry_after_of_a_503_delays_only_its_download(
    fake, session, path, move_clock
) -> None:
    fake.media_faults = [too_many(100, status=503)]
    clip, waits = await the_clip(session), long_wait_of(session)
    first = asyncio.create_task(session.download_clip(clip, path))
    await waits.wait()
    await session.download_clip(clip, path.with_name("other.mp4"))
    assert len(fake.media_requests) == 2
    move_clock(101)
    await first
    assert len(fake.media_requests) == 3


@pytest.mark.parametrize("status", [429, 503])
async def test_closing_the_session_ends_a_pause(status, fake, session, path) -> None:
    fake.media_faults = [evolve(too_many(200, status=status), times=None)]
    clip, waits = await the_clip(session), long_wait_of(session)
    downloads = [
        asyncio.create_task(session.download_clip(clip, path.with_name(f"{number}.mp4")))
        for number in range(3)
    ]
    await waits.wait()
    await session.aclose()
    for ended in await asyncio.gather(*downloads, return_exceptions=True):
        assert isinstance(ended, SessionClosedError)


def waits_of(session: ClipSession) -> list[tuple[float, float]]:
    """Record the end by the loop's clock and the length of each wait of the session's downloads."""
    waits: list[tuple[float, float]] = []
    pause = session._media.pause
    real = pause.sleep

    async def sleep(seconds: float) -> None:
        waits.append((asyncio.get_running_loop().time() + seconds, seconds))
        await real(seconds)

    pause.sleep = sleep  # type: ignore[method-assign]  # the same, but recorded
    return waits


async def test_downloads_resume_at_different_times_after_a_pause(
    fake, session, path, move_clock
) -> None:
    """If they resumed together, they would exceed the rate limit again at once."""
    fake.media_faults = [too_many(200)]
    clip, has_paused, waits = await the_clip(session), long_wait_of(session), waits_of(session)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.download_clip(clip, path))
        await has_paused.wait()
        for number in range(8):
            group.create_task(session.download_clip(clip, path.with_name(f"{number}.mp4")))
        while len([wait for wait in waits if wait[1] > 100]) < 9:  # noqa: ASYNC110  # they start
            await asyncio.sleep(0)
        ends = [end for end, seconds in waits if seconds > 100]
        move_clock(201)
    pause_end = session._media.pause._until
    assert all(pause_end <= end <= pause_end + 0.3 for end in ends)
    assert max(ends) - min(ends) > 0.02


async def test_waits_before_retries_are_random_up_to_a_bound_that_doubles(fake, connect) -> None:
    """Full jitter: clients that failed together do not retry together."""
    fake.media_faults = [faults.Respond(500, times=None)]
    shares: list[float] = []
    async with connect(fake, retry=RetryPolicy(attempts=4, base=0.004, cap=0.008)) as session:
        clip = await the_clip(session)
        waits = waits_of(session)
        for _ in range(8):
            with pytest.raises(ServerError):
                async with session.stream_clip(clip):
                    pytest.fail("the block started")
        bounds = [0.004, 0.008, 0.008] * 8
        assert len(waits) == len(bounds)
        shares = [seconds / bound for (_, seconds), bound in zip(waits, bounds, strict=True)]
    assert all(0 <= share <= 1 for share in shares)
    assert min(shares) < 0.4
    assert max(shares) > 0.6
    assert len(set(shares)) == len(shares)


async def test_wait_is_bounded_however_often_it_failed(fake, connect) -> None:
    async with connect(fake, retry=RetryPolicy(attempts=10**9, base=1.0, cap=3.0)) as session:
        reader = session._reader(FetchState(clip_file(await the_clip(session))))
        reader._failures = 5000
        assert 0 <= reader._wait_after(DisconnectedError("again")) <= 3


async def test_wait_for_a_connection_that_another_request_holds_has_no_limit(
    fake, connect, path, move_clock
) -> None:
    """A file on the only connection may take longer than the start of a response may."""
    held, queued, free = asyncio.Event(), asyncio.Event(), asyncio.Event()
    trace = aiohttp.TraceConfig()

    async def note_held(*_: object) -> None:
        held.set()

    async def note_queued(*_: object) -> None:
        queued.set()

    trace.on_connection_create_end.append(note_held)
    trace.on_connection_queued_start.append(note_queued)
    fake.media_faults = [faults.Held(free)]
    connector = aiohttp.TCPConnector(limit=1)
    async with connect(fake) as session:
        clip = await the_clip(session)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as http,
        connect(fake, http=http) as session,
    ):
        unlimited = aiohttp.ClientTimeout(total=None)
        other = asyncio.create_task(http.get(fake.media_url + SOURCE, timeout=unlimited))
        await held.wait()
        waiting = asyncio.create_task(session.download_clip(clip, path))
        await queued.wait()
        move_clock(1000)
        for _ in range(5):  # Let anything run that would end the wait.
            await asyncio.sleep(0)
        free.set()
        (await other).close()
        file = await waiting
    assert file.requests == 1
