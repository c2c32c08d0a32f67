"""Changing, sharing and deleting: only the given fields, and never twice."""

import asyncio
import inspect
from typing import Any

import pytest

from rhombus_clips import (
    ApiError,
    ClipAccessSettings,
    ClipSession,
    ClipVisibility,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    NotFoundError,
    RhombusError,
    ServerError,
    SessionClosedError,
    Timeout,
    Unset,
)
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, UnknownClip, Updates, faults
from tests.endpoint_calls import CALLS, ONE
from tests.examples import a_few

PRIVATE = ClipAccessSettings(visibility=ClipVisibility.PRIVATE)


# --- never twice -------------------------------------------------------------------------------

A = ONE
CHANGES = [
    row.path for row in vars(endpoints).values() if isinstance(row, Endpoint) and not row.safe
]


def prepare(fake: FakeRhombus) -> None:
    """Let the items of `CALLS` exist, since some calls read them before they write."""
    fake.clips[0]["uuid"] = fake.shared_clip_groups[0]["uuid"] = ONE


async def change(session: ClipSession, path: str) -> None:
    call, *others = CALLS[path](session)
    for other in others:
        asyncio.ensure_future(other).cancel()  # Closes it before it starts.
    await call


AMBIGUOUS: dict[str, tuple[faults.Fault, type[RhombusError]]] = {
    "closed before the answer": (faults.Disconnect(), DisconnectedError),
    "closed within it": (faults.Disconnect(after_bytes=60), DisconnectedError),
    "reset": (faults.Reset(), DisconnectedError),
    "silence": (faults.Silence(5), DisconnectedError),
    "a slow answer": (faults.Latency(5), DeadlineExceededError),
    "500": (faults.INTERNAL_ERROR, ServerError),
    "502": (faults.BAD_GATEWAY, ServerError),
    "503": (faults.UNAVAILABLE, ServerError),
    "no JSON": (faults.HTML_INSTEAD, DecodeError),
}


def fault_for(fault: faults.Fault, path: str) -> faults.Fault:
    from attrs import evolve

    return evolve(fault, path=path, times=None)


@pytest.mark.parametrize("case", AMBIGUOUS)
@pytest.mark.parametrize("path", a_few(CHANGES))
async def test_change_is_not_sent_again_after_an_ambiguous_failure(
    path: str, case: str, fake, connect
) -> None:
    """The error reports that it may have been applied."""
    fault, kind = AMBIGUOUS[case]
    patience = Timeout(total=0.4, read=5) if case == "a slow answer" else Timeout(read=0.2)
    prepare(fake)
    fake.faults = [fault_for(fault, path)]
    async with connect(fake, timeout=patience) as session:
        with pytest.raises(kind) as caught:
            await change(session, path)
    assert sum(request.path == path for request in fake.requests) == 1
    assert caught.value.maybe_applied
    assert caught.value.endpoint == path
    assert "may have been applied" in str(caught.value)


@pytest.mark.parametrize("path", CHANGES)
async def test_refused_change_was_not_applied(path: str, fake, session) -> None:
    prepare(fake)
    fake.faults = [fault_for(faults.REFUSED, path)]
    with pytest.raises(ApiError) as caught:
        await change(session, path)
    assert not caught.value.maybe_applied
    assert sum(request.path == path for request in fake.requests) == 1
    async with ClipSession(
        fake.api_key, base_url="http://127.0.0.1:9", retry=session._retry
    ) as far:
        with pytest.raises(ConnectError) as unsent:
            await change(far, path)
    assert not unsent.value.maybe_applied


async def test_change_interrupted_by_closing_may_have_been_applied(fake, session) -> None:
    fake.faults = [faults.Silence(5)]
    change = asyncio.ensure_future(session.delete_saved_clip(fake.clips[0]["uuid"]))
    await asyncio.sleep(0.1)
    assert len(fake.requests) == 1
    await session.aclose()
    with pytest.raises(SessionClosedError) as caught:
        await change
    assert caught.value.maybe_applied
    with pytest.raises(SessionClosedError) as unsent:
        await session.delete_saved_clip(fake.clips[1]["uuid"])
    assert not unsent.value.maybe_applied


async def test_refused_change_that_waits_for_a_retry_was_not_applied(fake, session) -> None:
    fake.faults = [faults.TOO_MANY_REQUESTS]
    change = asyncio.ensure_future(session.delete_saved_clip(fake.clips[0]["uuid"]))
    await asyncio.sleep(0.1)
    await session.aclose()
    with pytest.raises(SessionClosedError) as caught:
        await change
    assert not caught.value.maybe_applied
    assert len(fake.requests) == 1


