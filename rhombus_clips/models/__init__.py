"""What the API speaks of: immutable attrs classes and open enums, one file per resource."""

from rhombus_clips.models.activity import Activity
from rhombus_clips.models.base import Answer, Extra, Model
from rhombus_clips.models.clip_details import (
    ClipBoundingBox,
    ClipSeekPoint,
    Point,
    SavedClipDetailsAnswer,
    SavedClipWithDetails,
    SensorValue,
    ToastCheckInfo,
    ToastOrder,
)
from rhombus_clips.models.details import ClipAccessSettings, MetaDataLocation, TimeInterval
from rhombus_clips.models.enums import (
    CameraMountingDirection,
    ClipStatus,
    ClipVisibility,
    FootageSeekPointColor,
    HardwareVariation,
    Integration,
    PolicyEventPipeline,
)
from rhombus_clips.models.open_enum import OpenEnum
from rhombus_clips.models.saved_clip import (
    ClipWithProgress,
    ClipWithProgressAnswer,
    ClipWithProgressPage,
    SavedClip,
    SavedClipCount,
    SavedClipPage,
    SavedClipsAnswer,
)
from rhombus_clips.models.shared_clip import (
    ClipReference,
    SharedClip,
    SharedClipGroup,
    SharedClipGroupLink,
    SharedClipGroupPage,
)
from rhombus_clips.models.shared_clip_details import (
    SharedClipGroupDetailsAnswer,
    SharedClipGroupWithDetails,
    SharedClipWithDetails,
)
from rhombus_clips.models.spliced_clip import (
    MaxSpliceDurationAnswer,
    Splice,
    SplicedClip,
    SplicedClipProgress,
    SplicedClipsAnswer,
)
from rhombus_clips.models.views import (
    AlteredView,
    AspectRatio,
    CroppedPermyriadRect,
    DewarpedView,
    Resolution,
)

__all__ = [
    "Activity",
    "AlteredView",
    "Answer",
    "AspectRatio",
    "CameraMountingDirection",
    "ClipAccessSettings",
    "ClipBoundingBox",
    "ClipReference",
    "ClipSeekPoint",
    "ClipStatus",
    "ClipVisibility",
    "ClipWithProgress",
    "ClipWithProgressAnswer",
    "ClipWithProgressPage",
    "CroppedPermyriadRect",
    "DewarpedView",
    "Extra",
    "FootageSeekPointColor",
    "HardwareVariation",
    "Integration",
    "MaxSpliceDurationAnswer",
    "MetaDataLocation",
    "Model",
    "OpenEnum",
    "Point",
    "PolicyEventPipeline",
    "Resolution",
    "SavedClip",
    "SavedClipCount",
    "SavedClipDetailsAnswer",
    "SavedClipPage",
    "SavedClipWithDetails",
    "SavedClipsAnswer",
    "SensorValue",
    "SharedClip",
    "SharedClipGroup",
    "SharedClipGroupDetailsAnswer",
    "SharedClipGroupLink",
    "SharedClipGroupPage",
    "SharedClipGroupWithDetails",
    "SharedClipWithDetails",
    "Splice",
    "SplicedClip",
    "SplicedClipProgress",
    "SplicedClipsAnswer",
    "TimeInterval",
    "ToastCheckInfo",
    "ToastOrder",
]
