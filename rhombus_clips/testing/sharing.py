"""The endpoints of shared clip groups: web pages that show clips to anyone with the link."""

import math

from rhombus_clips.models.shared_clip import SMALLEST_EPOCH_SECONDS
from rhombus_clips.testing.clips import JsonObject, make_uuid, shared_clip
from rhombus_clips.testing.details import make_details
from rhombus_clips.testing.options import Updates
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.parameters import integer, tables, text
from rhombus_clips.testing.refusals import failure
from rhombus_clips.testing.saved_clips import NO_SUCH_CLIP, updated_fields

_NO_SUCH_GROUP = "shared clip group not found"
_PAGES = "https://share.example/clips/"


def get_shared_clip_groups(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSharedClipGroupsV2``: the groups that were created between two times."""
    after = integer(parameters, "createdAfterMs")
    before = integer(parameters, "createdBeforeMs")

    def is_listed(group: JsonObject) -> bool:
        created = group.get("createdAtMillis")
        return created is None or organization.is_within(created, after, before)

    groups = _groups(organization)
    return {"sharedClipGroups": [group for group in groups if is_listed(group)]}


def get_shared_clip_group_details(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSharedClipGroupDetails``: a group with the detections in its clips."""
    group = _group(organization, text(parameters, "uuid"))
    if group is None:
        return organization.unknown("sharedClipGroup")
    shown = {name: value for name, value in group.items() if name != "isSecured"}
    clips: list[JsonObject | None] = group.get("sharedClips") or []
    return {
        "sharedClipGroup": {**shown, "sharedClips": [_detailed(organization, c) for c in clips]}
    }


def _detailed(organization: Organization, shared: JsonObject | None) -> JsonObject | None:
    if shared is None:
        return None
    record = organization.record(shared.get("uuid")) or {}
    return {**shared, **make_details(shared), "description": record.get("description")}


def create_shared_clip_group(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``createSharedClipGroupV3``: share clips and alerts."""
    shared = [_shared(organization, wrapper) for wrapper in tables(parameters, "uuids")]
    uuid = make_uuid("shared", organization.seed, next(organization.numbers))
    group: JsonObject = {
        "uuid": uuid,
        "orgUuid": organization.org_id,
        "title": text(parameters, "title"),
        "description": None,
        "createdAtMillis": int(organization.now() * 1000),
        "expirationTimeSecs": integer(parameters, "expirationTimeSecs", bits=32),
        "isSecured": bool(text(parameters, "plaintextPassword")),
        "sharedClips": shared,
    }
    if not shared:
        return failure("no clip to share was given")
    if None in shared:
        return organization.refuse_unknown(NO_SUCH_CLIP)
    organization.shared_clip_groups.append(group)
    return _link(uuid)


def _shared(organization: Organization, wrapper: JsonObject) -> JsonObject | None:
    """Return a clip or an alert as the group contains it. Every alert is assumed to exist."""
    event_uuid, alert_uuid = text(wrapper, "eventUuid"), text(wrapper, "alertUuid")
    if event_uuid is None:
        return None if alert_uuid is None else {"uuid": alert_uuid, "startTime": None}
    record = organization.record(event_uuid)
    return record and shared_clip(record)


def update_shared_clip_group(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``updateSharedClipGroupV2``: change title, description, password and expiry."""
    uuid, password = text(parameters, "sharedClipUuid"), text(parameters, "plaintextPassword")
    given: JsonObject = {
        "title": text(parameters, "title"),
        "description": text(parameters, "description"),
        "expirationTimeSecs": integer(parameters, "expirationTimeSecs", bits=32),
    }
    group = _group(organization, uuid)
    if uuid is None or group is None:
        return organization.refuse_unknown(_NO_SUCH_GROUP)
    group |= updated_fields(given, organization.updates)
    if password is not None or organization.updates is Updates.WHOLE:
        group["isSecured"] = bool(password)
    return _link(uuid)


def delete_shared_clip_group(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``deleteSharedClipGroupV2``: delete a group, but not its clips."""
    group = _group(organization, text(parameters, "uuid"))
    if group is None:
        return organization.refuse_unknown(_NO_SUCH_GROUP)
    organization.shared_clip_groups.remove(group)
    return {}


def _groups(organization: Organization) -> list[JsonObject]:
    """Return the groups, except those that expired since the server was created."""
    started, now = organization.started_at, organization.now()
    groups = organization.shared_clip_groups
    return [group for group in groups if not started < _expires_at(group) <= now]


def _expires_at(group: JsonObject) -> float:
    """Return the expiry in epoch seconds. It is given as such, or relative to the creation."""
    seconds: int = group.get("expirationTimeSecs") or 0
    created: int = group.get("createdAtMillis") or 0
    if not seconds:
        return math.inf
    return seconds if seconds >= SMALLEST_EPOCH_SECONDS else created / 1000 + seconds


def _group(organization: Organization, uuid: str | None) -> JsonObject | None:
    groups = _groups(organization)
    return next((group for group in groups if uuid and group.get("uuid") == uuid), None)


def _link(uuid: str) -> JsonObject:
    return {"shareUrl": f"{_PAGES}{uuid}", "uuid": uuid}
