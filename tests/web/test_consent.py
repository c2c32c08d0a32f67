"""No request passes without the consent of `authorize`, which learns what the request does."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from rhombus_clips import ClipSession, InvalidArgumentError, NotFoundError
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import Action, aiohttp_routes
from rhombus_clips.web.routes import ROUTES, Route
from tests.components import required
from tests.web.servers import ADAPTERS, aiohttp_serving, allow, serving

UUID = "AAAAAAAAAAAAAAAAAAAAAA"
HEADERS = {"Content-Type": "application/json"}
BODIES: dict[str, Any] = {
    "/clips": {"deviceUuids": [UUID], "startTimeMillis": 1_700_000_000_000, "durationSec": 5},
    "/clips/{clipUuid}": {"title": "New"},
    "/shared-clip-groups": {"clipUuids": [UUID]},
    "/clip-progress": {"clipUuid": UUID},
    "/save-clip": {"title": "New"},
    "/presence-windows": {"cameraUuid": UUID},
}


def _path(route: Route) -> str:
    path = re.sub(r"\{\w+\}", UUID, route.path)
    return f"{path}?clipUuid={UUID}" if "clipUuid" in route.parameters else path


def _body(route: Route) -> str | None:
    return json.dumps(BODIES[route.path]) if route.has_body else None


@pytest.fixture
async def fake() -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(3) as fake:
        yield fake


async def refuse(*_: object) -> None:
    raise PermissionError


async def fail(*_: object) -> None:
    raise ValueError("a mistake")


async def return_false(*_: object) -> bool:
    return False


async def return_true(*_: object) -> bool:
    return True


@pytest.mark.parametrize("server", ADAPTERS)
@pytest.mark.parametrize("authorize", [refuse, fail, return_false, return_true])
async def test_every_route_answers_403_without_consent(server, authorize, fake) -> None:
    """Valid or not: nothing reaches the service, and the SDK can show the reason."""
    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(server, session, authorize=authorize) as url,
        aiohttp.ClientSession() as http,
    ):
        for route in ROUTES:
            for method in route.methods:
                for data, headers in [(_body(route), HEADERS), ("{", HEADERS), (None, {})]:
                    async with http.request(
                        method, url + _path(route), data=data, headers=headers
                    ) as response:
                        assert response.status == 403, (method, route.path)
                        if method != "HEAD":
                            problem = await response.json(content_type="application/problem+json")
                            assert problem["errorMsg"] == "You are not allowed to do this."
    assert fake.requests == fake.media_requests == []


ACTIONS = {
    ("GET", "/clips"): (Action.LIST, None),
    ("POST", "/clips"): (Action.MAKE, None),
    ("GET", "/clips/calendar"): (Action.LIST, None),
    ("GET", "/clips/{clipUuid}"): (Action.READ, UUID),
    ("PATCH", "/clips/{clipUuid}"): (Action.CHANGE, UUID),
    ("DELETE", "/clips/{clipUuid}"): (Action.DELETE, UUID),
    ("GET", "/clips/{clipUuid}/events"): (Action.READ, UUID),
    ("GET", "/clips/{clipUuid}/video"): (Action.DOWNLOAD, UUID),
    ("GET", "/clips/{clipUuid}/thumbnail"): (Action.READ, UUID),
    ("GET", "/shared-clip-groups"): (Action.SHARE, None),
    ("POST", "/shared-clip-groups"): (Action.SHARE, UUID),
    ("DELETE", "/shared-clip-groups/{groupUuid}"): (Action.SHARE, None),
    ("GET", "/events"): (Action.LIST, None),
    ("POST", "/save-clip"): (Action.MAKE, None),
    ("POST", "/clip-progress"): (Action.READ, UUID),
    ("GET", "/clip-download"): (Action.DOWNLOAD, UUID),
    ("POST", "/presence-windows"): (Action.MAKE, None),
    ("GET", "/openapi.json"): (Action.LIST, None),
}


@pytest.mark.parametrize("server", ADAPTERS)
async def test_authorize_gets_the_action_and_the_clip(server, fake) -> None:
    seen: list[tuple[Action, str | None]] = []

    async def authorize(request: Any, action: Action, clip_uuid: str | None) -> None:
        assert request.headers["User-Agent"]
        seen.append((action, clip_uuid))
        raise PermissionError

    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving(server, session, authorize=authorize) as url,
        aiohttp.ClientSession() as http,
    ):
        for route in ROUTES:
            async with http.request(
                route.method, url + _path(route), data=_body(route), headers=HEADERS
            ):
                pass
    assert seen == [ACTIONS[route.method, route.path] for route in ROUTES]


@pytest.mark.parametrize("server", ADAPTERS)
async def test_authorize_can_read_the_body(server, fake) -> None:
    """And the routes nevertheless get it."""
    seen: list[Any] = []

    async def authorize(request: Any, _action: Action, _clip_uuid: str | None) -> None:
        seen.append((await request.json())["title"])

    clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving(server, session, authorize=authorize) as url,
        aiohttp.ClientSession() as http,
        http.patch(f"{url}/clips/{clip['uuid']}", json={"title": "New"}) as response,
    ):
        assert response.status == 204, await response.text()
    assert seen == [clip["title"]] == ["New"]


async def test_body_of_unknown_length_is_refused_if_authorize_reads_it(fake) -> None:
    """Under aiohttp, which keeps a body only if it is read without our limit."""

    async def authorize(request: Any, _action: Action, _clip_uuid: str | None) -> None:
        await request.json()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"title": "New"}'

    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        aiohttp.ClientSession(headers=HEADERS) as http,
    ):
        for allowing, status in [(authorize, 403), (allow, 204)]:
            assert fake.requests == []
            async with (
                serving("aiohttp", session, authorize=allowing) as url,
                http.patch(f"{url}/clips/{fake.clips[0]['uuid']}", data=body()) as response,
            ):
                assert response.status == status
    assert fake.clips[0]["title"] == "New"


async def test_middleware_of_aiohttp_may_read_the_body_first(fake) -> None:
    @web.middleware
    async def read_first(request: web.Request, handler: Any) -> Any:
        assert (await request.json())["title"] == "New"
        return await handler(request)

    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        aiohttp.ClientSession() as http,
    ):
        app = web.Application(middlewares=[read_first])
        app.add_routes(aiohttp_routes(session, authorize=allow))
        async with aiohttp_serving(app) as url:
            path = f"{url}/clips/{fake.clips[0]['uuid']}"
            async with http.patch(path, json={"title": "New"}) as response:
                assert response.status == 204, await response.text()
    assert fake.clips[0]["title"] == "New"


async def test_limit_of_the_application_applies_to_bodies(fake) -> None:
    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        aiohttp.ClientSession() as http,
    ):
        app = web.Application(client_max_size=1000)
        app.add_routes(aiohttp_routes(session, authorize=allow))
        async with aiohttp_serving(app) as url:
            path = f"{url}/clips/{fake.clips[0]['uuid']}"
            async with http.patch(path, json={"title": "x" * 1000}) as response:
                assert response.status == 413
                problem = await response.json(content_type="application/problem+json")
    assert problem["errorMsg"] == "The body must not have more than 1000 bytes."
    assert fake.requests == []


async def test_each_shared_clip_needs_consent(fake) -> None:
    """Consent for one clip does not share another."""
    seen: list[str | None] = []

    async def authorize(_request: Any, _action: Action, clip_uuid: str | None) -> None:
        seen.append(clip_uuid)
        if clip_uuid == "B" * 22:
            raise PermissionError

    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving("aiohttp", session, authorize=authorize) as url,
        aiohttp.ClientSession() as http,
    ):
        body = {"clipUuids": [UUID, "B" * 22]}
        async with http.post(f"{url}/shared-clip-groups", json=body) as response:
            assert response.status == 403
    assert seen == [UUID, "B" * 22]
    assert fake.requests == []


def _exceptions() -> list[Any]:
    fastapi, litestar = required("fastapi"), required("litestar.exceptions")
    starlette = required("starlette.exceptions")
    login = {"WWW-Authenticate": "Basic"}
    return [
        (web.HTTPUnauthorized(headers=login), 401),
        (web.HTTPFound("/login"), 302),
        (fastapi.HTTPException(401, headers=login), 401),
        (starlette.HTTPException(401, headers=login), 401),
        (litestar.NotAuthorizedException(headers=login), 401),
        (fastapi.HTTPException(503), 503),
    ]


@pytest.mark.parametrize("server", ADAPTERS)
async def test_http_exception_of_a_framework_keeps_its_status(server, fake) -> None:
    """With the headers that tell the browser where or how to log in."""
    for error, status in _exceptions():

        async def authorize(*_: object, error: Exception = error) -> None:
            raise error

        async with (
            ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
            serving(server, session, authorize=authorize) as url,
            aiohttp.ClientSession() as http,
            http.get(f"{url}/clips", allow_redirects=False) as response,
        ):
            assert response.status == status
            if status == 401:
                assert response.headers["WWW-Authenticate"] == "Basic"
            if status == 302:
                assert response.headers["Location"] == "/login"
    assert fake.requests == []


async def test_failure_of_the_service_while_authorizing_is_no_refusal(fake) -> None:
    async def authorize(*_: object) -> None:
        raise NotFoundError("there is no such clip")

    async with (
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving("aiohttp", session, authorize=authorize) as url,
        aiohttp.ClientSession() as http,
        http.get(f"{url}/clips/{UUID}") as response,
    ):
        assert response.status == 404


@pytest.mark.parametrize("authorize", [None, True, lambda *_: None, "allow"])
def test_authorize_must_be_an_async_function(authorize: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="authorize must be an async function"):
        aiohttp_routes(ClipSession("key"), authorize=authorize)


def test_authorize_has_no_default() -> None:
    with pytest.raises(TypeError, match="authorize"):
        aiohttp_routes(ClipSession("key"))  # type: ignore[call-arg]
