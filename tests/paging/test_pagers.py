"""The pagers over real sockets: stopping, resuming, counting and rejecting arguments."""

import asyncio
import gc
from contextlib import aclosing
from datetime import UTC, datetime

import anyio
import pytest
from attrs import evolve
from hypothesis import given

from rhombus_clips import (
    BadRequestError,
    ClipSession,
    CursorStalledError,
    DecodeError,
    PagingError,
    RetryPolicy,
    ServerError,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, LastPage, Listing, faults
from rhombus_clips.testing.clips import make_clips
from tests.examples import examples
from tests.paging.walking import listings, most_near_one_ms, visible

SAVED_CLIPS = "/api/event/getSavedClipsV2"
NO_RETRY = RetryPolicy(attempts=1)


def _wire(clip, serial: int) -> dict[str, object]:
    return {
        "uuid": clip.uuid,
        "timestampMs": clip.timestamp_ms,
        "createdAtMs": clip.created_at_ms,
        "byteCount": serial,
    }


@examples(40)
@given(listings())
async def test_each_clip_is_yielded_once_over_real_sockets(drawn) -> None:
    """The walk keeps its promise together with the service, the wire and the codec."""
    entries, listing, page_size = drawn
    # FakeRhombus orders by the time on the wire and hides by uuid, so these are not null here.
    entries = [
        evolve(
            entry,
            clip=evolve(
                entry.clip,
                uuid=entry.clip.uuid or f"was null {entry.clip.serial}",
                **{listing.clock: entry.time},
            ),
        )
        for entry in entries
    ]
    hidden = [entry.clip.uuid for entry in entries if not entry.visible]
    wire = [_wire(entry.clip, entry.clip.serial) for entry in entries]
    async with (
        FakeRhombus(wire, shared_clip_groups=[], listing=listing, hidden=hidden) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        pager = session.saved_clips(page_size=page_size)
        try:
            serials = [clip.byte_count async for clip in pager]
        except PagingError as error:
            assert isinstance(error, CursorStalledError)
            assert error.cursor == pager.cursor
            assert most_near_one_ms(entries) >= (listing.largest_page or 1_000) or hidden
            return
    assert len(serials) == len(set(serials))
    if listing.largest_page is None or most_near_one_ms(entries) < listing.largest_page:
        assert set(serials) == set(visible(entries))
    assert pager.stats.requests == len(fake.requests)
    assert pager.stats.items == len(serials)


@pytest.mark.parametrize("last_page", LastPage)
async def test_every_way_of_marking_the_end_ends_the_listing(connect, last_page) -> None:
    listing = Listing(last_page=last_page)
    async with FakeRhombus(250, listing=listing) as fake, connect(fake) as session:
        clips = [clip.uuid async for clip in session.saved_clips()]
    assert sorted(clips) == sorted(clip["uuid"] for clip in fake.clips)


async def test_nothing_is_sent_before_a_pager_is_iterated(fake, session) -> None:
    pager = session.saved_clips()
    assert pager.cursor is not None
    assert not pager.is_exhausted
    assert fake.requests == []


async def test_organization_without_clips(connect) -> None:
    async with FakeRhombus(0, shared_clip_groups=0) as fake, connect(fake) as session:
        assert [clip async for clip in session.saved_clips()] == []
        assert [page async for page in session.saved_clips().pages()] == []
        assert [group async for group in session.shared_clip_groups()] == []


async def test_pages_contain_only_new_clips(connect) -> None:
    async with FakeRhombus(100, warning_msg="w") as fake, connect(fake) as session:
        pager = session.saved_clips(page_size=30)
        pages = [page async for page in pager.pages()]
    uuids = [clip.uuid for page in pages for clip in page.saved_clips]
    assert len(uuids) == len(set(uuids)) == 100
    assert len(pages) == pager.stats.pages
    assert pager.stats.duplicates > 0
    assert pages[0].last_evaluated_timestamp_ms == pages[0].saved_clips[-1].timestamp_ms
    assert {page.warning_msg for page in pages} == {"w"}


async def test_limit_is_kept_without_extra_requests(fake, session) -> None:
    pager = session.saved_clips(limit=7, page_size=5)
    assert len([clip async for clip in pager]) == 7
    assert len(fake.requests) == 2
    assert [clip async for clip in pager] == []
    assert [clip async for clip in session.saved_clips(limit=0)] == []
    pages = [page async for page in session.saved_clips(limit=7, page_size=5).pages()]
    assert [len(page.saved_clips) for page in pages] == [5, 2]


async def test_cursor_after_a_limit_resumes_exactly(fake, session) -> None:
    """It may be in the middle of a page."""
    for limit in range(30):
        first = session.saved_clips(limit=limit, page_size=5)
        seen = [clip.uuid async for clip in first]
        assert len(seen) == limit
        seen += [clip.uuid async for clip in session.saved_clips(cursor=first.cursor)]
        assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)


async def test_collect_resumes_where_it_stopped(fake, session) -> None:
    pager = session.saved_clips(page_size=8)
    batches = [await pager.collect(12) for _ in range(4)]
    assert [len(batch) for batch in batches] == [12, 12, 6, 0]
    assert len({clip.uuid for batch in batches for clip in batch}) == 30
    assert await pager.collect(0) == []


async def test_failed_collect_yields_nothing(fake, connect) -> None:
    """The collected clips are yielded again, by this pager and by another at its cursor."""
    async with connect(fake, retry=NO_RETRY) as session:
        pager = session.saved_clips(page_size=5)
        seen = [clip.uuid for clip in await pager.collect(3)]
        fake.faults = [faults.Ok(times=2), faults.UNAVAILABLE, faults.Silence(5)]
        with pytest.raises(ServerError) as caught:
            await pager.collect(100)
        assert caught.value.cursor == pager.cursor
        assert pager.stats.items == 3
        with anyio.move_on_after(0.05) as scope:
            await pager.collect(100)
        assert scope.cancelled_caught
        others = [clip.uuid async for clip in session.saved_clips(cursor=pager.cursor)]
        assert sorted(seen + others) == sorted(clip["uuid"] for clip in fake.clips)
        seen.extend([clip.uuid for clip in await pager.collect(9)])
        seen.extend([clip.uuid async for clip in pager])
    assert len(seen) == len(set(seen)) == 30


async def test_break_and_iterate_again(fake, session) -> None:
    """A second loop starts with the next clip."""
    pager = session.saved_clips(page_size=10)
    seen: list[str | None] = []
    for stop in (3, 14, 1000):
        async for clip in pager:
            seen.append(clip.uuid)
            if len(seen) >= stop:
                break
    assert len(seen) == len(set(seen)) == 30


async def test_closed_iteration_can_be_followed_by_another(fake, session) -> None:
    pager = session.saved_clips()
    async with aclosing(aiter(pager)) as iteration:
        first = await anext(iteration)
    assert first.uuid not in {clip.uuid async for clip in pager}


async def test_two_iterations_at_once_are_refused(fake, session) -> None:
    pager = session.saved_clips()
    iteration = aiter(pager)
    await anext(iteration)
    with pytest.raises(RuntimeError, match="already being iterated"):
        await anext(aiter(pager))
    with pytest.raises(RuntimeError, match="already being iterated"):
        pager.pages()
    await iteration.aclose()
    assert len(await pager.collect(100)) == 29


async def test_two_pagers_of_one_session_are_independent(fake, session) -> None:
    first, second = session.saved_clips(page_size=7), session.saved_clips(page_size=4)
    seen: list[tuple[str | None, str | None]] = []
    others = aiter(second)
    async for clip in first:
        seen.append((clip.uuid, (await anext(others)).uuid))
    assert len(seen) == 30
    assert all(one == other for one, other in seen)


async def test_abandoned_iteration_leaves_nothing_behind(fake, session) -> None:
    await session.get_saved_clips()
    before = asyncio.all_tasks()
    async for _ in session.saved_clips(page_size=5):
        break
    gc.collect()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    assert len(await session.saved_clips().collect(100)) == 30


async def test_exceptions_of_the_loop_body_are_unchanged(fake, session) -> None:
    with pytest.raises(KeyError, match="mine"):
        async for _ in session.saved_clips():
            raise KeyError("mine")


async def test_error_carries_the_cursor_and_the_pager_resumes(fake, connect) -> None:
    """An error loses nothing: the same pager or another one can resume."""
    async with connect(fake, retry=NO_RETRY) as session:
        pager = session.saved_clips(page_size=5)
        seen: list[str | None] = []
        fake.faults = [faults.Ok(times=2), faults.UNAVAILABLE, faults.Ok(), faults.BAD_GATEWAY]
        cursors: list[str | None] = []
        while True:
            try:
                async for clip in pager:
                    seen.append(clip.uuid)
                break
            except ServerError as error:
                assert error.cursor == pager.cursor
                cursors.append(pager.cursor)
        assert len(cursors) == 2
        assert len(set(seen)) == len(seen) == 30
        rest = [clip.uuid async for clip in session.saved_clips(cursor=cursors[0])]
        assert rest == seen[-len(rest) :]
        assert 5 <= len(seen) - len(rest) <= 15


async def test_cancelled_listing_resumes(fake, session) -> None:
    pager = session.saved_clips(page_size=10)
    seen = [clip.uuid for clip in await pager.collect(10)]
    fake.faults = [faults.Silence(5)]
    with anyio.move_on_after(0.05) as scope:
        seen.extend([clip.uuid async for clip in pager])
    assert scope.cancelled_caught
    seen.extend([clip.uuid async for clip in pager])
    assert len(seen) == len(set(seen)) == 30


async def test_stalled_listing_keeps_its_cursor_and_can_be_repeated(connect) -> None:
    clips = [{"uuid": f"c{n}", "timestampMs": 1000 - n // 8} for n in range(24)]
    listing = Listing(largest_page=4)
    async with FakeRhombus(clips, listing=listing) as fake, connect(fake) as session:
        pager = session.saved_clips()
        assert len(await pager.collect(4)) == 4
        for _ in range(2):
            with pytest.raises(CursorStalledError) as caught:
                await pager.collect(1)
            assert caught.value.cursor == pager.cursor is not None


async def test_refused_larger_page_is_a_stall(connect) -> None:
    """The caller did not choose the refused page size, so the refusal is not raised."""
    clips = [{"uuid": f"c{n}", "timestampMs": 1000 - n // 8} for n in range(24)]
    async with (
        FakeRhombus(clips, listing=Listing(largest_page=4)) as fake,
        connect(fake) as session,
    ):
        pager = session.saved_clips(page_size=4)
        await pager.collect(4)
        fake.faults = [faults.Ok(times=2), faults.BAD_STRUCTURE, faults.REFUSED]
        with pytest.raises(CursorStalledError):
            await pager.collect(1)


async def test_refusal_of_an_ordinary_page_is_raised(fake, session) -> None:
    fake.faults = [faults.BAD_STRUCTURE]
    with pytest.raises(BadRequestError):
        await session.saved_clips().collect(1)


async def test_repr_shows_the_progress(fake, session) -> None:
    pager = session.saved_clips(page_size=5, limit=20)
    assert repr(pager) == "<SavedClipPager items=0 of limit 20>"
    await pager.collect(10)
    assert repr(pager) == "<SavedClipPager items=10 of limit 20>"
    pager = session.clips_with_progress()
    await pager.collect(100)
    assert repr(pager) == "<ClipWithProgressPager items=30 exhausted>"
    follower = session.follow_saved_clips(since=1)
    await anext(follower)
    assert repr(follower) == "<SavedClipFollower since=1 items=1>"
    await follower.aclose()


# --- bounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["timestamp_ms", "created_at_ms"])
@pytest.mark.parametrize("clock", ["timestamp_ms", "created_at_ms"])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_since_and_until_are_half_open(connect, by, clock, newest_first) -> None:
    clips = make_clips(200)
    wire_name = {"timestamp_ms": "timestampMs", "created_at_ms": "createdAtMs"}[by]
    times = sorted(clip[wire_name] for clip in clips)
    since, until = times[60], times[120]
    expected = {clip["uuid"] for clip in clips if since <= clip[wire_name] < until}
    listing = Listing(newest_first=newest_first, clock=clock)
    async with FakeRhombus(clips, listing=listing) as fake, connect(fake) as session:
        pager = session.saved_clips(since=since, until=until, by=by, page_size=10)
        found = {clip.uuid async for clip in pager}
    assert found == expected
    # Only a listing that is ordered by the bounded time may stop before its end.
    assert (len(fake.requests) < 20) == (by == clock)


async def test_bounds_may_be_datetimes(fake, session) -> None:
    moment = datetime(2025, 10, 1, tzinfo=UTC)
    clips = [clip async for clip in session.saved_clips(since=moment)]
    assert clips
    assert all(clip.recorded_at is None or clip.recorded_at >= moment for clip in clips)


@pytest.mark.parametrize(
    "settings",
    [
        {"since": datetime(2025, 1, 1)},
        {"by": "updated_at_ms"},
        {"page_size": 0},
        {"page_size": 10_001},
        {"page_size": True},
        {"page_size": 1.5},
        {"limit": -1},
        {"limit": True},
        {"limit": 2.5},
        {"overlap_ms": 2},
        {"cursor": 0},
        {"cursor": -3},
        {"cursor": 1.5},
        {"cursor": "5"},
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(settings) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(settings))):
        ClipSession("k" * 22).saved_clips(**settings)


async def test_overlap_can_be_disabled(connect) -> None:
    """The cursor is then sent unchanged, and an exclusive one loses ties at a boundary."""
    clips = [{"uuid": f"c{n}", "timestampMs": 1000 - n // 3} for n in range(30)]
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        assert len(await session.saved_clips(page_size=10).collect(100)) == 30
        assert len(await session.saved_clips(page_size=10, overlap_ms=0).collect(100)) < 30


@pytest.mark.parametrize("cursor", [-1, -(2**63), 2**63 - 1, 2**70, True, "1000"])
@pytest.mark.parametrize("on_decode_error", [None, lambda _raw, _error: None])
async def test_cursor_that_is_not_a_time_raises_and_loses_nothing(
    connect, cursor, on_decode_error
) -> None:
    """It is neither the end nor a position. The pager can resume."""
    async with FakeRhombus(250) as fake, connect(fake) as session:
        page = {"savedClips": [{"uuid": "odd"}], "lastEvaluatedTimestampMs": cursor}
        fake.faults = [faults.Ok(), faults.json_answer(200, page)]
        pager = session.saved_clips(page_size=25, on_decode_error=on_decode_error)
        seen = []
        with pytest.raises(DecodeError) as caught:
            async for clip in pager:
                seen.append(clip.uuid)
        assert caught.value.path == "$.lastEvaluatedTimestampMs"
        assert caught.value.endpoint == SAVED_CLIPS
        assert caught.value.cursor == pager.cursor
        assert len(seen) == 25
        seen += [clip.uuid async for clip in pager]
        assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
