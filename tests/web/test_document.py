"""The OpenAPI document describes the routes: their responses match its schemas."""

import json
from typing import Any

import aiohttp
import pytest

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Respond
from rhombus_clips.web import aiohttp_routes
from rhombus_clips.web.document import describe
from rhombus_clips.web.routes import ROUTES
from tests.components import required
from tests.web.servers import serving

DOCUMENT = describe(ROUTES)
JSON_HEADERS = {"Content-Type": "application/json"}


async def allow(*_: object) -> None:
    return None


def test_document_has_every_route_of_the_application() -> None:
    routes = aiohttp_routes(ClipSession("key"), authorize=allow)
    served = {(route.method, route.path.removeprefix("/api")) for route in routes}
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
    }
    assert served == described


def test_document_is_valid_openapi() -> None:
    required("openapi_spec_validator").validate(DOCUMENT)


def test_every_reference_leads_to_a_schema() -> None:
    for name in _references(DOCUMENT):
        kind, _, entry = name.removeprefix("#/components/").partition("/")
        assert entry in DOCUMENT["components"][kind], name


def _references(tree: object) -> list[str]:
    if isinstance(tree, dict):
        own = [tree["$ref"]] if "$ref" in tree else []
        return [*own, *(name for value in tree.values() for name in _references(value))]
    if isinstance(tree, list):
        return [name for value in tree for name in _references(value)]
    return []


def _requests(fake: FakeRhombus) -> list[tuple[str, str, str, Any]]:
    """A method, path of the document, path, and body for each route with a JSON response."""
    clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
    uuid, device = clip["uuid"], clip["deviceUuids"][0]
    rendering = fake.start_render(seconds=3600)
    splice = {"deviceUuids": [device], "startTimeMillis": 1_700_000_000_000, "durationSec": 5}
    footage = {"cameraUuid": device, "startTimeSec": 1_700_000_000, "durationSec": 5}
    return [
        ("GET", "/clips", "/clips?limit=200", None),
        ("GET", "/clips", "/clips?searchFilter=e&limit=50", None),
        ("GET", "/clips/calendar", "/clips/calendar?timeZone=Asia/Kathmandu", None),
        ("GET", "/clips/{clipUuid}", f"/clips/{uuid}", None),
        ("GET", "/clips/{clipUuid}", f"/clips/{rendering}", None),
        ("POST", "/clips", "/clips", splice),
        ("PATCH", "/clips/{clipUuid}", f"/clips/{uuid}", {"title": "New"}),
        ("GET", "/shared-clip-groups", "/shared-clip-groups?limit=200", None),
        ("POST", "/shared-clip-groups", "/shared-clip-groups", {"clipUuids": [uuid]}),
        ("POST", "/save-clip", "/save-clip", splice),
        ("POST", "/clip-progress", "/clip-progress", {"clipUuid": rendering}),
        ("POST", "/presence-windows", "/presence-windows", footage),
        ("GET", "/openapi.json", "/openapi.json", None),
        ("DELETE", "/clips/{clipUuid}", f"/clips/{uuid}", None),
    ]


async def test_responses_match_the_document() -> None:
    """All clips of several generated organizations, and each route with a JSON response."""
    required("jsonschema")
    for seed in range(5):
        async with (
            FakeRhombus(200, shared_clip_groups=30, seed=seed) as fake,
            ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
            serving("aiohttp", session) as url,
            aiohttp.ClientSession() as http,
        ):
            for method, route, path, body in _requests(fake):
                data = None if body is None else json.dumps(body)
                async with http.request(
                    method, url + path, data=data, headers=JSON_HEADERS
                ) as response:
                    _assert_described(method, route, response, await response.read())
                if body is not None:
                    content = DOCUMENT["paths"][route][method.lower()]["requestBody"]["content"]
                    _assert_matches(body, content["application/json"]["schema"])


@pytest.mark.parametrize("path", ["/clips?limit=0", "/clips/B", "/events?x=1"])
async def test_problems_match_the_document(path: str) -> None:
    required("jsonschema")
    async with (
        FakeRhombus(1) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url) as session,
        serving("aiohttp", session) as url,
        aiohttp.ClientSession() as http,
    ):
        fake.faults = [Respond(500, times=None)]
        async with http.get(url + path) as response:
            assert response.status >= 400
            assert response.content_type == "application/problem+json"
            problem = DOCUMENT["components"]["responses"]["Problem"]["content"]
            _assert_matches(await response.json(), problem["application/problem+json"]["schema"])


def _assert_described(method: str, route: str, response: Any, data: bytes) -> None:
    responses = DOCUMENT["paths"][route][method.lower()]["responses"]
    assert str(response.status) in responses, (route, response.status, data)
    content = responses[str(response.status)].get("content")
    assert (content is None) == (data == b"")
    if content is not None:
        _assert_matches(json.loads(data), content[response.content_type]["schema"])


def _assert_matches(tree: object, schema: dict[str, Any]) -> None:
    jsonschema = required("jsonschema")
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    validator = jsonschema.Draft202012Validator({**whole, "components": DOCUMENT["components"]})
    assert [error.message for error in validator.iter_errors(tree)] == []


def test_a_wrong_response_would_be_noticed() -> None:
    required("jsonschema")
    schema = DOCUMENT["paths"]["/clips"]["get"]["responses"]["200"]["content"]["application/json"]
    with pytest.raises(AssertionError):
        _assert_matches({"clips": [{"durationSec": "5"}], "cursor": None}, schema["schema"])
