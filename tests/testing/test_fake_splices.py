"""FakeRhombus: splices progress, fail, and become clips."""

import itertools
import sys
from typing import Any

import pytest

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import make_clips
from tests.testing.fake_calls import (
    DEVICE,
    MOMENT,
    OTHER_DEVICE,
    UNKNOWN,
    call,
    chosen_by,
    fail,
    interval_of,
    post,
    uuids_of,
)


async def splice(fake, **parameters) -> Any:
    usual = {"deviceUuids": [DEVICE, OTHER_DEVICE], "startTimeMillis": MOMENT, "durationSec": 30}
    return await call(fake, "video/spliceV3", **{**usual, **parameters})


async def progress_of(fake, uuid) -> Any:
    return (await call(fake, "event/getClipWithProgress", clipUuid=uuid))["clip"]


async def test_splice_becomes_a_saved_clip_over_time(fake, clock) -> None:
    fake.render_seconds = 10
    created = await splice(
        fake,
        title="Dock",
        description="Two cameras",
        clipVisibility="PRIVATE",
        integrationUploadMap={"SLACK": True, "GOOGLE": False},
    )
    uuid = created["clipUuid"]
    assert created["clipUuidList"] == [uuid]
    clock.now += 2
    clip = await progress_of(fake, uuid)
    assert (clip["status"], clip["byteCount"], clip["sha256Hex"]) == ("UPLOADING", None, None)
    assert uuid in await chosen_by(fake, searchFilter="two cameras")
    (spliced,) = (await call(fake, "video/getSplicedClipsInProgress"))["splicedClips"]
    assert (spliced["clipUuid"], spliced["title"]) == (uuid, "Dock")
    assert set(spliced["deviceMap"]) == {DEVICE, OTHER_DEVICE}
    assert uuid not in uuids_of((await call(fake, "event/getSavedClips"))["savedClips"])
    details = await call(fake, "event/getSavedClipDetails", clipUuid=uuid)
    assert details["savedClip"] is None
    clock.now += 8
    clips = (await call(fake, "event/getSavedClipsV2"))["savedClips"]
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
    assert (await call(fake, "event/getSavedClipCount"))["count"] == 101
    assert (await call(fake, "video/getSplicedClipsInProgress"))["splicedClips"] == []


async def test_splice_can_create_a_clip_per_device(fake) -> None:
    fake.clip_per_device = True
    created = await splice(fake)
    first, second = created["clipUuidList"]
    assert created["clipUuid"] == first
    assert (await progress_of(fake, first))["deviceUuids"] == [DEVICE]
    assert (await progress_of(fake, second))["deviceUuids"] == [OTHER_DEVICE]


async def test_intervals_override_start_and_duration(fake) -> None:
    intervals = {
        DEVICE: [interval_of(60, 70), interval_of(100, 120)],
        OTHER_DEVICE: [interval_of(50, 60)],
    }
    created = await splice(fake, deviceIntervalMap=intervals, startTimeMillis=1, durationSec=-5)
    clip = await progress_of(fake, created["clipUuid"])
    assert clip["deviceIntervalMap"] == intervals
    assert (clip["timestampMs"], clip["durationSec"]) == (MOMENT + 50_000, 30)


@pytest.mark.parametrize(
    ("intervals", "is_created"),
    [
        ([interval_of(0, 1)], True),
        ([interval_of(0, 0.999)], False),
        ([interval_of(5, 0)], False),
        ([{"startMs": MOMENT}], False),
        ([], False),
        ([interval_of(0, 3600)], True),
        ([interval_of(0, 1800), interval_of(2000, 3800), interval_of(4000, 4001)], False),
    ],
)
async def test_intervals_have_their_limits(fake, intervals, is_created) -> None:
    request = {"deviceIntervalMap": {DEVICE: intervals}}
    if is_created:
        await call(fake, "video/spliceV3", **request)
    else:
        await fail(fake, "video/spliceV3", **request)
    assert len(fake.renders) == is_created


@pytest.mark.parametrize(
    ("longest", "seconds", "is_created"),
    [(3600, 3600, True), (3600, 3601, False), (60, 61, False), (None, 90_000, True)],
)
async def test_longest_splice_is_reported_and_enforced(fake, longest, seconds, is_created) -> None:
    fake.max_splice_duration = longest
    assert (await call(fake, "video/getMaxSpliceDuration"))["maxDuration"] == longest
    if is_created:
        await splice(fake, durationSec=seconds)
    else:
        request = {"deviceUuids": [DEVICE], "startTimeMillis": MOMENT, "durationSec": seconds}
        assert str(longest) in await fail(fake, "video/spliceV3", **request)


