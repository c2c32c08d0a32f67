"""Models and open enums in pydantic: the codec's own rules, and a complete JSON schema."""

import json
import pickle
import subprocess
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipStatus,
    ClipWithProgress,
    InvalidArgumentError,
    MetaDataLocation,
    Model,
    SavedClip,
    SavedClipPage,
    SharedClipGroup,
    dumps,
    from_dict,
    loads,
    to_dict,
)
from rhombus_clips.codec import text
from rhombus_clips.codec.strict import wire_fields
from rhombus_clips.models import OpenEnum
from rhombus_clips.testing.clips import make_clips
from tests.codec.drawn import ALL_MODELS, drawn
from tests.components import required
from tests.examples import examples

pydantic: Any = required("pydantic")

ODD = b"""{"uuid": "\xc3\xbc\xe2\x80\xa8\xf0\x9f\x98\x80\\u0000\\n\\"/", "title": null,
  "status": "WEIRD", "createdAtMs": 9223372036854775807, "deviceUuids": ["a", null],
  "clipLocation": {"region": "x", "zone": null},
  "newKey": [1.5, null, 123456789012345678901234567890, {"a_b": 0.5}],
  "fisheyeMap": {"d": [{"pitchDegrees": -12.75, "rollDegrees": 0.1}, null], "e": null}}"""


def clips() -> list[SavedClip]:
    return [loads(ODD, SavedClip), SavedClip(), *from_dict(make_clips(50), list[SavedClip])]


# --- validation ----------------------------------------------------------------------------------


def test_instances_are_accepted_unchanged() -> None:
    """This includes instances of subclasses."""
    adapter = pydantic.TypeAdapter(SavedClip)
    for clip in (SavedClip(uuid="a"), ClipWithProgress(uuid="b")):
        assert adapter.validate_python(clip) is clip
    with pytest.raises(pydantic.ValidationError):
        pydantic.TypeAdapter(ClipWithProgress).validate_python(SavedClip())


@pytest.mark.parametrize("clip", clips(), ids=lambda clip: str(clip.uuid))
def test_objects_and_text_are_decoded_by_the_codec(clip: SavedClip) -> None:
    adapter = pydantic.TypeAdapter(SavedClip)
    for decoded in (
        adapter.validate_python(to_dict(clip)),
        adapter.validate_json(dumps(clip)),
        adapter.validate_python(to_dict(clip), strict=True),
    ):
        assert (decoded, dict(decoded.extra)) == (clip, dict(clip.extra))


WRONG: list[tuple[Any, Any, tuple[Any, ...], str]] = [
    (SavedClip, 5, (), "an object"),
    (SavedClip, None, (), "an object"),
    (SavedClip, SharedClipGroup(), (), "an object"),
    (SavedClip, {"byteCount": "12"}, ("byteCount",), "an integer"),
    (SavedClip, {"byteCount": True}, ("byteCount",), "an integer"),
    (SavedClip, {"byteCount": 2**63}, ("byteCount",), "an integer"),
    (SavedClip, {"clipLocation": {"region": 5}}, ("clipLocation", "region"), "a string"),
    (SavedClip, {"deviceUuids": ["a", 5]}, ("deviceUuids", 1), "a string"),
    (
        SavedClip,
        {"deviceIntervalMap": {"d": [None, {"startMs": "x"}]}},
        ("deviceIntervalMap", "d", 1, "startMs"),
        "an integer",
    ),
    (SavedClip, {"status": 5}, ("status",), "a string (ClipStatus)"),
    (SavedClipPage, {"savedClips": [{}, []]}, ("savedClips", 1), "an object"),
    (list[SavedClip], [{}, {"title": 5}], (1, "title"), "a string"),
    (dict[str, SavedClip], {"x": {"title": 5}}, ("x", "title"), "a string"),
    (ClipStatus, 5, (), "a string (ClipStatus)"),
    (ClipStatus, None, (), "a string (ClipStatus)"),
]


@pytest.mark.parametrize(("kind", "value", "location", "expected"), WRONG)
def test_wrong_value_is_reported_with_its_location(kind, value, location, expected) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (location, f"Input should be {expected}")
    assert error["type"] == "wrong_type"


