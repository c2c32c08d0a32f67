"""Models with JSON libraries and frameworks that know attrs classes, but no camelCase.

msgspec and Litestar encode and decode attrs classes themselves, before they ask a hook: in snake
case, and without unknown keys. The guide names what to use instead.
"""

import json
from typing import Any

import attrs
import pytest

from rhombus_clips import (
    ClipStatus,
    DecodeError,
    InvalidArgumentError,
    SavedClip,
    dumps,
    from_dict,
    loads,
    to_dict,
)
from rhombus_clips.testing.clips import make_clips
from tests.components import required

CLIPS = [
    loads(
        b'{"uuid": "\xc3\xbc", "new": [1, null, 0.25], "createdAtMs": 5, "status": "N"}', SavedClip
    ),
    *from_dict(make_clips(30), list[SavedClip]),
]
JSON = {"Content-Type": "application/json"}


# --- the standard library, orjson and attrs ------------------------------------------------------


def test_to_dict_is_the_hook_of_json_and_orjson() -> None:
    value = {"clips": CLIPS, "cursor": None}
    expected = b'{"clips":' + dumps(CLIPS) + b',"cursor":null}'
    text = json.dumps(value, default=to_dict, ensure_ascii=False, separators=(",", ":"))
    assert text.encode() == expected
    orjson: Any = required("orjson")
    assert orjson.dumps(value, default=to_dict) == expected


def test_hook_reports_other_values() -> None:
    with pytest.raises(InvalidArgumentError, match="take models, not set"):
        json.dumps({"clips": {1}}, default=to_dict)
    wrong: Any = {"a": CLIPS[0]}
    with pytest.raises(InvalidArgumentError, match=r"not a dict: use json\.dumps\(value, d"):
        dumps(wrong)


def test_asdict_has_names_in_snake_case_and_unknown_keys_in_extra() -> None:
    values = attrs.asdict(CLIPS[0])
    assert values["created_at_ms"] == 5
    assert dict(values["extra"]) == {"new": [1, None, 0.25]}
    known = attrs.asdict(CLIPS[0], filter=lambda field, _: field.name != "extra")
    assert json.loads(json.dumps(known))["status"] == "N"


# --- msgspec -------------------------------------------------------------------------------------


def test_raw_embeds_models_in_the_output_of_msgspec() -> None:
    msgspec: Any = required("msgspec")
    value = {"clips": msgspec.Raw(dumps(CLIPS)), "cursor": None}
    assert msgspec.json.encode(value) == b'{"clips":' + dumps(CLIPS) + b',"cursor":null}'
    answer = msgspec.defstruct("Answer", [("clips", msgspec.Raw), ("cursor", str | None, None)])
    decoded = msgspec.json.decode(msgspec.json.encode(value), type=answer)
    assert loads(bytes(decoded.clips), list[SavedClip]) == CLIPS


def test_to_dict_and_from_dict_convert_between_models_and_msgspec() -> None:
    msgspec: Any = required("msgspec")
    text = msgspec.json.encode([to_dict(clip) for clip in CLIPS])
    assert text == dumps(CLIPS)
    assert from_dict(msgspec.json.decode(text), list[SavedClip]) == CLIPS


def test_msgspec_reads_and_writes_open_enums() -> None:
    msgspec: Any = required("msgspec")
    status = msgspec.json.decode(b'"NEW"', type=ClipStatus)
    assert type(status) is ClipStatus
    assert not status.is_known
    assert msgspec.json.encode([status]) == b'["NEW"]'


def test_hooks_of_msgspec_are_not_asked_about_models() -> None:
    """If this fails, msgspec has changed, and the guide can recommend its hooks."""
    msgspec: Any = required("msgspec")
    with pytest.raises(InvalidArgumentError, match="take models, not Extra"):
        msgspec.json.encode(CLIPS[0], enc_hook=to_dict)
    lost = msgspec.json.decode(
        dumps(CLIPS[0]), type=SavedClip, dec_hook=lambda kind, value: from_dict(value, kind)
    )
    assert lost.created_at_ms is None


# --- Litestar ------------------------------------------------------------------------------------


@pytest.fixture
def litestar() -> Any:
    return required("litestar")


# Newer versions deprecate this way of declaring a query parameter.
@pytest.mark.filterwarnings("ignore:.*deprecated inferred style")
async def test_litestar_sends_dumps_and_receives_loads(litestar) -> None:
    httpx: Any = required("httpx")

    @litestar.get("/clips")
    async def get_clips() -> litestar.Response[bytes]:
        return litestar.Response(dumps(CLIPS), media_type="application/json")

    @litestar.get("/page")
    async def get_page() -> dict[str, Any]:
        return {"clips": [to_dict(clip) for clip in CLIPS], "cursor": None}

    @litestar.post("/clip")
    async def post_clip(request: litestar.Request[Any, Any, Any]) -> dict[str, Any]:
        return to_dict(loads(await request.body(), SavedClip))

    @litestar.get("/status")
    async def get_status(status: ClipStatus) -> dict[str, Any]:
        return {"status": status, "known": status.is_known}

    def invalid(_: Any, error: DecodeError) -> Any:
        return litestar.Response({"detail": str(error)}, status_code=400)

    app = litestar.Litestar(
        [get_clips, get_page, post_clip, get_status],
        exception_handlers={DecodeError: invalid},
        openapi_config=None,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/clips")
        assert (response.content, response.headers["content-type"]) == (
            dumps(CLIPS),
            "application/json",
        )
        response = await client.get("/page")
        assert response.content == b'{"clips":' + dumps(CLIPS) + b',"cursor":null}'
        for clip in CLIPS:
            response = await client.post("/clip", content=dumps(clip), headers=JSON)
            assert response.content == dumps(clip)
        response = await client.post("/clip", json={"byteCount": "12"})
        assert (response.status_code, "$.byteCount" in response.text) == (400, True)
        response = await client.get("/status", params={"status": "NEW"})
        assert response.json() == {"status": "NEW", "known": False}
