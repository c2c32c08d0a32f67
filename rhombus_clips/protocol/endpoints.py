"""The table of endpoints: what each is called, what it answers, and whether it may be resent."""

from typing import Generic, TypeVar

from attrs import field, frozen

from rhombus_clips.models import (
    Answer,
    ClipWithProgressAnswer,
    SavedClipPage,
    SharedClipGroupPage,
    SplicedClipsAnswer,
)

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


GET_SAVED_CLIPS = Endpoint("/api/event/getSavedClipsV2", SavedClipPage, safe=True)
GET_CLIP_WITH_PROGRESS = Endpoint(
    "/api/event/getClipWithProgress", ClipWithProgressAnswer, safe=True
)
GET_SHARED_CLIP_GROUPS = Endpoint(
    "/api/event/getSharedClipGroupsV2", SharedClipGroupPage, safe=True
)
GET_SPLICED_CLIPS_IN_PROGRESS = Endpoint(
    "/api/event/getSplicedClipsInProgress",
    SplicedClipsAnswer,
    safe=True,
    successor=Endpoint("/api/video/getSplicedClipsInProgress", SplicedClipsAnswer, safe=True),
)
