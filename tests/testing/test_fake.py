"""FakeRhombus: credentials, generated clips, options and faults."""

import re
from typing import Any, cast

import aiohttp
import pytest

from rhombus_clips import ClipSession, RateLimit, RateLimitedError, RetryPolicy, SavedClip
from rhombus_clips.calls.retry import RateLimit as Bucket
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, Listing, faults
from rhombus_clips.testing.clips import make_clips, make_shared_clip_groups, make_uuid
from rhombus_clips.testing.rate_limiter import RateLimiter

SAVED_CLIPS = "/api/event/getSavedClipsV2"


def test_same_seed_generates_the_same_clips() -> None:
    assert make_clips(50, seed=3) == make_clips(50, seed=3)
    assert make_clips(50, seed=3) != make_clips(50, seed=4)
    assert make_clips(50, seed=3) == make_clips(80, seed=3)[:50]


def test_generated_clips_are_as_irregular_as_real_ones() -> None:
    """They have ties, nulls, missing fields, and unknown keys and enum members."""
    clips = make_clips(1000)
    assert len({clip["uuid"] for clip in clips}) == 1000
    assert len({clip["timestampMs"] for clip in clips}) < 900
    assert any(clip["accessSettings"] is None for clip in clips)
    assert any("placeholder" not in clip for clip in clips)
    assert any("retentionDays" in clip for clip in clips)
    assert any("CARRIER_PIGEON" in clip["integrationUploadList"] for clip in clips)
    assert {clip["status"] for clip in clips} == {"COMPLETE", "FAILED", "UNKNOWN"}
    groups = make_shared_clip_groups(clips, 100)
    assert any(group["createdAtMillis"] is None for group in groups)
    assert any(group["isSecured"] for group in groups)


def test_uuids_have_the_form_of_the_service() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", make_uuid("clip", 1))


async def _post(fake: FakeRhombus, path: str = SAVED_CLIPS, **request) -> tuple[int, str]:
    headers = {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key}
    headers |= request.pop("headers", {})
    async with (
        aiohttp.ClientSession() as http,
        http.request(request.pop("method", "POST"), fake.url + path, headers=headers, **request)
        as response,
    ):  # fmt: skip
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"x-auth-scheme": ""}, 401, "authenticationFailed"),
        ({"x-auth-scheme": "web2"}, 401, "authenticationFailed"),
        ({"x-auth-scheme": "partner-api-token"}, 403, "Access Denied"),
        ({"x-auth-apikey": "other"}, 403, "Access Denied"),
        ({"x-auth-org": "someone"}, 403, "Access Denied"),
    ],
)
async def test_credentials_are_checked(fake, headers, status, words) -> None:
    answered, body = await _post(fake, headers=headers)
    assert answered == status
    assert words in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"data": b"{}"}, 200),
        ({"data": b""}, 200),
        ({"json": {"maxPageSize": 5, "unknown": 1}}, 200),
        ({"data": b"not json"}, 400),
        ({"json": []}, 400),
        ({"json": {"maxPageSize": "5"}}, 400),
        ({"json": {"maxPageSize": True}}, 400),
        ({"path": "/api/event/getClipWithProgress", "json": {}}, 400),
        ({"path": "/api/event/unknown"}, 404),
        ({"method": "GET"}, 405),
    ],
)
async def test_requests_are_checked(fake, request_, status) -> None:
    assert (await _post(fake, **request_))[0] == status


async def test_removed_endpoint_responds_with_410() -> None:
    async with FakeRhombus(0, gone=[SAVED_CLIPS]) as fake:
        assert (await _post(fake))[0] == 410


def test_rate_limiter_refills_and_refusals_take_no_token() -> None:
    bucket = RateLimiter(Bucket(per_second=0.25, burst=2))
    assert [bucket.take(0.0) for _ in range(3)] == [None, None, 4]
    assert bucket.take(1.0) == 3
    assert bucket.take(4.0) is None
    assert bucket.take(4.0) == 4
    assert [bucket.take(1000.0) for _ in range(3)] == [None, None, 4]


async def test_rate_limit_responds_with_429_and_retry_after() -> None:
    async with (
        FakeRhombus(1, rate=RateLimit(per_second=0.5, burst=1)) as fake,
        ClipSession(fake.api_key, base_url=fake.url, retry=RetryPolicy(attempts=1)) as session,
    ):
        await session.get_saved_clips()
        with pytest.raises(RateLimitedError, match="Enhance your calm") as caught:
            await session.get_saved_clips()
    assert caught.value.retry_after == 2


async def test_options_can_be_changed_at_any_time() -> None:
    async with FakeRhombus(1, gone=[SAVED_CLIPS]) as fake:
        fake.gone = ()
        assert (await _post(fake))[0] == 200
        fake.rate = RateLimit(per_second=0.5, burst=1)
        assert [(await _post(fake))[0] for _ in range(2)] == [200, 429]
        fake.rate = None
        assert (await _post(fake))[0] == 200


async def test_restarted_service_keeps_its_ports() -> None:
    fake = FakeRhombus(1)
    async with fake:
        urls = (fake.url, fake.media_url)
    async with fake:
        assert (fake.url, fake.media_url) == urls
        assert (await _post(fake))[0] == 200


def test_clock_must_be_a_function() -> None:
    with pytest.raises(InvalidArgumentError, match="now must be a function"):
        FakeRhombus(1, now=cast("Any", 5.0))


async def test_faults_apply_in_order_and_by_path(fake) -> None:
    fake.faults = [
        faults.Respond(503, path="/api/event/other"),
        faults.Respond(501, times=2),
        faults.Ok(),
        faults.Latency(0.001),
        faults.Respond(502, times=None),
    ]
    statuses = [(await _post(fake))[0] for _ in range(6)]
    assert statuses == [501, 501, 200, 200, 502, 502]
    assert [type(fault).__name__ for fault in fake.faults] == ["Respond", "Respond"]


async def test_clips_can_be_models_or_json_objects() -> None:
    clips: list[Any] = [SavedClip(uuid="a", timestamp_ms=5), {"uuid": "b", "timestampMs": 4}]
    async with FakeRhombus(clips) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        page = await session.get_saved_clips()
        assert [clip.uuid for clip in page.saved_clips] == ["a", "b"]
        assert (await session.get_clip_with_progress("a")).timestamp_ms == 5
        fake.listing = Listing(newest_first=False)
        fake.clips.append({"uuid": "c", "timestampMs": 1})
        page = await session.get_saved_clips()
        assert [clip.uuid for clip in page.saved_clips] == ["c", "b", "a"]


async def test_render_goes_through_its_stages_over_time() -> None:
    clock = 1000.0
    async with (
        FakeRhombus(1, now=lambda: clock) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        done, failed = fake.start_render(seconds=10), fake.start_render(seconds=10, fails=True)
        stages = []
        for _ in range(5):
            clip = await session.get_clip_with_progress(done)
            stages.append((clip.status, clip.percent_complete))
            clock += 2.5
        assert stages == [
            ("INITIATING", 0), ("UPLOADING", 30), ("UPLOADING", 80), ("RENDERING", 37),
            ("COMPLETE", 100),
        ]  # fmt: skip
        assert (await session.get_clip_with_progress(failed)).status == "FAILED"
        assert await session.get_spliced_clips_in_progress() == []


async def test_requests_are_recorded_without_the_key_in_their_repr(fake, session) -> None:
    await session.get_saved_clips()
    (request,) = fake.requests
    assert request.path == SAVED_CLIPS
    assert request.json == {"maxPageSize": 100}
    assert fake.api_key not in repr(request)
