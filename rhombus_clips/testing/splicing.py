"""The endpoints that create clips from the recordings of cameras."""

from attrs import evolve

from rhombus_clips.testing import parameters as read
from rhombus_clips.testing.clips import JsonObject, base_clip, make_uuid
from rhombus_clips.testing.media_content import generated_size, make_video
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.refusals import RefusedError, failure
from rhombus_clips.testing.renders import Render
from rhombus_clips.testing.saved_clips import NO_SUCH_CLIP

_REGION = "us-west-2"
_MOST_INTERVALS_MS = 60 * 60_000
_ALERT_MS = 15_000


_Intervals = dict[str, list[tuple[int, int]]]
"""The requested intervals of each device, as start and end in epoch milliseconds."""


def get_spliced_clips_in_progress(
    organization: Organization, _parameters: JsonObject
) -> JsonObject:
    """``getSplicedClipsInProgress``: the unfinished renders."""
    now = organization.now()
    renders = [
        render
        for render in organization.renders.values()
        if render.has_appeared(now) and not render.is_over(now)
    ]
    return {"splicedClips": [render.as_spliced_clip(now) for render in renders]}


def get_max_splice_duration(organization: Organization, _parameters: JsonObject) -> JsonObject:
    """``getMaxSpliceDuration``: in seconds, or null for no limit."""
    return {"maxDuration": organization.max_splice_duration}


def splice(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``spliceV3``: one clip of all devices, or one per device (`clip_per_device`)."""
    settings = _settings(parameters)
    wanted = _wanted(organization, parameters)
    if isinstance(wanted, str):
        return failure(wanted)
    clips = [wanted]
    if organization.clip_per_device:
        clips = [{device: intervals} for device, intervals in wanted.items()]
    uuids = [
        organization.add_render(_render(organization, intervals, settings)) for intervals in clips
    ]
    return {"clipUuid": uuids[0], "clipUuidList": uuids}


def retry_splice(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``retrySplice``: restart a failed render."""
    now = organization.now()
    render = organization.renders.get(read.text(parameters, "clipUuid") or "")
    if render is None:
        return organization.refuse_unknown(NO_SUCH_CLIP)
    if not render.has_failed(now):
        return failure("only a failed clip can be retried")
    organization.add_render(evolve(render, started_at=now, fails=organization.renders_fail))
    return {}


def cancel_splice(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``cancelSpliceV2``: cancel all the given renders, or none of them."""
    read.texts(parameters, "deviceUuids")
    one = read.text(parameters, "clipUuid")
    uuids = [*([] if one is None else [one]), *read.texts(parameters, "clipUuidList")]
    now, renders = organization.now(), organization.renders
    if not uuids or any(uuid not in renders for uuid in uuids):
        return organization.refuse_unknown(NO_SUCH_CLIP)
    if any(renders[uuid].is_complete(now) for uuid in uuids):
        return failure("the clip is complete")
    for uuid in uuids:
        organization.add_render(evolve(renders[uuid], deleted=True))
    return {}


def save_policy_alert(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``savePolicyAlertV2``: any alert becomes a clip after `render_seconds`, with a new uuid.

    The alert is assumed to cover the last seconds before the request.
    """
    alert_uuid = read.text(parameters, "alertUuid")
    if alert_uuid is None:
        raise RefusedError
    views = read.table(parameters, "fisheyePresentationMap")
    end = int(organization.now() * 1000)
    device = f"{make_uuid('device', organization.seed, alert_uuid)}.v0"
    settings = {
        **_settings({}),
        "title": read.text(parameters, "savedClipTitle"),
        "description": read.text(parameters, "savedClipDescription"),
        "fisheyeMap": {device: read.tables(views, device) for device in views},
        "sourceAlertUuid": alert_uuid,
    }
    footage = {device: [(end - _ALERT_MS, end)]}
    organization.add_render(_render(organization, footage, settings))
    return {}


def _settings(parameters: JsonObject) -> JsonObject:
    """Return the fields of the new clip that do not depend on its intervals."""
    read.flag(parameters, "audioIncluded")
    read.flag(parameters, "saveToConsole")
    read.flag(parameters, "sendToUserStorage")
    integrations = read.table(parameters, "integrationUploadMap")
    access = read.access_settings(parameters)
    visibility = read.visibility(parameters, "clipVisibility") or "ORG_WIDE"
    return {
        "title": read.text(parameters, "title"),
        "description": read.text(parameters, "description"),
        "accessSettings": access
        or {"visibility": visibility, "allowedRoles": [], "allowedUsers": []},
        "sendToSharedStorage": read.flag(parameters, "sendToSharedStorage"),
        "alterMap": read.table(parameters, "alteredViewMap"),
        "integrationUploadList": [name for name in integrations if read.flag(integrations, name)],
    }


def _wanted(organization: Organization, parameters: JsonObject) -> _Intervals | str:
    """Return the requested intervals, or the reason why they are invalid."""
    devices = read.texts(parameters, "deviceUuids")
    start = read.integer(parameters, "startTimeMillis")
    seconds = read.integer(parameters, "durationSec", bits=32)
    intervals = read.table(parameters, "deviceIntervalMap")
    if intervals:
        return _read_intervals(intervals)
    if not devices:
        return "no device was given"
    if start is None or seconds is None or seconds < 1:
        return "startTimeMillis and a durationSec of at least 1 are required"
    longest = organization.max_splice_duration
    if longest is not None and seconds > longest:
        return f"durationSec must be at most {longest}"
    return {device: [(start, start + seconds * 1000)] for device in devices}


def _read_intervals(given: JsonObject) -> _Intervals | str:
    wanted: _Intervals = {}
    for device in given:
        wanted[device] = []
        for interval in read.tables(given, device):
            start, end = read.integer(interval, "startMs"), read.integer(interval, "endMs")
            if start is None or end is None or end - start < 1000:
                return "an interval needs a startMs, and an endMs at least one second later"
            wanted[device].append((start, end))
    if not all(wanted.values()):
        return "each device needs an interval"
    if sum(map(_length, wanted.values())) > _MOST_INTERVALS_MS:
        return "the intervals must be at most 60 minutes in total"
    return wanted


def _length(intervals: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in intervals)


def _render(organization: Organization, devices: _Intervals, settings: JsonObject) -> Render:
    now = organization.now()
    uuid = make_uuid("splice", organization.seed, next(organization.numbers))
    # Cameras are shown side by side, so the clip is as long as the longest recording.
    longest = max(map(_length, devices.values()))
    seconds = -(-longest // 1000)
    video = make_video(uuid, generated_size(seconds, organization.media.video_bytes))
    clip = {
        **base_clip(organization.seed, uuid, list(devices), _REGION),
        **settings,
        "userUuid": make_uuid("user", organization.seed, 0),
        "status": "INITIATING",
        "timestampMs": min(start for parts in devices.values() for start, _ in parts),
        "createdAtMs": int(now * 1000),
        "durationSec": seconds,
        "deviceIntervalMap": {
            device: [{"startMs": start, "endMs": end} for start, end in parts]
            for device, parts in devices.items()
        },
        "byteCount": len(video.data),
        "sha256Hex": video.sha256_hex,
    }
    return Render(
        clip=clip,
        started_at=now,
        seconds=organization.render_seconds,
        fails=organization.renders_fail,
        appears_after=organization.appears_after,
    )
