"""FakeRhombus: updating, deleting and sharing clips."""

import json

import pytest

from rhombus_clips.testing import Updates
from rhombus_clips.testing.clips import make_uuid
from tests.testing.fake_calls import DEVICE, MOMENT, UNKNOWN, call, fail, post, uuids_of, walk

# --- updating ----------------------------------------------------------------------------------


@pytest.mark.parametrize("updates", Updates)
@pytest.mark.parametrize("left_out", [{}, {"description": None, "accessSettings": None}])
async def test_update_clears_omitted_fields_by_default(fake, updates, left_out) -> None:
    fake.updates = updates
    uuid, access = fake.clips[0]["uuid"], {"visibility": "PRIVATE"}
    whole = {"title": "A", "description": "B", "accessSettings": access}
    await call(fake, "event/updateSavedClip", savedClipUuid=uuid, **whole)
    await call(fake, "event/updateSavedClip", savedClipUuid=uuid, title="C", **left_out)
    clip = (await call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"]
    keeps = updates is Updates.SELECTIVE
    assert clip["title"] == "C"
    assert clip["description"] == ("B" if keeps else None)
    kept = {**access, "allowedRoles": [], "allowedUsers": []}
    assert clip["accessSettings"] == (kept if keeps else None)


async def test_deleted_clip_is_gone_from_everywhere(fake) -> None:
    uuid = fake.clips[9]["uuid"]
    await call(fake, "event/deleteSavedClip", savedClipUuid=uuid)
    assert await walk(fake, "getClipsWithProgress", pageSize=200) == [
        clip["uuid"] for clip in sorted(fake.clips, key=lambda c: (-c["timestampMs"], c["uuid"]))
    ]
    assert uuid not in uuids_of((await call(fake, "event/getSavedClips"))["savedClips"])
    assert (await call(fake, "event/getSavedClipCount"))["count"] == 99
    assert (await call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"] is None


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("event/updateSavedClip", {"savedClipUuid": UNKNOWN, "title": "A"}),
        ("event/deleteSavedClip", {"savedClipUuid": UNKNOWN}),
        ("event/deleteSavedClip", {}),
        ("event/createSharedClipGroupV3", {}),
        ("event/createSharedClipGroupV3", {"uuids": []}),
        ("event/createSharedClipGroupV3", {"uuids": [{}]}),
        ("event/createSharedClipGroupV3", {"uuids": [{"eventUuid": UNKNOWN}]}),
        ("event/updateSharedClipGroupV2", {"sharedClipUuid": UNKNOWN}),
        ("event/deleteSharedClipGroupV2", {"uuid": UNKNOWN}),
        ("video/cancelSpliceV2", {"clipUuid": UNKNOWN}),
        ("video/cancelSpliceV2", {}),
        ("video/retrySplice", {"clipUuid": UNKNOWN}),
        ("video/spliceV3", {}),
        ("video/spliceV3", {"deviceUuids": [DEVICE], "durationSec": 5}),
        ("video/spliceV3", {"deviceUuids": [DEVICE], "startTimeMillis": MOMENT}),
        ("video/spliceV3", {"startTimeMillis": MOMENT, "durationSec": 5}),
    ],
)
async def test_impossible_request_responds_with_an_error_in_band(
    fake, operation, parameters
) -> None:
    before = json.dumps([fake.clips, fake.shared_clip_groups])
    assert await fail(fake, operation, **parameters)
    assert json.dumps([fake.clips, fake.shared_clip_groups]) == before
    assert fake.renders == {}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("event/updateSavedClip", {"title": "A"}),
        ("event/updateSavedClip", {"savedClipUuid": UNKNOWN, "title": 5}),
        ("event/updateSavedClip", {"savedClipUuid": UNKNOWN, "accessSettings": "PRIVATE"}),
        (
            "event/updateSavedClip",
            {"savedClipUuid": UNKNOWN, "accessSettings": {"visibility": "SECRET"}},
        ),
        ("event/deleteSavedClip", {"savedClipUuid": ["a"]}),
        ("event/getSavedClipDetails", {"clipUuid": 5}),
        ("event/getSavedClipCount", {"startTimeMs": "5"}),
        ("event/createSharedClipGroupV3", {"uuids": ["a"]}),
        ("event/createSharedClipGroupV3", {"uuids": {"eventUuid": "a"}}),
        ("event/createSharedClipGroupV3", {"expirationTimeSecs": 2**31}),
        ("event/updateSharedClipGroupV2", {"plaintextPassword": 1234}),
        ("video/spliceV3", {"deviceUuids": DEVICE}),
        ("video/spliceV3", {"deviceUuids": [DEVICE], "durationSec": 1.5}),
        ("video/spliceV3", {"deviceIntervalMap": {DEVICE: {"startMs": 1}}}),
        ("video/spliceV3", {"audioIncluded": "yes"}),
        ("video/spliceV3", {"clipVisibility": "SECRET"}),
        ("video/cancelSpliceV2", {"clipUuidList": "a"}),
    ],
)
async def test_wrong_types_are_refused(fake, operation, parameters) -> None:
    status, answer = await post(fake, operation, **parameters)
    assert status == 400
    assert answer == {"msg": "JSON doesn't match expected object structure"}


