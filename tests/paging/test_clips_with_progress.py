"""Listing by page tokens: every clip once, with filters, and no token twice."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipStatus, CursorCycleError, DecodeError, PagingError, ServerError
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.paging.rules.tokens import TokenPosition, TokenWalk
from rhombus_clips.session.clip_filters import filter_parameters
from rhombus_clips.testing import LastPage, Listing, faults
from rhombus_clips.testing.faults import json_answer

LIST = "/api/event/getClipsWithProgress"
EXPIRING = "/api/event/getExpiringClipsForOrg"


def page(token: str | None, *uuids: str | None, path: str = LIST) -> faults.Respond:
    return json_answer(
        200, {"savedClips": [{"uuid": uuid} for uuid in uuids], "pageToken": token}, path=path
    )


@pytest.mark.parametrize("size", [1, 7, 30, 200])
@pytest.mark.parametrize("last_page", [LastPage.NULL, LastPage.ABSENT])
async def test_every_clip_is_listed_once_for_any_page_size(
    size: int, last_page: LastPage, fake, session
) -> None:
    fake.listing = Listing(last_page=last_page)
    pager = session.clips_with_progress(page_size=size)
    uuids = Counter([clip.uuid async for clip in pager])
    assert uuids == Counter(clip["uuid"] for clip in fake.clips)
    assert pager.stats.items == len(fake.clips)
    assert [item async for item in pager] == []


async def test_expiring_clips_have_their_own_endpoint_and_pager(fake, session) -> None:
    listed = [clip.uuid async for clip in session.expiring_clips(page_size=2)]
    assert len(set(listed)) == len(listed) == 3
    assert (await session.get_expiring_clips_for_org(page_size=200)).page_token is None
    assert {request.path for request in fake.requests} == {EXPIRING}


async def test_pager_resumes_from_its_cursor_and_after_an_error(fake, session) -> None:
    fake.faults = [faults.Ok(), faults.Respond(501)]
    pager = session.clips_with_progress(page_size=10)
    seen = []
    with pytest.raises(ServerError) as caught:
        async for clip in pager:
            seen.append(clip.uuid)
    assert len(seen) == 10
    assert caught.value.cursor == pager.cursor is not None
    another = session.clips_with_progress(page_size=10, cursor=pager.cursor)
    rest = [clip.uuid async for clip in another]
    assert sorted([*seen, *rest]) == sorted(clip["uuid"] for clip in fake.clips)
    assert [clip.uuid async for clip in pager] == rest
    assert another.cursor is None
    assert another.is_exhausted


async def test_prefetching_and_limits_work_as_for_every_pager(fake, session) -> None:
    async with session.clips_with_progress(page_size=7).prefetched() as clips:
        assert len([clip async for clip in clips]) == 30
    assert len([1 async for _ in session.clips_with_progress(limit=9, page_size=5)]) == 9


async def test_clip_that_moved_to_the_next_page_is_yielded_once(fake, session) -> None:
    fake.faults = [page("t1", "a", "b"), page("t2", "b", "c", "c"), page(None, None, None)]
    pager = session.clips_with_progress()
    assert [clip.uuid async for clip in pager] == ["a", "b", "c", None, None]
    assert pager.stats.duplicates == 2


async def test_clips_repeated_under_new_tokens_are_yielded_once_and_the_listing_ends(
    fake, session
) -> None:
    fake.faults = [page(f"t{n}", *(("a", "b") if n % 2 else ("c", "d"))) for n in range(300)]
    pager = session.clips_with_progress()
    seen = []
    with pytest.raises(PagingError, match="100 consecutive pages"):
        async for clip in pager:
            seen.append(clip.uuid)
    assert seen == ["c", "d", "a", "b"]


async def test_empty_pages_with_a_token_are_not_the_end(fake, session) -> None:
    fake.faults = [page("t1"), page("t2"), page("", "a")]
    assert [clip.uuid async for clip in session.clips_with_progress()] == ["a"]
    assert [request.json.get("pageToken") for request in fake.requests] == [None, "t1", "t2"]


@pytest.mark.parametrize("tokens", [["t1"], ["t1", "t2"], ["t1", "t2", "t3", "t4", "t5"]])
@pytest.mark.parametrize("start", [[], ["s1", "s2"]])
async def test_tokens_that_repeat_end_the_listing_with_an_error(
    tokens: list[str], start: list[str], fake, session
) -> None:
    """Received clips are yielded first, each once, and the cycle is detected soon."""
    every = [*start, *(tokens * 10)]
    fake.faults = [page(token, f"clip {token}") for token in every]
    seen = []
    with pytest.raises(CursorCycleError) as caught:
        async for clip in session.clips_with_progress():
            seen.append(clip.uuid)
    assert seen == [f"clip {token}" for token in (*start, *tokens)]
    assert len(fake.requests) <= len(start) + 4 * len(tokens) + 2
    assert caught.value.cursor is not None


async def test_endless_empty_pages_raise(fake, session) -> None:
    fake.faults = [page(f"t{n}") for n in range(300)]
    with pytest.raises(PagingError, match="100 consecutive pages"):
        await session.clips_with_progress().collect(1)
    assert len(fake.requests) == 100


async def test_undecodable_clip_is_passed_to_the_callback(fake, session) -> None:
    fake.clips[3]["durationSec"] = "long"
    with pytest.raises(DecodeError, match=r"savedClips\[3\]"):
        await session.clips_with_progress().collect(100)
    bad: list[Any] = []
    pager = session.clips_with_progress(on_decode_error=lambda raw, error: bad.append(raw["uuid"]))
    assert len(await pager.collect(100)) == 29
    assert bad == [fake.clips[3]["uuid"]]
    assert pager.stats.undecodable == 1


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcdefgh"), max_size=4), st.integers(0, 40)),
        max_size=60,
    )
)
def test_walk_ends_for_every_sequence_of_pages(script: list[tuple[list[str], int]]) -> None:
    """The walk finds every item once, no matter how often it is repeated."""
    walk = TokenWalk(TokenPosition())
    before: set[str] = set()
    asked: set[str | None] = set()
    for uuids, token in script:
        try:
            walk.check()
        except CursorCycleError:
            assert walk.position.token in asked
            return
        asked.add(walk.position.token)
        fresh = walk.take(uuids, uuids, f"t{token}" if token else None).new_indexes
        handed_out = {uuids[index] for index in fresh}
        assert len(handed_out) == len(fresh)
        assert not handed_out & before
        assert handed_out | before >= set(uuids)
        before |= set(uuids)
        if walk.is_at_end:
            assert token == 0
            return


# --- filters -----------------------------------------------------------------------------------


async def test_filters_narrow_the_listing(fake, session) -> None:
    clips = fake.clips
    device = clips[5]["deviceUuid"]
    title = clips[5]["title"]
    moment = clips[10]["timestampMs"]
    private = [c for c in clips if (c.get("accessSettings") or {}).get("visibility") == "PRIVATE"]
    expected = [
        ({"device_uuid_filters": [device]}, [c for c in clips if c["deviceUuid"] == device]),
        ({"search_filter": title}, [c for c in clips if c["title"] == title]),
        ({"filter_by_private": True}, private),
        ({"timestamp_ms_after": moment}, [c for c in clips if c["timestampMs"] > moment]),
        ({"timestamp_ms_before": moment}, [c for c in clips if c["timestampMs"] < moment]),
        ({"location_uuid_filters": [fake.location_of(device.partition(".")[0])]}, None),
    ]
    for filters, which in expected:
        listed = [clip.uuid async for clip in session.clips_with_progress(**filters)]
        if which is None:
            assert clips[5]["uuid"] in listed
            assert len(listed) < len(clips)
        else:
            assert sorted(listed) == sorted(clip["uuid"] for clip in which), filters


async def test_facets_are_removed_from_filtered_devices(fake, session) -> None:
    await session.get_clips_with_progress(device_uuid_filters=["A.v0", "A.a0", "B"])
    await session.get_saved_clip_count(device_filter=iter(["A.v0"]))
    first, second = fake.requests
    assert first.json["deviceUuidFilters"] == ["A", "B"]
    assert second.json["deviceFilter"] == ["A"]


async def test_renders_are_listed_with_their_progress(fake, session) -> None:
    uuid = fake.start_render(seconds=60)
    found = [clip async for clip in session.clips_with_progress() if clip.uuid == uuid]
    assert [clip.status for clip in found] == [ClipStatus.INITIATING]


@pytest.mark.parametrize(
    "filters",
    [
        {"device": ["A"]},
        {"device_uuid_filters": "A"},
        {"device_uuid_filters": [""]},
        {"location_uuid_filters": [None]},
        {"sort_order": "up"},
        {"filter_by_private": "yes"},
        {"search_filter": 5},
        {"timestamp_ms_after": datetime(2026, 1, 1)},
        {"timestamp_ms_before": "2026"},
        {"page_size": 201},
        {"page_size": 0},
        {"timestamp_ms_after": 2**63},
    ],
)
async def test_invalid_filters_are_refused_before_anything_is_sent(
    filters: dict[str, Any], fake, session
) -> None:
    for method in (session.clips_with_progress, session.expiring_clips):
        with pytest.raises(InvalidArgumentError):
            method(**filters)
    for coroutine in (session.get_clips_with_progress, session.get_expiring_clips_for_org):
        with pytest.raises(InvalidArgumentError):
            await coroutine(**filters)
    assert fake.requests == []


def test_filters_that_are_none_are_omitted_and_times_become_milliseconds() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    parameters = filter_parameters({"timestamp_ms_after": moment, "search_filter": None})
    assert {name for name, value in parameters.items() if value is not None} == {
        "timestamp_ms_after"
    }
    assert parameters["timestamp_ms_after"] == 1_767_225_600_000
