"""Concurrent walks over real sockets: they yield the same clips, each once."""

import asyncio
import itertools
import logging
import random
import time
from collections import Counter
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from rhombus_clips import DecodeError, PagingError, RateLimit, RetryPolicy, ServerError
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.paging.rules.clock import CLIP_TIMES
from rhombus_clips.testing import FakeRhombus, LastPage, Listing, faults
from rhombus_clips.testing.listing import StoredClip
from tests.examples import examples
from tests.paging.sharding import clips_at, created_after, sharded_listing, sharded_uuids

LISTINGS = [
    Listing(newest_first=newest, inclusive=inclusive, last_page=last, largest_page=largest)
    for newest in (True, False)
    for inclusive in (True, False)
    for last, largest in ((LastPage.NULL, None), (LastPage.EMPTY, None), (LastPage.REPEATED, 7))
]


@pytest.mark.parametrize("listing", LISTINGS, ids=str)
async def test_sharded_lists_every_clip_once_for_every_kind_of_listing(connect, listing) -> None:
    times = [100 + 37 * number for number in range(150)]
    times += [times[20]] * 4 + [times[100]] * 3  # several cameras at the same time
    async with FakeRhombus(clips_at(times), listing=listing) as fake, connect(fake) as session:
        for shards in (1, 3, 8):
            found = await sharded_uuids(session, shards, since=1, until=10_000, page_size=10)
            assert Counter(found) == Counter(clip["uuid"] for clip in fake.clips)


LAGS: dict[str, tuple[int, ...] | None] = {
    "apart": None,
    "parallel": (5000,),
    "parallel, close": (10,),
    "with jitter": (50, 47, 53, 51),
    "with more jitter than lag": (0, 3, 0, 1, 2),
    "equal": (0,),
    "nearly all equal": (0,) * 59 + (70,),
}


@examples(
    100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],  # Each example takes sockets; shrinking takes minutes.
)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(100, 220),
    spread=st.sampled_from([300, 1500, 6000]),
    lags=st.sampled_from(sorted(LAGS)),
    newest_first=st.booleans(),
    inclusive=st.booleans(),
    is_time=st.sampled_from([True, True, True, False]),
    clock=st.sampled_from(["timestamp_ms", "created_at_ms"]),
    by=st.sampled_from(["timestamp_ms", "created_at_ms"]),
    last=st.sampled_from(LastPage),
    shards=st.integers(2, 9),
    bounds=st.tuples(st.integers(-100, 100), st.integers(-100, 100)),
)
def test_sharded_lists_what_the_pager_lists(
    connect, seed, count, spread, lags, newest_first, inclusive, is_time, clock, by, last, shards,
    bounds,
) -> None:  # fmt: skip
    """The listing is divided whenever the cursor is known to be the time of the range."""
    listing = Listing(
        newest_first=newest_first, inclusive=inclusive, is_time=is_time, clock=clock, last_page=last
    )
    chance = random.Random(seed)
    clips = clips_at([1000 + chance.randrange(spread) for _ in range(count)])
    if (lag := LAGS[lags]) is not None:
        created_after(clips, *lag)
    times = sorted(clip[{"timestamp_ms": "timestampMs"}.get(by, "createdAtMs")] for clip in clips)
    since, until = max(0, times[0] + bounds[0]), times[-1] + bounds[1]

    async def compare() -> None:
        async with FakeRhombus(clips, listing=listing) as fake, connect(fake) as session:
            range_: dict[str, Any] = {"since": since, "until": until, "by": by, "page_size": 7}
            plain = session.saved_clips(**range_)
            expected = Counter([clip.uuid async for clip in plain])
            found, stats = await sharded_listing(session, shards, **range_)
            assert Counter(found) == expected
            if not is_time:
                assert stats.windows == 0
            elif clock == by:
                assert stats.windows >= shards
            elif not lags.endswith("equal"):
                assert stats.windows == 0

    asyncio.run(compare())


