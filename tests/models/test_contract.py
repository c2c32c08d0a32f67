"""The models compared with the facts of the service's document."""

from importlib import import_module
from pkgutil import iter_modules
from types import UnionType
from typing import Any, get_args, get_origin

import attrs
import pytest

from rhombus_clips import ClipSession, models
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.codec.strict import wire_name
from rhombus_clips.models.base import Answer, Model
from rhombus_clips.models.clip_details import SavedClipDetailsAnswer, _Sighting
from rhombus_clips.models.saved_clip import ClipWithProgressAnswer, SavedClipsAnswer
from rhombus_clips.models.shared_clip import (
    ClipReference,
    SharedClipGroupDetailsAnswer,
    SharedClipPage,
)
from rhombus_clips.models.spliced_clip import MaxSpliceDurationAnswer, SplicedClipsAnswer
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import json_answer
from tests.endpoint_calls import ANSWERS, CALLS
from tests.service_document import UNDOCUMENTED_PATHS

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
    "Event_GetClipWithProgressWSResponse": ClipWithProgressAnswer,
    "Event_GetSharedClipGroupsV2WSResponse": models.SharedClipGroupPage,
    "SavedClipWithDetailsType": models.SavedClipWithDetails,
    "ClipBoundingBoxType": models.ClipBoundingBox,
    "ClipSeekPointV2Type": models.ClipSeekPoint,
    "PointType": models.Point,
    "SensorValType": models.SensorValue,
    "ToastCheckInfo": models.ToastCheckInfo,
    "ToastOrderIdType": models.ToastOrder,
    "SharedClipGroupWithDetailsType": models.SharedClipGroupWithDetails,
    "SharedClipWithDetailsType": models.SharedClipWithDetails,
    "Event_RuuidWrapper": ClipReference,
    "Event_GetSavedClipsWSResponse": SavedClipsAnswer,
    "Event_GetSavedClipsByExternalTransactionIdWSResponse": SavedClipsAnswer,
    "Event_GetClipsWithProgressWSResponse": models.ClipWithProgressPage,
    "Event_GetSavedClipDetailsWSResponse": SavedClipDetailsAnswer,
    "Event_GetSavedClipCountWSResponse": models.SavedClipCount,
    "Event_UpdateSavedClipWSResponse": Answer,
    "Event_DeleteSavedClipWSResponse": Answer,
    "Event_CreateSharedClipGroupWSResponse": models.SharedClipGroupLink,
    "Event_UpdateSharedClipGroupWSResponse": models.SharedClipGroupLink,
    "Event_DeleteSharedClipGroupWSResponse": Answer,
    "Event_GetSharedClipGroupDetailsWSResponse": SharedClipGroupDetailsAnswer,
    "Video_SpliceV3WSResponse": models.Splice,
    "Video_CancelSpliceV2WSResponse": Answer,
    "Video_RetrySpliceWSResponse": Answer,
    "Video_GetMaxSpliceDurationWSResponse": MaxSpliceDurationAnswer,
    "Event_GetSplicedClipsInProgressWSResponse": SplicedClipsAnswer,
    "Video_GetSplicedClipsInProgressWSResponse": SplicedClipsAnswer,
}
ENUMS: dict[str, type[models.OpenEnum]] = {
    "ClipStatusEnum": models.ClipStatus,
    "ClipVisibilityEnum": models.ClipVisibility,
    "CameraMountingDirectionEnum": models.CameraMountingDirection,
    "HardwareVariationEnum": models.HardwareVariation,
    "IntegrationEnum": models.Integration,
    "PolicyEventPipelineEnum": models.PolicyEventPipeline,
    "ActivityEnum": models.Activity,
    "FootageSeekPointColorEnum": models.FootageSeekPointColor,
}
# Members that the document no longer lists. They are kept, because older records contain them.
DROPPED: dict[str, list[str]] = {"ActivityEnum": ["REID_HUMAN"]}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_model_has_the_fields_of_its_schema(schema: str, document: dict[str, Any]) -> None:
    """The names and types are the same, and so is the set of fields."""
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
    """The enum has them in the same order, plus members that the document no longer lists."""
    dropped = DROPPED.get(schema, [])
    documented = document["components"]["schemas"][schema]["enum"]
    assert set(dropped) <= set(ENUMS[schema]) - set(documented)
    assert [member for member in ENUMS[schema] if member not in dropped] == documented