def test_enums_are_open() -> None:
    adapter = pydantic.TypeAdapter(ClipStatus)
    assert adapter.validate_python("COMPLETE") is ClipStatus.COMPLETE
    for new in (adapter.validate_python("NEW"), adapter.validate_json('"NEW"')):
        assert type(new) is ClipStatus
        assert not new.is_known
        assert adapter.validate_python(new) is new
        assert adapter.dump_python(new) == adapter.dump_python(new, mode="json") == "NEW"
        assert type(adapter.dump_python(new)) is str
        assert adapter.dump_json(new) == b'"NEW"'


def test_union_selects_the_class_of_an_instance() -> None:
    adapter = pydantic.TypeAdapter(SharedClipGroup | SavedClip | None)
    for value in (SavedClip(uuid="a"), SharedClipGroup(uuid="b"), None):
        assert adapter.validate_python(value) is value
        assert adapter.dump_json(value) == (b"null" if value is None else dumps(value))


# --- serialization -------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", clips(), ids=lambda clip: str(clip.uuid))
@pytest.mark.parametrize("has_orjson", [True, False])
def test_bytes_are_those_of_dumps(clip: SavedClip, has_orjson, monkeypatch) -> None:
    """Only the notation of tiny and huge fractions, such as 1e-7, depends on the library."""
    if not has_orjson:
        monkeypatch.setattr(text, "orjson", None)
    adapter = pydantic.TypeAdapter(SavedClip)
    assert adapter.dump_json(clip) == dumps(clip)
    assert adapter.dump_python(clip) == adapter.dump_python(clip, mode="json") == to_dict(clip)
    assert list(adapter.dump_python(clip)) == list(to_dict(clip))


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.__name__)
@examples(30)
@given(data=st.data())
def test_every_model_is_written_and_read_as_by_the_codec(model, data) -> None:
    value = data.draw(drawn(model))
    adapter = pydantic.TypeAdapter(model)
    written = adapter.dump_python(value)
    assert written == to_dict(value)
    assert adapter.validate_python(written) == value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "orjson", None)
        assert json.loads(dumps(value)) == json.loads(json.dumps(written))


def test_lone_surrogates_are_replaced_in_json() -> None:
    """Pydantic cannot write them, and a web backend should not fail because of one title."""
    odd = (
        b'{"title": "a\\ud800\xc3\xbc\\ud83d\\ude00", "status": "\\udfff",'
        b' "k\\udc00": [["\\ud83d", 1.5]]}'
    )
    clip = loads(odd, SavedClip)
    expected = {
        "title": "a\N{REPLACEMENT CHARACTER}ü\N{GRINNING FACE}",
        "status": "\N{REPLACEMENT CHARACTER}",
        "k\N{REPLACEMENT CHARACTER}": [["\N{REPLACEMENT CHARACTER}", 1.5]],
    }
    adapter = pydantic.TypeAdapter(list[SavedClip])
    assert json.loads(adapter.dump_json([clip])) == [expected]
    assert adapter.dump_python([clip], mode="json") == [expected]
    assert adapter.dump_python([clip]) == [to_dict(clip)]
    status = pydantic.TypeAdapter(ClipStatus)
    assert json.loads(status.dump_json(clip.status)) == "\N{REPLACEMENT CHARACTER}"


def test_subclass_in_a_field_of_its_base_keeps_its_fields() -> None:
    clip = ClipWithProgress(uuid="a", percent_complete=5)
    assert pydantic.TypeAdapter(list[SavedClip]).dump_json([clip]) == dumps([clip])


