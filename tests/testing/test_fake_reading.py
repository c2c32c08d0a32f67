"""FakeRhombus: listing, filtering, counting and details of clips."""

from typing import Any

import pytest

from rhombus_clips.testing import FakeRhombus, LastPage, Listing, UnknownClip
from tests.testing.fake_calls import (
    DEVICE,
    OTHER_DEVICE,
    UNKNOWN,
    call,
    chosen_by,
    fail,
    post,
    uuids_of,
    walk,
)


async def test_first_version_lists_everything_in_one_response(fake) -> None:
    fake.hidden = {fake.clips[3]["uuid"]}
    answer = await call(fake, "event/getSavedClips")
    assert uuids_of(answer["savedClips"]) == uuids_of(fake.clips[:3] + fake.clips[4:])
    assert "lastEvaluatedTimestampMs" not in answer


@pytest.mark.parametrize("page_size", [1, 7, 100, 200])
async def test_page_tokens_list_each_clip_once(fake, page_size) -> None:
    uuids = await walk(fake, "getClipsWithProgress", pageSize=page_size)
    assert sorted(uuids) == sorted(uuids_of(fake.clips))
    page = await call(fake, "event/getClipsWithProgress", pageSize=page_size)
    assert page["savedClips"][0]["percentComplete"] in {0, 100}


async def test_page_tokens_lose_nothing_when_clips_are_deleted(fake) -> None:
    page = await call(fake, "event/getClipsWithProgress", pageSize=50)
    expected = set(uuids_of(fake.clips)) - set(uuids_of(page["savedClips"]))
    for clip in page["savedClips"][:20]:
        await call(fake, "event/deleteSavedClip", savedClipUuid=clip["uuid"])
    rest = await call(fake, "event/getClipsWithProgress", pageSize=200, pageToken=page["pageToken"])
    assert set(uuids_of(rest["savedClips"])) == expected


async def test_hidden_clips_count_towards_a_page_and_are_omitted(fake) -> None:
    fake.hidden = set(uuids_of(fake.clips[:40]))
    page = await call(fake, "event/getClipsWithProgress", pageSize=10)
    assert page["savedClips"] == []
    assert page["pageToken"] is not None
    walked = await walk(fake, "getClipsWithProgress", pageSize=10)
    assert sorted(walked) == sorted(uuids_of(fake.clips[40:]))


async def test_last_page_can_omit_the_token(fake) -> None:
    assert (await call(fake, "event/getClipsWithProgress"))["pageToken"] is None
    fake.listing = Listing(last_page=LastPage.ABSENT)
    assert "pageToken" not in await call(fake, "event/getClipsWithProgress")
    assert "pageToken" in await call(fake, "event/getClipsWithProgress", pageSize=99)


@pytest.mark.parametrize("field", ["timestampMs", "createdAtMs"])
@pytest.mark.parametrize("order", ["asc", "desc", None])
async def test_clips_are_sorted_as_requested(fake, field, order) -> None:
    answer = await call(fake, "event/getClipsWithProgress", sortField=field, sortOrder=order)
    times = [clip[field] for clip in answer["savedClips"]]
    assert times == sorted(times, reverse=order != "asc")
    assert len(times) == 100


async def test_filters_select_matching_clips(fake) -> None:
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
        assert await chosen_by(fake, **filters) == {c["uuid"] for c in fake.clips if wanted(c)}
    assert 1 < len(await chosen_by(fake, locationUuidFilters=[location])) < 100


@pytest.mark.parametrize("field", ["timestampMs", "createdAtMs"])
@pytest.mark.parametrize("inclusive", [True, False])
async def test_time_filter_applies_to_the_given_field(fake, field, inclusive) -> None:
    fake.bounds_are_inclusive = inclusive
    times = sorted(clip[field] for clip in fake.clips)
    after, before = times[20], times[60]
    chosen = await chosen_by(
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
async def test_invalid_query_is_refused(fake, operation, parameters, message) -> None:
    status, answer = await post(fake, f"event/{operation}", **parameters)
    assert status == 400
    assert message in answer["msg"]


async def test_token_is_valid_only_for_its_query(fake) -> None:
    page = await call(fake, "event/getClipsWithProgress", pageSize=5, sortOrder="asc")
    token = page["pageToken"]
    tampered = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
    for request in ({"pageToken": tampered, "sortOrder": "asc"}, {"pageToken": token}):
        status, answer = await post(fake, "event/getClipsWithProgress", pageSize=5, **request)
        assert status == 400
        assert "token" in answer["msg"]


async def test_expiring_clips_are_the_oldest_tenth(fake) -> None:
    oldest = sorted(fake.clips, key=lambda clip: clip["createdAtMs"])[:10]
    walked = await walk(fake, "getExpiringClipsForOrg", pageSize=3)
    assert sorted(walked) == sorted(uuids_of(oldest))
    del fake.clips[3:]
    assert len(await walk(fake, "getExpiringClipsForOrg")) == 1
    fake.clips.clear()
    assert await walk(fake, "getExpiringClipsForOrg") == []


async def test_details_are_irregular_and_deterministic() -> None:
    async with FakeRhombus(100) as fake:
        answers = [
            await call(fake, "event/getSavedClipDetails", clipUuid=clip["uuid"])
            for clip in fake.clips
        ]
        again = await call(fake, "event/getSavedClipDetails", clipUuid=fake.clips[0]["uuid"])
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
async def test_missing_object_responds_as_configured(fake, operation, name, parameter) -> None:
    parameters = {parameter: UNKNOWN}
    assert (await call(fake, f"event/{operation}", **parameters))[name] is None
    fake.unknown_clip = UnknownClip.REFUSED
    assert await fail(fake, f"event/{operation}", **parameters)
    fake.unknown_clip = UnknownClip.NOT_FOUND
    assert (await post(fake, f"event/{operation}", **parameters))[0] == 404


async def test_count_filters_by_device_location_and_recording_time(fake) -> None:
    device = fake.clips[5]["deviceUuid"].partition(".")[0]
    times = sorted(clip["timestampMs"] for clip in fake.clips)
    private = [c for c in fake.clips if (c["accessSettings"] or {}).get("visibility") == "PRIVATE"]
    everything = await call(fake, "event/getSavedClipCount")
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
        assert (await call(fake, "event/getSavedClipCount", **request))["count"] == count
    status, answer = await post(fake, "event/getSavedClipCount", deviceFilter=[DEVICE])
    assert (status, answer["msg"]) == (400, "Invalid UUID")


async def test_every_tenth_clip_is_found_by_its_transaction(fake) -> None:
    path = "event/getSavedClipsByExternalTransactionId"
    answer = await call(fake, path, externalTransactionId="txn_000010")
    assert uuids_of(answer["savedClips"]) == [fake.clips[9]["uuid"]]
    assert (await call(fake, path, externalTransactionId="txn_000011"))["savedClips"] == []
    assert (await call(fake, path))["savedClips"] == []
