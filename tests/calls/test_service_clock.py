"""The service's clock determines which clips are new and which footage is in the future."""

import asyncio
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipSession,
    InvalidArgumentError,
    RateLimitedError,
    SavedClip,
    SavedClipFollower,
    Timeout,
)
from rhombus_clips.paging.rules.cursor_text import Kind, Listed, digest_of, write_cursor
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.testing import FakeRhombus, faults
from tests.paging.test_following import clip_at, take

HOUR = 3600
SKEWS = [HOUR, -HOUR, 0]


def service_ms(fake: FakeRhombus) -> int:
    return int(1000 * fake.now())


def is_starting(state: FollowingState) -> bool:
    return state.created_at is not None or state.new_from is not None


async def first_of(
    follower: SavedClipFollower[SavedClip], fake: FakeRhombus
) -> "asyncio.Future[Any]":
    """Start awaiting the next clip of *follower*; return after a listing without new clips."""
    waiting = asyncio.ensure_future(anext(follower))
    await fake.wait_for_requests(len(fake.requests) + 3)
    while is_starting(FollowingState.at(follower.cursor, 0)):
        await fake.wait_for_requests(len(fake.requests) + 1)
    assert not waiting.done()
    return waiting


@pytest.fixture(params=SKEWS)
async def fake(request):
    """A service whose clock may be an hour off, with clips of the last two hours on that clock."""
    async with FakeRhombus(0, clock_skew=request.param) as service:
        now = service_ms(service)
        service.clips += [clip_at(n, now - 60_000 * n - 2000) for n in range(120)]
        yield service


async def test_service_time_comes_from_the_last_response(fake, session) -> None:
    assert session._call.service_time_ms() is None
    for skew in (0, 7000):
        fake.clock_skew += skew
        await session.get_saved_clips()
        time_ms = session._call.service_time_ms()
        assert time_ms is not None
        assert service_ms(fake) - 60_000 < time_ms <= service_ms(fake)


@pytest.mark.parametrize("date", ["soon", "", "Tue, 99 Foo 2026 00:00:00 GMT"])
async def test_invalid_date_is_ignored(date, fake, session) -> None:
    fake.faults = [faults.Respond(200, b"{}", headers={"Date": date})]
    await session.get_saved_clips()
    assert session._call.service_time_ms() is None


@pytest.mark.parametrize("has_called", [True, False])
async def test_follower_starts_now_on_the_service_clock_by_default(
    has_called, fake, session
) -> None:
    """It misses no new clip and yields no old one, whichever clock is fast."""
    if has_called:
        await session.get_saved_clips()
    follower = session.follow_saved_clips(interval=0.01)
    waiting = await first_of(follower, fake)
    fake.clips.append(clip_at(200, service_ms(fake)))
    assert (await waiting).uuid == fake.clips[-1]["uuid"]


@pytest.mark.parametrize("has_called", [True, False])
async def test_clip_created_before_the_first_request_is_new(has_called, fake, session) -> None:
    """The follower starts when it is created, not when it is iterated."""
    if has_called:
        await session.get_saved_clips()
    follower = session.follow_saved_clips(interval=0.01)
    fake.clips.append(clip_at(200, service_ms(fake)))
    assert await take(follower, 1) == [fake.clips[-1]["uuid"]]


async def test_late_clip_from_before_the_start_is_yielded_within_the_grace(fake, session) -> None:
    follower = session.follow_saved_clips(interval=0.01, grace=timedelta(minutes=10))
    waiting = await first_of(follower, fake)
    now = service_ms(fake)
    too_late, late = clip_at(200, now - 900_000), clip_at(201, now - 300_000)
    fake.clips += [too_late, late]
    assert (await waiting).uuid == late["uuid"]


async def test_clip_with_a_future_time_does_not_hide_others(connect) -> None:
    """The local clock is an hour fast, so the clip is in its past."""
    async with FakeRhombus(0, clock_skew=-HOUR) as fake, connect(fake) as session:
        now = service_ms(fake)
        fake.clips += [clip_at(1, now - 1000), clip_at(2, now + 1_800_000)]
        grace = timedelta(seconds=5)
        follower = session.follow_saved_clips(since=now - 10_000, interval=0.01, grace=grace)
        assert len(await take(follower, 2)) == 2
        waiting = await first_of(follower, fake)
        fake.clips.append(clip_at(3, service_ms(fake)))
        assert (await waiting).uuid == fake.clips[-1]["uuid"]


