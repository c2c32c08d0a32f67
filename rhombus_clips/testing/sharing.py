"""The endpoints of shared clip groups: the pages behind links that show clips to anyone."""

import math

from rhombus_clips.models.shared_clip import SMALLEST_EPOCH_SECONDS
from rhombus_clips.testing.clips import Wire, make_uuid, shared_clip
from rhombus_clips.testing.details import make_details
from rhombus_clips.testing.organization import Organization, Updates
from rhombus_clips.testing.parameters import failure, integer, tables, text
from rhombus_clips.testing.saved_clips import NO_SUCH_CLIP, written

_NO_SUCH_GROUP = "shared clip group not found"
_PAGES = "https://share.example/clips/"


def get_shared_clip_groups(organization: Organization, parameters: Wire) -> Wire:
    """``getSharedClipGroupsV2``: all of them, or those that were created between two moments."""
    after = integer(parameters, "createdAfterMs")
    before = integer(parameters, "createdBeforeMs")
    slack = 1 if organization.bounds_are_inclusive else 0

    def is_listed(group: Wire) -> bool:
        created = group.get("createdAtMillis")
        if created is None:
            return True
        return (after is None or created > after - slack) and (
            before is None or created < before + slack
        )

    groups = _groups(organization)
    return {"sharedClipGroups": [group for group in groups if is_listed(group)]}


def get_shared_clip_group_details(organization: Organization, parameters: Wire) -> Wire:
    """``getSharedClipGroupDetails``: a group with what is seen in its clips."""
    group = _group(organization, text(parameters, "uuid"))
    if group is None:
        return organization.unknown("sharedClipGroup")
    shown = {name: value for name, value in group.items() if name != "isSecured"}
    clips: list[Wire | None] = group.get("sharedClips") or []
    return {
        "sharedClipGroup": {**shown, "sharedClips": [_detailed(organization, c) for c in clips]}
    }


def _detailed(organization: Organization, shared: Wire | None) -> Wire | None:
    if shared is None:
        return None
    record = organization.record(shared.get("uuid")) or {}
    return {**shared, **make_details(shared), "description": record.get("description")}


def create_shared_clip_group(organization: Organization, parameters: Wire) -> Wire:
    """``createSharedClipGroupV3``: a page that shows some clips and alerts."""
    wanted = [
        (text(wrapper, "eventUuid"), text(wrapper, "alertUuid"))
        for wrapper in tables(parameters, "uuids")
    ]
    uuid = make_uuid("shared", organization.seed, next(organization.numbers))
    group: Wire = {
        "uuid": uuid,
        "orgUuid": organization.org_id,
        "title": text(parameters, "title"),
        "description": None,
        "createdAtMillis": int(organization.now() * 1000),
        "expirationTimeSecs": integer(parameters, "expirationTimeSecs", bits=32),
        "isSecured": bool(text(parameters, "plaintextPassword")),
    }
    shared = [_shared(organization, *uuids) for uuids in wanted]
    group["sharedClips"] = [clip for clip in shared if clip is not None]
    if not shared:
        return failure("no clip to share was named")
    if len(group["sharedClips"]) < len(shared):
        return failure(NO_SUCH_CLIP)
    organization.shared_clip_groups.append(group)
    return _link(uuid)


def _shared(
    organization: Organization, event_uuid: str | None, alert_uuid: str | None
) -> Wire | None:
    """What a page shows of a clip or an alert; the service has whatever alert is named."""
    if event_uuid is not None:
        record = organization.record(event_uuid)
        return None if record is None else shared_clip(record)
    return None if alert_uuid is None else {"uuid": alert_uuid, "startTime": None}


def update_shared_clip_group(organization: Organization, parameters: Wire) -> Wire:
    """``updateSharedClipGroupV2``: the title, the description, the password and the expiry."""
    uuid, password = text(parameters, "sharedClipUuid"), text(parameters, "plaintextPassword")
    given: Wire = {
        "title": text(parameters, "title"),
        "description": text(parameters, "description"),
        "expirationTimeSecs": integer(parameters, "expirationTimeSecs", bits=32),
    }
    group = _group(organization, uuid)
    if uuid is None or group is None:
        return failure(_NO_SUCH_GROUP)
    group |= written(given, organization.updates)
    if password is not None or organization.updates is Updates.WHOLE:
        group["isSecured"] = bool(password)
    return _link(uuid)


def delete_shared_clip_group(organization: Organization, parameters: Wire) -> Wire:
    """``deleteSharedClipGroupV2``: a page is no longer there; its clips stay."""
    group = _group(organization, text(parameters, "uuid"))
    if group is None:
        return failure(_NO_SUCH_GROUP)
    organization.shared_clip_groups.remove(group)
    return {}


def _groups(organization: Organization) -> list[Wire]:
    """Those that have not expired while the service ran; what was put into it is there."""
    began, now = organization.began, organization.now()
    groups = organization.shared_clip_groups
    return [group for group in groups if not began < _expires_at(group) <= now]


def _expires_at(group: Wire) -> float:
    """That many seconds after the page was made, or at that moment, in epoch seconds."""
    seconds: int = group.get("expirationTimeSecs") or 0
    created: int = group.get("createdAtMillis") or 0
    if not seconds:
        return math.inf
    return seconds if seconds >= SMALLEST_EPOCH_SECONDS else created / 1000 + seconds


def _group(organization: Organization, uuid: str | None) -> Wire | None:
    groups = _groups(organization)
    return next((group for group in groups if uuid and group.get("uuid") == uuid), None)


def _link(uuid: str) -> Wire:
    return {"shareUrl": f"{_PAGES}{uuid}", "uuid": uuid}