def test_model_of_the_user_may_have_fields_with_our_models() -> None:
    box = pydantic.create_model(
        "Box",
        clip=(SavedClip, ...),
        page=(SavedClipPage | None, None),
        by_status=(dict[ClipStatus, list[SavedClip]], {}),
        status=(ClipStatus, ClipStatus.COMPLETE),
    )
    clip = loads(ODD, SavedClip)
    value = box(clip=to_dict(clip), by_status={"NEW": [clip]})
    assert value.clip == clip
    assert value.status is ClipStatus.COMPLETE
    expected = {
        "clip": to_dict(clip),
        "page": None,
        "by_status": {"NEW": [to_dict(clip)]},
        "status": "COMPLETE",
    }
    assert value.model_dump() == json.loads(value.model_dump_json()) == expected
    assert box.model_validate_json(value.model_dump_json()) == value
    assert value.model_copy(deep=True) == value
    schema = box.model_json_schema()
    assert schema["properties"]["clip"] == {"$ref": "#/$defs/SavedClip"}
    assert schema["properties"]["status"] == {"$ref": "#/$defs/ClipStatus", "default": "COMPLETE"}


def test_models_are_pickled_as_before() -> None:
    pydantic.TypeAdapter(SavedClip)
    clip = loads(ODD, SavedClip)
    copy = pickle.loads(pickle.dumps(clip))
    assert (copy, dict(copy.extra), copy.status.is_known) == (clip, dict(clip.extra), False)


# --- JSON schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["validation", "serialization"])
@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.__name__)
def test_json_schema_has_every_field_in_camel_case(model: type[Model], mode: Any) -> None:
    schema = pydantic.TypeAdapter(model).json_schema(mode=mode)
    assert set(schema.get("properties", {})) == {wire for _, wire, _ in wire_fields(model)}
    assert (schema["title"], schema["type"]) == (model.__name__, "object")
    assert schema["additionalProperties"] is True
    assert "required" not in schema
    assert schema["description"]
    for name, definition in schema.get("$defs", {}).items():
        assert definition["title"] == name
        assert "enum" not in definition
        assert definition["type"] in {"object", "string"}
        if definition["type"] == "object":
            assert definition["additionalProperties"] is True


def test_json_schema_of_an_enum_lists_its_members_as_examples() -> None:
    for kind in OpenEnum.__subclasses__():
        if kind.__module__.startswith("rhombus_clips."):
            schema = pydantic.TypeAdapter(kind).json_schema()
            assert schema.pop("description")
            assert schema == {
                "type": "string",
                "title": kind.__name__,
                "examples": [member.value for member in kind],
            }


def test_json_schema_describes_the_types_of_fields() -> None:
    properties = pydantic.TypeAdapter(SavedClip).json_schema()["properties"]
    null = {"type": "null"}
    assert properties["createdAtMs"] == {"anyOf": [{"type": "integer"}, null]}
    assert properties["status"] == {"anyOf": [{"$ref": "#/$defs/ClipStatus"}, null]}
    assert properties["deviceUuids"]["anyOf"][0]["items"] == {"anyOf": [{"type": "string"}, null]}
    page = pydantic.TypeAdapter(SavedClipPage).json_schema()["properties"]
    assert page["savedClips"] == {"items": {"$ref": "#/$defs/SavedClip"}, "type": "array"}


# --- models of users -----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Place(Model):
    """A place."""

    location_v2: MetaDataLocation | None = None
    kinds: "list[ClipStatus]" = attrs.Factory(list)


@attrs.frozen(kw_only=True)
class Unsupported(Model):
    words: set[str] | None = None


def test_subclass_of_model_works_alike() -> None:
    adapter = pydantic.TypeAdapter(Place)
    place = adapter.validate_json('{"locationV2": {"region": "x"}, "kinds": ["A"], "b": 1}')
    assert place == Place(location_v2=MetaDataLocation(region="x"), kinds=[ClipStatus("A")])
    assert adapter.dump_json(place) == dumps(place)
    assert set(adapter.json_schema()["properties"]) == {"locationV2", "kinds"}


def test_subclass_that_the_codec_does_not_support_is_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match=r"Unsupported\.words has the unsupported type"):
        pydantic.TypeAdapter(Unsupported)


# --- imports -------------------------------------------------------------------------------------


def test_pydantic_is_imported_only_when_it_asks_for_a_schema() -> None:
    program = """
import sys
import rhombus_clips
from rhombus_clips.testing import FakeRhombus
rhombus_clips.dumps(rhombus_clips.loads("{}", rhombus_clips.SavedClip))
assert not any(name.startswith("pydantic") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
