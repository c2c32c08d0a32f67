"""Models and open enums in the requests, responses and the OpenAPI document of FastAPI."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from rhombus_clips import (
    ClipStatus,
    SavedClip,
    SavedClipPage,
    SharedClipGroup,
    dumps,
    from_dict,
    loads,
    to_dict,
)
from rhombus_clips.testing.clips import make_clips, make_shared_clip_groups
from tests.components import required

fastapi: Any = required("fastapi")
httpx: Any = required("httpx")
Body, Query = fastapi.Body, fastapi.Query

RECORDS = make_clips(30)
CLIPS = [
    loads(
        b'{"uuid": "\xc3\xbc\xf0\x9f\x98\x80", "new": [1, null, 0.25], "status": "N"}', SavedClip
    ),
    SavedClip(),
    *from_dict(RECORDS, list[SavedClip]),
]
GROUPS = from_dict(make_shared_clip_groups(RECORDS, 5), list[SharedClipGroup])
PAGE = SavedClipPage(saved_clips=CLIPS, last_evaluated_timestamp_ms=5)
JSON = {"Content-Type": "application/json"}


APP = fastapi.FastAPI()


@APP.get("/clips")
async def get_clips() -> list[SavedClip]:
    return CLIPS


@APP.get("/clip")
async def get_clip(missing: int = 0) -> SavedClip | None:
    return None if missing else CLIPS[0]


@APP.get("/objects", response_model=list[SavedClip])
async def get_objects() -> Any:
    return [to_dict(clip) for clip in CLIPS]


@APP.get("/page")
def get_page() -> SavedClipPage:
    return PAGE


@APP.get("/groups")
async def get_groups() -> dict[str, list[SharedClipGroup]]:
    return {"ü": GROUPS}


@APP.get("/wrong", response_model=list[SavedClip])
async def get_wrong() -> Any:
    return [{"byteCount": "12"}]


@APP.post("/clip")
async def post_clip(clip: Annotated[SavedClip, Body()]) -> SavedClip:
    assert type(clip) is SavedClip
    return clip


@APP.post("/clips")
async def post_clips(clips: Annotated[list[SavedClip], Body()]) -> list[SavedClip]:
    return clips


@APP.post("/two")
async def post_two(
    first: Annotated[SavedClip, Body()],
    second: Annotated[SavedClip | None, Body()] = None,
    status: Annotated[ClipStatus, Body()] = ClipStatus.COMPLETE,
) -> dict[ClipStatus, list[SavedClip | None]]:
    return {status: [first, second]}


@APP.get("/status/{path}")
async def get_status(
    path: ClipStatus,
    one: ClipStatus = ClipStatus.COMPLETE,
    more: Annotated[list[ClipStatus] | None, Query()] = None,
) -> list[ClipStatus]:
    statuses = [path, one, *(more or [])]
    assert all(type(status) is ClipStatus for status in statuses)
    return statuses


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    transport = httpx.ASGITransport(APP, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


# --- responses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clips", dumps(CLIPS)),
        ("/clip", dumps(CLIPS[0])),
        ("/clip?missing=1", b"null"),
        ("/objects", dumps(CLIPS)),
        ("/page", dumps(PAGE)),
        ("/groups", b'{"\xc3\xbc":' + dumps(GROUPS) + b"}"),
        ("/status/NEW?one=FAILED&more=A&more=COMPLETE", b'["NEW","FAILED","A","COMPLETE"]'),
        ("/status/COMPLETE", b'["COMPLETE","COMPLETE"]'),
    ],
)
async def test_response_has_the_bytes_of_dumps(path: str, body: bytes, client) -> None:
    response = await client.get(path)
    assert (response.status_code, response.content) == (200, body)
    assert response.headers["content-type"] == "application/json"


async def test_response_may_contain_a_lone_surrogate(client) -> None:
    body = b'{"title": "a\\ud800", "status": "\\udfff"}'
    response = await client.post("/clip", content=body, headers=JSON)
    assert response.status_code == 200
    assert response.json() == {"title": "a\ufffd", "status": "\ufffd"}


async def test_response_that_is_not_a_model_is_an_error(client) -> None:
    response = await client.get("/wrong")
    assert response.status_code == 500


# --- requests ------------------------------------------------------------------------------------


async def test_request_is_decoded_without_loss(client) -> None:
    for clip in CLIPS:
        response = await client.post("/clip", content=dumps(clip), headers=JSON)
        assert (response.status_code, response.content) == (200, dumps(clip))
    response = await client.post("/clips", content=dumps(CLIPS), headers=JSON)
    assert response.content == dumps(CLIPS)


async def test_request_may_have_several_models(client) -> None:
    response = await client.post("/two", json={"first": {"newKey": None}, "status": "NEW"})
    assert response.json() == {"NEW": [{"newKey": None}, None]}
    response = await client.post("/two", json={"first": {}, "second": {"title": "a"}})
    assert response.json() == {"COMPLETE": [{}, {"title": "a"}]}


@pytest.mark.parametrize(
    ("path", "body", "location", "message"),
    [
        ("/clip", {"byteCount": "12"}, ["body", "byteCount"], "an integer"),
        ("/clip", [], ["body"], "an object"),
        ("/clip", {"clipLocation": {"region": 5}}, ["body", "clipLocation", "region"], "a string"),
        ("/clips", [{}, {"status": 5}], ["body", 1, "status"], "a string (ClipStatus)"),
        ("/two", {"first": {"title": []}}, ["body", "first", "title"], "a string"),
        ("/two", {"first": {}, "second": 5}, ["body", "second"], "an object"),
        ("/two", {"first": {}, "status": 5}, ["body", "status"], "a string (ClipStatus)"),
    ],
)
async def test_wrong_request_is_a_422_with_the_location(
    path, body, location, message, client
) -> None:
    response = await client.post(path, json=body)
    (detail,) = response.json()["detail"]
    assert response.status_code == 422
    assert (detail["loc"], detail["msg"]) == (location, f"Input should be {message}")


async def test_missing_body_is_a_422(client) -> None:
    response = await client.post("/clip", headers=JSON)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body"]


# --- OpenAPI -------------------------------------------------------------------------------------


async def test_openapi_document_refers_to_the_models_by_name(client) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert {"SavedClip", "SavedClipPage", "SharedClipGroup", "ClipStatus"} <= set(schemas)
    assert not any(name.endswith(("-Input", "-Output")) for name in schemas)
    assert {"createdAtMs", "clipLocationV2", "sha256Hex"} <= set(schemas["SavedClip"]["properties"])
    assert schemas["SavedClip"]["additionalProperties"] is True
    assert schemas["ClipStatus"]["examples"] == list(ClipStatus)
    assert "enum" not in schemas["ClipStatus"]
    reference = {"$ref": "#/components/schemas/SavedClip"}
    operations = document["paths"]
    assert _content(operations["/clip"]["post"]["requestBody"]) == reference
    assert _content(operations["/clip"]["post"]["responses"]["200"]) == reference
    assert _content(operations["/clips"]["get"]["responses"]["200"])["items"] == reference
    (path, one, _) = operations["/status/{path}"]["get"]["parameters"]
    assert path["schema"]["$ref"] == "#/components/schemas/ClipStatus"
    assert one["schema"]["default"] == "COMPLETE"


def _content(part: Any) -> Any:
    return part["content"]["application/json"]["schema"]
