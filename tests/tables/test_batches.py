"""Batches of a pager: every item is in exactly one, and no more than one is in memory."""

import gc
from functools import partial
from typing import Any

import pytest

from rhombus_clips import SavedClip, ServerError, SharedClipGroup
from rhombus_clips.tables import arrow_schema, record_batches, to_arrow
from rhombus_clips.testing import FakeRhombus, faults
from tests.components import required
from tests.interruptions import by_task, client_tasks

pa = required("pyarrow")


@pytest.fixture
async def fake():
    async with FakeRhombus(95, shared_clip_groups=25) as service:
        yield service


async def take(pager: Any, batches: list[Any], size: int = 20) -> None:
    async for batch in record_batches(pager, size=size):
        batches.append(batch)


def uuids(batches: list[Any]) -> list[str]:
    return [uuid for batch in batches for uuid in batch.column("uuid").to_pylist()]


async def test_batches_are_the_table_of_all_items(session) -> None:
    batches: list[Any] = []
    await take(session.saved_clips(page_size=30), batches)
    assert [batch.num_rows for batch in batches] == [20, 20, 20, 20, 15]
    assert all(batch.schema.equals(arrow_schema(SavedClip)) for batch in batches)
    clips = await session.saved_clips().collect(1000)
    assert pa.Table.from_batches(batches).to_pylist() == to_arrow(clips).to_pylist()


async def test_every_kind_of_pager_has_batches(session) -> None:
    for pager in (session.clips_with_progress(), session.shared_clip_groups()):
        batches: list[Any] = []
        await take(pager, batches)
        assert len(uuids(batches)) == len({*uuids(batches)}) == pager.stats.items > 0
    assert batches[0].schema.equals(arrow_schema(SharedClipGroup))


async def test_limit_of_the_pager_holds(session) -> None:
    batches: list[Any] = []
    await take(session.saved_clips(limit=50), batches)
    assert [batch.num_rows for batch in batches] == [20, 20, 10]


async def test_listing_without_items_has_no_batches(session, fake) -> None:
    fake.clips.clear()
    batches: list[Any] = []
    await take(session.saved_clips(), batches)
    assert batches == []


def clips_in_memory() -> int:
    gc.collect()
    return sum(isinstance(thing, SavedClip) for thing in gc.get_objects())


async def test_memory_holds_only_the_clips_of_a_page(session) -> None:
    """Also when a program keeps the batches."""
    before = clips_in_memory()
    batches = []
    async for batch in record_batches(session.saved_clips(page_size=10), size=10):
        batches.append(batch)
        assert clips_in_memory() - before <= 20
    assert len(uuids(batches)) == 95


async def test_pages_are_requested_only_when_a_batch_needs_them(session, fake) -> None:
    batches = record_batches(session.saved_clips(page_size=10), size=10)
    await anext(batches)
    before = len(fake.requests)
    await anext(batches)
    assert len(fake.requests) - before <= 2
    await batches.aclose()


# --- interruptions ---------------------------------------------------------------------------


async def test_error_within_a_batch_loses_and_repeats_no_item(session, fake) -> None:
    pager = session.saved_clips(page_size=10)
    batches: list[Any] = []
    fake.faults += [faults.Ok()] * 4 + [faults.Respond(503, times=5)]
    with pytest.raises(ServerError):
        await take(pager, batches, size=25)
    assert pager.stats.items == len(uuids(batches)) < 95
    await take(pager, batches, size=25)
    assert sorted(uuids(batches)) == sorted(clip["uuid"] for clip in fake.clips)


@pytest.mark.usefixtures("virtual_clock")
async def test_cancellation_anywhere_loses_and_repeats_no_item(session, fake) -> None:
    await session.get_saved_clip_count()
    after, was_cancelled = 0, True
    while was_cancelled:
        pager = session.saved_clips(page_size=20)
        batches: list[Any] = []
        was_cancelled = await by_task(partial(take, pager, batches, 30), after)
        await take(pager, batches, 30)
        assert sorted(uuids(batches)) == sorted(clip["uuid"] for clip in fake.clips)
        after += 1
    assert after > 10


async def test_cursor_after_a_batch_resumes_after_its_last_item(session, fake) -> None:
    pager = session.saved_clips(page_size=30)
    batches = record_batches(pager, size=20)
    seen = [await anext(batches), await anext(batches)]
    await batches.aclose()
    await take(session.saved_clips(cursor=pager.cursor), seen)
    assert sorted(uuids(seen)) == sorted(clip["uuid"] for clip in fake.clips)


async def test_no_task_is_left_after_a_break(session) -> None:
    before = client_tasks()
    batches = record_batches(session.saved_clips(page_size=10), size=10)
    async for _ in batches:
        break
    await batches.aclose()
    assert client_tasks() <= before
