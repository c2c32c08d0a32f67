"""A response about a different item is an error, and no change follows it."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import ClipSession, DecodeError
from rhombus_clips.testing import FakeRhombus, faults
from tests.renders.polls import GET, LIST, QUICK, count_of

DETAILS = "/api/event/getSavedClipDetails"
GROUP_DETAILS = "/api/event/getSharedClipGroupDetails"
UPDATE, UPDATE_GROUP = "/api/event/updateSavedClip", "/api/event/updateSharedClipGroupV2"
TRANSACTION = "/api/event/getSavedClipsByExternalTransactionId"
OTHER = "B" * 22

Read = Callable[[ClipSession, str], Any]
READS: dict[str, tuple[str, str, Read]] = {
    "get_clip_with_progress": (
        GET,
        "clip",
        lambda session, uuid: session.get_clip_with_progress(uuid),
    ),
    "get_saved_clip_details": (
        DETAILS,
        "savedClip",
        lambda session, uuid: session.get_saved_clip_details(uuid),
    ),
    "get_shared_clip_group_details": (
        GROUP_DETAILS,
        "sharedClipGroup",
        lambda session, uuid: session.get_shared_clip_group_details(uuid),
    ),
}
WRITES: dict[str, tuple[str, str, str, Read]] = {
    "update_saved_clip": (
        DETAILS,
        "savedClip",
        UPDATE,
        lambda session, uuid: session.update_saved_clip(uuid, description="new"),
    ),
    "update_shared_clip_group": (
        GROUP_DETAILS,
        "sharedClipGroup",
        UPDATE_GROUP,
        lambda session, uuid: session.update_shared_clip_group(
            uuid, description="new", plaintext_password=None
        ),
    ),
}


def uuid_in(fake: FakeRhombus, name: str) -> str:
    items = fake.shared_clip_groups if name == "sharedClipGroup" else fake.clips
    return str(items[0]["uuid"])


@pytest.mark.parametrize("method", READS)
async def test_response_about_another_item_is_an_error(method: str, fake, session) -> None:
    path, name, read = READS[method]
    uuid = uuid_in(fake, name)
    fake.faults = [faults.Altered({name: {"uuid": OTHER}}, path=path)]
    with pytest.raises(DecodeError, match=OTHER) as caught:
        await read(session, uuid)
    error = caught.value
    assert (error.path, error.expected, error.value_excerpt) == (f"$.{name}.uuid", uuid, OTHER)
    assert (error.endpoint, error.attempts, error.maybe_applied) == (path, 1, False)
    assert (await read(session, uuid)).uuid == uuid


@pytest.mark.parametrize("method", READS)
async def test_item_without_a_uuid_is_returned_unchanged(method: str, fake, session) -> None:
    path, name, read = READS[method]
    fake.faults = [faults.Altered({name: {"uuid": None}}, path=path)]
    assert (await read(session, uuid_in(fake, name))).uuid is None


@pytest.mark.parametrize("received", [OTHER, None])
@pytest.mark.parametrize("method", WRITES)
async def test_nothing_is_written_if_the_item_that_was_read_may_be_another_one(
    method: str, received: str | None, fake, session
) -> None:
    path, name, update, write = WRITES[method]
    fake.faults = [faults.Altered({name: {"uuid": received, "title": "another's"}}, path=path)]
    before = (fake.clips[0] | {}, fake.shared_clip_groups[0] | {})
    with pytest.raises(DecodeError) as caught:
        await write(session, uuid_in(fake, name))
    assert (caught.value.path, caught.value.endpoint) == (f"$.{name}.uuid", path)
    assert count_of(fake, path) == 1
    assert count_of(fake, update) == 0
    assert (fake.clips[0], fake.shared_clip_groups[0]) == before


@pytest.mark.parametrize("received", [OTHER, None])
async def test_nothing_is_written_if_the_rendering_clip_that_was_read_is_another_one(
    received: str | None, fake, session
) -> None:
    uuid = fake.start_render(seconds=60)
    fake.faults = [faults.Altered({"clip": {"uuid": received}}, path=GET)]
    with pytest.raises(DecodeError) as caught:
        await session.update_saved_clip(uuid, title="new")
    assert caught.value.path == "$.clip.uuid"
    assert count_of(fake, UPDATE) == 0


async def test_change_answered_for_another_group_may_have_been_applied(fake, session) -> None:
    uuid = uuid_in(fake, "sharedClipGroup")
    fake.faults = [faults.Altered({"uuid": OTHER}, path=UPDATE_GROUP)]
    with pytest.raises(DecodeError) as caught:
        await session.update_shared_clip_group(uuid, title="new", plaintext_password=None)
    assert (caught.value.path, caught.value.maybe_applied) == ("$.uuid", True)
    assert count_of(fake, UPDATE_GROUP) == 1


async def test_clip_of_another_transaction_is_an_error_but_a_missing_id_is_not(
    fake, session
) -> None:
    for clip in fake.clips[:3]:
        clip["externalTransactionId"] = "order 5"

    def listed(*ids: str | None) -> faults.Fault:
        clips = [{"externalTransactionId": name} for name in ids]
        return faults.Altered({"savedClips": clips}, path=TRANSACTION)

    fake.faults = [listed("order 5", None)]
    assert len(await session.get_saved_clips_by_external_transaction_id("order 5")) == 2
    fake.faults = [listed("order 5", "order 6")]
    with pytest.raises(DecodeError) as caught:
        await session.get_saved_clips_by_external_transaction_id("order 5")
    assert caught.value.path == "$.savedClips[1].externalTransactionId"
    assert len(await session.get_saved_clips_by_external_transaction_id("order 5")) == 3


@pytest.mark.parametrize("received", [OTHER, None])
async def test_watch_never_yields_another_clip(received: str | None, fake, session) -> None:
    """Such a response counts as a transient failure."""
    uuid = fake.start_render(seconds=60)
    wrong = faults.Altered(
        {"clip": {"uuid": received, "status": "COMPLETE", "title": "another's"}}, path=GET, times=3
    )
    fake.faults = [wrong]
    async with aclosing(session.watch_clip(uuid, polling=QUICK)) as changes:
        clip = await anext(changes)
    assert (clip.uuid, clip.is_complete) == (uuid, False)
    assert count_of(fake, GET) == 4
    fake.faults = [evolve(wrong, times=None)]
    for watch in (
        session.watch_clip(uuid, polling=evolve(QUICK, outage=0)),
        session.watch_clips([uuid], polling=evolve(QUICK, outage=0)),
    ):
        with pytest.raises(DecodeError) as caught:
            async for clip in watch:
                raise AssertionError(clip)
        assert (caught.value.path, caught.value.endpoint) == ("$.clip.uuid", GET)


async def test_wait_never_returns_another_clip(fake, session) -> None:
    uuid = fake.start_render(seconds=60)
    fake.faults = [faults.Altered({"clip": fake.clips[0]}, path=GET, times=None)]
    with pytest.raises(DecodeError):
        await session.wait_for_clip(uuid, timeout=30, polling=evolve(QUICK, outage=0))
    with pytest.raises(DecodeError) as caught:
        await session.make_clip(["a"], 1, 5, polling=evolve(QUICK, outage=0))
    assert caught.value.clip_uuids


async def test_file_of_another_clip_is_never_saved(fake, session, tmp_path) -> None:
    waiting = fake.clips[0]
    waiting["status"] = "OFFLINE"
    clip = await session.get_clip_with_progress(waiting["uuid"])
    fake.faults = [
        faults.Altered({"clip": fake.clips[1]}, path=GET, times=None),
        evolve(faults.ACCESS_DENIED, path=LIST, times=None),
    ]
    summary = await session.download_clips(
        [clip], tmp_path, timeout=30, polling=evolve(QUICK, outage=0)
    )
    (failure,) = summary.failures
    assert isinstance(failure.error, DecodeError)
    assert fake.media_requests == []
    assert list(tmp_path.iterdir()) == []