# --- updating a clip ---------------------------------------------------------------------------


@pytest.mark.parametrize("updates", Updates)
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "new"}, {"title": "new"}),
        ({"description": "new"}, {"description": "new"}),
        ({"access_settings": PRIVATE}, {"accessSettings": "PRIVATE"}),
        ({"title": None}, {"title": ""}),
        ({"title": "a", "description": None}, {"title": "a", "description": ""}),
        ({"title": "new", "description": Unset.UNSET}, {"title": "new"}),
    ],
)
async def test_update_changes_only_the_given_fields(
    changes: dict[str, Any], expected: dict[str, Any], updates: Updates, fake, session
) -> None:
    """The service may clear omitted fields, as observed, or keep them, as documented."""
    fake.updates = updates
    clip = fake.clips[0]
    clip |= {
        "title": "old",
        "description": "as it was",
        "accessSettings": {"visibility": "ORG_WIDE", "allowedRoles": ["r"], "allowedUsers": []},
    }
    before = dict(clip)
    await session.update_saved_clip(clip["uuid"], **changes)
    after = dict(clip)
    settings = after["accessSettings"]
    if "accessSettings" in expected:
        assert settings["visibility"] == expected["accessSettings"]
        after["accessSettings"] = before["accessSettings"]
    assert after == before | {k: v for k, v in expected.items() if k != "accessSettings"}


async def test_unknown_keys_are_written_back(fake, session) -> None:
    fake.clips[0]["accessSettings"] = {"visibility": "ORG_WIDE", "later": [1]}
    await session.update_saved_clip(fake.clips[0]["uuid"], title="x")
    assert fake.requests[-1].json["accessSettings"] == {"visibility": "ORG_WIDE", "later": [1]}


async def test_access_settings_cannot_be_cleared(fake, session) -> None:
    """The service does not allow null there."""
    uuid = fake.clips[0]["uuid"]
    for more in ({}, {"title": "new"}):
        with pytest.raises(InvalidArgumentError, match="access_settings must not be None"):
            await session.update_saved_clip(uuid, access_settings=None, **more)
    assert fake.requests == []


async def test_clip_that_is_being_spliced_can_be_updated(fake, session) -> None:
    """The service has no details of it yet."""
    uuid = fake.start_render(seconds=60)
    before = await session.get_clip_with_progress(uuid)
    await session.update_saved_clip(uuid, description="new")
    after = await session.get_clip_with_progress(uuid)
    assert (after.title, after.description) == (before.title, "new")


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_unknown_clip_is_not_written(unknown: UnknownClip, fake, session) -> None:
    fake.unknown_clip = unknown
    with pytest.raises(NotFoundError):
        await session.update_saved_clip(A, title="x")
    assert "/api/event/updateSavedClip" not in {request.path for request in fake.requests}


async def test_update_without_fields_is_rejected(fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match="pass at least one of title"):
        await session.update_saved_clip(A)
    with pytest.raises(InvalidArgumentError, match="pass at least one of title"):
        await session.update_shared_clip_group(A)
    assert fake.requests == []


async def test_deleted_clip_no_longer_exists(fake, session) -> None:
    uuid = fake.clips[0]["uuid"]
    await session.delete_saved_clip(uuid)
    with pytest.raises(NotFoundError):
        await session.get_clip_with_progress(uuid)
    assert (await session.get_saved_clip_count()).count == 29


# --- sharing -----------------------------------------------------------------------------------


async def test_shared_group_can_be_read_changed_and_deleted(fake, session) -> None:
    uuids = [clip["uuid"] for clip in fake.clips[:2]]
    link = await session.create_shared_clip_group(
        iter(uuids), alert_uuids=[A], title="For you", expiration_time_secs=86_400
    )
    assert link.share_url.startswith("https://")
    created = fake.requests[-1].json
    assert created["uuids"] == [{"eventUuid": u} for u in uuids] + [{"alertUuid": A}]
    details = await session.get_shared_clip_group_details(link.uuid)
    assert [clip.uuid for clip in details.shared_clips] == [*uuids, A]
    assert details.expiration_time_secs == 86_400
    await session.update_shared_clip_group(link.uuid, description="Case 5")
    details = await session.get_shared_clip_group_details(link.uuid)
    assert (details.title, details.description) == ("For you", "Case 5")
    assert details.expiration_time_secs == 86_400
    await session.delete_shared_clip_group(link.uuid)
    with pytest.raises(NotFoundError, match="no shared clip group"):
        await session.get_shared_clip_group_details(link.uuid)


