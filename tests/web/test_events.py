"""Events of renders and of new clips: complete, resumable, and shared by their listeners."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from attrs import define, field

from rhombus_clips import ClipSession, Polling
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Respond
from rhombus_clips.web import Limits, events
from tests.web.servers import ADAPTERS, serving
from tests.web_guide.watched import UntilDisconnected, until

PROGRESS = "/api/event/getClipWithProgress"
FAST = Polling(interval=0.05, max_interval=0.05)


@define
class Backend:
    """A backend, and a client of its events."""

    fake: FakeRhombus
    http: aiohttp.ClientSession
    url: str
    opened: list[aiohttp.ClientResponse] = field(factory=list)

    async def open(self, path: str, **headers: str) -> "Stream":
        """Open an event stream."""
        self.opened.append(await self.http.get(self.url + path, headers=headers))
        return Stream(self.opened[-1])


@define
class Stream:
    """An event stream."""

    response: aiohttp.ClientResponse

    async def next(self) -> dict[str, str]:
        """Return the fields of the next event; a comment is ``{"": ...}``."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(60):
            while line := (await self.response.content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        return fields

    def close(self) -> None:
        """Disconnect."""
        self.response.close()


@pytest.fixture(params=ADAPTERS)
async def backend(request) -> AsyncIterator[Backend]:
    async with (
        FakeRhombus(3, render_seconds=3600) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving(
            request.param, session, polling=FAST, interval=0.05, limits=Limits(streams=210)
        ) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        backend = Backend(fake, http, url)
        yield backend
        for response in backend.opened:
            response.close()


def polls(fake: FakeRhombus) -> int:
    return sum(request.path == PROGRESS for request in fake.requests)


# --- renders ---------------------------------------------------------------------------------


async def test_render_is_reported_until_its_end(backend: Backend) -> None:
    clip_uuid = backend.fake.start_render(seconds=0.3)
    stream = await backend.open(f"/clips/{clip_uuid}/events")
    assert stream.response.content_type == "text/event-stream"
    assert stream.response.headers["X-Accel-Buffering"] == "no"
    assert await stream.next() == {"retry": "3000"}
    seen = [await stream.next()]
    while seen[-1].get("event") != "end":
        seen.append(await stream.next())
    assert seen[-1] == {"event": "end", "id": "end", "data": "{}"}
    assert '"status":"COMPLETE"' in seen[-2]["data"]
    ids = [event["id"] for event in seen]
    assert len(set(ids)) == len(ids)


async def test_reconnecting_browser_does_not_get_the_same_state_again(backend: Backend) -> None:
    clip_uuid = backend.fake.start_render(seconds=0)
    stream = await backend.open(f"/clips/{clip_uuid}/events")
    await stream.next()
    state = await stream.next()
    for position in ({"Last-Event-ID": state["id"]}, {}):
        query = "" if position else f"?lastEventId={state['id']}"
        again = await backend.open(f"/clips/{clip_uuid}/events{query}", **position)
        await again.next()
        assert (await again.next())["event"] == "end"


async def test_browser_that_reconnects_after_the_end_is_stopped(backend: Backend) -> None:
    """204 is the only response after which an EventSource stays closed."""
    path = f"/clips/{backend.fake.clips[0]['uuid']}/events"
    stream = await backend.open(path, **{"Last-Event-ID": "end"})
    assert stream.response.status == 204


async def test_failed_render_ends_with_a_message(backend: Backend) -> None:
    stream = await backend.open(f"/clips/{backend.fake.start_render(seconds=0, fails=True)}/events")
    while (event := await stream.next()).get("event") != "end":
        pass
    assert event["data"] == '{"errorMsg":"The clip could not be created."}'


async def test_listeners_of_a_render_share_its_polls(backend: Backend) -> None:
    """200 listeners, one request at a time; the last one to leave ends the polling."""
    clip_uuid = backend.fake.start_render(seconds=3600)
    async with asyncio.TaskGroup() as group:
        opening = [
            group.create_task(backend.open(f"/clips/{clip_uuid}/events")) for _ in range(200)
        ]
    streams = [task.result() for task in opening]
    for stream in streams:
        await stream.next()
        assert clip_uuid in (await stream.next())["data"]
    assert polls(backend.fake) < 100
    for stream in streams[1:]:
        stream.close()
    before = polls(backend.fake)
    await until(lambda: polls(backend.fake) > before + 2)
    await _close_the_last(streams[0], backend.fake)


async def _close_the_last(stream: "Stream", fake: FakeRhombus) -> None:
    """Close the last stream while a request to the service waits, and wait for its end."""
    silence = UntilDisconnected()
    fake.faults = [silence]
    async with asyncio.timeout(60):
        await silence.arrived.wait()
        stream.close()
        await silence.disconnected.wait()
    fake.faults = []


async def test_failure_of_the_service_reaches_all_listeners(backend: Backend) -> None:
    clip_uuid = backend.fake.start_render(seconds=3600)
    streams = [await backend.open(f"/clips/{clip_uuid}/events") for _ in range(3)]
    for stream in streams:
        await stream.next()
        await stream.next()
    backend.fake.faults = [Respond(403, times=None)]
    for stream in streams:
        while (event := await stream.next()).get("event") != "end":
            pass
        assert "did not permit" in event["data"]


async def test_silence_is_broken_by_comments(backend: Backend, monkeypatch) -> None:
    """Every 15 s, as proxies close silent connections."""
    assert events._SILENCE == 15
    monkeypatch.setattr(events, "_SILENCE", 0.05)
    backend.fake.faults = [Respond(503, times=None)]  # A render that is never seen.
    for path in (f"/clips/{backend.fake.start_render(seconds=3600)}/events", "/events"):
        stream = await backend.open(path)
        await stream.next()
        if path != "/events":
            assert await stream.next() == {"": ""}
        stream.close()


# --- new clips -------------------------------------------------------------------------------


def _add_clip(fake: FakeRhombus, number: int) -> str:
    uuid = f"NEW{number:019}"
    now = int(time.time() * 1000)
    fake.clips.append({**fake.clips[0], "uuid": uuid, "createdAtMs": now, "timestampMs": now})
    return uuid


async def _next_clip(stream: Stream) -> dict[str, Any]:
    while "id" not in (event := await stream.next()):
        assert event.get("event") != "reset"
    return event


async def test_new_clips_reach_all_listeners(backend: Backend) -> None:
    streams = [await backend.open("/events") for _ in range(5)]
    for stream in streams:
        assert await stream.next() == {"retry": "3000"}
    listings = len(backend.fake.requests)
    await until(lambda: len(backend.fake.requests) > listings + 2)
    uuids = [_add_clip(backend.fake, number) for number in range(3)]
    for stream in streams:
        found = [await _next_clip(stream) for _ in uuids]
        assert sorted(uuid for uuid in uuids for event in found if uuid in event["data"]) == uuids


async def test_reconnecting_browser_gets_the_clips_that_it_missed(backend: Backend) -> None:
    """Also if it was the only listener."""
    stream = await backend.open("/events")
    await stream.next()
    await until(lambda: len(backend.fake.requests) > 2)
    first = _add_clip(backend.fake, 1)
    event = await _next_clip(stream)
    assert first in event["data"]
    await _close_the_last(stream, backend.fake)
    missed = _add_clip(backend.fake, 2)
    again = await backend.open("/events", **{"Last-Event-ID": event["id"]})
    assert missed in (await _next_clip(again))["data"]


@pytest.mark.parametrize("last_id", ["other.3", "x", ".", "a.b.c", "\u00b2"])
async def test_browser_of_another_worker_is_told_to_list_again(backend: Backend, last_id) -> None:
    async with backend.http.get(f"{backend.url}/events", params={"lastEventId": last_id}) as found:
        stream = Stream(found)
        await stream.next()
        assert await stream.next() == {"event": "reset", "data": "{}"}


async def test_failing_listing_ends_the_response_and_the_next_one_resumes(backend: Backend) -> None:
    stream = await backend.open("/events")
    await stream.next()
    await until(lambda: len(backend.fake.requests) > 2)
    backend.fake.faults = [Respond(403)]
    while (event := await stream.next()).get("event") != "failure":
        pass
    assert "errorMsg" in event["data"]
    assert await stream.response.content.read() == b""
    uuid = _add_clip(backend.fake, 1)
    again = await backend.open("/events")
    assert uuid in (await _next_clip(again))["data"]


# --- limits ----------------------------------------------------------------------------------


async def test_number_of_streams_is_limited(backend: Backend) -> None:
    """A stream that ends makes room for another one; thumbnails and pages do not count."""
    path = f"/clips/{backend.fake.start_render(seconds=3600)}/events"
    streams = [await backend.open(path) for _ in range(210)]
    refused = (await backend.open(path)).response
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
    assert refused.content_type == "application/problem+json"
    async with backend.http.get(f"{backend.url}/clips") as page:
        assert page.status == 200
    streams[0].close()
    async with asyncio.timeout(60):
        status = 429
        while status == 429:  # The server learns of the end a little later.
            await asyncio.sleep(0.1)
            status = (await backend.open(path)).response.status
    assert status == 200
