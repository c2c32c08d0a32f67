"""A web backend that responds with the `http_status` and `public_message` of each error."""

import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from attrs import evolve

from rhombus_clips import ClipSession, InvalidArgumentError, RetryPolicy, RhombusError, dumps
from rhombus_clips.testing import UnknownClip, faults
from rhombus_clips.testing.faults import json_answer

CLIP = "Z" * 22
LEAK = "cannot open /srv/secrets/key.pem on db-3.internal for key "

Backend = Callable[[str], Awaitable[tuple[int, str, Any]]]


@pytest.fixture
async def session(fake, connect) -> AsyncIterator[ClipSession]:
    async with connect(fake, retry=RetryPolicy(attempts=1), timeout=5) as session:
        yield session


@web.middleware
async def respond_to_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except (InvalidArgumentError, RhombusError) as error:
        headers = {}
        if (seconds := getattr(error, "retry_after", None)) is not None:
            headers["Retry-After"] = str(math.ceil(seconds))
        body = {"error": error.public_message}
        return web.json_response(body, status=error.http_status, headers=headers)
    return response


@pytest.fixture
async def backend(session) -> AsyncIterator[Backend]:
    """A function that requests a path of the backend and returns the status, body and headers."""

    async def one_clip(request: web.Request) -> web.Response:
        clip = await session.get_clip_with_progress(request.match_info["uuid"])
        return web.Response(body=dumps(clip), content_type="application/json")

    async def one_page(request: web.Request) -> web.Response:
        size, cursor = int(request.query.get("page_size", "5")), request.query.get("cursor")
        clips = await session.clips_with_progress(cursor=cursor, page_size=size).collect(5)
        return web.Response(body=dumps(clips), content_type="application/json")

    app = web.Application(middlewares=[respond_to_errors])
    app.add_routes([web.get("/clips/{uuid}", one_clip), web.get("/clips", one_page)])
    async with TestClient(TestServer(app)) as client:

        async def get(path: str) -> tuple[int, str, Any]:
            async with client.get(path) as response:
                return response.status, await response.text(), response.headers

        yield get


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (json_answer(400, {"msg": LEAK}), 502),
        (json_answer(401, {"msg": LEAK}), 502),
        (json_answer(403, {"msg": LEAK}), 502),
        (json_answer(404, {"msg": LEAK}), 404),
        (faults.Respond(404, f"<html>{LEAK}</html>".encode()), 502),
        (json_answer(418, {"msg": LEAK}), 502),
        (faults.Respond(429, LEAK.encode(), headers={"Retry-After": "60"}), 503),
        (json_answer(500, {"msg": LEAK}), 502),
        (json_answer(503, {"msg": LEAK}), 502),
        (faults.Respond(302, headers={"Location": "https://db-3.internal/srv/secrets"}), 502),
        (json_answer(200, {"error": True, "errorMsg": LEAK}), 502),
        (json_answer(200, {"clip": LEAK}), 502),
        (faults.Respond(200, LEAK.encode()), 502),
        (json_answer(200, {"clip": {"uuid": "Y" * 22}}), 502),
        (faults.Disconnect(after_bytes=20), 502),
    ],
)
async def test_error_of_the_service_has_a_status_and_leaks_nothing(
    fault: faults.Fault, status: int, fake, backend
) -> None:
    fake.faults = [evolve(fault, times=None)]
    received, body, headers = await backend(f"/clips/{CLIP}")
    assert received == status
    assert headers.get("Retry-After") == ("60" if status == 503 else None)
    _check_public(body, fake.api_key)


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_missing_clip_is_a_404(unknown: UnknownClip, fake, backend) -> None:
    fake.unknown_clip = unknown
    status, body, _ = await backend(f"/clips/{CLIP}")
    assert status == 404
    _check_public(body, fake.api_key)


async def test_pause_of_the_session_is_a_503_with_the_rest_of_the_wait(fake, backend) -> None:
    fake.faults = [faults.Respond(429, headers={"Retry-After": "60"})]
    for _ in range(2):
        status, _, headers = await backend(f"/clips/{CLIP}")
        assert status == 503
        assert 55 <= int(headers["Retry-After"]) <= 61
    assert len(fake.requests) == 1


@pytest.mark.parametrize("query", ["page_size=0", "page_size=201", "cursor=%20", "cursor="])
async def test_bad_input_is_a_400(query: str, fake, backend) -> None:
    status, body, _ = await backend(f"/clips?{query}")
    assert status == 400
    assert query.partition("=")[0] in body
    _check_public(body, fake.api_key)
    assert not fake.requests


async def test_closed_session_is_a_503(session, backend) -> None:
    await session.aclose()
    status, _, _ = await backend(f"/clips/{CLIP}")
    assert status == 503


def _check_public(body: str, key: str) -> None:
    message = json.loads(body)["error"]
    assert message
    assert not re.search(r"/|srv|internal|127\.0\.0\.1|localhost|[A-Za-z0-9_-]{22}", message)
    assert key not in message
