"""The data of the API: immutable attrs classes and open enums, one file per resource."""

from rhombus_clips.models.activity import *
from rhombus_clips.models.base import *
from rhombus_clips.models.clip_details import *
from rhombus_clips.models.details import *
from rhombus_clips.models.enums import *
from rhombus_clips.models.open_enum import *
from rhombus_clips.models.saved_clip import *
from rhombus_clips.models.shared_clip import *
from rhombus_clips.models.spliced_clip import *
from rhombus_clips.models.views import *

__all__ = [
    "Activity",
    "AlteredView",
    "AspectRatio",
    "CameraMountingDirection",
    "ClipAccessSettings",
    "ClipBoundingBox",
    "ClipSeekPoint",
    "ClipStatus",
    "ClipVisibility",
    "ClipWithProgress",
    "ClipWithProgressPage",
    "CroppedPermyriadRect",
    "DewarpedView",
    "FootageSeekPointColor",
    "HardwareVariation",
    "Integration",
    "MetaDataLocation",
    "Model",
    "OpenEnum",
    "Point",
    "PolicyEventPipeline",
    "Resolution",
    "SavedClip",
    "SavedClipCount",
    "SavedClipPage",
    "SavedClipWithDetails",
    "SensorValue",
    "SharedClip",
    "SharedClipGroup",
    "SharedClipGroupLink",
    "SharedClipGroupPage",
    "SharedClipGroupWithDetails",
    "SharedClipWithDetails",
    "Splice",
    "SplicedClip",
    "SplicedClipProgress",
    "TimeInterval",
    "ToastCheckInfo",
    "ToastOrder",
]
