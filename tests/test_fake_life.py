"""FakeRhombus through the whole life of clips: searched, changed, shared, made and deleted."""

import functools
import json
import os
import pathlib
import time
from typing import Any

import aiohttp
import pytest

from rhombus_clips.testing import FakeRhombus, LastPage, Listing, UnknownClip, Updates
from rhombus_clips.testing.api import HANDLERS
from rhombus_clips.testing.clips import make_clips, make_uuid

DEVICE, OTHER_DEVICE = f"{make_uuid('camera', 1)}.v0", f"{make_uuid('camera', 2)}.v0"
UNKNOWN = make_uuid("nobody")
MOMENT = 1_700_000_000_000


class Clock:
    """The time of the fake, which moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fake(clock):
    async with FakeRhombus(100, now=clock) as service:
        yield service


async def _post(fake: FakeRhombus, operation: str, **parameters: Any) -> tuple[int, Any]:
    headers = {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key}
    url = f"{fake.url}/api/{operation}"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(url, json=parameters) as response,
    ):
        body = await response.read()
        return response.status, json.loads(body) if body else None


async def _call(fake: FakeRhombus, operation: str, **parameters: Any) -> Any:
    """The answer of a call that is carried out."""
    status, answer = await _post(fake, operation, **parameters)
    assert (status, answer["error"]) == (200, False), answer
    return answer


async def _fail(fake: FakeRhombus, operation: str, **parameters: Any) -> str:
    """Why a call is not carried out, in band."""
    status, answer = await _post(fake, operation, **parameters)
    assert (status, answer["error"]) == (200, True), answer
    reason: str = answer["errorMsg"]
    assert reason
    return reason


async def _walk(fake: FakeRhombus, operation: str, **parameters: Any) -> list[Any]:
    """The uuids of all pages."""
    uuids: list[Any] = []
    token: str | None = None
    while True:
        page = await _call(fake, f"event/{operation}", pageToken=token, **parameters)
        assert len(page["savedClips"]) <= parameters.get("pageSize", 100)
        uuids += [clip["uuid"] for clip in page["savedClips"]]
        token = page.get("pageToken")
        if token is None:
            return uuids


def _uuids(clips) -> list[Any]:
    return [clip["uuid"] for clip in clips]


# --- reading -----------------------------------------------------------------------------------


async def test_first_version_lists_everything_at_once(fake) -> None:
    fake.hidden = {fake.clips[3]["uuid"]}
    answer = await _call(fake, "event/getSavedClips")
    assert _uuids(answer["savedClips"]) == _uuids(fake.clips[:3] + fake.clips[4:])
    assert "lastEvaluatedTimestampMs" not in answer


@pytest.mark.parametrize("page_size", [1, 7, 100, 200])
async def test_walk_by_tokens_lists_each_clip_once(fake, page_size) -> None:
    uuids = await _walk(fake, "getClipsWithProgress", pageSize=page_size)
    assert sorted(uuids) == sorted(_uuids(fake.clips))
    page = await _call(fake, "event/getClipsWithProgress", pageSize=page_size)
    assert page["savedClips"][0]["percentComplete"] in {0, 100}


async def test_walk_by_tokens_loses_nothing_when_clips_go_meanwhile(fake) -> None:
    page = await _call(fake, "event/getClipsWithProgress", pageSize=50)
    expected = set(_uuids(fake.clips)) - set(_uuids(page["savedClips"]))
    for clip in page["savedClips"][:20]:
        await _call(fake, "event/deleteSavedClip", savedClipUuid=clip["uuid"])
    rest = await _call(
        fake, "event/getClipsWithProgress", pageSize=200, pageToken=page["pageToken"]
    )
    assert set(_uuids(rest["savedClips"])) == expected


async def test_hidden_clips_are_evaluated_and_left_out(fake) -> None:
    fake.hidden = set(_uuids(fake.clips[:40]))
    page = await _call(fake, "event/getClipsWithProgress", pageSize=10)
    assert page["savedClips"] == []
    assert page["pageToken"] is not None
    walked = await _walk(fake, "getClipsWithProgress", pageSize=10)
    assert sorted(walked) == sorted(_uuids(fake.clips[40:]))


async def test_last_page_may_leave_the_token_out(fake) -> None:
    assert (await _call(fake, "event/getClipsWithProgress"))["pageToken"] is None
    fake.listing = Listing(last_page=LastPage.ABSENT)
    assert "pageToken" not in await _call(fake, "event/getClipsWithProgress")
    assert "pageToken" in await _call(fake, "event/getClipsWithProgress", pageSize=99)


@pytest.mark.parametrize("field", ["timestampMs", "createdAtMs"])
@pytest.mark.parametrize("order", ["asc", "desc", None])
async def test_clips_are_sorted_as_asked(fake, field, order) -> None:
    answer = await _call(fake, "event/getClipsWithProgress", sortField=field, sortOrder=order)
    times = [clip[field] for clip in answer["savedClips"]]
    assert times == sorted(times, reverse=order != "asc")
    assert len(times) == 100


async def _chosen(fake, **filters) -> set[Any]:
    answer = await _call(fake, "event/getClipsWithProgress", pageSize=200, **filters)
    return set(_uuids(answer["savedClips"]))


async def test_filters_choose_what_they_name(fake) -> None:
    clip = fake.clips[5]
    device = clip["deviceUuid"].partition(".")[0]
    location = fake.location_of(clip["deviceUuid"])
    fake.clips[8]["isMonitoringClip"] = True
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"deviceUuidFilters": [device]}, lambda c: c["deviceUuid"].startswith(device)),
        (
            {"locationUuidFilters": [location]},
            lambda c: fake.location_of(c["deviceUuid"]) == location,
        ),
        ({"searchFilter": "LOADING dock"}, lambda c: "Loading dock" in (c["title"] or "")),
        ({"searchFilter": "the console"}, lambda c: c["description"] == "Saved from the console"),
        (
            {"filterByPrivate": True},
            lambda c: (c["accessSettings"] or {}).get("visibility") == "PRIVATE",
        ),
        ({"excludeAlertMonitoringClips": True}, lambda c: not c["isMonitoringClip"]),
        ({"deviceUuidFilters": [UNKNOWN]}, lambda c: False),
        ({"deviceUuidFilters": [], "locationUuidFilters": None}, lambda c: True),
    ]
    for filters, wanted in cases:
        assert await _chosen(fake, **filters) == {c["uuid"] for c in fake.clips if wanted(c)}
    assert 1 < len(await _chosen(fake, locationUuidFilters=[location])) < 100


@pytest.mark.parametrize("field", ["timestampMs", "createdAtMs"])
@pytest.mark.parametrize("inclusive", [True, False])
async def test_times_bound_the_field_that_is_named(fake, field, inclusive) -> None:
    fake.bounds_are_inclusive = inclusive
    times = sorted(clip[field] for clip in fake.clips)
    after, before = times[20], times[60]
    chosen = await _chosen(
        fake, timestampFilterField=field, timestampMsAfter=after, timestampMsBefore=before
    )
    slack = 1 if inclusive else 0
    assert chosen == {c["uuid"] for c in fake.clips if after - slack < c[field] < before + slack}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pageSize": 0}, "pageSize"),
        ({"pageSize": 201}, "pageSize"),
        ({"pageSize": "5"}, "expected object structure"),
        ({"pageToken": "garbled"}, "page token"),
        ({"pageToken": 5}, "expected object structure"),
        ({"deviceUuidFilters": [DEVICE]}, "Invalid UUID"),
        ({"deviceUuidFilters": [OTHER_DEVICE.replace(".v0", ".a0")]}, "Invalid UUID"),
        ({"deviceUuidFilters": UNKNOWN}, "expected object structure"),
        ({"locationUuidFilters": [5]}, "expected object structure"),
        ({"filterByPrivate": "yes"}, "expected object structure"),
        ({"sortOrder": "upwards"}, "sortOrder"),
        ({"sortField": "size"}, "sortField"),
        ({"timestampFilterField": "size"}, "timestampFilterField"),
        ({"timestampMsAfter": 1.5}, "expected object structure"),
        ({"timestampMsAfter": 2**63}, "expected object structure"),
    ],
)
@pytest.mark.parametrize("operation", ["getClipsWithProgress", "getExpiringClipsForOrg"])
async def test_what_a_query_cannot_be_is_refused(fake, operation, parameters, message) -> None:
    status, answer = await _post(fake, f"event/{operation}", **parameters)
    assert status == 400
    assert message in answer["msg"]


async def test_token_is_good_for_its_own_query_only(fake) -> None:
    page = await _call(fake, "event/getClipsWithProgress", pageSize=5, sortOrder="asc")
    token = page["pageToken"]
    tampered = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
    for request in ({"pageToken": tampered, "sortOrder": "asc"}, {"pageToken": token}):
        status, answer = await _post(fake, "event/getClipsWithProgress", pageSize=5, **request)
        assert status == 400
        assert "token" in answer["msg"]


async def test_expiring_clips_are_the_oldest_tenth(fake) -> None:
    oldest = sorted(fake.clips, key=lambda clip: clip["createdAtMs"])[:10]
    walked = await _walk(fake, "getExpiringClipsForOrg", pageSize=3)
    assert sorted(walked) == sorted(_uuids(oldest))
    del fake.clips[3:]
    assert len(await _walk(fake, "getExpiringClipsForOrg")) == 1
    fake.clips.clear()
    assert await _walk(fake, "getExpiringClipsForOrg") == []


async def test_details_are_many_odd_and_always_the_same() -> None:
    async with FakeRhombus(100) as fake:
        answers = [
            await _call(fake, "event/getSavedClipDetails", clipUuid=clip["uuid"])
            for clip in fake.clips
        ]
        again = await _call(fake, "event/getSavedClipDetails", clipUuid=fake.clips[0]["uuid"])
    clips = [answer["savedClip"] for answer in answers]
    assert again["savedClip"] == clips[0]
    assert clips[0].items() >= fake.clips[0].items()
    for name in ("boundingBoxes", "seekPoints"):
        listed = [item for clip in clips for item in clip[name] or []]
        assert len(listed) > 200
        assert None in listed
        assert any(clip[name] is None for clip in clips)
        seen = [item for item in listed if item]
        assert any(item["activity"] == "MOTION_UNICORN" for item in seen)
        assert any(item["customActivityColor"] == "ULTRAVIOLET" for item in seen)


@pytest.mark.parametrize(
    ("operation", "name", "parameter"),
    [
        ("getClipWithProgress", "clip", "clipUuid"),
        ("getSavedClipDetails", "savedClip", "clipUuid"),
        ("getSharedClipGroupDetails", "sharedClipGroup", "uuid"),
    ],
)
async def test_what_is_not_there_is_answered_for_as_told(fake, operation, name, parameter) -> None:
    asked = {parameter: UNKNOWN}
    assert (await _call(fake, f"event/{operation}", **asked))[name] is None
    fake.unknown_clip = UnknownClip.REFUSED
    assert await _fail(fake, f"event/{operation}", **asked)
    fake.unknown_clip = UnknownClip.NOT_FOUND
    assert (await _post(fake, f"event/{operation}", **asked))[0] == 404


async def test_count_goes_by_place_and_time_of_the_footage(fake) -> None:
    device = fake.clips[5]["deviceUuid"].partition(".")[0]
    times = sorted(clip["timestampMs"] for clip in fake.clips)
    private = [c for c in fake.clips if (c["accessSettings"] or {}).get("visibility") == "PRIVATE"]
    everything = await _call(fake, "event/getSavedClipCount")
    assert everything["count"] == 100
    assert everything["privateCount"] == len(private) > 0
    cases: list[tuple[dict[str, Any], int]] = [
        ({"deviceFilter": [device]}, sum(c["deviceUuid"].startswith(device) for c in fake.clips)),
        (
            {"startTimeMs": times[10], "endTimeMs": times[40]},
            sum(times[10] <= time < times[40] for time in times),
        ),
        ({"locationFilter": [UNKNOWN]}, 0),
    ]
    for request, count in cases:
        assert (await _call(fake, "event/getSavedClipCount", **request))["count"] == count
    status, answer = await _post(fake, "event/getSavedClipCount", deviceFilter=[DEVICE])
    assert (status, answer["msg"]) == (400, "Invalid UUID")


async def test_every_tenth_clip_is_found_by_its_transaction(fake) -> None:
    path = "event/getSavedClipsByExternalTransactionId"
    answer = await _call(fake, path, externalTransactionId="txn_000010")
    assert _uuids(answer["savedClips"]) == [fake.clips[9]["uuid"]]
    assert (await _call(fake, path, externalTransactionId="txn_000011"))["savedClips"] == []
    assert (await _call(fake, path))["savedClips"] == []


# --- changing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("updates", Updates)
@pytest.mark.parametrize("left_out", [{}, {"description": None, "accessSettings": None}])
async def test_update_blanks_what_it_leaves_out_unless_told(fake, updates, left_out) -> None:
    fake.updates = updates
    uuid, access = fake.clips[0]["uuid"], {"visibility": "PRIVATE"}
    whole = {"title": "A", "description": "B", "accessSettings": access}
    await _call(fake, "event/updateSavedClip", savedClipUuid=uuid, **whole)
    await _call(fake, "event/updateSavedClip", savedClipUuid=uuid, title="C", **left_out)
    clip = (await _call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"]
    keeps = updates is Updates.SELECTIVE
    assert clip["title"] == "C"
    assert clip["description"] == ("B" if keeps else None)
    kept = {**access, "allowedRoles": [], "allowedUsers": []}
    assert clip["accessSettings"] == (kept if keeps else None)


async def test_deleted_clip_is_gone_from_everywhere(fake) -> None:
    uuid = fake.clips[9]["uuid"]
    await _call(fake, "event/deleteSavedClip", savedClipUuid=uuid)
    assert await _walk(fake, "getClipsWithProgress", pageSize=200) == [
        clip["uuid"] for clip in sorted(fake.clips, key=lambda c: (-c["timestampMs"], c["uuid"]))
    ]
    assert uuid not in _uuids((await _call(fake, "event/getSavedClips"))["savedClips"])
    assert (await _call(fake, "event/getSavedClipCount"))["count"] == 99
    assert (await _call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"] is None


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
async def test_what_cannot_be_done_is_said_in_band(fake, operation, parameters) -> None:
    before = json.dumps([fake.clips, fake.shared_clip_groups])
    assert await _fail(fake, operation, **parameters)
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
    status, answer = await _post(fake, operation, **parameters)
    assert status == 400
    assert answer == {"msg": "JSON doesn't match expected object structure"}


# --- sharing -----------------------------------------------------------------------------------


async def test_shared_group_lives_from_its_making_to_its_deletion(fake, clock) -> None:
    clip, alert = fake.clips[0], make_uuid("alert", 1)
    made = await _call(
        fake,
        "event/createSharedClipGroupV3",
        uuids=[{"eventUuid": clip["uuid"]}, {"alertUuid": alert}],
        title="For the insurer",
        plaintextPassword="hunter2",
        expirationTimeSecs=86_400,
    )
    uuid = made["uuid"]
    assert made["shareUrl"].startswith("https://share.example/clips/")
    clock.now += 60
    listed = await _call(
        fake, "event/getSharedClipGroupsV2", createdAfterMs=int(clock.now - 61) * 1000
    )
    group = next(g for g in listed["sharedClipGroups"] if g["uuid"] == uuid)
    assert group["createdAtMillis"] == int(clock.now - 60) * 1000
    assert (group["title"], group["isSecured"]) == ("For the insurer", True)
    assert _uuids(group["sharedClips"]) == [clip["uuid"], alert]
    details = await _call(fake, "event/getSharedClipGroupDetails", uuid=uuid)
    shared = details["sharedClipGroup"]["sharedClips"][0]
    assert "isSecured" not in details["sharedClipGroup"]
    assert shared["description"] == clip["description"]
    seen = await _call(fake, "event/getSavedClipDetails", clipUuid=clip["uuid"])
    assert shared["seekPoints"] == seen["savedClip"]["seekPoints"]
    assert "hunter2" not in json.dumps([made, listed, details])
    await _call(fake, "event/deleteSharedClipGroupV2", uuid=uuid)
    listed = await _call(fake, "event/getSharedClipGroupsV2")
    assert uuid not in _uuids(listed["sharedClipGroups"])
    assert await _fail(fake, "event/deleteSharedClipGroupV2", uuid=uuid)


@pytest.mark.parametrize("updates", Updates)
async def test_update_of_a_group_blanks_what_it_leaves_out_unless_told(fake, updates) -> None:
    fake.updates = updates
    group = fake.shared_clip_groups[0]
    secured = {"title": "A", "plaintextPassword": "hunter2", "expirationTimeSecs": 60}
    uuid = group["uuid"]
    answer = await _call(fake, "event/updateSharedClipGroupV2", sharedClipUuid=uuid, **secured)
    assert answer["uuid"] == uuid
    assert uuid in answer["shareUrl"]
    assert (group["isSecured"], group["expirationTimeSecs"]) == (True, 60)
    await _call(
        fake, "event/updateSharedClipGroupV2", sharedClipUuid=uuid, title="B", description="C"
    )
    keeps = updates is Updates.SELECTIVE
    assert (group["title"], group["description"], group["isSecured"]) == ("B", "C", keeps)
    assert group["expirationTimeSecs"] == (60 if keeps else None)


# --- making ------------------------------------------------------------------------------------


async def _splice(fake, **parameters) -> Any:
    usual = {"deviceUuids": [DEVICE, OTHER_DEVICE], "startTimeMillis": MOMENT, "durationSec": 30}
    return await _call(fake, "video/spliceV3", **{**usual, **parameters})


async def _progress(fake, uuid) -> Any:
    return (await _call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"]


async def test_splice_becomes_a_saved_clip_in_its_time(fake, clock) -> None:
    fake.render_seconds = 10
    made = await _splice(
        fake,
        title="Dock",
        description="Two cameras",
        clipVisibility="PRIVATE",
        integrationUploadMap={"SLACK": True, "GOOGLE": False},
    )
    uuid = made["clipUuid"]
    assert made["clipUuidList"] == [uuid]
    clock.now += 2
    clip = await _progress(fake, uuid)
    assert (clip["status"], clip["byteCount"], clip["sha256Hex"]) == ("UPLOADING", None, None)
    assert uuid in await _chosen(fake, searchFilter="two cameras")
    (spliced,) = (await _call(fake, "video/getSplicedClipsInProgress"))["splicedClips"]
    assert (spliced["clipUuid"], spliced["title"]) == (uuid, "Dock")
    assert set(spliced["deviceMap"]) == {DEVICE, OTHER_DEVICE}
    assert uuid not in _uuids((await _call(fake, "event/getSavedClips"))["savedClips"])
    details = await _call(fake, "event/getSavedClipDetails", clipUuid=uuid)
    assert details["savedClip"] is None
    clock.now += 8
    clips = (await _call(fake, "event/getSavedClipsV2"))["savedClips"]
    clip = next(clip for clip in clips if clip["uuid"] == uuid)
    assert clip["status"] == "COMPLETE"
    assert (clip["title"], clip["description"]) == ("Dock", "Two cameras")
    assert clip["accessSettings"]["visibility"] == "PRIVATE"
    assert clip["deviceUuids"] == list(clip["deviceUuidMap"]) == [DEVICE, OTHER_DEVICE]
    assert clip["deviceIntervalMap"][DEVICE] == [{"startMs": MOMENT, "endMs": MOMENT + 30_000}]
    assert (clip["timestampMs"], clip["durationSec"]) == (MOMENT, 30)
    assert clip["createdAtMs"] == int(clock.now - 10) * 1000
    assert clip["integrationUploadList"] == ["SLACK"]
    assert clip["byteCount"] and clip["sha256Hex"]
    times = [clip["timestampMs"] for clip in clips]
    assert times == sorted(times, reverse=True)
    assert (await _call(fake, "event/getSavedClipCount"))["count"] == 101
    assert (await _call(fake, "video/getSplicedClipsInProgress"))["splicedClips"] == []


async def test_splice_may_make_a_clip_of_each_device(fake) -> None:
    fake.clip_per_device = True
    made = await _splice(fake)
    first, second = made["clipUuidList"]
    assert made["clipUuid"] == first
    assert (await _progress(fake, first))["deviceUuids"] == [DEVICE]
    assert (await _progress(fake, second))["deviceUuids"] == [OTHER_DEVICE]


def _interval(start_sec: float, end_sec: float) -> dict[str, int]:
    return {"startMs": MOMENT + int(start_sec * 1000), "endMs": MOMENT + int(end_sec * 1000)}


async def test_intervals_stand_above_start_and_duration(fake) -> None:
    intervals = {
        DEVICE: [_interval(60, 70), _interval(100, 120)],
        OTHER_DEVICE: [_interval(50, 60)],
    }
    made = await _splice(fake, deviceIntervalMap=intervals, startTimeMillis=1, durationSec=-5)
    clip = await _progress(fake, made["clipUuid"])
    assert clip["deviceIntervalMap"] == intervals
    assert (clip["timestampMs"], clip["durationSec"]) == (MOMENT + 50_000, 30)


@pytest.mark.parametrize(
    ("intervals", "is_made"),
    [
        ([_interval(0, 1)], True),
        ([_interval(0, 0.999)], False),
        ([_interval(5, 0)], False),
        ([{"startMs": MOMENT}], False),
        ([], False),
        ([_interval(0, 3600)], True),
        ([_interval(0, 1800), _interval(2000, 3800), _interval(4000, 4001)], False),
    ],
)
async def test_intervals_have_their_limits(fake, intervals, is_made) -> None:
    request = {"deviceIntervalMap": {DEVICE: intervals}}
    if is_made:
        await _call(fake, "video/spliceV3", **request)
    else:
        await _fail(fake, "video/spliceV3", **request)
    assert len(fake.renders) == is_made


@pytest.mark.parametrize(
    ("longest", "seconds", "is_made"),
    [(3600, 3600, True), (3600, 3601, False), (60, 61, False), (None, 90_000, True)],
)
async def test_longest_splice_is_told_and_kept(fake, longest, seconds, is_made) -> None:
    fake.max_splice_duration = longest
    assert (await _call(fake, "video/getMaxSpliceDuration"))["maxDuration"] == longest
    if is_made:
        await _splice(fake, durationSec=seconds)
    else:
        request = {"deviceUuids": [DEVICE], "startTimeMillis": MOMENT, "durationSec": seconds}
        assert str(longest) in await _fail(fake, "video/spliceV3", **request)


async def test_splice_may_be_unknown_for_a_while(fake, clock) -> None:
    fake.appears_after = 3
    uuid = (await _splice(fake))["clipUuid"]
    clock.now += 2.9
    assert await _progress(fake, uuid) is None
    assert uuid not in await _chosen(fake)
    assert (await _call(fake, "video/getSplicedClipsInProgress"))["splicedClips"] == []
    clock.now += 0.1
    assert (await _progress(fake, uuid))["status"] == "COMPLETE"


async def test_failed_render_can_be_tried_again(fake, clock) -> None:
    fake.renders_fail = True
    uuid = (await _splice(fake))["clipUuid"]
    assert await _fail(fake, "video/retrySplice", clipUuid=uuid)
    clock.now += 2
    assert (await _progress(fake, uuid))["status"] == "FAILED"
    assert (await _call(fake, "event/getSavedClipCount"))["count"] == 100
    fake.renders_fail = False
    await _call(fake, "video/retrySplice", clipUuid=uuid)
    assert (await _progress(fake, uuid))["status"] == "INITIATING"
    clock.now += 2
    assert (await _progress(fake, uuid))["status"] == "COMPLETE"
    assert await _fail(fake, "video/retrySplice", clipUuid=uuid)


async def test_cancelled_renders_are_deleted_all_or_none(fake, clock) -> None:
    uuids = [(await _splice(fake))["clipUuid"] for _ in range(3)]
    assert await _fail(fake, "video/cancelSpliceV2", clipUuidList=[uuids[0], UNKNOWN])
    assert (await _progress(fake, uuids[0]))["status"] == "INITIATING"
    await _call(fake, "video/cancelSpliceV2", clipUuid=uuids[0], clipUuidList=uuids[1:2])
    clock.now += 2
    statuses = [(await _progress(fake, uuid))["status"] for uuid in uuids]
    assert statuses == ["DELETED", "DELETED", "COMPLETE"]
    assert await _chosen(fake) & set(uuids) == {uuids[2]}
    assert await _fail(fake, "video/cancelSpliceV2", clipUuid=uuids[2])


@pytest.mark.parametrize("waited", [0, 1, 5])
async def test_render_can_be_changed_and_deleted_at_every_stage(fake, clock, waited) -> None:
    uuid = fake.start_render(seconds=2)
    clock.now += waited
    await _call(fake, "event/updateSavedClip", savedClipUuid=uuid, title="Renamed")
    assert (await _progress(fake, uuid))["title"] == "Renamed"
    await _call(fake, "event/deleteSavedClip", savedClipUuid=uuid)
    assert await _progress(fake, uuid) is None
    assert uuid not in await _chosen(fake)


def test_thousand_clips_are_there_in_no_time() -> None:
    began = time.perf_counter()
    FakeRhombus(1000)
    assert time.perf_counter() - began < 0.5


def test_made_clips_have_the_sizes_of_a_test() -> None:
    sizes = [clip["byteCount"] for clip in make_clips(200) if clip["byteCount"] is not None]
    assert max(sizes) < 20_000


# --- against the service's own document ---------------------------------------------------------

# What `make_clips` adds on purpose: a field that no reference lists.
ODD_FIELDS = {"retentionDays"}
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@pytest.fixture
def document() -> Any:
    path = os.environ.get("RHOMBUS_OPENAPI")
    if path is None:
        pytest.skip("RHOMBUS_OPENAPI does not name the service's OpenAPI document")
    return _read(path)


@functools.cache
def _read(path: str) -> Any:
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


async def test_every_answer_has_the_names_and_types_of_the_document(fake, clock, document) -> None:
    answers: dict[str, list[Any]] = {}
    for path, requests in _requests_of_every_endpoint(fake).items():
        answers[path] = [await _call(fake, path, **request) for request in requests]
    clock.now += 60
    made = answers["video/spliceV3"][0]["clipUuid"]
    for path, request in [
        ("event/getSavedClipDetails", {"clipUuid": made}),
        ("event/getSavedClipsV2", {}),
        ("event/deleteSavedClip", {"savedClipUuid": made}),
    ]:
        answers.setdefault(path, []).append(await _call(fake, path, **request))
    _, failed = await _post(fake, "event/deleteSavedClip", savedClipUuid=UNKNOWN)
    answers["event/deleteSavedClip"].append(failed)
    for path, given in answers.items():
        schema = document["paths"][f"/api/{path}"]["post"]["responses"]["200"]
        for answer in given:
            _check(answer, schema["content"]["application/json"]["schema"], document, path)
    assert {f"/api/{path}" for path in answers} == set(document["paths"]) == set(HANDLERS)


def _requests_of_every_endpoint(fake: FakeRhombus) -> dict[str, list[dict[str, Any]]]:
    running, failed = fake.start_render(seconds=1000), fake.start_render(seconds=0, fails=True)
    uuids = [clip["uuid"] for clip in fake.clips]
    group = fake.shared_clip_groups[0]["uuid"]
    interval = {DEVICE: [_interval(0, 30)]}
    return {
        "event/getSavedClips": [{}],
        "event/getSavedClipsV2": [{}, {"maxPageSize": 5}],
        "event/getClipWithProgress": [{"clipUuid": uuid} for uuid in (uuids[0], running, failed)],
        "event/getClipsWithProgress": [{"pageSize": 200}, {"pageSize": 5}],
        "event/getExpiringClipsForOrg": [{}],
        "event/getSavedClipDetails": [{"clipUuid": uuid} for uuid in uuids],
        "event/getSavedClipCount": [{}],
        "event/getSavedClipsByExternalTransactionId": [{"externalTransactionId": "txn_000010"}],
        "event/getSplicedClipsInProgress": [{}],
        "video/getSplicedClipsInProgress": [{}],
        "video/getMaxSpliceDuration": [{}],
        "video/spliceV3": [
            {"deviceUuids": [DEVICE], "startTimeMillis": MOMENT, "durationSec": 5},
            {"deviceIntervalMap": interval},
        ],
        "video/retrySplice": [{"clipUuid": failed}],
        "video/cancelSpliceV2": [{"clipUuid": running}],
        "event/updateSavedClip": [{"savedClipUuid": uuids[0], "title": "A"}],
        "event/getSharedClipGroupsV2": [{}],
        "event/createSharedClipGroupV3": [{"uuids": [{"eventUuid": uuids[1]}, {"alertUuid": "a"}]}],
        "event/getSharedClipGroupDetails": [{"uuid": g["uuid"]} for g in fake.shared_clip_groups],
        "event/updateSharedClipGroupV2": [{"sharedClipUuid": group, "title": "B"}],
        "event/deleteSharedClipGroupV2": [{"uuid": group}],
    }


def _check(value: Any, schema: Any, document: Any, place: str) -> None:
    """Whether *value* is what *schema* says; everything may be null."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        return
    match schema["type"]:
        case "array":
            assert isinstance(value, list), place
            for item in value:
                _check(item, schema["items"], document, f"{place}[]")
        case "object" if "additionalProperties" in schema:
            for key, item in value.items():
                _check(item, schema["additionalProperties"], document, f"{place}.{key}")
        case "object":
            properties = schema.get("properties", {})
            assert set(value) - ODD_FIELDS <= set(properties), place
            for name in set(value) - ODD_FIELDS:
                _check(value[name], properties[name], document, f"{place}.{name}")
        case plain:
            assert isinstance(value, KINDS[plain]), f"{place}: {value!r}"
            assert plain == "boolean" or not isinstance(value, bool), f"{place}: {value!r}"