@pytest.mark.parametrize("by", ["timestamp_ms", "created_at_ms"])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(("lag", "jitter"), [(5.0, 0.0), (5.0, 0.4), (3600.0, 0.0), (0.0, 0.0)])
async def test_parallel_creation_times_do_not_prevent_sharding(
    connect, by, newest_first, lag, jitter
) -> None:
    """They are parallel if cameras save every alert. This holds for either clock."""
    listing = Listing(clock=by, newest_first=newest_first)
    async with (
        FakeRhombus(200, listing=listing, created_after=lag, created_jitter=jitter) as fake,
        connect(fake) as session,
    ):
        found, stats = await sharded_listing(session, since=1, by=by, page_size=10)
        assert Counter(found) == Counter(clip["uuid"] for clip in fake.clips)
        assert stats.windows >= 8
        if lag:
            scouted = [request for request in fake.requests if request.json["maxPageSize"] == 20]
            assert len(scouted) <= 3


async def test_clips_with_different_times_are_found_among_clips_with_equal_times(connect) -> None:
    """This holds for either clock, in or out of the range, and across its windows."""
    for clock, by in itertools.product(CLIP_TIMES, repeat=2):
        clips = created_after(clips_at([*range(10_000, 14_000, 10)]), 0)
        for number, lag in ((103, 3000), (157, -1500), (209, 1), (253, -50_000), (305, 50_000)):
            clips[number]["createdAtMs"] += lag
        for newest_first in (True, False):
            listing = Listing(clock=clock, newest_first=newest_first)
            async with FakeRhombus(clips, listing=listing) as fake, connect(fake) as session:
                range_: dict[str, Any] = {"since": 10_500, "until": 13_500, "by": by}
                expected = Counter([clip.uuid async for clip in session.saved_clips(**range_)])
                found, stats = await sharded_listing(session, page_size=10, **range_)
                assert Counter(found) == expected
                assert stats.windows >= 8


async def test_windows_are_not_counted_without_sharding(connect) -> None:
    async with FakeRhombus(200) as fake, connect(fake) as session:
        pager = session.saved_clips(since=1)
        await pager.collect(1)
        assert pager.stats.windows == 0


async def test_one_walk_lists_everything_if_the_cursor_is_another_time(connect, caplog) -> None:
    listing = Listing(clock="created_at_ms")
    caplog.set_level("INFO", logger="rhombus_clips")
    async with FakeRhombus(120, listing=listing) as fake, connect(fake) as session:
        found = await sharded_uuids(session, since=1)
        assert Counter(found) == Counter(clip["uuid"] for clip in fake.clips)
    assert "one walk" in caplog.text


async def test_sharded_keeps_its_limit_and_its_cursor_covers_the_rest(connect) -> None:
    for newest_first in (True, False):
        listing = Listing(newest_first=newest_first)
        async with FakeRhombus(200, listing=listing) as fake, connect(fake) as session:
            for limit in (1, 37, 120, 199):
                pager = session.saved_clips(since=1, page_size=9, limit=limit)
                async with pager.sharded(5) as clips:
                    seen = [clip.uuid async for clip in clips]
                assert len(seen) == len(set(seen)) == limit
                rest = session.saved_clips(since=1, page_size=9, cursor=pager.cursor)
                found = {*seen, *[clip.uuid async for clip in rest]}
                assert found == {clip["uuid"] for clip in fake.clips}


async def test_cursor_covers_clips_that_are_later_than_now(connect) -> None:
    """The newest window has no end. Before its first page, none of it was yielded."""
    now = int(time.time() * 1000)
    clips = clips_at([now + 1000 * number for number in range(-100, 100)])
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        for limit in (1, 9, 10, 30, 90):
            pager = session.saved_clips(since=now - 100_000, page_size=9, limit=limit)
            async with pager.sharded(5) as listed:
                seen = {clip.uuid async for clip in listed}
            rest = session.saved_clips(since=now - 100_000, page_size=9, cursor=pager.cursor)
            assert len(seen | {clip.uuid async for clip in rest}) == 200


