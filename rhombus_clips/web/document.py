"""The OpenAPI document of the routes."""

import inspect
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from rhombus_clips._version import __version__
from rhombus_clips.codec.strict import (
    is_enum,
    is_list,
    is_map,
    is_model,
    is_optional,
    wire_fields,
    without_none,
)
from rhombus_clips.models import (
    ClipWithProgress,
    SavedClip,
    SavedClipWithDetails,
    SharedClipGroup,
    SharedClipGroupLink,
)
from rhombus_clips.models.base import Model

if TYPE_CHECKING:
    from rhombus_clips.web.routes import Route

Schema = dict[str, Any]

_MODELS = (SavedClip, ClipWithProgress, SavedClipWithDetails, SharedClipGroup, SharedClipGroupLink)
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
}
_TEXT: Schema = {"type": "string"}
_UUID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$"}
_TIME: Schema = {
    "type": "string",
    "description": "ISO 8601 with a UTC offset, or epoch milliseconds.",
}
_FLAG: Schema = {"type": "string", "enum": ["true", "false"]}
_QUERY: dict[str, Schema] = {
    "since": _TIME,
    "until": _TIME,
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 25},
    "filterByPrivate": _FLAG,
    "excludeAlertMonitoringClips": _FLAG,
    "sortOrder": {"type": "string", "enum": ["asc", "desc"]},
    "timeZone": {"type": "string", "default": "UTC", "example": "Europe/Berlin"},
    "clipUuid": _UUID,
}


def describe(routes: Iterable["Route"]) -> Schema:
    """Return the OpenAPI document of *routes*. Its paths come after the prefix of the routes."""
    schemas: dict[str, Schema] = {}
    for model in _MODELS:
        _add_model(schemas, model)
    schemas |= _OWN_SCHEMAS
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "rhombus_clips", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "responses": {"Problem": _PROBLEM}},
    }


def _operation(route: "Route") -> Schema:
    summary = inspect.cleandoc(route.handle.__doc__ or "").partition("\n\n")[0]
    operation: Schema = {
        "operationId": _operation_id(route),
        "summary": " ".join(summary.split()),
        "tags": [route.action],
        "parameters": [*_parameters(route)],
        "responses": {**_RESPONSES[route.method, route.path], "default": _ref("responses/Problem")},
    }
    if route.has_body:
        body = _BODIES[route.method, route.path]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body}},
        }
    return operation


def _operation_id(route: "Route") -> str:
    words = re.findall("[A-Za-z]+", route.path)
    return "".join([route.method.lower(), *(word[0].upper() + word[1:] for word in words)])


def _parameters(route: "Route") -> Iterable[Schema]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": _UUID}
    for name in route.parameters:
        required = name == "clipUuid"
        yield {"name": name, "in": "query", "required": required, "schema": _QUERY.get(name, _TEXT)}
    for name in route.lists:
        schema = {"type": "array", "items": _TEXT}
        yield {"name": name, "in": "query", "schema": schema}


# --- schemas of models -----------------------------------------------------------------------


def _add_model(schemas: dict[str, Schema], model: type[Model]) -> None:
    if model.__name__ in schemas:
        return
    described: Schema = {"type": "object", "additionalProperties": True}
    schemas[model.__name__] = described
    described["properties"] = {
        wire: _schema_of(schemas, kind) for _, wire, kind in wire_fields(model)
    }