async def test_empty_title_is_sent(fake, session) -> None:
    await session.create_shared_clip_group([fake.clips[0]["uuid"]])
    sent = fake.requests[-1].json
    assert sent == {"uuids": [{"eventUuid": fake.clips[0]["uuid"]}], "title": ""}


@pytest.mark.parametrize("updates", Updates)
async def test_password_is_not_lost_by_accident(updates: Updates, fake, session) -> None:
    """It cannot be read, and a service that clears omitted fields would remove it."""
    fake.updates = updates
    uuids = [fake.clips[0]["uuid"]]
    link = await session.create_shared_clip_group(uuids, title="a", plaintext_password="secret")

    async def is_secured() -> Any:
        groups = await session.get_shared_clip_groups()
        return next(group.is_secured for group in groups if group.uuid == link.uuid)

    with pytest.raises(InvalidArgumentError, match="has a password"):
        await session.update_shared_clip_group(link.uuid, title="b")
    assert (await session.get_shared_clip_group_details(link.uuid)).title == "a"
    assert await is_secured()
    await session.update_shared_clip_group(link.uuid, title="b", plaintext_password="secret")
    assert await is_secured()
    await session.update_shared_clip_group(link.uuid, plaintext_password=None)
    assert not await is_secured()
    await session.update_shared_clip_group(link.uuid, title="c")
    assert (await session.get_shared_clip_group_details(link.uuid)).title == "c"


@pytest.mark.parametrize(
    "arguments",
    [
        ([],),
        (A,),
        ([""],),
        ([A], {"plaintext_password": ""}),
        ([A], {"expiration_time_secs": 0}),
        ([A], {"expiration_time_secs": 2**31}),
        ([A], {"expiration_time_secs": 1.5}),
        ([A], {"title": 5}),
        ([A], {"plaintext_password": True}),
        ([A], {"plaintext_password": Unset.UNSET}),
        ([A], {"title": Unset.UNSET}),
    ],
)
async def test_invalid_share_is_rejected_before_anything_is_sent(
    arguments: tuple[Any, ...], fake, session
) -> None:
    clips, *settings = arguments
    with pytest.raises(InvalidArgumentError):
        await session.create_shared_clip_group(clips, **dict(*settings))
    assert fake.requests == []


@pytest.mark.parametrize("bad", ["", " ", None, 5])
async def test_invalid_uuids_are_rejected_before_anything_is_sent(
    bad: Any, fake: FakeRhombus, session: ClipSession
) -> None:
    for call in (
        session.delete_saved_clip,
        session.delete_shared_clip_group,
        session.get_shared_clip_group_details,
        session.get_saved_clip_details,
        session.retry_splice,
        session.cancel_splice,
        session.get_saved_clips_by_external_transaction_id,
    ):
        with pytest.raises(InvalidArgumentError, match="must"):
            await call(bad)
    assert fake.requests == []


async def test_clips_of_a_transaction_and_all_clips(fake, session) -> None:
    clip = next(clip for clip in fake.clips if clip["externalTransactionId"])
    found = await session.get_saved_clips_by_external_transaction_id(clip["externalTransactionId"])
    assert [each.uuid for each in found] == [clip["uuid"]]
    assert len(await session.get_saved_clips_v1()) == len(fake.clips)


async def test_details_have_detections(fake, session) -> None:
    details = await session.get_saved_clip_details(fake.clips[0]["uuid"])
    assert details.bounding_boxes
    assert details.seek_points
    with pytest.raises(NotFoundError):
        await session.get_saved_clip_details(A)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": 5},
        {"description": float("nan")},
        {"plaintext_password": ""},
        {"plaintext_password": 5},
        {"expiration_time_secs": 0},
        {"access_settings": "PUBLIC"},
    ],
)
async def test_invalid_update_is_rejected_before_anything_is_read(
    changes: dict[str, Any], fake, session
) -> None:
    for update in (session.update_saved_clip, session.update_shared_clip_group):
        if set(changes) <= set(update.__kwdefaults__ or inspect.signature(update).parameters):
            with pytest.raises(InvalidArgumentError):
                await update(A, **changes)
    assert fake.requests == []
