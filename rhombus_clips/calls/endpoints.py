"""The table of endpoints: what each is called, what it answers, and whether it may be resent."""

from typing import Generic, TypeVar

from attrs import field, frozen

from rhombus_clips.models import (
    ClipWithProgressPage,
    SavedClipCount,
    SavedClipPage,
    SharedClipGroupLink,
    SharedClipGroupPage,
    Splice,
)
from rhombus_clips.models.base import Answer
from rhombus_clips.models.clip_details import SavedClipDetailsAnswer
from rhombus_clips.models.saved_clip import ClipWithProgressAnswer, SavedClipsAnswer
from rhombus_clips.models.shared_clip_details import SharedClipGroupDetailsAnswer
from rhombus_clips.models.spliced_clip import MaxSpliceDurationAnswer, SplicedClipsAnswer

AnswerT = TypeVar("AnswerT", bound=Answer)


@frozen
class Endpoint(Generic[AnswerT]):
    """One operation of the service. Every one is a POST, so the verb says nothing of safety."""

    path: str
    answer: type[AnswerT]
    safe: bool = field(kw_only=True)
    """Whether it only reads, so that sending it twice does no harm."""
    successor: "Endpoint[AnswerT] | None" = field(default=None, kw_only=True)
    """Of the same shape; takes over where the service has taken a deprecated endpoint away."""


# --- saved clips -----------------------------------------------------------------------------

GET_SAVED_CLIPS = Endpoint("/api/event/getSavedClipsV2", SavedClipPage, safe=True)
GET_SAVED_CLIPS_V1 = Endpoint("/api/event/getSavedClips", SavedClipsAnswer, safe=True)
GET_CLIP_WITH_PROGRESS = Endpoint(
    "/api/event/getClipWithProgress", ClipWithProgressAnswer, safe=True
)
GET_CLIPS_WITH_PROGRESS = Endpoint(
    "/api/event/getClipsWithProgress", ClipWithProgressPage, safe=True
)
GET_EXPIRING_CLIPS_FOR_ORG = Endpoint(
    "/api/event/getExpiringClipsForOrg", ClipWithProgressPage, safe=True
)
GET_SAVED_CLIP_DETAILS = Endpoint(
    "/api/event/getSavedClipDetails", SavedClipDetailsAnswer, safe=True
)
GET_SAVED_CLIP_COUNT = Endpoint("/api/event/getSavedClipCount", SavedClipCount, safe=True)
GET_SAVED_CLIPS_BY_EXTERNAL_TRANSACTION_ID = Endpoint(
    "/api/event/getSavedClipsByExternalTransactionId", SavedClipsAnswer, safe=True
)
UPDATE_SAVED_CLIP = Endpoint("/api/event/updateSavedClip", Answer, safe=False)
DELETE_SAVED_CLIP = Endpoint("/api/event/deleteSavedClip", Answer, safe=False)

# --- alerts ----------------------------------------------------------------------------------

SAVE_POLICY_ALERT = Endpoint("/api/event/savePolicyAlertV2", Answer, safe=False)

# --- shared clip groups ----------------------------------------------------------------------

GET_SHARED_CLIP_GROUPS = Endpoint(
    "/api/event/getSharedClipGroupsV2", SharedClipGroupPage, safe=True
)
GET_SHARED_CLIP_GROUP_DETAILS = Endpoint(
    "/api/event/getSharedClipGroupDetails", SharedClipGroupDetailsAnswer, safe=True
)
CREATE_SHARED_CLIP_GROUP = Endpoint(
    "/api/event/createSharedClipGroupV3", SharedClipGroupLink, safe=False
)
UPDATE_SHARED_CLIP_GROUP = Endpoint(
    "/api/event/updateSharedClipGroupV2", SharedClipGroupLink, safe=False
)
DELETE_SHARED_CLIP_GROUP = Endpoint("/api/event/deleteSharedClipGroupV2", Answer, safe=False)

# --- splices ---------------------------------------------------------------------------------

SPLICE = Endpoint("/api/video/spliceV3", Splice, safe=False)
CANCEL_SPLICE = Endpoint("/api/video/cancelSpliceV2", Answer, safe=False)
RETRY_SPLICE = Endpoint("/api/video/retrySplice", Answer, safe=False)
GET_MAX_SPLICE_DURATION = Endpoint(
    "/api/video/getMaxSpliceDuration", MaxSpliceDurationAnswer, safe=True
)
GET_SPLICED_CLIPS_IN_PROGRESS = Endpoint(
    "/api/event/getSplicedClipsInProgress",
    SplicedClipsAnswer,
    safe=True,
    successor=Endpoint("/api/video/getSplicedClipsInProgress", SplicedClipsAnswer, safe=True),
)
