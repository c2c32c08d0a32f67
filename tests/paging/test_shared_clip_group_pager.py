"""Listing the shared clip groups by windows of their creation time."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipSession, RetryPolicy, ServerError
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, faults
from tests.examples import examples

DAY = timedelta(days=1)
BEGIN = datetime(2025, 9, 1, tzinfo=UTC)


def _at(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def test_whole_range_is_one_request(fake, session) -> None:
    pager = session.shared_clip_groups()
    assert len([group async for group in pager]) == 20
    assert [request.json for request in fake.requests] == [{}]
    assert pager.stats.items == 20


@examples(40)
@given(
    created=st.lists(st.none() | st.integers(0, 50), max_size=12),
    start=st.integers(0, 25),
    span=st.integers(0, 40),
    length=st.integers(1, 12),
    inclusive=st.booleans(),
)
async def test_each_group_of_the_range_is_yielded_once(
    created, start, span, length, inclusive
) -> None:
    """The bounds of the service may be inclusive, and groups may have no creation time."""
    base = _at(BEGIN)
    groups = [
        {"uuid": f"g{n}", "createdAtMillis": None if at is None else base + at}
        for n, at in enumerate(created)
    ]
    async with (
        FakeRhombus(0, shared_clip_groups=groups, bounds_are_inclusive=inclusive) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        pager = session.shared_clip_groups(
            created_after=base + start,
            created_before=base + start + span,
            window=timedelta(milliseconds=length),
        )
        found = [group.uuid async for group in pager]
    expected = [f"g{n}" for n, at in enumerate(created) if at is None and span]
    expected += [
        f"g{n}" for n, at in enumerate(created) if at is not None and start <= at < start + span
    ]
    assert sorted(found, key=str) == sorted(expected)
    assert pager.stats.requests == len(fake.requests) == -(-span // length)


async def test_windows_are_newest_first_and_requested_one_millisecond_wider(connect) -> None:
    length = timedelta(milliseconds=10)
    async with FakeRhombus(0, shared_clip_groups=0) as fake, connect(fake) as session:
        pager = session.shared_clip_groups(created_after=1000, created_before=1025, window=length)
        assert [group async for group in pager] == []
        assert pager.cursor is None
        assert pager.is_exhausted
    assert [request.json for request in fake.requests] == [
        {"createdAfterMs": 1014, "createdBeforeMs": 1026},
        {"createdAfterMs": 1004, "createdBeforeMs": 1016},
        {"createdAfterMs": 999, "createdBeforeMs": 1006},
    ]


async def test_error_carries_the_cursor_and_the_pager_resumes(fake, connect) -> None:
    fake.faults = [faults.Ok(times=2), faults.UNAVAILABLE]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        pager = session.shared_clip_groups(
            created_after=BEGIN, created_before=datetime(2025, 10, 12, tzinfo=UTC), window=DAY
        )
        seen: list[str | None] = []
        with pytest.raises(ServerError) as caught:
            await _note(pager, seen)
        assert caught.value.cursor == pager.cursor is not None
        rest = session.shared_clip_groups(
            created_after=BEGIN,
            created_before=datetime(2025, 10, 12, tzinfo=UTC),
            window=DAY,
            cursor=pager.cursor,
        )
        resumed = [group.uuid async for group in rest]
        before = len(seen)
        await _note(pager, seen)
    assert len(seen) == len(set(seen)) == 20
    assert resumed == seen[before:]


async def _note(pager, seen) -> None:
    async for group in pager:
        seen.append(group.uuid)


async def test_pages_are_the_windows_with_groups(fake, session) -> None:
    pager = session.shared_clip_groups(created_after=BEGIN, window=DAY)
    pages = [page async for page in pager.pages()]
    assert sum(len(page.shared_clip_groups) for page in pages) == 20
    assert pager.stats.pages == len(pages) < pager.stats.requests


async def test_open_end_includes_groups_created_meanwhile(connect) -> None:
    """Nothing is lost if the service's clock is ahead of the local one."""
    ahead = _at(datetime.now(UTC) + timedelta(hours=1))
    groups = [{"uuid": "ahead", "createdAtMillis": ahead}]
    async with FakeRhombus(0, shared_clip_groups=groups) as fake, connect(fake) as session:
        pager = session.shared_clip_groups(created_after=datetime.now(UTC) - DAY, window=DAY / 2)
        assert [group.uuid async for group in pager] == ["ahead"]