async def test_error_of_one_walk_ends_all_and_is_not_wrapped(fake, session) -> None:
    for number in range(12):
        fake.faults = [faults.Ok() for _ in range(number)] + [faults.INTERNAL_ERROR] * 2
        pager = session.saved_clips(since=1, page_size=4)
        seen = list[str]()
        try:
            async with pager.sharded(3) as clips:
                async for clip in clips:
                    seen.append(clip.uuid)
        except ServerError as error:
            assert error.cursor == pager.cursor
        assert len(seen) == len(set(seen))
        rest = session.saved_clips(since=1, page_size=4, cursor=pager.cursor)
        fake.faults = []
        found = {*seen, *[clip.uuid async for clip in rest]}
        assert found == {clip["uuid"] for clip in fake.clips}


async def test_undecodable_clip_ends_a_sharded_listing_or_is_reported(connect) -> None:
    clips = clips_at(list(range(1000, 2000, 10)))
    clips[50]["durationSec"] = "long"
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        with pytest.raises(DecodeError):
            await sharded_uuids(session, since=1, until=3000, page_size=10)
        reported = list[Any]()
        found = await sharded_uuids(
            session,
            since=1,
            until=3000,
            page_size=10,
            on_decode_error=lambda raw, _: reported.append(raw["uuid"]),
        )
        assert len(found) == 99
        assert reported == ["clip-50"]


async def test_sharded_listing_completes_despite_rate_limiting(connect, monkeypatch) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.01)
    rate = RateLimit(per_second=100, burst=5)
    patient = RetryPolicy(attempts=100, base=0.001, cap=0.01)
    async with FakeRhombus(200, rate=rate) as fake, connect(fake, retry=patient) as session:
        found = await sharded_uuids(session, since=1, page_size=10)
        assert Counter(found) == Counter(clip["uuid"] for clip in fake.clips)


@pytest.mark.parametrize(
    ("settings_", "shards", "error"),
    [
        ({}, 8, "since"),
        ({"since": 1, "cursor": 5}, 8, "cursor"),
        ({"since": 1}, 0, "shards"),
        ({"since": 1}, 65, "shards"),
    ],
)
async def test_invalid_sharding_is_refused_at_once(fake, session, settings_, shards, error) -> None:
    with pytest.raises(InvalidArgumentError, match=error):
        async with session.saved_clips(**settings_).sharded(shards):
            pass
    assert fake.requests == []


async def test_sharded_pager_cannot_be_iterated_again(session) -> None:
    pager = session.saved_clips(since=1)
    async with pager.sharded(2) as clips:
        await anext(clips)
        with pytest.raises(RuntimeError, match="sharded"):
            pager.pages()
    with pytest.raises(RuntimeError, match="sharded"):
        aiter(pager)
    used = session.saved_clips(since=1)
    await used.collect(1)
    with pytest.raises(RuntimeError, match="beginning"):
        async with used.sharded():
            pass


@pytest.mark.parametrize("newest_first", [True, False])
async def test_clips_waiting_for_the_caller_are_not_stolen(connect, newest_first) -> None:
    """A walk waits with its last page; no other walk may list these clips."""
    listing = Listing(newest_first=newest_first)
    async with (
        FakeRhombus(clips_at(list(range(1000, 1200))), listing=listing) as fake,
        connect(fake) as session,
    ):
        for shards in (2, 3, 5):
            seen = list[Any]()
            pager = session.saved_clips(since=1000, until=1200, page_size=40)
            async with pager.sharded(shards) as clips:
                async for clip in clips:
                    seen.append(clip.uuid)
                    await asyncio.sleep(0.001)
            assert Counter(seen) == Counter(clip["uuid"] for clip in fake.clips)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_without_until_the_latest_clips_are_listed(connect, newest_first) -> None:
    """The service's clock may be ahead, or clips may be created during the listing."""
    now = int(time.time() * 1000)
    times = [now + 1000 * number for number in range(-100, 100)]
    listing = Listing(newest_first=newest_first)
    async with FakeRhombus(clips_at(times), listing=listing) as fake, connect(fake) as session:
        found = await sharded_uuids(session, since=now - 200_000, page_size=10)
        assert Counter(found) == Counter(clip["uuid"] for clip in fake.clips)
        found = await sharded_uuids(session, since=now + 50_000, page_size=10)
        assert len(found) == 50


