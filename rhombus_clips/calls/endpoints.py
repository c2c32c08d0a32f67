"""The table of endpoints, each with its path, the type of its response, and its retry safety."""

import re
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from rhombus_clips import models
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import clip_details, saved_clip, shared_clip, spliced_clip
from rhombus_clips.models.base import Answer

AnswerT = TypeVar("AnswerT")

_LONGEST_PATH = 200
_PATH = re.compile(r"/api(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._-]+)+")


@frozen
class Endpoint(Generic[AnswerT]):
    """An operation of the service. All of them are POST requests, so each declares its safety."""

    path: str
    answer: type[AnswerT]
    """The class of the decoded response: a model, or `dict` for the JSON object itself."""
    safe: bool = field(kw_only=True)
    """True if the operation only reads data, so that the request may be repeated."""
    item: str | None = field(default=None, kw_only=True)
    """The kind of item that the operation is about, whose absence raises `NotFoundError`; None for
    operations that are not about an existing item."""
    successor: "Endpoint[AnswerT] | None" = field(default=None, kw_only=True)
    """The endpoint with the same parameters and answer to use once this one has been removed."""


def _read(path: str, answer: type[AnswerT], item: str | None = None) -> Endpoint[AnswerT]:
    return Endpoint(path, answer, safe=True, item=item)


def _change(path: str, answer: type[AnswerT], item: str | None = None) -> Endpoint[AnswerT]:
    return Endpoint(path, answer, safe=False, item=item)


_CLIP, _GROUP, _ALERT = "clip", "shared clip group", "alert"

# --- saved clips -----------------------------------------------------------------------------

GET_SAVED_CLIPS = _read("/api/event/getSavedClipsV2", models.SavedClipPage)
GET_SAVED_CLIPS_V1 = _read("/api/event/getSavedClips", saved_clip.SavedClipsAnswer)
GET_CLIP_WITH_PROGRESS = _read(
    "/api/event/getClipWithProgress", saved_clip.ClipWithProgressAnswer, _CLIP
)
GET_CLIPS_WITH_PROGRESS = _read("/api/event/getClipsWithProgress", models.ClipWithProgressPage)
GET_EXPIRING_CLIPS_FOR_ORG = _read("/api/event/getExpiringClipsForOrg", models.ClipWithProgressPage)
GET_SAVED_CLIP_DETAILS = _read(
    "/api/event/getSavedClipDetails", clip_details.SavedClipDetailsAnswer, _CLIP
)
GET_SAVED_CLIP_COUNT = _read("/api/event/getSavedClipCount", models.SavedClipCount)
GET_SAVED_CLIPS_BY_EXTERNAL_TRANSACTION_ID = _read(
    "/api/event/getSavedClipsByExternalTransactionId", saved_clip.SavedClipsAnswer
)
UPDATE_SAVED_CLIP = _change("/api/event/updateSavedClip", Answer, _CLIP)
DELETE_SAVED_CLIP = _change("/api/event/deleteSavedClip", Answer, _CLIP)

# --- alerts ----------------------------------------------------------------------------------

SAVE_POLICY_ALERT = _change("/api/event/savePolicyAlertV2", Answer, _ALERT)

# --- shared clip groups ----------------------------------------------------------------------

GET_SHARED_CLIP_GROUPS = _read("/api/event/getSharedClipGroupsV2", models.SharedClipGroupPage)
GET_SHARED_CLIP_GROUP_DETAILS = _read(
    "/api/event/getSharedClipGroupDetails", shared_clip.SharedClipGroupDetailsAnswer, _GROUP
)
CREATE_SHARED_CLIP_GROUP = _change(
    "/api/event/createSharedClipGroupV3", models.SharedClipGroupLink, _CLIP
)
UPDATE_SHARED_CLIP_GROUP = _change(
    "/api/event/updateSharedClipGroupV2", models.SharedClipGroupLink, _GROUP
)
DELETE_SHARED_CLIP_GROUP = _change("/api/event/deleteSharedClipGroupV2", Answer, _GROUP)

# --- splices ---------------------------------------------------------------------------------

SPLICE = _change("/api/video/spliceV3", models.Splice)
CANCEL_SPLICE = _change("/api/video/cancelSpliceV2", Answer, _CLIP)
RETRY_SPLICE = _change("/api/video/retrySplice", Answer, _CLIP)
GET_MAX_SPLICE_DURATION = _read(
    "/api/video/getMaxSpliceDuration", spliced_clip.MaxSpliceDurationAnswer
)
GET_SPLICED_CLIPS_IN_PROGRESS = Endpoint(
    "/api/event/getSplicedClipsInProgress",
    spliced_clip.SplicedClipsAnswer,
    safe=True,
    successor=_read("/api/video/getSplicedClipsInProgress", spliced_clip.SplicedClipsAnswer),
)

# --- any other -------------------------------------------------------------------------------


def endpoint_path(value: object, name: str) -> str:
    """Return *value* if it is the path of an endpoint, such as ``/api/camera/getPresenceWindows``.

    A path consists of ``/api`` and segments of ASCII letters, digits, dots, hyphens and
    underscores. So it cannot lead to another host or out of ``/api``, and it is sent byte for byte.

    Raises `InvalidArgumentError` for anything else.
    """
    if not isinstance(value, str):
        kind = type(value).__name__
        raise InvalidArgumentError(f"{name} must be a string such as /api/a/b, not of type {kind}")
    if len(value) > _LONGEST_PATH:
        raise InvalidArgumentError(
            f"{name} must have at most {_LONGEST_PATH} characters, not {len(value)}"
        )
    path = _PATH.fullmatch(value)
    if path is None:
        # The value is not quoted: a query may contain a key.
        raise InvalidArgumentError(
            f"{name} must be /api followed by segments of letters, digits, '.', '-' and '_', such"
            " as /api/camera/getPresenceWindows, without a host, a query or a slash at the end"
        )
    return path[0]


def any_endpoint(path: str, answer: type[AnswerT], *, safe: bool) -> Endpoint[AnswerT]:
    """Return the endpoint with *path*, whose safety the caller declares.

    Raises `InvalidArgumentError` if *safe* is true and the table lists the path as a change.
    """
    if safe and path in _CHANGES:
        raise InvalidArgumentError(f"safe must be False for {path}, which changes data")
    return Endpoint(path, answer, safe=safe, item="item")


_CHANGES: frozenset[str] = frozenset(
    row.path for row in list[Any](globals().values()) if isinstance(row, Endpoint) and not row.safe
)
