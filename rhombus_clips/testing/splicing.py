"""The endpoints of splices: making clips from the footage of cameras."""

import hashlib

from attrs import evolve, frozen

from rhombus_clips.testing.clips import Wire, make_uuid
from rhombus_clips.testing.footage import BYTES_PER_SECOND, make_mp4
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.parameters import (
    RefusedError,
    access_settings,
    failure,
    flag,
    integer,
    table,
    tables,
    text,
    texts,
    visibility,
)
from rhombus_clips.testing.renders import Render
from rhombus_clips.testing.saved_clips import NO_SUCH_CLIP

_REGION = "us-west-2"
_MOST_INTERVALS_MS = 60 * 60_000
_ALERT_MS = 15_000


@frozen(kw_only=True)
class _Interval:
    """A stretch of footage, in epoch milliseconds."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def as_wire(self) -> Wire:
        return {"startMs": self.start, "endMs": self.end}


_Intervals = dict[str, list[_Interval]]
"""What is wanted of each device."""


def get_spliced_clips_in_progress(organization: Organization, _parameters: Wire) -> Wire:
    """``getSplicedClipsInProgress``: the renders that go on."""
    now = organization.now()
    renders = [
        render
        for render in organization.renders.values()
        if render.has_appeared(now) and not render.is_over(now)
    ]
    return {"splicedClips": [render.as_spliced_clip(now) for render in renders]}


def get_max_splice_duration(organization: Organization, _parameters: Wire) -> Wire:
    """``getMaxSpliceDuration``: in seconds; null where there is no limit."""
    return {"maxDuration": organization.max_splice_duration}


def splice(organization: Organization, parameters: Wire) -> Wire:
    """``spliceV3``: one clip of several devices, or one of each (`clip_per_device`)."""
    settings = _settings(parameters)
    wanted = _wanted(organization, parameters)
    if isinstance(wanted, str):
        return failure(wanted)
    apart = [{device: intervals} for device, intervals in wanted.items()]
    clips = apart if organization.clip_per_device else [wanted]
    uuids = [
        organization.add_render(_render(organization, intervals, settings)) for intervals in clips
    ]
    return {"clipUuid": uuids[0], "clipUuidList": uuids}


def retry_splice(organization: Organization, parameters: Wire) -> Wire:
    """``retrySplice``: begin a render again that failed."""
    render, now = organization.renders.get(text(parameters, "clipUuid") or ""), organization.now()
    if render is None:
        return failure(NO_SUCH_CLIP)
    if not render.has_failed(now):
        return failure("only a clip that failed can be tried again")
    organization.add_render(evolve(render, started_at=now, fails=organization.renders_fail))
    return {}


def cancel_splice(organization: Organization, parameters: Wire) -> Wire:
    """``cancelSpliceV2``: all the renders that are named, or none of them."""
    texts(parameters, "deviceUuids")
    one = text(parameters, "clipUuid")
    uuids = [*([] if one is None else [one]), *texts(parameters, "clipUuidList")]
    now, renders = organization.now(), organization.renders
    if not uuids or any(uuid not in renders for uuid in uuids):
        return failure(NO_SUCH_CLIP)
    if any(renders[uuid].is_complete(now) for uuid in uuids):
        return failure("the clip is complete")
    for uuid in uuids:
        organization.add_render(evolve(renders[uuid], deleted=True))
    return {}


def save_policy_alert(organization: Organization, parameters: Wire) -> Wire:
    """``savePolicyAlertV2``: any alert becomes a clip after `render_seconds`; its uuid is unknown.

    The alert is taken to be of the last seconds before the request.
    """
    alert_uuid = text(parameters, "alertUuid")
    if alert_uuid is None:
        raise RefusedError
    views = table(parameters, "fisheyePresentationMap")
    end = int(organization.now() * 1000)
    device = f"{make_uuid('device', organization.seed, alert_uuid)}.v0"
    settings = {
        **_settings({}),
        "title": text(parameters, "savedClipTitle"),
        "description": text(parameters, "savedClipDescription"),
        "fisheyeMap": {device: tables(views, device) for device in views},
        "sourceAlertUuid": alert_uuid,
    }
    wanted = {device: [_Interval(start=end - _ALERT_MS, end=end)]}
    organization.add_render(_render(organization, wanted, settings))
    return {}


def _settings(parameters: Wire) -> Wire:
    """What a splice says of its clip, whichever footage it is of."""
    flag(parameters, "audioIncluded")
    flag(parameters, "saveToConsole")
    flag(parameters, "sendToUserStorage")
    integrations = table(parameters, "integrationUploadMap")
    access, seen_by = access_settings(parameters), visibility(parameters, "clipVisibility")
    return {
        "title": text(parameters, "title"),
        "description": text(parameters, "description"),
        "accessSettings": access
        or {"visibility": seen_by or "ORG_WIDE", "allowedRoles": [], "allowedUsers": []},
        "sendToSharedStorage": flag(parameters, "sendToSharedStorage"),
        "alterMap": table(parameters, "alteredViewMap"),
        "integrationUploadList": [name for name in integrations if flag(integrations, name)],
    }


def _wanted(organization: Organization, parameters: Wire) -> _Intervals | str:
    """The footage that is asked for, or why there is none."""
    devices = texts(parameters, "deviceUuids")
    start = integer(parameters, "startTimeMillis")
    seconds = integer(parameters, "durationSec", bits=32)
    intervals = table(parameters, "deviceIntervalMap")
    if intervals:
        return _read_intervals(intervals)
    if not devices:
        return "no device was named"
    if start is None or seconds is None or seconds < 1:
        return "a clip needs a startTimeMillis, and a durationSec of at least 1"
    longest = organization.max_splice_duration
    if longest is not None and seconds > longest:
        return f"a clip cannot be longer than {longest} seconds"
    return {device: [_Interval(start=start, end=start + seconds * 1000)] for device in devices}


def _read_intervals(given: Wire) -> _Intervals | str:
    wanted: _Intervals = {}
    for device in given:
        wanted[device] = []
        for interval in tables(given, device):
            start, end = integer(interval, "startMs"), integer(interval, "endMs")
            if start is None or end is None or end - start < 1000:
                return "an interval needs a startMs and an endMs at least one second later"
            wanted[device].append(_Interval(start=start, end=end))
    if not all(wanted.values()):
        return "a device has no interval"
    if sum(part.length for parts in wanted.values() for part in parts) > _MOST_INTERVALS_MS:
        return "the intervals are longer than 60 minutes together"
    return wanted


def _render(organization: Organization, wanted: _Intervals, settings: Wire) -> Render:
    now = organization.now()
    uuid = make_uuid("splice", organization.seed, next(organization.numbers))
    # Cameras play side by side: the clip is as long as the one that has most to show.
    longest = max(sum(part.length for part in parts) for parts in wanted.values())
    seconds = -(-longest // 1000)
    video = make_mp4(uuid, seconds * BYTES_PER_SECOND)
    clip = {
        **_blank(organization, uuid, wanted),
        **settings,
        "createdAtMs": int(now * 1000),
        "durationSec": seconds,
        "byteCount": len(video),
        "sha256Hex": hashlib.sha256(video).hexdigest(),
    }
    return Render(
        clip=clip,
        started_at=now,
        seconds=organization.render_seconds,
        fails=organization.renders_fail,
        appears_after=organization.appears_after,
    )


def _blank(organization: Organization, uuid: str, wanted: _Intervals) -> Wire:
    """What every spliced clip has, and what its footage settles."""
    devices = list(wanted)
    return {
        "uuid": uuid,
        "orgUuid": organization.org_id,
        "userUuid": make_uuid("user", organization.seed, 0),
        "timestampMs": min(part.start for parts in wanted.values() for part in parts),
        "status": "INITIATING",
        "deviceUuid": devices[0],
        "deviceUuids": devices,
        "devicePresentationOrder": devices,
        "deviceUuidMap": {device: {"region": _REGION} for device in devices},
        "deviceIntervalMap": {
            device: [part.as_wire() for part in parts] for device, parts in wanted.items()
        },
        "clipLocation": {"region": _REGION},
        "clipLocationV2": _REGION,
        "thumbnailLocation": {"region": _REGION},
        "thumbnailLocationV2": _REGION,
        "videoResolution": {"width": 1920, "height": 1080},
        "fisheyeMap": {},
        "fisheyeHardware": None,
        "mountingDirection": None,
        "analyzed": False,
        "consoleDelete": False,
        "isMonitoringClip": False,
        "isVendorClip": False,
        "placeholder": False,
        "externalTransactionId": None,
        "sourceAlertUuid": None,
    }
