"""Below Starlette's middleware, the routes work, and a disconnected client breaks nothing."""

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from attrs import frozen

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import asgi_app
from tests.components import required
from tests.web.servers import SERVERS, allow, events_end_upstream
from tests.web_guide.watched import UntilDisconnected, until

applications = required("starlette.applications")
base = required("starlette.middleware.base")
compression = required("starlette.middleware.gzip")

ASGI_SERVERS = [name for name in SERVERS if not name.startswith("aiohttp")]
COMPRESSED = {"Accept-Encoding": "gzip"}


@frozen
class Backend:
    """A backend whose middleware sees the status of each response, and a client."""

    fake: FakeRhombus
    http: aiohttp.ClientSession
    url: str
    statuses: list[int]


@pytest.fixture(params=ASGI_SERVERS)
async def backend(request, caplog) -> AsyncIterator[Backend]:
    """At the end, nothing must have been logged as an error."""
    statuses = list[int]()

    async def note(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        response = await call_next(request)
        statuses.append(response.status_code)
        return response

    async with (
        FakeRhombus(60) as fake,
        ClipSession(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        aiohttp.ClientSession() as http,
    ):
        app = applications.Starlette()
        app.mount("/api", asgi_app(session, authorize=allow))
        app.add_middleware(compression.GZipMiddleware, minimum_size=100)
        app.add_middleware(base.BaseHTTPMiddleware, dispatch=note)
        async with SERVERS[request.param](app) as url:
            yield Backend(fake, http, url, statuses)
        gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_client_that_disconnects_before_the_response(backend: Backend) -> None:
    """Middleware gets a response nevertheless, with a status of its own."""
    silence = UntilDisconnected()
    backend.fake.faults = [silence]
    request = asyncio.create_task(backend.http.get(f"{backend.url}/clips"))
    async with asyncio.timeout(60):
        await silence.arrived.wait()
        request.cancel()
        await silence.disconnected.wait()
        await until(lambda: backend.statuses == [499])


async def test_events_arrive_at_once_and_end_upstream(backend: Backend) -> None:
    await events_end_upstream(backend.http, backend.url, backend.fake, COMPRESSED)


async def test_pages_lines_and_videos(backend: Backend) -> None:
    """Pages and lines are compressed, and videos are not if the client is a browser."""
    uuids = sorted(clip["uuid"] for clip in backend.fake.clips)
    url = f"{backend.url}/clips"
    async with backend.http.get(f"{url}?limit=60", headers=COMPRESSED) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert sorted(clip["uuid"] for clip in (await response.json())["clips"]) == uuids
    lines = {**COMPRESSED, "Accept": "application/x-ndjson"}
    async with backend.http.get(url, headers=lines) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        clips = [json.loads(line) async for line in response.content]
        assert sorted(clip["uuid"] for clip in clips) == uuids
    clip = next(clip for clip in backend.fake.clips if clip["status"] == "COMPLETE")
    part = {"Accept-Encoding": "identity;q=1, *;q=0", "Range": "bytes=0-999"}
    async with backend.http.get(f"{url}/{clip['uuid']}/video", headers=part) as response:
        assert response.status == 206
        assert "Content-Encoding" not in response.headers
        data = await response.read()
    assert len(data) == 1000
    assert data[4:8] == b"ftyp"
