"""Servers end on SIGTERM although streams are open, with the options of the guide."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web
from attrs import frozen

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Answering, Ok
from tests.web.programs import CLOSED, OPTIONS, Program, running
from tests.web.servers import open_events
from tests.web_guide.watched import UntilDisconnected

VIDEO_BYTES = 50_000_000
"""More than the buffers of all connections between the media host and the client."""
LIMIT = 120
"""Seconds after which a server is considered to hang; far more than its time limit."""
LEFT_OPEN = re.compile("ResourceWarning|[Uu]nclosed|never awaited|never retrieved|was destroyed")


@frozen(eq=False)
class VideoUntilDisconnected(UntilDisconnected):
    """Send a video, and notice when the client disconnects."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait until the connection is closed."""
        video = await answer()
        with suppress(ConnectionError):
            await video.prepare(request)
            await video.write_eof()
        await super().apply(request, answer)
        return video


@pytest.fixture
async def fake() -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(3) as fake:
        yield fake


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def _open_paused_video(
    http: aiohttp.ClientSession, program: Program, fake: FakeRhombus
) -> aiohttp.ClientResponse:
    clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
    fake.put_media(clip["uuid"], bytes(VIDEO_BYTES))
    video = await http.get(f"{program.url}/clips/{clip['uuid']}/video")
    assert video.status == 200, await video.text()
    await video.content.readexactly(1000)
    return video


def test_the_guide_has_an_option_for_each_server() -> None:
    assert OPTIONS.keys() == {"uvicorn", "hypercorn", "granian"}


@pytest.mark.parametrize("server", ["uvicorn", "granian", "aiohttp"])
async def test_server_ends_with_an_open_stream_and_a_paused_video(server, fake, http) -> None:
    async with running(server, fake) as program, asyncio.timeout(LIMIT):
        events = await open_events(http, program.url, fake)
        video = await _open_paused_video(http, program, fake)
        program.terminate()
        output, errors = await program.printed()
        events.close()
        video.close()
    assert not LEFT_OPEN.search(errors), errors
    # granian kills its worker, so that the lifespan does not end.
    assert (CLOSED in output) == (server != "granian"), errors


async def test_hypercorn_ends_with_an_open_stream(fake, http) -> None:
    async with running("hypercorn", fake) as program, asyncio.timeout(LIMIT):
        events = await open_events(http, program.url, fake)
        program.terminate()
        output, errors = await program.printed()
        events.close()
    assert not LEFT_OPEN.search(errors), errors
    assert CLOSED in output, errors


async def test_hypercorn_ends_when_a_browser_closes_a_paused_video(fake, http) -> None:
    """It may wait for this, although it has cancelled the response long before."""
    sending = VideoUntilDisconnected()
    fake.media_faults = [Ok(), sending]
    async with running("hypercorn", fake) as program, asyncio.timeout(LIMIT):
        video = await _open_paused_video(http, program, fake)
        program.terminate()
        await sending.disconnected.wait()
        video.close()
        output, errors = await program.printed()
    assert not LEFT_OPEN.search(errors), errors
    assert CLOSED in output, errors