def test_every_path_of_the_document_has_a_row_and_calls(document: dict[str, Any]) -> None:
    documented = set(document["paths"]) | UNDOCUMENTED_PATHS
    assert documented == {row.path for row in _rows()} == set(CALLS)


@pytest.mark.parametrize("path", sorted(CALLS.keys() - UNDOCUMENTED_PATHS))
async def test_requests_and_answers_match_the_document(path: str, document: dict[str, Any]) -> None:
    """The requests have the names and types of the schema, and together use all its fields."""
    operation = document["paths"][path]["post"]
    sent: dict[str, Any] = {}
    for body in await _bodies(path):
        _check_value(
            body, operation["requestBody"]["content"]["application/json"]["schema"], document, "$"
        )
        sent |= body
    taken = _referred(operation["requestBody"]["content"]["application/json"]["schema"])
    assert set(sent) == set(document["components"]["schemas"][taken].get("properties", {}))
    answered = _referred(operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert SCHEMAS[answered] is next(row for row in _rows() if row.path == path).answer


async def _bodies(path: str) -> list[Any]:
    """Return the bodies that the calls for *path* send."""
    async with FakeRhombus(0) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        if path.startswith("/api/video"):
            fake.gone = frozenset({"/api/event/getSplicedClipsInProgress"})
        fake.faults = [
            json_answer(200, ANSWERS.get(each, {}), path=each, times=None)
            for each in CALLS
            if each not in fake.gone
        ]
        for call in CALLS[path](session):
            await call
        return [request.json for request in fake.requests if request.path == path]


def _check_value(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str) -> None:
    """Check that *value* and everything in it has the type in *schema*."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][_referred(schema)]
    if "enum" in schema:
        assert value in schema["enum"], at
    elif schema["type"] == "array":
        for index, item in enumerate(value):
            _check_value(item, schema["items"], document, f"{at}[{index}]")
    elif "additionalProperties" in schema:
        for key, item in value.items():
            _check_value(item, schema["additionalProperties"], document, f"{at}.{key}")
    elif schema["type"] == "object":
        for key, item in value.items():
            _check_value(item, schema.get("properties", {})[key], document, f"{at}.{key}")
    else:
        kinds = {"boolean": bool, "integer": int, "number": (int, float), "string": str}
        assert type(value) is kinds[schema["type"]], at


def test_every_model_and_enum_is_compared() -> None:
    """The tables above contain every model and enum."""
    files = [
        import_module(module.name)
        for module in iter_modules(models.__path__, "rhombus_clips.models.")
    ]
    defined = {
        kind
        for file in files
        for kind in vars(file).values()
        if isinstance(kind, type) and issubclass(kind, Model | models.OpenEnum)
    }
    bases = {Model, models.OpenEnum, SharedClipPage, _Sighting}
    assert defined - bases == {*SCHEMAS.values(), *ENUMS.values()}


def _rows() -> list[Endpoint[Any]]:
    rows = [row for row in vars(endpoints).values() if isinstance(row, Endpoint)]
    return rows + [row.successor for row in rows if row.successor is not None]


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
    """Return the type without `None`."""
    if isinstance(kind, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is list:
        return [_our_type(get_args(kind)[0])]
    if get_origin(kind) is dict:
        return {"": _our_type(get_args(kind)[1])}
    return kind


def test_every_field_item_and_value_may_be_null() -> None:
    """Everything in the reference is nullable. Only the lists of answers are never None."""

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
            is_list_of_answer = issubclass(model, Answer) and get_origin(field.type) is list
            assert field.name == "extra" or is_list_of_answer or nullable(field.type), field