def _schema_of(schemas: dict[str, Schema], kind: Any) -> Schema:
    """Return the schema of a field. A field that is None is left out of a response."""
    if is_optional(kind):
        kind = without_none(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_enum(kind):
        return {"type": "string", "examples": [member.value for member in kind][:5]}
    if is_model(kind):
        _add_model(schemas, kind)
        return _ref(f"schemas/{kind.__name__}")
    if is_list(kind):
        return {"type": "array", "items": _or_null(schemas, get_args(kind)[0])}
    if is_map(kind):
        return {"type": "object", "additionalProperties": _or_null(schemas, get_args(kind)[1])}
    return {}


def _or_null(schemas: dict[str, Schema], kind: Any) -> Schema:
    schema = _schema_of(schemas, kind)
    return {"anyOf": [schema, {"type": "null"}]} if is_optional(kind) else schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/{name}"}


# --- bodies and responses of the routes --------------------------------------------------------


def _object(required: Iterable[str] = (), **properties: Schema) -> Schema:
    return {"type": "object", "required": [*required], "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _found(description: str, **contents: Schema) -> Schema:
    """Return a response. Its contents are named ``json``, ``events`` and so on."""
    content = {_CONTENT_TYPES[name]: {"schema": schema} for name, schema in contents.items()}
    return {"description": description, "content": content}


_CONTENT_TYPES = {
    "json": "application/json",
    "lines": "application/x-ndjson",
    "events": "text/event-stream",
    "video": "video/mp4",
    "picture": "image/jpeg",
}
_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_BYTES: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
_CLIP = _ref("schemas/SavedClip")
_OWN_SCHEMAS: dict[str, Schema] = {
    "Problem": _object(
        ["type", "title", "status", "detail", "errorMsg"],
        type=_TEXT,
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
        errorMsg=_TEXT,
    )
}
_PROBLEM: Schema = {
    "description": "The request failed. Retry-After may tell when to send it again.",
    "content": {"application/problem+json": {"schema": _ref("schemas/Problem")}},
}
_DONE: Schema = {"204": {"description": "Done."}}
_VIDEO: Schema = {
    "200": _found("The whole video.", video=_BYTES),
    "206": _found("The requested part of the video.", video=_BYTES),
}
_EVENTS: Schema = {"200": _found("Events, until the client disconnects.", events=_TEXT)}
_UUIDS = {**_list(_UUID), "minItems": 1, "maxItems": 100}

_RESPONSES: dict[tuple[str, str], Schema] = {
    ("GET", "/clips"): {
        "200": _found(
            "A page of clips; as application/x-ndjson the whole listing, which takes no limit.",
            json=_object(["clips", "cursor"], clips=_list(_CLIP), cursor=_NULLABLE_TEXT),
            lines=_CLIP,
        )
    },
    ("POST", "/clips"): {
        "201": _found("The clips.", json=_object(["clipUuids"], clipUuids=_list(_TEXT)))
    },
    ("GET", "/clips/calendar"): {
        "200": _found(
            "The number of clips per day with clips; not complete if there are too many clips.",
            json=_object(
                ["days", "isComplete"],
                days={"type": "object", "additionalProperties": {"type": "integer"}},
                isComplete={"type": "boolean"},
            ),
        )
    },
    ("GET", "/clips/{clipUuid}"): {
        "200": _found(
            "The clip: with detections if it is complete, with progress otherwise.",
            json={
                "anyOf": [_ref("schemas/SavedClipWithDetails"), _ref("schemas/ClipWithProgress")]
            },
        )
    },
    ("PATCH", "/clips/{clipUuid}"): _DONE,
    ("DELETE", "/clips/{clipUuid}"): _DONE,
    ("GET", "/clips/{clipUuid}/events"): {
        **_EVENTS,
        "204": {"description": "The render has ended: do not connect again."},
    },
    ("GET", "/clips/{clipUuid}/video"): _VIDEO,
    ("GET", "/clips/{clipUuid}/thumbnail"): {"200": _found("A picture.", picture=_BYTES)},
    ("GET", "/shared-clip-groups"): {
        "200": _found(
            "A page of shared clip groups.",
            json=_object(
                ["sharedClipGroups", "cursor"],
                sharedClipGroups=_list(_ref("schemas/SharedClipGroup")),
                cursor=_NULLABLE_TEXT,
            ),
        )
    },
    ("POST", "/shared-clip-groups"): {
        "201": _found("The group.", json=_ref("schemas/SharedClipGroupLink"))
    },
    ("DELETE", "/shared-clip-groups/{groupUuid}"): _DONE,
    ("GET", "/events"): _EVENTS,
    ("POST", "/save-clip"): {
        "200": _found("The response of the service.", json=_object(clipUuid=_NULLABLE_TEXT))
    },
    ("POST", "/clip-progress"): {
        "200": _found(
            "The clip; null if the service does not return a new splice yet.",
            json=_object(
                ["clip"], clip={"anyOf": [_ref("schemas/ClipWithProgress"), {"type": "null"}]}
            ),
        )
    },
    ("GET", "/clip-download"): _VIDEO,
    ("POST", "/presence-windows"): {
        "200": _found("The response of the service.", json={"type": "object"})
    },
    ("GET", "/openapi.json"): {"200": _found("This document.", json={"type": "object"})},
}
_BODIES: dict[tuple[str, str], Schema] = {
    ("POST", "/clips"): _object(
        ["deviceUuids", "startTimeMillis", "durationSec"],
        deviceUuids=_list(_TEXT),
        startTimeMillis={"type": "integer"},
        durationSec={"type": "integer", "minimum": 1},
        title=_TEXT,
        description=_TEXT,
        audioIncluded={"type": "boolean"},
    ),
    ("PATCH", "/clips/{clipUuid}"): _object(title=_TEXT, description=_TEXT),
    ("POST", "/shared-clip-groups"): _object(
        ["clipUuids"],
        clipUuids=_UUIDS,
        title=_TEXT,
        plaintextPassword=_TEXT,
        expirationTimeSecs={"type": "integer", "minimum": 1},
    ),
    ("POST", "/save-clip"): {"type": "object"},
    ("POST", "/clip-progress"): _object(["clipUuid"], clipUuid=_UUID),
    ("POST", "/presence-windows"): {"type": "object"},
}
