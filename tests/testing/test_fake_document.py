"""FakeRhombus against the OpenAPI document of the service."""

from typing import Any

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.api import HANDLERS
from tests.service_document import UNDOCUMENTED_PATHS
from tests.testing.fake_calls import DEVICE, MOMENT, UNKNOWN, call, interval_of, post

# `make_clips` adds a field that is not in the reference, on purpose.
ODD_FIELDS = {"retentionDays"}
# The stored facts are those of the clip API.
OTHER_PATHS = {"/api/camera/getPresenceWindows"}
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


async def test_every_response_has_the_names_and_types_of_the_document(
    fake, clock, document
) -> None:
    answers: dict[str, list[Any]] = {}
    for path, requests in _requests_of_every_endpoint(fake).items():
        answers[path] = [await call(fake, path, **request) for request in requests]
    clock.now += 60
    created = answers["video/spliceV3"][0]["clipUuid"]
    for path, request in [
        ("event/getSavedClipDetails", {"clipUuid": created}),
        ("event/getSavedClipsV2", {}),
        ("event/deleteSavedClip", {"savedClipUuid": created}),
    ]:
        answers.setdefault(path, []).append(await call(fake, path, **request))
    _, failed = await post(fake, "event/deleteSavedClip", savedClipUuid=UNKNOWN)
    answers["event/deleteSavedClip"].append(failed)
    for path, given in answers.items():
        schema = document["paths"][f"/api/{path}"]["post"]["responses"]["200"]
        for answer in given:
            _check(answer, schema["content"]["application/json"]["schema"], document, path)
    documented = set(document["paths"])
    assert {f"/api/{path}" for path in answers} == documented
    assert documented | UNDOCUMENTED_PATHS | OTHER_PATHS == set(HANDLERS)


def _requests_of_every_endpoint(fake: FakeRhombus) -> dict[str, list[dict[str, Any]]]:
    running, failed = fake.start_render(seconds=1000), fake.start_render(seconds=0, fails=True)
    uuids = [clip["uuid"] for clip in fake.clips]
    group = fake.shared_clip_groups[0]["uuid"]
    interval = {DEVICE: [interval_of(0, 30)]}
    return {
        "event/getSavedClips": [{}],
        "event/getSavedClipsV2": [{}, {"maxPageSize": 5}],
        "event/getClipWithProgress": [{"clipUuid": uuid} for uuid in (uuids[0], running, failed)],
        "event/getClipsWithProgress": [{"pageSize": 200}, {"pageSize": 5}],
        "event/getExpiringClipsForOrg": [{}],
        "event/getSavedClipDetails": [{"clipUuid": uuid} for uuid in uuids],
        "event/getSavedClipCount": [{}],
        "event/getSavedClipsByExternalTransactionId": [{"externalTransactionId": "txn_000010"}],
        "event/getSplicedClipsInProgress": [{}],
        "video/getSplicedClipsInProgress": [{}],
        "video/getMaxSpliceDuration": [{}],
        "video/spliceV3": [
            {"deviceUuids": [DEVICE], "startTimeMillis": MOMENT, "durationSec": 5},
            {"deviceIntervalMap": interval},
        ],
        "video/retrySplice": [{"clipUuid": failed}],
        "video/cancelSpliceV2": [{"clipUuid": running}],
        "event/updateSavedClip": [{"savedClipUuid": uuids[0], "title": "A"}],
        "event/getSharedClipGroupsV2": [{}],
        "event/createSharedClipGroupV3": [{"uuids": [{"eventUuid": uuids[1]}, {"alertUuid": "a"}]}],
        "event/getSharedClipGroupDetails": [{"uuid": g["uuid"]} for g in fake.shared_clip_groups],
        "event/updateSharedClipGroupV2": [{"sharedClipUuid": group, "title": "B"}],
        "event/deleteSharedClipGroupV2": [{"uuid": group}],
    }


def _check(value: Any, schema: Any, document: Any, place: str) -> None:
    """Check *value* against *schema*. Every value may be null."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        return
    match schema["type"]:
        case "array":
            assert isinstance(value, list), place
            for item in value:
                _check(item, schema["items"], document, f"{place}[]")
        case "object" if "additionalProperties" in schema:
            for key, item in value.items():
                _check(item, schema["additionalProperties"], document, f"{place}.{key}")
        case "object":
            properties = schema.get("properties", {})
            assert set(value) - ODD_FIELDS <= set(properties), place
            for name in set(value) - ODD_FIELDS:
                _check(value[name], properties[name], document, f"{place}.{name}")
        case plain:
            assert isinstance(value, KINDS[plain]), f"{place}: {value!r}"
            assert plain == "boolean" or not isinstance(value, bool), f"{place}: {value!r}"
