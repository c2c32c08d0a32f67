"""Following the saved clips: each new clip is yielded once, even a late one, from any cursor."""

import asyncio
import time
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ApiError, ClipSession, SavedClip, SavedClipFollower, ServerError
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.paging.rules.cursor_text import digest_of
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.testing import FakeRhombus, Listing, faults
from rhombus_clips.testing.clips import make_clips

LISTINGS = [
    Listing(clock="created_at_ms"),
    Listing(clock="timestamp_ms"),
    Listing(clock="created_at_ms", newest_first=False, inclusive=True),
]
T0 = 1_700_000_000_000


def clip_at(number: int, created: int) -> dict[str, Any]:
    clip = make_clips(1, seed=500 + number)[0]
    return {**clip, "createdAtMs": created, "timestampMs": created - 3_600_000 * (number % 7)}


def follow(session: ClipSession, **settings: Any) -> SavedClipFollower[SavedClip]:
    return session.follow_saved_clips(**{"since": T0, "interval": 0.01, **settings})


async def take(follower: SavedClipFollower[SavedClip], count: int) -> list[str]:
    uuids: list[str] = []
    async with aclosing(aiter(follower)) as clips:
        async for clip in clips:
            uuids.append(clip.uuid or "")
            if len(uuids) == count:
                break
    return uuids


async def rest_of(follower: SavedClipFollower[SavedClip], fake: FakeRhombus) -> list[str]:
    """Return the clips that are yielded while the follower lists all clips, several times."""
    uuids: list[str] = []

    async def collect() -> None:
        async for clip in follower:
            uuids.append(clip.uuid or "")

    def listings() -> int:
        return sum("pageTimestampMs" not in request.json for request in fake.requests)

    enough = listings() + 4
    task = asyncio.create_task(collect())
    while listings() < enough:
        await fake.wait_for_requests(len(fake.requests) + 1)
    task.cancel()
    await asyncio.wait({task})
    return uuids


@pytest.fixture
async def fake():
    async with FakeRhombus([clip_at(n, T0 + 1000 * n) for n in range(5)]) as service:
        yield service


@pytest.mark.parametrize("listing", LISTINGS)
async def test_new_clips_are_yielded_once_as_they_appear(listing, fake, session) -> None:
    """This holds for every order of the listing, and for a clip with old footage."""
    fake.listing = listing
    follower = follow(session, page_size=3)
    assert sorted(await take(follower, 5)) == sorted(clip["uuid"] for clip in fake.clips)
    for number in range(10, 13):
        fake.clips.append(clip_at(number, T0 + 1000 * number))
        assert await take(follower, 1) == [fake.clips[-1]["uuid"]]
    assert await rest_of(follower, fake) == []


async def test_clip_that_is_late_within_the_grace_is_yielded_and_a_later_one_is_not(
    fake, session
) -> None:
    follower = follow(session, grace=timedelta(seconds=2))
    await take(follower, 5)
    assert await rest_of(follower, fake) == []
    late, too_late = clip_at(20, T0 + 2500), clip_at(21, T0 + 1500)
    fake.clips += [late, too_late]
    assert await rest_of(follower, fake) == [late["uuid"]]


@pytest.mark.parametrize("stop", range(6))
async def test_another_follower_resumes_from_the_cursor_without_repetition(
    stop: int, fake, session
) -> None:
    """The first one may stop anywhere, even in the middle of a listing."""
    first = follow(session, page_size=2)
    seen = await take(first, stop) if stop else []
    cursor = first.cursor
    fake.clips.append(clip_at(30, T0 + 2500))
    second = session.follow_saved_clips(cursor=cursor, interval=0.01)
    rest = await rest_of(second, fake)
    assert len(set(seen + rest)) == len(seen + rest) == 6


async def test_error_carries_the_cursor_and_iterating_again_resumes(fake, session) -> None:
    follower = follow(session, page_size=2)
    fake.faults = [faults.Ok(), evolve(faults.Respond(501))]
    seen: list[str] = []
    with pytest.raises(ServerError) as caught:
        async for clip in follower:
            seen.append(clip.uuid or "")
    assert caught.value.cursor == follower.cursor
    seen += await rest_of(follower, fake)
    assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)


async def test_clips_without_a_uuid_are_yielded_once(fake, session) -> None:
    for clip in fake.clips[:2]:
        clip["uuid"] = None
        clip["createdAtMs"] = T0
    assert len(await rest_of(follow(session), fake)) == 5


async def test_follower_without_since_starts_now(fake, session) -> None:
    follower = session.follow_saved_clips(interval=0.01)
    assert await rest_of(follower, fake) == []
    fake.clips.append(clip_at(40, int(time.time() * 1000) + 500))
    assert await take(follower, 1) == [fake.clips[-1]["uuid"]]


async def test_listing_by_the_followed_time_takes_one_request_per_round(fake, session) -> None:
    fake.listing = Listing(clock="created_at_ms")
    fake.clips[:] = [clip_at(n, T0 - 3_600_000 * n) for n in range(400)]
    follower = follow(session, since=T0 - 1000)
    await take(follower, 1)
    fake.requests.clear()
    await rest_of(follower, fake)
    by_round = [request for request in fake.requests if "pageTimestampMs" not in request.json]
    assert len(fake.requests) <= 2 * len(by_round)


async def test_two_iterations_at_once_are_refused(fake, session) -> None:
    follower = follow(session)
    async with aclosing(aiter(follower)) as clips:
        await anext(clips)
        with pytest.raises(RuntimeError, match="already"):
            await anext(aiter(follower))