# --- sharing -----------------------------------------------------------------------------------


async def test_shared_group_exists_from_creation_to_deletion(fake, clock) -> None:
    clip, alert = fake.clips[0], make_uuid("alert", 1)
    created = await call(
        fake,
        "event/createSharedClipGroupV3",
        uuids=[{"eventUuid": clip["uuid"]}, {"alertUuid": alert}],
        title="For the insurer",
        plaintextPassword="hunter2",
        expirationTimeSecs=86_400,
    )
    uuid = created["uuid"]
    assert created["shareUrl"].startswith("https://share.example/clips/")
    clock.now += 60
    listed = await call(
        fake, "event/getSharedClipGroupsV2", createdAfterMs=int(clock.now - 61) * 1000
    )
    group = next(g for g in listed["sharedClipGroups"] if g["uuid"] == uuid)
    assert group["createdAtMillis"] == int(clock.now - 60) * 1000
    assert (group["title"], group["isSecured"]) == ("For the insurer", True)
    assert uuids_of(group["sharedClips"]) == [clip["uuid"], alert]
    details = await call(fake, "event/getSharedClipGroupDetails", uuid=uuid)
    shared = details["sharedClipGroup"]["sharedClips"][0]
    assert "isSecured" not in details["sharedClipGroup"]
    assert shared["description"] == clip["description"]
    seen = await call(fake, "event/getSavedClipDetails", clipUuid=clip["uuid"])
    assert shared["seekPoints"] == seen["savedClip"]["seekPoints"]
    assert "hunter2" not in json.dumps([created, listed, details])
    await call(fake, "event/deleteSharedClipGroupV2", uuid=uuid)
    listed = await call(fake, "event/getSharedClipGroupsV2")
    assert uuid not in uuids_of(listed["sharedClipGroups"])
    assert await fail(fake, "event/deleteSharedClipGroupV2", uuid=uuid)


@pytest.mark.parametrize("updates", Updates)
async def test_update_of_a_group_clears_omitted_fields_by_default(fake, updates) -> None:
    fake.updates = updates
    group = fake.shared_clip_groups[0]
    secured = {"title": "A", "plaintextPassword": "hunter2", "expirationTimeSecs": 60}
    uuid = group["uuid"]
    answer = await call(fake, "event/updateSharedClipGroupV2", sharedClipUuid=uuid, **secured)
    assert answer["uuid"] == uuid
    assert uuid in answer["shareUrl"]
    assert (group["isSecured"], group["expirationTimeSecs"]) == (True, 60)
    await call(
        fake, "event/updateSharedClipGroupV2", sharedClipUuid=uuid, title="B", description="C"
    )
    keeps = updates is Updates.SELECTIVE
    assert (group["title"], group["description"], group["isSecured"]) == ("B", "C", keeps)
    assert group["expirationTimeSecs"] == (60 if keeps else None)


async def test_shared_page_expires(fake, clock) -> None:
    clip = fake.clips[0]["uuid"]
    created = await call(
        fake, "event/createSharedClipGroupV3", uuids=[{"eventUuid": clip}], expirationTimeSecs=60
    )
    before = len((await call(fake, "event/getSharedClipGroupsV2"))["sharedClipGroups"])
    clock.now += 59
    assert (await call(fake, "event/getSharedClipGroupDetails", uuid=created["uuid"]))[
        "sharedClipGroup"
    ]
    clock.now += 1
    details = await call(fake, "event/getSharedClipGroupDetails", uuid=created["uuid"])
    assert details.get("sharedClipGroup") is None
    after = len((await call(fake, "event/getSharedClipGroupsV2"))["sharedClipGroups"])
    assert after == before - 1
