"""The data of the web demo: plausible, relative to the clock, and free of irregularities."""

import asyncio
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rhombus_clips import NotFoundError
from rhombus_clips.cli.demo_cameras import CAMERAS
from rhombus_clips.cli.demo_clips import add_clips_now_and_then, demo_service
from rhombus_clips.cli.demo_detections import detections_of
from rhombus_clips.concurrency import alongside
from rhombus_clips.models import ClipStatus
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.media_content import make_video, picture_of
from tests.components import required_program
from tests.media.media_requests import get, headers_of, url_of
from tests.testing.fake_calls import Clock

NOW = 1_800_000_000
DAY = 24 * 3600
PLACES = {camera.place: camera for camera in CAMERAS}
FAILED = ClipStatus.FAILED


@pytest.fixture(scope="module")
def whole() -> FakeRhombus:
    """The data as the demo has it. It is not served."""
    return demo_service(lambda: NOW)


def place_of(clip: JsonObject) -> str:
    place: str = clip["title"].partition(": ")[0]
    return place


# --- clips ---------------------------------------------------------------------------------------


def test_clips_cover_months_and_end_minutes_ago(whole) -> None:
    assert len(whole.clips) == 400
    ages = [NOW - clip["timestampMs"] / 1000 for clip in whole.clips]
    assert ages == sorted(ages)
    assert 5 * 60 < ages[0] < 10 * 60
    assert 100 * DAY < ages[-1] < 120 * DAY


def test_clips_are_created_after_their_recording_and_before_now(whole) -> None:
    delays = []
    for clip in whole.clips:
        ended = clip["timestampMs"] + 1000 * clip["durationSec"]
        assert ended < clip["createdAtMs"] < NOW * 1000
        delays.append(clip["createdAtMs"] - ended)
    assert min(delays) < 30_000
    assert 3600_000 < max(delays) < 6 * 3600_000


