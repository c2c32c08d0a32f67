"""The endpoints of saved clips: listing, counting, changing and deleting them."""

from rhombus_clips.testing import queries
from rhombus_clips.testing.clips import Wire
from rhombus_clips.testing.details import make_details
from rhombus_clips.testing.listing import LastPage
from rhombus_clips.testing.organization import Organization, Updates, time_of
from rhombus_clips.testing.parameters import (
    RefusedError,
    access_settings,
    failure,
    integer,
    text,
)

NO_SUCH_CLIP = "clip not found"


def get_saved_clips(organization: Organization, _parameters: Wire) -> Wire:
    """``getSavedClips``: all of them in one answer."""
    return {"savedClips": organization.listed()}


def get_saved_clips_v2(organization: Organization, parameters: Wire) -> Wire:
    """``getSavedClipsV2``: a page, in the way that `Listing` says."""
    listing = organization.listing
    page = organization.listed_page(
        integer(parameters, "pageTimestampMs"),
        integer(parameters, "maxPageSize", bits=32),
    )
    answer: Wire = {"savedClips": page.clips, "lastEvaluatedTimestampMs": page.cursor}
    if page.cursor is None and listing.last_page is LastPage.ABSENT:
        del answer["lastEvaluatedTimestampMs"]
    if page.cursor is None and listing.last_page is LastPage.ZERO:
        answer["lastEvaluatedTimestampMs"] = 0
    return answer


def get_clip_with_progress(organization: Organization, parameters: Wire) -> Wire:
    """``getClipWithProgress``: a clip or a render."""
    uuid = text(parameters, "clipUuid")
    if uuid is None:
        raise RefusedError
    clip = organization.clip_with_progress(uuid)
    return organization.unknown("clip") if clip is None else {"clip": clip}


def get_clips_with_progress(organization: Organization, parameters: Wire) -> Wire:
    """``getClipsWithProgress``: a page of clips and renders, filtered and sorted."""
    return queries.answer_page(organization, organization.with_progress(), parameters)


def get_expiring_clips(organization: Organization, parameters: Wire) -> Wire:
    """``getExpiringClipsForOrg``: as above, of the tenth of the clips that is oldest."""
    clips = sorted(organization.with_progress(), key=lambda clip: time_of(clip, "createdAtMs"))
    expiring = clips[: max(1, len(clips) // 10)]
    return queries.answer_page(organization, expiring, parameters)


def get_saved_clip_details(organization: Organization, parameters: Wire) -> Wire:
    """``getSavedClipDetails``: a clip with what is seen in it; null while it is rendered."""
    uuid = text(parameters, "clipUuid")
    clip = next((clip for clip in organization.saved() if clip.get("uuid") == uuid), None)
    if uuid is not None and clip is not None:
        return {"savedClip": {**clip, **make_details(clip)}}
    if organization.known_render(uuid) is not None:
        return {"savedClip": None}
    return organization.unknown("savedClip")


def get_saved_clip_count(organization: Organization, parameters: Wire) -> Wire:
    """``getSavedClipCount``: how many there are, by the time of their footage."""
    places = queries.read_places(parameters, "deviceFilter", "locationFilter")
    start, end = integer(parameters, "startTimeMs"), integer(parameters, "endTimeMs")
    slack = 1 if organization.bounds_are_inclusive else 0

    def is_counted(clip: Wire) -> bool:
        moment = time_of(clip, "timestampMs")
        return (
            clip.get("uuid") not in organization.hidden
            and places.have(clip, organization)
            and (start is None or moment >= start)
            and (end is None or moment < end + slack)
        )

    counted = [clip for clip in organization.saved() if is_counted(clip)]
    return {"count": len(counted), "privateCount": sum(map(queries.is_private, counted))}


def get_by_transaction(organization: Organization, parameters: Wire) -> Wire:
    """``getSavedClipsByExternalTransactionId``: those that an outside system has marked."""
    wanted = text(parameters, "externalTransactionId")
    if wanted is None:
        return {"savedClips": []}
    clips = organization.listed()
    return {"savedClips": [clip for clip in clips if clip.get("externalTransactionId") == wanted]}


def update_saved_clip(organization: Organization, parameters: Wire) -> Wire:
    """``updateSavedClip``: title, description and who may see it."""
    uuid = text(parameters, "savedClipUuid")
    if uuid is None:
        raise RefusedError
    given: Wire = {
        "title": text(parameters, "title"),
        "description": text(parameters, "description"),
        "accessSettings": access_settings(parameters),
    }
    record = organization.record(uuid)
    if record is None:
        return failure(NO_SUCH_CLIP)
    record |= written(given, organization.updates)
    return {}


def written(given: Wire, updates: Updates) -> Wire:
    """The fields of *given* that an update writes."""
    keeps = updates is Updates.SELECTIVE
    return {name: value for name, value in given.items() if not (keeps and value is None)}


def delete_saved_clip(organization: Organization, parameters: Wire) -> Wire:
    """``deleteSavedClip``: a clip, or a render at any stage."""
    deleted = organization.delete(text(parameters, "savedClipUuid"))
    return {} if deleted else failure(NO_SUCH_CLIP)
