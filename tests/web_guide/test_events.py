"""The events of a render in the guide's programs, directly and through nginx."""

import asyncio
import json

import aiohttp
import pytest

from rhombus_clips.testing import FakeRhombus, faults
from tests.examples import is_deep
from tests.web_guide.nginx import nginx_before
from tests.web_guide.servers import run
from tests.web_guide.watched import UntilDisconnected, events_of, until

GET = "/api/event/getClipWithProgress"


def without_heartbeats(code: str) -> str:
    return code.replace("heartbeat=2", "heartbeat=None")


async def test_stream_has_the_changes_and_the_end(framework, fake, browser) -> None:
    clip_uuid = fake.start_render(seconds=0)
    async with run(framework) as backend:
        url = f"{backend.url}/clips/{clip_uuid}/events"
        async with browser.get(url) as response:
            events = [event async for event in events_of(response)]
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    (name, data), end = events
    clip = json.loads(data)
    assert (name, clip["uuid"], clip["status"]) == ("message", clip_uuid, "COMPLETE")
    assert end == ("end", "{}")


async def test_failed_render_ends_with_a_message(framework, fake, browser) -> None:
    clip_uuid = fake.start_render(seconds=0, fails=True)
    async with run(framework) as backend:
        url = f"{backend.url}/clips/{clip_uuid}/events"
        async with browser.get(url) as response:
            events = [event async for event in events_of(response)]
    name, data = events[-1]
    assert name == "end"
    assert clip_uuid not in json.loads(data)["error"]


async def test_browser_that_disconnects_ends_its_watch(framework, fake, browser) -> None:
    """It ends the request to the service, even while the service is silent."""
    waiting = UntilDisconnected(path=GET)
    clip_uuid = fake.start_render(seconds=600)
    tasks = asyncio.all_tasks()
    async with run(framework) as backend, asyncio.timeout(60):
        async with browser.get(f"{backend.url}/clips/{clip_uuid}/events") as response:
            events = events_of(response)
            assert (await anext(events))[0] == "message"
            fake.faults = [waiting]
            await waiting.arrived.wait()
            assert (await anext(events))[0] == ":"
            count = len(fake.requests)
            response.close()
            await waiting.disconnected.wait()
        await events.aclose()
        await backend.all_disconnected()
    assert len(fake.requests) == count
    async with asyncio.timeout(60):
        await until(lambda: asyncio.all_tasks() <= tasks)


@pytest.mark.parametrize("handler_cancellation", [True, False])
async def test_cancellation_of_the_handler_ends_a_silent_watch(
    handler_cancellation, fake, browser
) -> None:
    """Without it, a watch without heartbeats continues until it has something to write."""
    waiting = UntilDisconnected(path=GET)
    clip_uuid = fake.start_render(seconds=600)
    settings = {"edit": without_heartbeats, "handler_cancellation": handler_cancellation}
    async with run("aiohttp", **settings) as backend, asyncio.timeout(60):
        async with browser.get(f"{backend.url}/clips/{clip_uuid}/events") as response:
            await anext(events_of(response))
            fake.faults = [waiting]
            await waiting.arrived.wait()
            response.close()
        await backend.all_disconnected()
        if handler_cancellation:
            await waiting.disconnected.wait()
        assert waiting.disconnected.is_set() == handler_cancellation


# --- nginx ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not is_deep(), reason="takes 30 s: run with --hypothesis-profile=deep")
async def test_stream_survives_silence_behind_nginx(framework, use) -> None:
    """A render is silent for 30 s, and nginx closes a stream that is silent for 5 s.

    The same stream without heartbeats is closed.
    """
    time = 1_800_000_000.0
    async with FakeRhombus(5, now=lambda: time) as fake:
        use(fake)
        clip_uuid = fake.start_render(seconds=600)
        async with run(framework) as backend, run(framework, edit=without_heartbeats) as silent:
            path = f"/clips/{clip_uuid}/events"
            async with asyncio.TaskGroup() as both:
                both.create_task(receive_heartbeats(backend.url, path, seconds=30))
                both.create_task(be_closed_after_one_event(silent.url, path))


async def receive_heartbeats(url: str, path: str, *, seconds: float) -> None:
    """Receive an event, and then only heartbeats, through nginx."""
    async with nginx_before(url) as http, http.get(path) as response:
        events, loop = events_of(response), asyncio.get_running_loop()
        assert (await anext(events))[0] == "message"
        until = loop.time() + seconds
        while loop.time() < until:
            assert (await anext(events))[0] == ":"


async def be_closed_after_one_event(url: str, path: str) -> None:
    """Receive an event and an incomplete response through nginx."""
    async with nginx_before(url) as http, http.get(path) as response:
        events = events_of(response)
        assert (await anext(events))[0] == "message"
        with pytest.raises(aiohttp.ClientPayloadError):
            await anext(events)


async def test_events_pass_nginx_at_once(framework, fake) -> None:
    """The first event arrives while the stream continues."""
    fake.faults = [faults.Ok(path=GET), UntilDisconnected(path=GET)]
    clip_uuid = fake.start_render(seconds=600)
    async with (
        run(framework) as backend,
        nginx_before(backend.url) as http,
        http.get(f"/clips/{clip_uuid}/events") as response,
    ):
        assert response.headers["Cache-Control"] == "no-store"
        assert (await anext(events_of(response)))[0] == "message"
