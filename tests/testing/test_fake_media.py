"""FakeRhombus as the media host: videos, credentials and ranges."""

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.testing import FakeRhombus, Length, Media
from rhombus_clips.testing.clips import make_clips
from rhombus_clips.testing.media_content import default_size, make_video
from tests.media.media_requests import DATA, REGION, UUID, fetch, get, headers_of, make_clip, url_of


@pytest.fixture
async def fake():
    async with FakeRhombus([make_clip()], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


# --- videos and thumbnails ---------------------------------------------------------------------


async def test_videos_match_their_records() -> None:
    checked = 0
    async with FakeRhombus(40) as fake:
        for clip in fake.clips:
            url = url_of(fake, f"{clip['uuid']}.mp4", clip["clipLocation"]["region"])
            answer = await get(url, headers=headers_of(fake))
            assert answer.status == (200 if clip["status"] == "COMPLETE" else 404)
            if answer.status == 404:
                continue
            assert clip["byteCount"] in {len(answer.body), None}
            digest = hashlib.sha256(answer.body).hexdigest()
            assert clip.get("sha256Hex", digest) == digest
            assert answer.body[4:8] == b"ftyp"
            checked += 1
    assert checked > 20


def test_clips_without_a_size_have_the_hash_of_their_video() -> None:
    clips = [clip for clip in make_clips(400) if clip["byteCount"] is None and "sha256Hex" in clip]
    assert clips
    for clip in clips:
        data = make_video(clip["uuid"], default_size(clip)).data
        assert clip["sha256Hex"] == hashlib.sha256(data).hexdigest()


async def test_thumbnail_is_a_jpeg_in_its_own_region(fake) -> None:
    name = f"{UUID}.jpeg"
    answer = await get(url_of(fake, name, "us-east-1"), headers=headers_of(fake))
    assert answer.status == 200
    assert answer.body.startswith(b"\xff\xd8\xff")
    assert 1000 < len(answer.body) < 20_000
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert (await get(url_of(fake, name), headers=headers_of(fake))).status == 404


async def test_put_media_sets_the_file_and_its_record(fake) -> None:
    answer = await fetch(fake)
    assert answer.body == DATA
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert fake.clips[0]["byteCount"] == len(DATA)
    assert fake.clips[0]["sha256Hex"] == hashlib.sha256(DATA).hexdigest()
    with pytest.raises(KeyError):
        fake.put_media("unknown", b"")


async def test_large_media_are_complete(fake) -> None:
    data = bytes(1000) * 3000
    fake.put_media(UUID, data)
    for length in Length:
        fake.media = Media(length=length)
        assert (await fetch(fake)).body == data


async def test_record_can_be_changed_without_its_media() -> None:
    async with FakeRhombus([make_clip(byteCount=100)], shared_clip_groups=0) as fake:
        fake.clips[0]["byteCount"] = 150
        assert len((await fetch(fake)).body) == 100


async def test_changed_media_have_the_same_size_and_a_different_hash(fake) -> None:
    before, record = await fetch(fake), dict(fake.clips[0])
    fake.change_media(UUID)
    after = await fetch(fake)
    fake.change_media(UUID)
    assert len({before.body, after.body, (await fetch(fake)).body}) == 3
    assert len(after.body) == len(before.body)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert fake.clips[0] == record


async def test_render_has_media_once_it_is_complete() -> None:
    clock = 0.0
    async with FakeRhombus(0, now=lambda: clock) as fake:
        uuid = fake.start_render(seconds=10)
        region = fake.renders[uuid].clip["clipLocation"]["region"]
        url = url_of(fake, f"{uuid}.mp4", region)
        assert (await get(url, headers=headers_of(fake))).status == 404
        clock = 10.0
        answer = await get(url, headers=headers_of(fake))
        record = fake.saved()[0]
        assert len(answer.body) == (record["byteCount"] or default_size(record))


# --- credentials and paths ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-auth-scheme": ""}, 401),
        ({"x-auth-scheme": "web2"}, 401),
        ({"x-auth-scheme": "partner-api-token"}, 403),
        ({"x-auth-apikey": "other"}, 403),
        ({"x-auth-org": "someone"}, 403),
    ],
)
async def test_media_host_checks_credentials_like_the_api(fake, headers, status) -> None:
    answer = await get(url_of(fake), headers=headers_of(fake, **headers))
    assert answer.status == status


async def test_partner_can_omit_the_organization_for_media() -> None:
    settings: Any = {"auth_scheme": AuthScheme.PARTNER_API_TOKEN, "org_uuid": "client"}
    async with FakeRhombus([make_clip()], shared_clip_groups=0, **settings) as fake:
        scheme = {"x-auth-scheme": "partner-api-token"}
        for org, status in [({}, 200), ({"x-auth-org": "client"}, 200), ({"x-auth-org": "x"}, 403)]:
            headers = headers_of(fake, **scheme, **org)
            assert (await get(url_of(fake), headers=headers)).status == status