async def test_repeated_group_is_yielded_once(connect) -> None:
    groups = [{"uuid": "a", "createdAtMillis": 5}] * 2 + [{"title": "x"}, {"title": "x"}]
    async with FakeRhombus(0, shared_clip_groups=groups) as fake, connect(fake) as session:
        pager = session.shared_clip_groups()
        found = [group.uuid async for group in pager]
    assert found == [None, None, "a"]
    assert pager.stats.duplicates == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window": DAY}, "window requires created_after"),
        ({"created_after": 5, "window": timedelta(0)}, "at least one millisecond"),
        ({"created_after": 5, "window": -DAY}, "window must be at least 0"),
        ({"created_after": datetime(2025, 1, 1)}, "without a time zone"),
    ],
)
def test_invalid_windows_are_refused(arguments, words) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        ClipSession("k" * 22).shared_clip_groups(**arguments)


async def test_cursor_of_a_prefetched_pager_does_not_pass_unyielded_groups(connect) -> None:
    """This holds even if later pages were fetched ahead and found to be empty."""
    groups = [{"uuid": f"g{n}", "createdAtMillis": _at(BEGIN) + n} for n in range(5)]
    start = BEGIN - 30 * DAY
    async with FakeRhombus(0, shared_clip_groups=groups) as fake, connect(fake) as session:
        bounds = {"created_after": start, "window": 5 * DAY}
        first = session.shared_clip_groups(created_before=BEGIN + DAY, **bounds)
        async with first.prefetched(2) as found:
            seen = [(await anext(found)).uuid]
            await asyncio.sleep(0.1)
        assert len(fake.requests) == 7
        assert first.cursor is not None
        rest = session.shared_clip_groups(created_before=BEGIN + DAY, cursor=first.cursor, **bounds)
        seen += [group.uuid async for group in rest]
    assert sorted(seen, key=str) == ["g0", "g1", "g2", "g3", "g4"]


@examples(40)
@given(
    created=st.lists(st.none() | st.integers(0, 50), max_size=12),
    length=st.none() | st.integers(1, 20),
    is_open=st.booleans(),
    amounts=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    inclusive=st.booleans(),
)
async def test_pagers_that_take_turns_yield_each_group_once(
    created, length, is_open, amounts, inclusive
) -> None:
    """Each resumes from the cursor of the one before, in the middle of a window as well."""
    base = _at(BEGIN)
    groups = [
        {"uuid": f"g{n}", "createdAtMillis": None if at is None else base + at}
        for n, at in enumerate(created)
    ]
    arguments: dict[str, Any] = {
        "created_after": None if is_open and length is None else base,
        "created_before": base + 51,
    }
    async with (
        FakeRhombus(0, shared_clip_groups=groups, bounds_are_inclusive=inclusive) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        seen: list[str | None] = []
        cursor: str | None = None
        for amount in cycle(amounts):
            window = None if length is None else timedelta(milliseconds=length)
            pager = session.shared_clip_groups(**arguments, window=window, cursor=cursor)
            seen += [group.uuid for group in await pager.collect(amount)]
            cursor = pager.cursor
            length = length and length + 1
            if cursor is None:
                break
    assert sorted(seen, key=str) == sorted((group["uuid"] for group in groups), key=str)


async def test_groups_come_newest_first_and_a_cursor_is_short(connect) -> None:
    groups = [{"uuid": f"g{n}", "createdAtMillis": 1000 + n // 3} for n in range(300)]
    async with FakeRhombus(0, shared_clip_groups=groups) as fake, connect(fake) as session:
        times: list[int | None] = []
        cursor: str | None = None
        while True:
            pager = session.shared_clip_groups(cursor=cursor)
            times += [group.created_at_millis for group in await pager.collect(7)]
            cursor = pager.cursor
            if cursor is None:
                break
            assert len(cursor) < 70
    assert times == sorted((1000 + n // 3 for n in range(300)), reverse=True)


@pytest.mark.parametrize(
    "arguments", [{"limit": -1}, {"limit": True}, {"cursor": "5"}, {"cursor": datetime(2025, 1, 1)}]
)
def test_invalid_limit_or_cursor_of_groups_is_refused(arguments) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
        ClipSession("k" * 22).shared_clip_groups(**arguments)
