"""The vendor's React SDK makes and exports clips through the routes."""

import hashlib
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from attrs import frozen

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus, Media, UnknownClip
from rhombus_clips.testing.faults import Respond
from tests.web.sdk import BODY, Sdk, SdkError
from tests.web.servers import ADAPTERS, PREFIX, serving

SPLICE = "/api/video/spliceV3"
PROGRESS = "/api/event/getClipWithProgress"


@frozen
class Backend:
    """A backend with the routes, and the SDK that uses it."""

    fake: FakeRhombus
    sdk: Sdk


@pytest.fixture(params=ADAPTERS)
async def backend(request) -> AsyncIterator[Backend]:
    async with (
        FakeRhombus(20, render_seconds=0, media=Media(video_bytes=100_000)) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(request.param, session) as url,
        aiohttp.ClientSession() as http,
    ):
        yield Backend(fake, Sdk(http, url.removesuffix(PREFIX)))


async def test_clip_is_made_and_exported(backend: Backend) -> None:
    """The service receives the body of the SDK byte for byte."""
    body = {**BODY, "keyOfANewerVersion": {"deep": [1, 2.5, None, "ü"]}}
    clip_uuid = await backend.sdk.save_clip(body)
    (sent,) = [request for request in backend.fake.requests if request.path == SPLICE]
    assert sent.body == json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    clip = await backend.sdk.poll(clip_uuid)
    assert clip is not None
    url = backend.sdk.download_url(clip, clip_uuid)
    assert "&region=" in url
    async with backend.sdk.http.get(url) as response:
        data = await response.read()
    assert response.status == 200
    assert response.headers["Content-Disposition"].startswith("attachment; ")
    assert hashlib.sha256(data).hexdigest() == clip["sha256Hex"]


async def test_download_finds_a_missing_region(backend: Backend) -> None:
    clip = next(clip for clip in backend.fake.clips if clip["status"] == "COMPLETE")
    async with backend.sdk.http.get(backend.sdk.download_url({}, clip["uuid"])) as response:
        data = await response.read()
    assert (response.status, hashlib.sha256(data).hexdigest()) == (200, clip["sha256Hex"])


@pytest.mark.parametrize("answer", [{"clipUuid": "A" * 22}, {"clipUuidList": ["A" * 22]}])
async def test_response_of_the_service_is_returned_unchanged(backend: Backend, answer) -> None:
    backend.fake.handlers[SPLICE] = {**answer, "newKey": [1]}
    assert await backend.sdk.save_clip(BODY) == "A" * 22


async def test_error_of_the_service_reaches_the_user(backend: Backend) -> None:
    """The SDK would take a response with status 200 for a splice without a uuid."""
    backend.fake.handlers[SPLICE] = {"error": True, "errorMsg": "Camera is offline"}
    with pytest.raises(SdkError, match=r"^The video service rejected the request\.$"):
        await backend.sdk.save_clip(BODY)


async def test_failed_render_reaches_the_user(backend: Backend) -> None:
    clip_uuid = backend.fake.start_render(seconds=0, fails=True)
    with pytest.raises(SdkError) as raised:
        await backend.sdk.poll(clip_uuid)
    assert "did not" not in str(raised.value)


@pytest.mark.parametrize("status", ["OFFLINE", "UNKNOWN", "A_NEW_STATUS"])
async def test_other_states_are_passed_on(backend: Backend, status: str) -> None:
    """The SDK continues to poll."""
    clip = {"uuid": "A" * 22, "status": status, "percentComplete": 7}
    backend.fake.handlers[PROGRESS] = {"clip": clip}
    assert await backend.sdk.poll("A" * 22) is None
    async with backend.sdk.http.post(
        f"{backend.sdk.base_url}/api/clip-progress", json={"clipUuid": "A" * 22}
    ) as response:
        assert await response.json() == {"clip": clip}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "The video service failed."),
        (503, "The video service failed."),
        (401, "The video service did not accept the credentials of this server."),
        (403, "The video service did not permit the request."),
        (429, "The video service is busy; try again later."),
    ],
)
async def test_refusal_reaches_the_user(backend: Backend, status: int, message: str) -> None:
    headers = {"Retry-After": "30"} if status == 429 else {}
    refusal = Respond(status, b'{"message": "secret detail"}', headers=headers, times=None)
    backend.fake.faults = [refusal]
    for attempt in (backend.sdk.save_clip(BODY), backend.sdk.poll("A" * 22)):
        with pytest.raises(SdkError) as raised:
            await attempt
        assert str(raised.value) == message


async def test_revoked_key_reaches_the_user(backend: Backend) -> None:
    backend.fake.api_key = "another key of the organization"
    with pytest.raises(SdkError, match="did not"):
        await backend.sdk.save_clip(BODY)


@pytest.mark.parametrize("unknown", list(UnknownClip))
async def test_unknown_clip_is_an_error(backend: Backend, unknown: UnknownClip) -> None:
    backend.fake.unknown_clip = unknown
    with pytest.raises(SdkError, match=r"^The requested item does not exist\.$"):
        await backend.sdk.poll("B" * 22)


async def test_new_splice_that_is_not_visible_yet_is_polled_again(backend: Backend) -> None:
    """The SDK gives up at the first error."""
    backend.fake.appears_after = 3600
    clip_uuid = await backend.sdk.save_clip(BODY)
    assert await backend.sdk.poll(clip_uuid) is None


async def test_footage_is_looked_up(backend: Backend) -> None:
    body = {"cameraUuid": "A" * 22, "startTimeSec": 1_700_000_000, "durationSec": 60}
    assert "presenceWindows" in await backend.sdk.presence_windows(body)
    assert backend.fake.requests[-1].json == body


async def test_user_without_consent_learns_it(backend: Backend) -> None:
    async def refuse(*_: object) -> None:
        raise PermissionError

    async with (
        ClipSession.for_web(backend.fake.api_key, base_url=backend.fake.url) as session,
        serving("aiohttp", session, authorize=refuse) as url,
    ):
        sdk = Sdk(backend.sdk.http, url.removesuffix(PREFIX))
        with pytest.raises(SdkError, match="not allowed"):
            await sdk.save_clip(BODY)
    assert backend.fake.requests == []
