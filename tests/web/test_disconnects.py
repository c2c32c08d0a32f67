"""When a browser disconnects, the requests to the service end, on every server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from attrs import frozen

from rhombus_clips import ClipSession, MediaTimeout, Timeout
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Answering, Ok
from tests.web.servers import SERVERS, serving
from tests.web_guide.watched import UntilDisconnected

JSON_LINES = {"Accept": "application/x-ndjson"}


@frozen(eq=False)
class PartUntilDisconnected(UntilDisconnected):
    """Send the first bytes of a video, and no more."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait until the connection is closed."""
        response = web.StreamResponse(headers={"Content-Length": "100000000"})
        await response.prepare(request)
        await response.write(bytes(10_000))
        await super().apply(request, answer)
        return response


@frozen
class Backend:
    """A backend and its service."""

    fake: FakeRhombus
    url: str


# The time limits of a session for web requests would end the requests, too, after 10 s.
PATIENT: dict[str, Any] = {
    "timeout": Timeout(total=3600, read=3600),
    "media_timeout": MediaTimeout(stall=3600),
}


@pytest.fixture(params=SERVERS)
async def backend(request) -> AsyncIterator[Backend]:
    async with (
        FakeRhombus(300, render_seconds=3600) as fake,
        ClipSession(
            fake.api_key, base_url=fake.url, media_url=fake.media_url, **PATIENT
        ) as session,
        serving(request.param, session) as url,
    ):
        yield Backend(fake, url)


async def _ends(backend: Backend, path: str, silence: UntilDisconnected, **headers: str) -> None:
    """Open *path*, wait until the service is silent, disconnect, and wait for its end."""
    http = aiohttp.ClientSession(headers=headers)
    request = asyncio.create_task(http.get(backend.url + path))
    try:
        async with asyncio.timeout(60):
            await silence.arrived.wait()
            request.cancel()
            await asyncio.wait({request})
            if not request.cancelled():
                request.result().close()
            await http.close()
            await silence.disconnected.wait()
    finally:
        await http.close()


async def test_page(backend: Backend) -> None:
    silence = UntilDisconnected()
    backend.fake.faults = [silence]
    await _ends(backend, "/clips", silence)


async def test_lines(backend: Backend) -> None:
    silence = UntilDisconnected()
    backend.fake.faults = [Ok(), silence]
    await _ends(backend, "/clips", silence, **JSON_LINES)


@pytest.mark.parametrize("polls", [0, 1])
async def test_events_of_a_render(backend: Backend, polls: int) -> None:
    silence = UntilDisconnected()
    backend.fake.faults = [*[Ok()] * polls, silence]
    await _ends(backend, f"/clips/{backend.fake.start_render(seconds=3600)}/events", silence)


async def test_events_of_new_clips(backend: Backend) -> None:
    silence = UntilDisconnected()
    backend.fake.faults = [silence]
    await _ends(backend, "/events", silence)


@pytest.mark.parametrize("silence", [UntilDisconnected, PartUntilDisconnected])
async def test_video(backend: Backend, silence: type[UntilDisconnected]) -> None:
    """Before the response starts, and in the middle."""
    fault = silence()
    backend.fake.media_faults = [Ok(), fault] if silence is PartUntilDisconnected else [fault]
    clip = next(clip for clip in backend.fake.clips if clip["status"] == "COMPLETE")
    await _ends(backend, f"/clips/{clip['uuid']}/video", fault)