@pytest.mark.parametrize(
    ("clip", "name", "region", "status"),
    [
        ({}, f"{UUID}.mp4", REGION, 200),
        ({}, f"{UUID}.mp4", "us-east-1", 404),
        ({}, f"{UUID}.mov", REGION, 404),
        ({}, "unknown.mp4", REGION, 404),
        ({"status": "FAILED"}, f"{UUID}.mp4", REGION, 404),
        ({"clipLocation": None}, f"{UUID}.mp4", "us-east-1", 200),
        ({"clipLocation": None, "thumbnailLocation": None}, f"{UUID}.mp4", REGION, 404),
    ],
)
async def test_only_existing_files_are_served(clip, name, region, status) -> None:
    async with FakeRhombus([make_clip(**clip)], shared_clip_groups=0) as fake:
        answer = await get(url_of(fake, name, region), headers=headers_of(fake))
        assert answer.status == status


async def test_media_host_is_read_only(fake) -> None:
    assert (await get(url_of(fake), "POST", headers=headers_of(fake))).status == 405


# --- ranges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        ("bytes=0-", 0, 10_239),
        ("bytes=100-", 100, 10_239),
        ("bytes=10239-", 10_239, 10_239),
        ("bytes=100-199", 100, 199),
        ("bytes=100-99999", 100, 10_239),
        ("bytes=-1", 10_239, 10_239),
        ("bytes=-99999", 0, 10_239),
    ],
)
async def test_range_request_responds_with_that_part(fake, range_, first, last) -> None:
    answer = await fetch(fake, Range=range_)
    assert answer.status == 206
    assert answer.body == DATA[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/10240"
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    "range_", ["bytes=9-5", "bytes=x-", "items=5-", "bytes=1-2,5-6", "bytes=-", "bytes=-0"]
)
async def test_invalid_range_responds_with_the_whole_file(fake, range_) -> None:
    answer = await fetch(fake, Range=range_)
    assert (answer.status, answer.body) == (200, DATA)


async def test_range_beyond_the_end_responds_with_the_size(fake) -> None:
    answer = await fetch(fake, Range="bytes=10240-")
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */10240"


async def test_host_without_ranges_sends_the_whole_file(fake) -> None:
    fake.media = Media(ranges=False)
    answer = await fetch(fake, Range="bytes=100-")
    assert (answer.status, answer.body) == (200, DATA)
    assert "Accept-Ranges" not in answer.headers


@pytest.mark.parametrize(
    ("etag", "condition", "status"),
    [
        ("strong", "own", 206),
        ("strong", '"other"', 200),
        ("weak", "own", 200),
        (None, '"any"', 200),
        ("strong", "Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ],
)
async def test_only_a_strong_etag_that_matches_resumes(fake, etag, condition, status) -> None:
    fake.media = Media(etag=etag)
    own = (await fetch(fake)).headers.get("ETag")
    assert (own is None) == (etag is None)
    assert own is None or own.startswith("W/") == (etag == "weak")
    given = own or "" if condition == "own" else condition
    answer = await fetch(fake, Range="bytes=5-", If_Range=given)
    assert answer.status == status
    assert answer.body == (DATA[5:] if status == 206 else DATA)


async def test_etag_of_changed_media_does_not_resume(fake) -> None:
    etag = (await fetch(fake)).headers["ETag"]
    fake.change_media(UUID)
    answer = await fetch(fake, Range="bytes=5-", If_Range=etag)
    assert (answer.status, len(answer.body)) == (200, len(DATA))
    fake.media = Media(if_range=False)
    answer = await fetch(fake, Range="bytes=5-", If_Range=etag)
    assert (answer.status, len(answer.body)) == (206, len(DATA) - 5)


@pytest.mark.parametrize(("shift", "first"), [(7, 107), (-50, 50), (-500, 0)])
async def test_shifted_range_names_its_actual_start(fake, shift, first) -> None:
    fake.media = Media(range_shift=shift)
    answer = await fetch(fake, Range="bytes=100-")
    assert answer.headers["Content-Range"] == f"bytes {first}-10239/10240"
    assert answer.body == DATA[first:]


async def test_lying_range_claims_the_requested_start(fake) -> None:
    fake.media = Media(lying_range=True)
    answer = await fetch(fake, Range="bytes=101-300")
    assert answer.status == 206
    assert answer.headers["Content-Range"] == "bytes 101-300/10240"
    assert answer.body == DATA[50:250]


async def test_part_can_be_cut_and_its_total_unknown(fake) -> None:
    fake.media = Media(max_part=10, states_total=False)
    answer = await fetch(fake, Range="bytes=100-199")
    assert (answer.status, answer.body) == (206, DATA[100:110])
    assert answer.headers["Content-Range"] == "bytes 100-109/*"
    answer = await fetch(fake, Range="bytes=99999-")
    assert answer.status == 416
    assert "Content-Range" not in answer.headers


async def test_time_of_the_last_change_is_sent_in_utc(fake) -> None:
    assert "Last-Modified" not in (await fetch(fake)).headers
    zone = timezone(timedelta(hours=2))
    fake.media = Media(last_modified=datetime(2026, 5, 7, 14, 30, 15, tzinfo=zone))
    assert (await fetch(fake)).headers["Last-Modified"] == "Thu, 07 May 2026 12:30:15 GMT"