async def test_missing_time_proves_nothing_about_the_cursor(connect) -> None:
    """If nearly all clips lack the other time, the cursor may still be that time."""
    clips = clips_at([1000 + 10 * number for number in range(150)], created=False)
    clips[3]["createdAtMs"] = 1005
    listing = Listing(clock="created_at_ms")
    async with FakeRhombus(clips, listing=listing) as fake, connect(fake) as session:
        found = await sharded_uuids(session, since=1, until=10_000, page_size=10)
        assert Counter(found) == Counter(clip["uuid"] for clip in clips)


async def test_clip_without_a_readable_time_is_reported_once(connect) -> None:
    clips = clips_at(list(range(1000, 2000, 10)))
    clips[50]["timestampMs"] = "soon"
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        fake._in_order = lambda: [  # type: ignore[method-assign]
            StoredClip(1000 + 10 * number, clips[number]) for number in reversed(range(100))
        ]
        reported = list[Any]()
        pager = session.saved_clips(
            since=1,
            until=3000,
            page_size=10,
            on_decode_error=lambda raw, _: reported.append(raw["uuid"]),
        )
        async with pager.sharded(8) as found:
            assert len([clip async for clip in found]) == 99
    assert reported == ["clip-50"]
    assert pager.stats.undecodable == 1


def test_one_refusal_does_not_end_stealing_for_good(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("rhombus_clips.calls.pacing._now", lambda: now[0])
    pacing = Pacing(None, connections=100)
    assert not pacing.is_budget_spent
    pacing.begin_pause(1)
    now[0] += 3.9
    assert pacing.is_budget_spent
    now[0] += 0.2
    assert not pacing.is_budget_spent


async def test_no_negative_time_is_requested(connect) -> None:
    """A service may refuse a time below zero, even in a listing that is oldest first."""
    listing = Listing(newest_first=False)
    async with FakeRhombus(clips_at([*range(100)]), listing=listing) as fake:
        async with connect(fake) as session:
            found = await sharded_uuids(session, 4, since=0, until=100, page_size=10)
        assert len(found) == len(set(found)) == 100
        asked = [request.json.get("pageTimestampMs") for request in fake.requests]
    assert min(time for time in asked if time is not None) >= 0


async def test_paging_error_has_the_cursor_after_the_yielded_clips(connect) -> None:
    """It has none if the range was divided by a time that the listing does not follow."""
    times = [*range(1000, 1400)]
    stuck = {"savedClips": clips_at([1300]), "lastEvaluatedTimestampMs": 1300}
    async with FakeRhombus(clips_at(times)) as fake, connect(fake) as session:
        pager = session.saved_clips(since=1000, until=1400, page_size=10)
        seen = 0
        with pytest.raises(PagingError) as caught:
            async with pager.sharded(2) as clips:
                async for _ in clips:
                    seen += 1
                    if seen == 50:
                        fake.faults = [evolve(faults.json_answer(200, stuck), times=None)]
        assert caught.value.cursor == pager.cursor
        assert caught.value.cursor is not None


async def test_cursor_that_is_not_a_time_is_not_mistaken_for_one(connect, caplog) -> None:
    """Another clip is one millisecond from a cursor, so the service seems to accept any time."""
    caplog.set_level(logging.INFO)
    times = [1_000 + number // 3 for number in range(700)]
    listing = Listing(is_time=False)
    async with FakeRhombus(clips_at(times), listing=listing) as fake, connect(fake) as session:
        plain = [clip.uuid async for clip in session.saved_clips(page_size=10)]
        for shards in (2, 6, 16):
            found = await sharded_uuids(session, shards, since=1, until=10_000, page_size=10)
            assert Counter(found) == Counter(plain)
            assert "one walk" in caplog.text
            caplog.clear()
