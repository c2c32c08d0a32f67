"""Pages, whole listings, errors of the service, several organizations, and other origins."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from attrs import define

from rhombus_clips import ClipSession, InvalidArgumentError
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Disconnect, Ok, Respond
from rhombus_clips.web import RouteOptions, aiohttp_routes
from tests.web.servers import ADAPTERS, SERVERS, allow, serving

ORIGIN = "https://app.example.com"


@define
class Backend:
    """A backend, and a client."""

    fake: FakeRhombus
    session: ClipSession
    http: aiohttp.ClientSession
    url: str

    async def json(self, path: str, status: int = 200, **headers: str) -> Any:
        """Return the JSON of a response, whose status must be *status*."""
        async with self.http.get(self.url + path, headers=headers) as response:
            text = await response.text()
            assert response.status == status, text
            assert response.headers["Cache-Control"] == "no-store"
            return json.loads(text)


@pytest.fixture(params=ADAPTERS)
async def backend(request) -> AsyncIterator[Backend]:
    async with (
        FakeRhombus(130) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(request.param, session, allowed_origins=[ORIGIN]) as url,
        aiohttp.ClientSession() as http,
    ):
        yield Backend(fake, session, http, url)


# --- listings --------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["limit=25", "limit=25&searchFilter="])
async def test_pages_have_every_clip_once_with_a_request_each(backend: Backend, query) -> None:
    """An empty parameter means the same as an absent one."""
    seen, cursor, pages = list[str](), "", 0
    while cursor is not None:
        page = await backend.json(f"/clips?{query}&cursor={cursor}")
        seen += [clip["uuid"] for clip in page["clips"]]
        cursor, pages = page["cursor"], pages + 1
    assert sorted(seen) == sorted(clip["uuid"] for clip in backend.fake.clips)
    assert len(backend.fake.requests) <= pages + 2


async def test_filters_are_those_of_the_service(backend: Backend) -> None:
    """No clip is requested only to be dropped."""
    clip = backend.fake.clips[40]
    device, time = clip["deviceUuids"][0], clip["timestampMs"]
    page = await backend.json(f"/clips?deviceUuidFilters={device}&since={time}&until={time + 1}")
    assert clip["uuid"] in [found["uuid"] for found in page["clips"]]
    assert all(found["timestampMs"] == time for found in page["clips"])
    (request,) = backend.fake.requests
    assert request.path == "/api/event/getClipsWithProgress"
    assert request.json["deviceUuidFilters"] == [device.partition(".")[0]]
    assert (request.json["timestampMsAfter"], request.json["timestampMsBefore"]) == (
        time - 1,
        time + 1,
    )


async def test_filtered_pages_continue_from_their_cursor(backend: Backend) -> None:
    seen, cursor = list[str](), ""
    while cursor is not None:
        page = await backend.json(
            "/clips?limit=20&sortOrder=asc" + (f"&cursor={cursor}" if cursor else "")
        )
        seen += [clip["uuid"] for clip in page["clips"]]
        cursor = page["cursor"]
    assert sorted(seen) == sorted(clip["uuid"] for clip in backend.fake.clips)


async def test_cursor_of_other_filters_is_rejected(backend: Backend) -> None:
    cursor = (await backend.json("/clips?limit=5"))["cursor"]
    await backend.json(f"/clips?limit=5&searchFilter=a&cursor={cursor}", status=400)


async def _lines(backend: Backend) -> list[Any]:
    lines = []
    async with backend.http.get(
        f"{backend.url}/clips", headers={"Accept": "application/x-ndjson"}
    ) as response:
        assert response.content_type == "application/x-ndjson"
        try:
            async for line in response.content:
                lines.append(json.loads(line))
        except aiohttp.ClientPayloadError as error:
            lines.append(error)
    return lines


async def test_lines_have_every_clip_once(backend: Backend) -> None:
    lines = await _lines(backend)
    assert sorted(clip["uuid"] for clip in lines) == sorted(
        clip["uuid"] for clip in backend.fake.clips
    )


@pytest.mark.parametrize("limit", ["5", "0"])
async def test_lines_have_no_limit(backend: Backend, limit: str) -> None:
    """A client that asks for five clips does not get all of them."""
    problem = await backend.json(f"/clips?limit={limit}", status=400, accept="application/x-ndjson")
    assert problem["errorMsg"].startswith("limit is the size of a page")
    assert backend.fake.requests == []


async def test_lines_that_are_interrupted_end_with_a_cursor_and_a_broken_response(backend) -> None:
    """A client that does not look at the lines notices, too."""
    backend.fake.faults = [Ok(), Respond(403, times=None)]
    *clips, last, error = await _lines(backend)
    assert isinstance(error, aiohttp.ClientPayloadError)
    assert last["errorMsg"] == "The video service did not permit the request."
    backend.fake.faults = []
    rest = await backend.json(f"/clips?limit=200&cursor={last['cursor']}")
    seen = [clip["uuid"] for clip in [*clips, *rest["clips"]]]
    assert sorted(seen) == sorted(clip["uuid"] for clip in backend.fake.clips)


async def test_calendar_counts_each_clip_on_its_local_day(backend: Backend, monkeypatch) -> None:
    """With one listing for all time zones."""
    monkeypatch.setattr("rhombus_clips.web.days._DAYS", timedelta(days=9999))
    zones = ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]
    found = [await backend.json(f"/clips/calendar?timeZone={zone}") for zone in zones]
    assert all(sum(days["days"].values()) == 130 and days["isComplete"] for days in found)
    assert found[0] != found[1] != found[2]
    assert len(backend.fake.requests) <= 5
    some = next(iter(found[0]["days"]))
    query = f"since={some}T00:00Z&until={some}T23:59:59.999Z"
    narrowed = await backend.json(f"/clips/calendar?{query}")
    assert narrowed["days"] == {some: found[0]["days"][some]}


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (Respond(429, headers={"Retry-After": "30"}, times=None), 503, "30"),
        (Respond(401, times=None), 502, None),
        (Respond(403, times=None), 502, None),
        (Respond(500, times=None), 502, None),
        (Respond(400, b'{"message": "/secret/path"}', times=None), 502, None),
        (Respond(200, b'{"error": true, "errorMsg": "/secret/path"}', times=None), 502, None),
        (Respond(200, b"<html>", times=None), 502, None),
        (Disconnect(times=None), 502, None),
    ],
)
async def test_error_of_the_service(backend: Backend, fault, status, retry_after) -> None:
    backend.fake.faults = [fault]
    async with backend.http.get(f"{backend.url}/clips") as response:
        problem = await response.json()
        assert (response.status, response.headers.get("Retry-After")) == (status, retry_after)
        assert response.content_type == "application/problem+json"
        assert response.headers["Cache-Control"] == "no-store"
    assert problem["status"] == status
    assert problem["errorMsg"] == problem["detail"]
    for secret in ("secret", backend.fake.api_key, "127.0.0.1", "/api/event"):
        assert secret not in json.dumps(problem)


@pytest.mark.parametrize("server", SERVERS)
async def test_interrupted_video_breaks_the_response(server: str) -> None:
    """The client must not take a part for the whole."""
    async with (
        FakeRhombus(3) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(server, session) as url,
        aiohttp.ClientSession() as http,
    ):
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        fake.put_media(clip["uuid"], bytes(3_000_000))
        # Enough for the client to get some of it. The host does not continue.
        fake.media_faults = [Ok(), Disconnect(after_bytes=1_000_000), Respond(404, times=None)]
        async with http.get(f"{url}/clips/{clip['uuid']}/video") as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


# --- sessions and settings -------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("server", ADAPTERS)
async def test_each_organization_has_its_session(server: str, is_async: bool) -> None:
    async with (
        FakeRhombus(3, seed=1) as one,
        FakeRhombus(3, seed=2) as other,
        ClipSession.for_web(one.api_key, base_url=one.url) as first,
        ClipSession.for_web(other.api_key, base_url=other.url) as second,
        aiohttp.ClientSession() as http,
    ):

        def session_of(request: Any) -> ClipSession:
            return {"1": first, "2": second}[request.headers["X-Organization"]]

        async def async_session_of(request: Any) -> ClipSession:
            return session_of(request)

        async with serving(server, async_session_of if is_async else session_of) as url:
            for name, fake in [("1", one), ("2", other)]:
                headers = {"X-Organization": name}
                async with http.get(f"{url}/clips", headers=headers) as response:
                    uuids = {clip["uuid"] for clip in (await response.json())["clips"]}
                assert uuids == {clip["uuid"] for clip in fake.clips}
            async with http.get(f"{url}/clips", headers={"X-Organization": "3"}) as response:
                assert response.status == 500
                assert (await response.json())["errorMsg"].startswith("The server failed")


async def test_closed_session_is_a_503(backend: Backend) -> None:
    await backend.session.aclose()
    await backend.json("/clips", status=503)


async def test_other_origin_may_use_the_routes_only_if_it_is_configured(backend: Backend) -> None:
    for origin, allowed in [(ORIGIN, ORIGIN), ("https://evil.example", None), ("null", None)]:
        ask = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        async with backend.http.options(f"{backend.url}/save-clip", headers=ask) as response:
            assert response.status == (204 if allowed else 403)
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
        headers = {"Origin": origin}
        async with backend.http.get(f"{backend.url}/clips", headers=headers) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "options",
    [
        {"allowed_origins": ["*"]},
        {"allowed_origins": ORIGIN},
        {"allowed_origins": ["https://a.example/"]},
        {"allowed_origins": ["HTTPS://a.example"]},
        {"limits": 5},
        {"polling": 2},
        {"interval": 0},
        {"unknown": 1},
    ],
)
def test_invalid_option_is_rejected(options: RouteOptions) -> None:
    with pytest.raises(InvalidArgumentError):
        aiohttp_routes(ClipSession("key"), authorize=allow, **options)


@pytest.mark.parametrize("prefix", ["api", "/api/", "/{x}", "/a b?", None, "/a//b"])
def test_invalid_prefix_is_rejected(prefix: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="prefix"):
        aiohttp_routes(ClipSession("key"), authorize=allow, prefix=prefix)