@pytest.mark.parametrize(
    "settings",
    [
        {"since": datetime(2026, 1, 1)},
        {"since": T0, "cursor": FollowingState(5, 1).cursor},
        {"cursor": "{}"},
        {"cursor": "nonsense"},
        {"cursor": FollowingState(5, 1).cursor[:-1]},
        {"cursor": 5},
        {"grace": timedelta(seconds=-1)},
        {"interval": -1},
        {"page_size": 0},
        {"by": "title"},
    ],
)
async def test_invalid_follower_is_refused_at_once(settings: dict[str, Any], fake, session) -> None:
    with pytest.raises(InvalidArgumentError):
        session.follow_saved_clips(**settings)


@given(
    st.lists(st.lists(st.integers(0, 200), max_size=8), max_size=12),
    st.integers(0, 60),
    st.booleans(),
)
def test_no_clip_within_the_grace_is_lost_or_repeated(
    rounds: list[list[int]], grace: int, is_stored: bool
) -> None:
    """In each round, clips appear with times before or after the newest."""
    there: dict[str, int] = {}
    due: set[str] = set()
    found: list[str] = []
    state = FollowingState(0, grace)
    for number, times in enumerate(rounds):
        newest = max(there.values(), default=0)
        for place, moment in enumerate(times):
            name = f"{number}.{place}"
            there[name] = moment
            if moment >= newest - grace:
                due.add(name)
        listed = [(name, moment) for name, moment in there.items() if moment >= state.since]
        found += [name for name, moment in listed if state.is_new(digest_of(name), moment)]
        state.listed_all(started=10**6)
        if is_stored:
            state = FollowingState.at(state.cursor, grace)
    assert len(found) == len(set(found))
    assert due <= set(found)
    assert all(moment >= state.since for moment in state._seen.values())


def test_clip_with_a_future_time_does_not_hide_current_ones() -> None:
    state = FollowingState(1000, grace=100)
    assert state.is_new(digest_of("odd"), 999_999)
    assert state.is_new(digest_of("newest"), 1990)
    state.listed_all(started=2000)
    assert state.since == 1890
    assert not state.is_new(digest_of("odd"), 999_999)
    assert state.is_new(digest_of("of now"), 2001)


def test_clip_that_appears_during_a_long_listing_is_not_too_late() -> None:
    """A clip that appeared meanwhile does not show when the walk passed the late clip's time."""
    state = FollowingState(0, grace=3000)
    state.is_new(digest_of("there"), 10_000)
    state.is_new(digest_of("appeared meanwhile"), 60_000)
    state.listed_all(started=10_500)
    assert state.since == 7000


def test_clock_that_is_ahead_does_not_hide_new_clips() -> None:
    """This also holds if there is a clip with a future time."""
    state = FollowingState(0, grace=1000)
    state.is_new(digest_of("now"), 50_000)
    state.is_new(digest_of("tomorrow"), 90_000_000)
    state.listed_all(started=650_000)
    assert state.since == 49_000


def test_clip_whose_time_changes_is_not_new_again() -> None:
    state = FollowingState(0, grace=100)
    assert state.is_new(digest_of("moves"), 1000)
    assert not state.is_new(digest_of("moves"), 5000)
    state.is_new(digest_of("other"), 4000)
    state.listed_all(started=10_000)
    assert not state.is_new(digest_of("moves"), 5000)


async def test_iterating_again_directly_after_a_break_resumes(fake, session) -> None:
    follower = follow(session, page_size=2)
    seen = []
    for _ in range(5):
        async for clip in follower:
            seen.append(clip.uuid)
            break
    assert len(set(seen)) == 5


async def test_undecodable_clip_is_passed_to_the_callback(fake, session) -> None:
    fake.clips[1]["durationSec"] = "long"
    bad: list[Any] = []
    follower = follow(session, on_decode_error=lambda raw, _: bad.append(raw["uuid"]))
    assert len(await rest_of(follower, fake)) == 4
    assert set(bad) == {fake.clips[1]["uuid"]}


async def test_clips_can_be_taken_one_by_one(connect) -> None:
    """This works as with any async generator, and also after an error."""
    clips = [clip_at(number, T0 + number) for number in range(30)]
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        async with aclosing(follow(session, page_size=10)) as follower:
            fake.faults = [faults.Ok(), faults.Ok(), faults.REFUSED]
            seen: list[str | None] = []
            with pytest.raises(ApiError):
                while True:
                    seen.append((await anext(follower)).uuid)
            assert 0 < len(seen) < 30
            seen += [(await anext(follower)).uuid for _ in range(30 - len(seen))]
        assert len(set(seen)) == len(seen) == 30
        pager = session.saved_clips(page_size=4)
        listed = [(await anext(pager)).uuid for _ in range(5)]
        async for clip in pager:
            listed.append(clip.uuid)
            if len(listed) == 10:
                break
        listed.append((await anext(pager)).uuid)
        await pager.aclose()
        listed += [clip.uuid async for clip in pager]
        assert sorted(map(str, listed)) == sorted(map(str, seen))
        with pytest.raises(StopAsyncIteration):
            await anext(pager)


async def test_clip_without_the_time_uses_the_other(connect) -> None:
    clips = [{**clip_at(number, T0), "timestampMs": T0 + number} for number in range(-5, 5)]
    for clip in clips:
        del clip["createdAtMs"]
    clips.append({"uuid": "timeless"})
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        found = await take(follow(session), 5)
    assert sorted(found) == sorted(clip["uuid"] for clip in clips[5:10])
