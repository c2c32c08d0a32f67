"""The codec: strict about types, open to new keys and members, and lossless."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipStatus,
    ClipVisibility,
    ClipWithProgress,
    DecodeError,
    Integration,
    SavedClip,
    SavedClipPage,
    SharedClipGroup,
    SharedClipGroupPage,
    SplicedClip,
    dumps,
    from_dict,
    loads,
    to_dict,
)
from rhombus_clips.codec import text
from rhombus_clips.codec.bodies import encode_request
from rhombus_clips.models.saved_clip import ClipWithProgressAnswer
from rhombus_clips.models.spliced_clip import SplicedClipsAnswer
from rhombus_clips.testing.clips import make_clips, make_shared_clip_groups
from tests.service_document import load_facts

WRONG_TYPES: list[tuple[str, Any, str]] = [
    # field, value, expected
    ("durationSec", "12", "an integer"),
    ("durationSec", True, "an integer"),
    ("durationSec", 12.5, "an integer"),
    ("durationSec", [], "an integer"),
    ("durationSec", 2**63, "an integer"),
    ("durationSec", -(2**63) - 1, "an integer"),
    ("durationSec", 1e300, "an integer"),
    ("durationSec", 2.0**54, "an integer"),
    ("analyzed", "false", "true or false"),
    ("analyzed", 0, "true or false"),
    ("title", 5, "a string"),
    ("title", ["a"], "a string"),
    ("title", {}, "a string"),
    ("deviceUuids", "abc", "an array"),
    ("deviceUuids", {"0": "abc"}, "an array"),
    ("clipLocation", "us-west-2", "an object"),
    ("clipLocation", ["us-west-2"], "an object"),
    ("alterMap", [], "an object"),
    ("status", 1, "a string (ClipStatus)"),
    ("status", ["COMPLETE"], "a string (ClipStatus)"),
    ("videoResolution", False, "an object"),
]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("field", "value", "expected"), WRONG_TYPES)
def test_wrong_type_is_never_coerced(field: str, value: Any, expected: str) -> None:
    """The error has the path, the expected type and the received value."""
    body = json.dumps({"savedClips": [{}, {field: value}]})
    with pytest.raises(DecodeError) as caught:
        loads(body, SavedClipPage)
    assert caught.value.path == f"$.savedClips[1].{field}"
    assert caught.value.expected == expected
    # Parsers may format a number in different ways.
    shown = value if isinstance(value, str) else json.dumps(value)
    assert isinstance(value, int | float) or caught.value.value_excerpt == shown
    assert caught.value.path in str(caught.value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"deviceUuidMap": {"abc.v0": {"region": 1}}}, '$["abc.v0"].region'),
        ({"alterMap": {"cam": [None, {"crop": {"x": "0"}}]}}, "$.alterMap.cam[1].crop.x"),
        ({"fisheyeMap": {"a b": [{"pitchDegrees": "up"}]}}, '["a b"][0].pitchDegrees'),
        ({"deviceUuids": [None, 5]}, "$.deviceUuids[1]"),
        ({"accessSettings": {"allowedRoles": "x"}}, "$.accessSettings.allowedRoles"),
    ],
)
def test_path_includes_maps_and_lists(value: Any, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        from_dict(value, SavedClip)
    assert caught.value.path.endswith(path.removeprefix("$"))


def test_device_uuid_map_of_spliced_and_saved_clips_differs() -> None:
    """``deviceUuidMap`` contains progress in one and locations in the other."""
    wire = {"deviceUuidMap": {"cam.v0": {"region": "us-east-1", "totalSegments": 30}}}
    spliced = from_dict(wire, SplicedClip).device_uuid_map
    saved = from_dict(wire, SavedClip).device_uuid_map
    assert spliced is not None and spliced["cam.v0"] is not None
    assert saved is not None and saved["cam.v0"] is not None
    assert spliced["cam.v0"].total_segments == 30
    assert saved["cam.v0"].extra == {"totalSegments": 30}


@pytest.mark.usefixtures("parser")
def test_whole_float_becomes_an_integer_and_an_integer_a_float() -> None:
    clip = loads('{"durationSec": 60.0}', SavedClip)
    assert clip.duration_sec == 60
    assert type(clip.duration_sec) is int
    spliced = loads('{"thumbnailRelativeSecond": 1}', SplicedClip)
    assert type(spliced.thumbnail_relative_second) is float


def test_number_beyond_the_range_of_floats_is_rejected() -> None:
    for number in ("1e999", "1" + "0" * 400):
        with pytest.raises(DecodeError) as caught:
            loads(f'{{"thumbnailRelativeSecond": {number}}}', SplicedClip)
        assert caught.value.path in {"$.thumbnailRelativeSecond", "$"}
    with pytest.raises(DecodeError):
        from_dict({"thumbnailRelativeSecond": float("inf")}, SplicedClip)
    with pytest.raises(DecodeError, match="too large to be a number"):
        loads('{"unknown": 1e999}', SplicedClip)


@pytest.mark.usefixtures("parser")
def test_null_is_accepted_everywhere() -> None:
    """Every field and every list item may be null. Null clips are dropped."""
    page = loads('{"savedClips": [null, {"uuid": "a"}, null]}', SavedClipPage)
    assert [clip.uuid for clip in page.saved_clips] == ["a"]
    assert loads('{"savedClips": null}', SavedClipPage).saved_clips == []
    assert loads("{}", SavedClipPage).saved_clips == []
    clip = loads('{"deviceUuids": [null, "a"], "fisheyeMap": {"a": null, "b": [null]}}', SavedClip)
    assert clip.device_uuids == [None, "a"]
    assert clip.fisheye_map == {"a": None, "b": [None]}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html>Sign in</html>", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"\x80"],
)
def test_invalid_json_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        loads(body, SavedClipPage)
    assert caught.value.path == "$"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "number", ["9" * 10_000, "-" + "9" * 10_000, "1e99999", "1." + "0" * 10_000]
)
def test_huge_number_is_a_decode_error_or_a_number(number: str) -> None:
    """Cases: the value of a field, and of an unknown key."""
    for key in ("durationSec", "new"):
        try:
            clip = loads(f'{{"{key}": {number}}}', SavedClip)
        except DecodeError as error:
            assert len(str(error)) < 500
        else:
            assert clip == SavedClip(duration_sec=1 if key == "durationSec" else None)


@pytest.mark.usefixtures("parser")
def test_deep_nesting_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="nested too deeply"):
        loads(b'{"new":' + b"[" * 100_000 + b"]" * 100_000 + b"}", SavedClip)


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "true"])
def test_page_that_is_not_an_object_is_rejected(body: str) -> None:
    with pytest.raises(DecodeError, match=r"\$ should be an object"):
        loads(body, SavedClipPage)


def test_excerpt_of_the_received_value_is_short() -> None:
    with pytest.raises(DecodeError) as caught:
        from_dict({"durationSec": "x" * 10_000}, SavedClip)
    assert len(caught.value.value_excerpt) == 80
    with pytest.raises(DecodeError) as caught:
        from_dict({"durationSec": list(range(10_000))}, SavedClip)
    assert len(caught.value.value_excerpt) == 80


def test_value_without_a_json_form_is_described_by_its_type() -> None:
    with pytest.raises(DecodeError, match="a object: object"):
        from_dict({"durationSec": object()}, SavedClip)


@pytest.mark.usefixtures("parser")
def test_unknown_keys_and_members_are_preserved() -> None:
    body = (
        '{"uuid":"a","status":"MELTED","newKey":{"x":[1,2.5,null]},'
        '"clipLocation":{"region":"r","zone":7},"integrationUploadList":["PIGEON",null]}'
    )
    clip = loads(body, SavedClip)
    assert clip.status == "MELTED"
    assert clip.status is not None and not clip.status.is_known
    assert clip.extra == {"newKey": {"x": [1, 2.5, None]}}
    assert clip.clip_location is not None and clip.clip_location.extra == {"zone": 7}
    assert clip.integration_upload_list == [Integration("PIGEON"), None]
    assert json.loads(dumps(clip)) == json.loads(body)
    assert loads(dumps(clip), SavedClip).extra == clip.extra


def test_wire_key_named_extra_is_an_unknown_key_like_others() -> None:
    clip = from_dict({"extra": "salt"}, SavedClip)
    assert clip.extra == {"extra": "salt"}
    assert to_dict(clip) == {"extra": "salt"}


@pytest.mark.usefixtures("parser")
def test_lone_surrogates_and_large_numbers_survive() -> None:
    clip = loads(rb'{"title":"\ud800", "new": 123456789012345678}', SavedClip)
    assert loads(dumps(clip), SavedClip) == clip
    assert loads(dumps(clip), SavedClip).extra == clip.extra


@pytest.mark.usefixtures("parser")
@given(seed=st.integers(0, 10_000))
def test_clips_and_groups_survive_a_round_trip(seed: int) -> None:
    """The clips of the fake service have nulls, missing fields and unusual values."""
    clips = make_clips(5, seed)
    for wire in clips:
        clip = from_dict(wire, SavedClip)
        assert loads(dumps(clip), SavedClip) == clip
        assert to_dict(clip) == _without_nulls(wire)
        assert pickle.loads(pickle.dumps(clip)) == clip
    for wire in make_shared_clip_groups(clips, 3, seed):
        group = from_dict(wire, SharedClipGroup)
        assert loads(dumps(group), SharedClipGroup) == group


def test_several_models_dump_as_an_array() -> None:
    clips = [SavedClip(uuid="a"), SavedClip(uuid="b", status=ClipStatus.COMPLETE)]
    assert dumps(clips) == b'[{"uuid":"a"},{"status":"COMPLETE","uuid":"b"}]'
    assert loads(dumps(clips), list[SavedClip]) == clips


def test_models_dump_plain_values() -> None:
    """Enum members become plain strings, which every JSON library accepts."""
    tree = to_dict(SavedClip(status=ClipStatus("NEW"), integration_upload_list=[Integration.SLACK]))
    assert type(tree["status"]) is str
    assert type(tree["integrationUploadList"][0]) is str


def test_orjson_and_the_standard_library_decode_equally(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("orjson", reason="the extra speedups is not installed")
    bodies = [json.dumps(clip).encode() for clip in make_clips(20)]
    fast = [loads(body, SavedClip) for body in bodies]
    monkeypatch.setattr(text, "orjson", None)
    assert [loads(body, SavedClip) for body in bodies] == fast


def test_request_omits_parameters_that_are_none() -> None:
    body = encode_request({"max_page_size": 5, "page_timestamp_ms": None})
    assert json.loads(body) == {"maxPageSize": 5}


PAGES: dict[str, type] = {
    "get-saved-clips-v2.txt": SavedClipPage,
    "get-clip-with-progress.txt": ClipWithProgressAnswer,
    "get-clip-with-progress.older-page.txt": ClipWithProgressAnswer,
    "get-shared-clip-groups-v2.txt": SharedClipGroupPage,
    "get-spliced-clips-in-progress.txt": SplicedClipsAnswer,
}


@pytest.mark.parametrize("page", PAGES)
def test_example_of_the_vendors_page_decodes_completely(page: str) -> None:
    """Every key of the vendor's example has a field, and survives a round trip."""
    example = load_facts()["pages"][page]
    answer: Any = loads(json.dumps(example), PAGES[page])
    assert _extras(answer) == []
    assert json.loads(dumps(answer)) == example


def test_every_page_of_the_vendor_is_decoded() -> None:
    assert set(load_facts()["pages"]) == set(PAGES)


def _extras(model: Any) -> list[Any]:
    match model:
        case list():
            return [extra for item in model for extra in _extras(item)]
        case dict():
            return [extra for item in model.values() for extra in _extras(item)]
        case _ if hasattr(model, "extra"):
            own = [dict(model.extra)] if model.extra else []
            names = [name for name in model.__attrs_attrs__ if name.name != "extra"]
            return own + [e for n in names for e in _extras(getattr(model, n.name))]
        case _:
            return []


def _without_nulls(wire: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in wire.items() if value is not None}
    return {
        key: _without_nulls(value) if key in {"accessSettings", "videoResolution"} else value
        for key, value in kept.items()
    }


def test_visibility_of_access_settings_is_an_open_enum() -> None:
    clip = from_dict({"accessSettings": {"visibility": "FRIENDS"}}, ClipWithProgress)
    assert clip.access_settings is not None
    assert clip.access_settings.visibility == ClipVisibility("FRIENDS")