@pytest.mark.parametrize("has_clips", [True, False])
async def test_service_without_a_date_is_followed_from_its_latest_clip(
    has_clips, fake, session
) -> None:
    """It misses no new clip and yields no old one, whichever clock is fast."""
    fake.sends_date = False
    if not has_clips:
        fake.clips.clear()
    follower = session.follow_saved_clips(interval=0.01)
    waiting = await first_of(follower, fake)
    late, new = clip_at(200, service_ms(fake) - 200_000), clip_at(201, service_ms(fake))
    fake.clips += [late, new]
    with anyio.fail_after(20):
        first = await waiting
        assert {first.uuid, *await take(follower, 1)} == {late["uuid"], new["uuid"]}
    assert session._call.service_time_ms() is None


async def test_clip_created_before_the_first_request_is_new_without_a_date(connect) -> None:
    """The local clock decides which clips are new, provided that it is right."""
    async with FakeRhombus(20, sends_date=False) as fake, connect(fake) as session:
        follower = session.follow_saved_clips(interval=0.01)
        fake.clips.append(clip_at(200, service_ms(fake)))
        with anyio.fail_after(20):
            assert await take(follower, 1) == [fake.clips[-1]["uuid"]]
        assert session._call.service_time_ms() is None


def test_listings_can_be_created_without_an_event_loop() -> None:
    """Nothing is sent or awaited before they are iterated."""
    session = ClipSession("k" * 22)
    session.follow_saved_clips()
    session.shared_clip_groups(created_after=1_700_000_000_000, window=timedelta(days=100))


async def test_wait_until_a_date_uses_the_clock_of_earlier_responses(fake, connect) -> None:
    """The refusal itself has no readable ``Date``."""
    async with connect(fake, timeout=Timeout(total=10)) as session:
        await session.get_saved_clips()
        until = formatdate(fake.now() + 30, usegmt=True)
        refusal = {"Retry-After": until, "Date": "soon"}
        fake.faults = [faults.Respond(429, headers=refusal)]
        with pytest.raises(RateLimitedError) as caught:
            await session.get_saved_clips()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 32


async def test_cursor_of_an_unused_follower_keeps_its_creation_time(fake, session) -> None:
    """Another follower resumes with the clips since then, on the service's clock."""
    cursor = session.follow_saved_clips(interval=0.01).cursor
    clip = clip_at(200, service_ms(fake))
    fake.clips.append(clip)
    assert await take(session.follow_saved_clips(cursor=cursor, interval=0.01), 1) == [clip["uuid"]]


async def test_follower_starts_despite_a_clip_that_fails_to_decode(fake, session) -> None:
    fake.clips[0]["durationSec"] = "long"
    follower = session.follow_saved_clips(interval=0.01, on_decode_error=lambda _raw, _error: None)
    waiting = await first_of(follower, fake)
    fake.clips.append(clip_at(200, service_ms(fake)))
    assert (await waiting).uuid == fake.clips[-1]["uuid"]


def test_first_listing_distinguishes_existing_clips_from_late_ones() -> None:
    """This also holds for a follower that resumes from a cursor taken during the listing."""
    state = FollowingState(5, grace=100, created_at=5)
    state.start_at(1000)
    assert not state.is_new(digest_of("was there"), 950)
    state = FollowingState.at(state.cursor, 100)
    assert not state.is_new(digest_of("was there, too"), 999)
    assert state.is_new(digest_of("new"), 1000)
    state.listed_all(started=1001)
    state = FollowingState.at(state.cursor, 100)
    assert state.is_new(digest_of("late"), 960)
    assert not state.is_new(digest_of("was there"), 950)


@given(st.binary(max_size=30))
def test_cursor_with_an_invalid_payload_is_rejected(payload: bytes) -> None:
    cursor = write_cursor(Listed(Kind.FOLLOWED_CLIPS), payload)
    try:
        follower = ClipSession("k" * 22).follow_saved_clips(cursor=cursor)
    except InvalidArgumentError:
        return
    assert FollowingState.at(follower.cursor, 5) == FollowingState.at(cursor, 5)


async def test_future_footage_is_determined_by_the_service_clock(connect) -> None:
    camera = "A" * 22
    for skew in (HOUR, -HOUR):
        async with FakeRhombus(1, clock_skew=skew) as fake, connect(fake) as session:
            await session.get_saved_clips()
            now = service_ms(fake)
            for method in (session.splice, session.make_clip):
                with pytest.raises(InvalidArgumentError, match="does not exist yet"):
                    await method([camera], now, 60)
            assert (await session.splice([camera], now - 60_000, 60)).clip_uuids


async def test_slightly_slow_local_clock_rejects_no_footage(connect) -> None:
    async with FakeRhombus(1, clock_skew=20) as fake, connect(fake) as session:
        assert (await session.splice(["A" * 22], service_ms(fake) - 60_000, 60)).clip_uuids