async def test_splice_can_be_unknown_for_a_while(fake, clock) -> None:
    fake.appears_after = 3
    uuid = (await splice(fake))["clipUuid"]
    clock.now += 2.9
    assert await progress_of(fake, uuid) is None
    assert uuid not in await chosen_by(fake)
    assert (await call(fake, "video/getSplicedClipsInProgress"))["splicedClips"] == []
    clock.now += 0.1
    assert (await progress_of(fake, uuid))["status"] == "COMPLETE"


async def test_failed_render_can_be_retried(fake, clock) -> None:
    fake.renders_fail = True
    uuid = (await splice(fake))["clipUuid"]
    assert await fail(fake, "video/retrySplice", clipUuid=uuid)
    clock.now += 2
    assert (await progress_of(fake, uuid))["status"] == "FAILED"
    assert (await call(fake, "event/getSavedClipCount"))["count"] == 100
    fake.renders_fail = False
    await call(fake, "video/retrySplice", clipUuid=uuid)
    assert (await progress_of(fake, uuid))["status"] == "INITIATING"
    clock.now += 2
    assert (await progress_of(fake, uuid))["status"] == "COMPLETE"
    assert await fail(fake, "video/retrySplice", clipUuid=uuid)


async def test_cancelling_deletes_all_renders_or_none(fake, clock) -> None:
    uuids = [(await splice(fake))["clipUuid"] for _ in range(3)]
    assert await fail(fake, "video/cancelSpliceV2", clipUuidList=[uuids[0], UNKNOWN])
    assert (await progress_of(fake, uuids[0]))["status"] == "INITIATING"
    await call(fake, "video/cancelSpliceV2", clipUuid=uuids[0], clipUuidList=uuids[1:2])
    clock.now += 2
    statuses = [(await progress_of(fake, uuid))["status"] for uuid in uuids]
    assert statuses == ["DELETED", "DELETED", "COMPLETE"]
    assert await chosen_by(fake) & set(uuids) == {uuids[2]}
    assert await fail(fake, "video/cancelSpliceV2", clipUuid=uuids[2])


@pytest.mark.parametrize("waited", [0, 1, 5])
async def test_render_can_be_updated_and_deleted_at_every_stage(fake, clock, waited) -> None:
    uuid = fake.start_render(seconds=2)
    clock.now += waited
    await call(fake, "event/updateSavedClip", savedClipUuid=uuid, title="Renamed")
    assert (await progress_of(fake, uuid))["title"] == "Renamed"
    await call(fake, "event/deleteSavedClip", savedClipUuid=uuid)
    assert await progress_of(fake, uuid) is None
    assert uuid not in await chosen_by(fake)


async def test_saved_alert_becomes_a_clip_with_its_uuid(fake, clock) -> None:
    fake.render_seconds = 10
    views = {DEVICE: [{"yawDegrees": 30}]}
    answer = await call(
        fake,
        "event/savePolicyAlertV2",
        alertUuid="a" * 22,
        savedClipTitle="A",
        savedClipDescription="B",
        fisheyePresentationMap=views,
    )
    assert answer == {"error": False, "warningMsg": None}
    saved = [clip for clip in fake.saved() if clip["sourceAlertUuid"]]
    assert saved == []
    clock.now += 11
    (clip,) = [clip for clip in fake.saved() if clip["sourceAlertUuid"]]
    assert (clip["sourceAlertUuid"], clip["status"]) == ("a" * 22, "COMPLETE")
    assert (clip["title"], clip["description"], clip["fisheyeMap"]) == ("A", "B", views)
    assert clip["timestampMs"] < clip["createdAtMs"] == 1_800_000_000_000
    assert clip["byteCount"] == len(fake.video(clip["uuid"]).data)


@pytest.mark.parametrize(
    "parameters", [{}, {"alertUuid": 5}, {"alertUuid": "a", "savedClipTitle": 5}]
)
async def test_alert_without_a_uuid_or_with_wrong_types_is_refused(fake, parameters) -> None:
    status, _ = await post(fake, "event/savePolicyAlertV2", **parameters)
    assert status == 400
    assert fake.renders == {}


def test_generating_clips_takes_linear_time() -> None:
    """Ten times as many clips take about ten times as many function calls."""
    assert _calls_to_make(1000) < 12 * _calls_to_make(100)


def _calls_to_make(clips: int) -> int:
    calls = itertools.count()

    def count(_frame: object, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            next(calls)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        FakeRhombus(clips)
    finally:
        sys.setprofile(before)
    return next(calls)


def test_generated_clips_are_small() -> None:
    sizes = [clip["byteCount"] for clip in make_clips(200) if clip["byteCount"] is not None]
    assert max(sizes) < 20_000
