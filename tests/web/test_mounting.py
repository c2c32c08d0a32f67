"""The routes work alone, and in the applications of frameworks, which keep their own views."""

import gc
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from attrs import frozen

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import Action, asgi_app
from tests.components import required
from tests.web.mounted import APPLICATIONS, OWN, USER, WITH_PREFIX, WITH_STATE
from tests.web.servers import PREFIX, SERVERS, events_end_upstream

required("starlette")


@frozen
class Backend:
    """An application with the routes, and a client."""

    name: str
    fake: FakeRhombus
    http: aiohttp.ClientSession
    url: str
    users: list[str | None]
    """What `authorize` has read from the state of each request."""


@pytest.fixture(params=[*((name, "uvicorn") for name in APPLICATIONS), ("quart", "hypercorn")])
async def backend(request) -> AsyncIterator[Backend]:
    name, server = request.param
    users = list[str | None]()

    async def authorize(request: Any, action: Action, clip_uuid: str | None) -> None:
        users.append(getattr(request.state, "user", None))
        if action is Action.DELETE:
            raise PermissionError

    prefix = PREFIX if name in WITH_PREFIX else ""
    async with (
        FakeRhombus(60) as fake,
        ClipSession(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        aiohttp.ClientSession() as http,
    ):
        app = APPLICATIONS[name](asgi_app(session, authorize=authorize, prefix=prefix))
        async with SERVERS[server](app) as url:
            yield Backend(name, fake, http, url, users)
    gc.collect()  # A warning about something unclosed is an error.


def _clip(backend: Backend) -> Any:
    return next(clip for clip in backend.fake.clips if clip["status"] == "COMPLETE")


async def test_pages(backend: Backend) -> None:
    async with backend.http.get(f"{backend.url}/clips?limit=60") as response:
        assert response.status == 200, await response.text()
        found = {clip["uuid"] for clip in (await response.json())["clips"]}
    assert found == {clip["uuid"] for clip in backend.fake.clips}


async def test_part_of_a_video(backend: Backend) -> None:
    path, part = f"{backend.url}/clips/{_clip(backend)['uuid']}/video", {"Range": "bytes=4-7"}
    async with backend.http.get(path, headers=part) as response:
        assert (response.status, await response.read()) == (206, b"ftyp")


async def test_events_end_upstream_when_the_client_disconnects(backend: Backend) -> None:
    await events_end_upstream(backend.http, backend.url, backend.fake)


async def test_body(backend: Backend) -> None:
    clip = _clip(backend)
    clips = {"clipUuids": [clip["uuid"]], "title": "Delivery"}
    async with backend.http.post(f"{backend.url}/shared-clip-groups", json=clips) as response:
        assert response.status == 201, await response.text()
    assert backend.fake.requests[-1].json["title"] == "Delivery"


async def test_refusal(backend: Backend) -> None:
    path, script = f"{backend.url}/clips/{_clip(backend)['uuid']}", {"X-Requested-With": "x"}
    async with backend.http.delete(path, headers=script) as response:
        assert response.status == 403
    assert backend.fake.requests == []


async def test_authorize_reads_the_state_that_middleware_has_set(backend: Backend) -> None:
    async with backend.http.get(f"{backend.url}/clips") as response:
        assert response.status == 200
    assert backend.users == [USER if backend.name in WITH_STATE else None]


async def test_unknown_path_and_the_views_of_the_application(backend: Backend) -> None:
    async with backend.http.get(f"{backend.url}/nothing") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
    async with backend.http.get(f"{backend.url.removesuffix(PREFIX)}/own") as response:
        assert (OWN in await response.text()) == (backend.name != "alone")
