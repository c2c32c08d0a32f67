"""The models against the service's OpenAPI document, field by field and enum by enum."""

import functools
import json
import os
import pathlib
from types import UnionType
from typing import Any, get_args, get_origin

import attrs
import pytest

from rhombus_clips import models
from rhombus_clips.codec.strict import wire_name
from rhombus_clips.protocol import endpoints
from rhombus_clips.protocol.endpoints import Endpoint

SCHEMAS: dict[str, type] = {
    "SavedClipV2Type": models.SavedClip,
    "Event_SavedClipWithProgressType": models.ClipWithProgress,
    "SplicedClipType": models.SplicedClip,
    "SplicedClipProgress": models.SplicedClipProgress,
    "SharedClipGroupWrapperV2Type": models.SharedClipGroup,
    "SharedClipV2Type": models.SharedClip,
    "ClipAccessSettings": models.ClipAccessSettings,
    "MetaDataLocationType": models.MetaDataLocation,
    "TimeInterval": models.TimeInterval,
    "AlteredView": models.AlteredView,
    "CroppedPermyriadRect": models.CroppedPermyriadRect,
    "DewarpedView": models.DewarpedView,
    "AspectRatio": models.AspectRatio,
    "Resolution": models.Resolution,
    "Event_GetSavedClipsV2WSResponse": models.SavedClipPage,
    "Event_GetClipWithProgressWSResponse": models.ClipWithProgressAnswer,
    "Event_GetSharedClipGroupsV2WSResponse": models.SharedClipGroupPage,
    "Event_GetSplicedClipsInProgressWSResponse": models.SplicedClipsAnswer,
    "Video_GetSplicedClipsInProgressWSResponse": models.SplicedClipsAnswer,
}
ENUMS: dict[str, type[models.OpenEnum]] = {
    "ClipStatusEnum": models.ClipStatus,
    "ClipVisibilityEnum": models.ClipVisibility,
    "CameraMountingDirectionEnum": models.CameraMountingDirection,
    "HardwareVariationEnum": models.HardwareVariation,
    "IntegrationEnum": models.Integration,
    "PolicyEventPipelineEnum": models.PolicyEventPipeline,
}
# What each endpoint takes, under the names that the session gives to the wire's parameters.
REQUESTS: dict[str, set[str]] = {
    "/api/event/getSavedClipsV2": {"max_page_size", "page_timestamp_ms"},
    "/api/event/getClipWithProgress": {"clip_uuid"},
    "/api/event/getSharedClipGroupsV2": {"created_after_ms", "created_before_ms"},
    "/api/event/getSplicedClipsInProgress": set(),
    "/api/video/getSplicedClipsInProgress": set(),
}


@pytest.fixture
def document() -> Any:
    path = os.environ.get("RHOMBUS_OPENAPI")
    if path is None:
        pytest.skip("RHOMBUS_OPENAPI does not name the service's OpenAPI document")
    return _read(path)


@functools.cache
def _read(path: str) -> Any:
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_model_has_the_fields_of_its_schema(schema: str, document: dict[str, Any]) -> None:
    """The same names and the same types, no field more and none less."""
    properties = document["components"]["schemas"][schema]["properties"]
    documented = {name: _documented_type(value, document) for name, value in properties.items()}
    ours = {
        wire_name(field.name): _our_type(field.type)
        for field in attrs.fields(SCHEMAS[schema])
        if field.name != "extra"
    }
    assert ours == documented


@pytest.mark.parametrize("schema", ENUMS)
def test_enum_has_the_members_of_its_schema(schema: str, document: dict[str, Any]) -> None:
    assert [*ENUMS[schema]] == document["components"]["schemas"][schema]["enum"]


@pytest.mark.parametrize("path", REQUESTS)
def test_endpoint_takes_and_answers_what_is_documented(path: str, document: dict[str, Any]) -> None:
    operation = document["paths"][path]["post"]
    taken = _referred(operation["requestBody"]["content"]["application/json"]["schema"])
    properties = document["components"]["schemas"][taken].get("properties", {})
    assert {wire_name(name) for name in REQUESTS[path]} == set(properties)
    answered = _referred(operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert SCHEMAS[answered] is _endpoint(path).answer


def test_every_nested_type_is_compared() -> None:
    """No model and no enum is left out of the tables above."""
    exported = {getattr(models, name) for name in models.__all__}
    bases = {models.Model, models.Answer, models.Extra, models.OpenEnum}
    assert exported - bases == {*SCHEMAS.values(), *ENUMS.values()}


def _endpoint(path: str) -> Endpoint[Any]:
    rows = [row for row in vars(endpoints).values() if isinstance(row, Endpoint)]
    rows += [row.successor for row in rows if row.successor is not None]
    return next(row for row in rows if row.path == path)


def _referred(schema: dict[str, Any]) -> Any:
    return schema["$ref"].rpartition("/")[2]


def _documented_type(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return {**SCHEMAS, **ENUMS}[_referred(schema)]
    match schema["type"]:
        case "array":
            return [_documented_type(schema["items"], document)]
        case "object":
            return {"": _documented_type(schema["additionalProperties"], document)}
        case plain:
            return {"boolean": bool, "integer": int, "number": float, "string": str}[plain]


def _our_type(kind: Any) -> Any:
    """The type without its `None`, which every field, item and value has or may have."""
    if isinstance(kind, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is list:
        return [_our_type(get_args(kind)[0])]
    if get_origin(kind) is dict:
        return {"": _our_type(get_args(kind)[1])}
    return kind


def test_every_field_item_and_value_may_be_null() -> None:
    """Everything in the reference is nullable; only the lists of answers come as lists."""

    def nullable(kind: Any) -> bool:
        parts = get_args(kind)
        if isinstance(kind, UnionType) and type(None) in parts:
            return all(nullable_within(part) for part in parts)
        return False

    def nullable_within(kind: Any) -> bool:
        if get_origin(kind) is list:
            return nullable(get_args(kind)[0])
        if get_origin(kind) is dict:
            return nullable(get_args(kind)[1])
        return True

    for model in SCHEMAS.values():
        for field in attrs.fields(model):
            is_list_of_answer = issubclass(model, models.Answer) and get_origin(field.type) is list
            assert field.name == "extra" or is_list_of_answer or nullable(field.type), field
