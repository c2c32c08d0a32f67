"""The endpoints of the API and their handlers."""

from collections.abc import Callable, Mapping

from rhombus_clips.testing import footage, saved_clips, sharing, splicing
from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.organization import Organization

HANDLERS: Mapping[str, Callable[[Organization, JsonObject], JsonObject]] = {
    "/api/camera/getPresenceWindows": footage.get_presence_windows,
    "/api/event/getSavedClips": saved_clips.get_saved_clips,
    "/api/event/getSavedClipsV2": saved_clips.get_saved_clips_v2,
    "/api/event/getClipWithProgress": saved_clips.get_clip_with_progress,
    "/api/event/getClipsWithProgress": saved_clips.get_clips_with_progress,
    "/api/event/getExpiringClipsForOrg": saved_clips.get_expiring_clips,
    "/api/event/getSavedClipDetails": saved_clips.get_saved_clip_details,
    "/api/event/getSavedClipCount": saved_clips.get_saved_clip_count,
    "/api/event/getSavedClipsByExternalTransactionId": saved_clips.get_by_transaction,
    "/api/event/updateSavedClip": saved_clips.update_saved_clip,
    "/api/event/deleteSavedClip": saved_clips.delete_saved_clip,
    "/api/event/savePolicyAlertV2": splicing.save_policy_alert,
    "/api/event/getSharedClipGroupsV2": sharing.get_shared_clip_groups,
    "/api/event/getSharedClipGroupDetails": sharing.get_shared_clip_group_details,
    "/api/event/createSharedClipGroupV3": sharing.create_shared_clip_group,
    "/api/event/updateSharedClipGroupV2": sharing.update_shared_clip_group,
    "/api/event/deleteSharedClipGroupV2": sharing.delete_shared_clip_group,
    "/api/event/getSplicedClipsInProgress": splicing.get_spliced_clips_in_progress,
    "/api/video/getSplicedClipsInProgress": splicing.get_spliced_clips_in_progress,
    "/api/video/spliceV3": splicing.splice,
    "/api/video/cancelSpliceV2": splicing.cancel_splice,
    "/api/video/retrySplice": splicing.retry_splice,
    "/api/video/getMaxSpliceDuration": splicing.get_max_splice_duration,
}
