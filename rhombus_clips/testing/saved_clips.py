"""The endpoints that list, count, update and delete saved clips."""

from rhombus_clips.testing import parameters as read
from rhombus_clips.testing import queries
from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.details import make_details
from rhombus_clips.testing.listing import LastPage
from rhombus_clips.testing.options import Updates
from rhombus_clips.testing.organization import Organization, time_of
from rhombus_clips.testing.refusals import RefusedError

NO_SUCH_CLIP = "clip not found"


def get_saved_clips(organization: Organization, _parameters: JsonObject) -> JsonObject:
    """``getSavedClips``: all saved clips in one response."""
    return {"savedClips": organization.listed()}


def get_saved_clips_v2(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSavedClipsV2``: a page of saved clips, as `Listing` describes."""
    listing = organization.listing
    page = organization.listed_page(
        read.integer(parameters, "pageTimestampMs"),
        read.integer(parameters, "maxPageSize", bits=32),
    )
    answer: JsonObject = {"savedClips": page.clips, "lastEvaluatedTimestampMs": page.cursor}
    if page.cursor is None and listing.last_page is LastPage.ABSENT:
        del answer["lastEvaluatedTimestampMs"]
    if page.cursor is None and listing.last_page is LastPage.ZERO:
        answer["lastEvaluatedTimestampMs"] = 0
    return answer


def get_clip_with_progress(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getClipWithProgress``: one clip or render."""
    uuid = read.text(parameters, "clipUuid")
    if uuid is None:
        raise RefusedError
    clip = organization.clip_with_progress(uuid)
    return organization.unknown("clip") if clip is None else {"clip": clip}


def get_clips_with_progress(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getClipsWithProgress``: a filtered, sorted page of clips and renders."""
    return queries.answer_page(organization, organization.with_progress(), parameters)


def get_expiring_clips(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getExpiringClipsForOrg``: the same for the oldest tenth of the clips."""
    clips = sorted(organization.with_progress(), key=lambda clip: time_of(clip, "createdAtMs"))
    expiring = clips[: max(1, len(clips) // 10)]
    return queries.answer_page(organization, expiring, parameters)


def get_saved_clip_details(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSavedClipDetails``: a clip with its detections, or null during its render."""
    uuid = read.text(parameters, "clipUuid")
    clip = next((clip for clip in organization.saved() if clip.get("uuid") == uuid), None)
    if uuid is not None and clip is not None:
        return {"savedClip": {**clip, **make_details(clip)}}
    if organization.known_render(uuid) is not None:
        return {"savedClip": None}
    return organization.unknown("savedClip")


def get_saved_clip_count(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSavedClipCount``: the number of clips that were recorded in a time range."""
    devices = queries.read_device_filter(parameters, "deviceFilter", "locationFilter")
    start, end = read.integer(parameters, "startTimeMs"), read.integer(parameters, "endTimeMs")

    def is_counted(clip: JsonObject) -> bool:
        recorded = time_of(clip, "timestampMs")
        return (
            clip.get("uuid") not in organization.hidden
            and devices.matches(clip, organization)
            and (start is None or recorded >= start)
            and organization.is_within(recorded, None, end)
        )

    counted = [clip for clip in organization.saved() if is_counted(clip)]
    return {"count": len(counted), "privateCount": sum(map(queries.is_private, counted))}


def get_by_transaction(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``getSavedClipsByExternalTransactionId``: the clips with one transaction id."""
    wanted = read.text(parameters, "externalTransactionId")
    clips = organization.listed() if wanted is not None else []
    return {"savedClips": [clip for clip in clips if clip.get("externalTransactionId") == wanted]}


def update_saved_clip(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``updateSavedClip``: change title, description and access settings."""
    uuid = read.text(parameters, "savedClipUuid")
    if uuid is None:
        raise RefusedError
    given: JsonObject = {
        "title": read.text(parameters, "title"),
        "description": read.text(parameters, "description"),
        "accessSettings": read.access_settings(parameters),
    }
    record = organization.record(uuid)
    if record is None:
        return organization.refuse_unknown(NO_SUCH_CLIP)
    record |= updated_fields(given, organization.updates)
    return {}


def updated_fields(given: JsonObject, updates: Updates) -> JsonObject:
    """Return the fields of *given* that an update writes."""
    if updates is Updates.WHOLE:
        return given
    return {name: value for name, value in given.items() if value is not None}


def delete_saved_clip(organization: Organization, parameters: JsonObject) -> JsonObject:
    """``deleteSavedClip``: delete a clip, or a render at any stage."""
    deleted = organization.delete(read.text(parameters, "savedClipUuid"))
    return {} if deleted else organization.refuse_unknown(NO_SUCH_CLIP)
