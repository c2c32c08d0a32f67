"""What the API speaks of: immutable attrs classes and open enums, one file per resource."""

from rhombus_clips.models.base import Answer, Extra, Model
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import (
    CameraMountingDirection,
    ClipStatus,
    ClipVisibility,
    HardwareVariation,
    Integration,
    PolicyEventPipeline,
)
from rhombus_clips.models.open_enum import OpenEnum
from rhombus_clips.models.saved_clip import (
    ClipWithProgress,
    ClipWithProgressAnswer,
    SavedClip,
    SavedClipPage,
)
from rhombus_clips.models.shared_clip import SharedClip, SharedClipGroup, SharedClipGroupPage
from rhombus_clips.models.spliced_clip import SplicedClip, SplicedClipProgress, SplicedClipsAnswer
from rhombus_clips.models.views import (
    AlteredView,
    AspectRatio,
    CroppedPermyriadRect,
    DewarpedView,
    Resolution,
)

__all__ = [
    "AlteredView",
    "Answer",
    "AspectRatio",
    "CameraMountingDirection",
    "ClipAccessSettings",
    "ClipStatus",
    "ClipVisibility",
    "ClipWithProgress",
    "ClipWithProgressAnswer",
    "CroppedPermyriadRect",
    "DewarpedView",
    "Extra",
    "HardwareVariation",
    "Integration",
    "MetaDataLocation",
    "Model",
    "OpenEnum",
    "PolicyEventPipeline",
    "Resolution",
    "SavedClip",
    "SavedClipPage",
    "SharedClip",
    "SharedClipGroup",
    "SharedClipGroupPage",
    "SplicedClip",
    "SplicedClipProgress",
    "SplicedClipsAnswer",
    "TimeInterval",
]