def test_lengths_and_sizes_are_plausible(whole) -> None:
    lengths = [clip["durationSec"] for clip in whole.clips]
    assert min(lengths) >= 5
    assert 100 < max(lengths) <= 300
    sizes = [clip["byteCount"] for clip in whole.clips if clip["status"] != FAILED]
    assert 1_000_000 <= min(sizes) < 2_000_000
    assert 10_000_000 < max(sizes) <= 24_000_000


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
def test_clips_follow_the_working_hours_of_the_time_zone(zone, monkeypatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        clips = demo_service(lambda: NOW, clips=200).clips[3:]
        there = ZoneInfo(zone)
        times = [datetime.fromtimestamp(clip["timestampMs"] / 1000, there) for clip in clips]
        days = Counter(local.weekday() for local in times)
        assert days[5] + days[6] < 0.15 * len(clips)
        assert sum(8 <= local.hour < 18 for local in times) > 0.6 * len(clips)
        assert sum(local.hour < 6 for local in times) < 0.1 * len(clips)
        for clip, local in zip(clips, times, strict=True):
            assert local.hour in PLACES[place_of(clip)].hours
    finally:
        monkeypatch.undo()
        time.tzset()


def test_each_uuid_occurs_once(whole) -> None:
    uuids = [clip["uuid"] for clip in (*whole.clips, *whole.shared_clip_groups)]
    uuids += whole.renders
    assert len(set(uuids)) == 400 + 5 + 2


def test_place_in_the_title_is_that_of_the_camera(whole) -> None:
    cameras = {(place_of(clip), clip["deviceUuid"]) for clip in whole.clips}
    assert cameras == {(camera.place, camera.device) for camera in CAMERAS}
    assert len({camera.device for camera in CAMERAS}) == 10


def test_clips_show_their_place_whatever_their_title() -> None:
    for camera in CAMERAS:
        named = {"title": f"{camera.place}: anything"}
        renamed = {"title": "Interview", "deviceUuid": camera.device}
        assert picture_of(renamed) == picture_of(named) == camera.place.lower().replace(" ", "-")


def test_some_clips_have_a_description(whole) -> None:
    described = sum(clip["description"] != "" for clip in whole.clips)
    assert 30 < described < 200


def test_same_clock_and_seed_make_the_same_data() -> None:
    one, same = (demo_service(lambda: NOW, clips=20, seed=5) for _ in range(2))
    other = demo_service(lambda: NOW, clips=20, seed=6)
    assert one.clips == same.clips
    assert one.shared_clip_groups == same.shared_clip_groups
    assert one.renders == same.renders
    assert {clip["uuid"] for clip in one.clips}.isdisjoint(clip["uuid"] for clip in other.clips)


# --- served --------------------------------------------------------------------------------------


async def test_session_lists_every_clip_without_anything_unusual(connect) -> None:
    errors: list[object] = []
    async with demo_service(clips=40) as service, connect(service) as session:
        pager = session.saved_clips(on_decode_error=errors.append)
        clips = await pager.collect(100)
        assert len(clips) == 40
    assert errors == []
    assert [clip.status for clip in clips].count(FAILED) == 1
    for clip in clips:
        assert clip.status in {ClipStatus.COMPLETE, FAILED}
        assert clip.status == FAILED or (clip.byte_count and clip.sha256_hex)
        assert clip.title and clip.recorded_at and clip.length and clip.video_resolution
        assert clip.access_settings is not None and clip.access_settings.visibility is not None
        assert clip.access_settings.visibility.is_known


async def test_videos_have_the_announced_size_and_hash_and_serve_parts() -> None:
    async with demo_service(clips=20) as service:
        complete = [clip for clip in service.clips if clip["status"] == "COMPLETE"]
        assert len(complete) == 19
        for clip in complete:
            video = service.video(clip["uuid"])
            assert len(video.data) == clip["byteCount"]
            assert video.sha256_hex == clip["sha256Hex"]
        url = url_of(service, f"{clip['uuid']}.mp4", clip["clipLocation"]["region"])
        answer = await get(url, headers=headers_of(service, Range="bytes=500000-500999"))
        assert (answer.status, answer.body) == (206, video.data[500_000:501_000])
        assert answer.headers["Content-Range"].endswith(f"/{clip['byteCount']}")


async def test_details_decode_and_follow_one_object(connect) -> None:
    async with demo_service(clips=20) as service, connect(service) as session:
        for record in service.clips:
            clip = await session.get_saved_clip_details(record["uuid"])
            assert clip.title == record["title"]
            boxes, points = clip.bounding_boxes, clip.seek_points
            assert boxes and points
            for box in boxes:
                assert 0 <= box.left < box.right <= 10_000
                assert 0 <= box.top < box.bottom <= 10_000
                assert 0 <= box.relative_second < record["durationSec"]
                assert box.activity is not None and box.activity.is_known
                assert 0.5 < box.confidence <= 1
            assert [box.left for box in boxes] == sorted({box.left for box in boxes})
            assert len({box.object_id for box in boxes}) == 1
            for point in points:
                assert 0 <= point.relative_second < record["durationSec"]
                assert point.activity is not None and point.activity.is_known


async def test_details_of_other_clips_are_as_usual(connect) -> None:
    async with demo_service(clips=3) as service, connect(service) as session:
        for uuid in ("a" * 22, next(iter(service.renders))):
            with pytest.raises(NotFoundError):
                await session.get_saved_clip_details(uuid)


@pytest.mark.parametrize("second", [0, 10, 100])
def test_boxes_surround_what_moves_in_the_video(second, tmp_path) -> None:
    ffmpeg = required_program("ffmpeg")
    path = Path(tmp_path, "clip.mp4")
    path.write_bytes(make_video("a" * 22, 1_000_000).data)
    frame = subprocess.run(
        [ffmpeg, "-v", "error", "-i", path, "-ss", str(second), "-frames:v", "1",
         "-pix_fmt", "gray", "-f", "rawvideo", "-"],
        check=True, capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    white = [(at % 160, at // 160) for at, level in enumerate(frame) if level > 225]
    columns, rows = zip(*white, strict=True)
    box = detections_of({"uuid": "a" * 22, "durationSec": 300})["boundingBoxes"][second]
    seen = (min(columns), max(columns) + 1, min(rows), max(rows) + 1)
    sides = [box[name] / 10_000 for name in ("left", "right", "top", "bottom")]
    expected = [side * size for side, size in zip(sides, (160, 160, 120, 120), strict=True)]
    assert [*seen] == pytest.approx(expected, abs=3)


async def test_groups_show_clips_and_all_kinds_of_access(connect) -> None:
    async with demo_service() as service, connect(service) as session:
        groups = await session.shared_clip_groups().collect(10)
        now = datetime.now(UTC)
        assert len(groups) == 5
        assert {group.is_secured for group in groups} == {True, False}
        expiries = [group.expires_at for group in groups]
        assert sum(expiry is not None and expiry < now for expiry in expiries) == 1
        assert sum(expiry is not None and expiry > now for expiry in expiries) == 3
        created = {clip["uuid"]: clip["createdAtMs"] for clip in service.clips}
        for group in groups:
            assert len(group.shared_clips) >= 2
            assert all(created[clip.uuid] < group.created_at_millis for clip in group.shared_clips)


async def test_two_renders_are_under_way_and_complete_later(connect) -> None:
    clock = Clock()
    clock.now = NOW
    async with demo_service(clock, clips=5) as service, connect(service) as session:
        under_way = await session.get_spliced_clips_in_progress()
        assert len(under_way) == 2
        for render in under_way:
            clip = await session.get_clip_with_progress(render.clip_uuid)
            assert place_of({"title": clip.title}) in PLACES
            assert clip.status != FAILED and not clip.is_complete
        clock.now += 200
        assert await session.get_spliced_clips_in_progress() == []
        assert len(await session.saved_clips().collect(100)) == 7


async def test_clip_made_by_a_visitor_is_complete_after_seconds(connect) -> None:
    clock = Clock()
    clock.now = time.time()
    async with demo_service(clock, clips=5) as service, connect(service) as session:
        start = datetime.fromtimestamp(clock.now, UTC) - timedelta(minutes=10)
        splice = await session.splice([CAMERAS[0].device], start, timedelta(seconds=20))
        (uuid,) = splice.clip_uuids
        assert not (await session.get_clip_with_progress(uuid)).is_complete
        clock.now += 8
        clip = await session.get_clip_with_progress(uuid)
        assert clip.is_complete
        assert clip.byte_count == len(service.video(uuid).data) > 1_000_000


# --- new clips -----------------------------------------------------------------------------------


async def test_new_clips_appear_to_a_follower_until_cancelled(connect) -> None:
    async with demo_service(clips=5) as service, connect(service) as session:
        follower = session.follow_saved_clips(interval=0.01)
        async with alongside(lambda: add_clips_now_and_then(service, every=(0.01, 0.02))):
            new = []
            async for clip in follower:
                new.append(clip)
                if len(new) == 3:
                    break
        await follower.aclose()
        assert len({clip.uuid for clip in new}) == 3
        for clip in new:
            assert clip.is_complete
            assert clip.created_at > clip.recorded_at + clip.length
            assert len(service.video(clip.uuid).data) == clip.byte_count


async def test_new_clips_come_every_20_to_40_seconds(virtual_clock) -> None:
    loop = asyncio.get_running_loop()
    service = demo_service(loop.time, clips=0)
    began = loop.time()
    async with alongside(lambda: add_clips_now_and_then(service)):
        await asyncio.sleep(400)
    times = [clip["createdAtMs"] / 1000 - began for clip in reversed(service.clips)]
    gaps = [later - earlier for earlier, later in zip([0, *times], times, strict=False)]
    assert len(gaps) >= 10
    assert all(19.9 < gap < 40.1 for gap in gaps)
    count = len(service.clips)
    await asyncio.sleep(100)
    assert len(service.clips) == count  # It was cancelled.
