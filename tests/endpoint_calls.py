"""A call of every endpoint, for tests of what all endpoints have in common."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from rhombus_clips import ClipSession
from rhombus_clips.models import (
    AlteredView,
    ClipAccessSettings,
    ClipVisibility,
    CroppedPermyriadRect,
    DewarpedView,
)

ONE, OTHER = "A" * 22, "B" * 22
SETTINGS = ClipAccessSettings(
    visibility=ClipVisibility.PRIVATE, allowed_roles=[ONE], allowed_users=[OTHER]
)
FILTERS: dict[str, Any] = {
    "page_token": "token",
    "device_uuid_filters": [f"{ONE}.v0"],
    "location_uuid_filters": [OTHER],
    "search_filter": "dock",
    "filter_by_private": True,
    "exclude_alert_monitoring_clips": True,
    "sort_field": "timestamp",
    "sort_order": "asc",
    "timestamp_filter_field": "timestampMs",
    "timestamp_ms_after": 1,
    "timestamp_ms_before": datetime(2026, 1, 1, tzinfo=UTC),
}
SPLICE_OPTIONS: dict[str, Any] = {
    "title": "a title",
    "description": "a description",
    "audio_included": True,
    "save_to_console": False,
    "send_to_shared_storage": False,
    "send_to_user_storage": False,
    "access_settings": SETTINGS,
    "clip_visibility": ClipVisibility.PRIVATE,
    "altered_view_map": {ONE: [AlteredView(crop=CroppedPermyriadRect(x=1))]},
    "integration_upload_map": {"SLACK": True},
}
Calls = Callable[[ClipSession], list[Awaitable[Any]]]
# Calls that together use every parameter of an endpoint, by the endpoint's path.
CALLS: dict[str, Calls] = {
    "/api/event/getSavedClips": lambda session: [session.get_saved_clips_v1()],
    "/api/event/getSavedClipsV2": lambda session: [
        session.get_saved_clips(max_page_size=5, page_timestamp_ms=1)
    ],
    "/api/event/getClipWithProgress": lambda session: [session.get_clip_with_progress(ONE)],
    "/api/event/getClipsWithProgress": lambda session: [
        session.get_clips_with_progress(page_size=5, **FILTERS)
    ],
    "/api/event/getExpiringClipsForOrg": lambda session: [
        session.get_expiring_clips_for_org(page_size=5, **FILTERS)
    ],
    "/api/event/getSavedClipDetails": lambda session: [session.get_saved_clip_details(ONE)],
    "/api/event/getSavedClipCount": lambda session: [
        session.get_saved_clip_count(
            device_filter=[ONE], location_filter=[OTHER], start_time_ms=1, end_time_ms=2
        )
    ],
    "/api/event/getSavedClipsByExternalTransactionId": lambda session: [
        session.get_saved_clips_by_external_transaction_id("txn_1")
    ],
    "/api/event/updateSavedClip": lambda session: [
        session.update_saved_clip(ONE, title="a", description="b", access_settings=SETTINGS)
    ],
    "/api/event/deleteSavedClip": lambda session: [session.delete_saved_clip(ONE)],
    "/api/event/savePolicyAlertV2": lambda session: [
        session.save_policy_alert(
            ONE, title="a", description="b", fisheye_presentation_map={ONE: [DewarpedView()]}
        )
    ],
    "/api/event/getSharedClipGroupsV2": lambda session: [
        session.get_shared_clip_groups(created_after=1, created_before=2)
    ],
    "/api/event/getSharedClipGroupDetails": lambda session: [
        session.get_shared_clip_group_details(ONE)
    ],
    "/api/event/createSharedClipGroupV3": lambda session: [
        session.create_shared_clip_group(
            [ONE],
            alert_uuids=[OTHER],
            title="a",
            plaintext_password="b",
            expiration_time_secs=86_400,
        )
    ],
    "/api/event/updateSharedClipGroupV2": lambda session: [
        session.update_shared_clip_group(
            ONE, title="a", description="b", plaintext_password="c", expiration_time_secs=86_400
        )
    ],
    "/api/event/deleteSharedClipGroupV2": lambda session: [session.delete_shared_clip_group(ONE)],
    "/api/video/spliceV3": lambda session: [
        session.splice([ONE], 1, 5, **SPLICE_OPTIONS),
        session.splice(device_interval_map={ONE: [(1, 5000)]}),
    ],
    "/api/video/cancelSpliceV2": lambda session: [
        session.cancel_splice(ONE, clip_uuid_list=[OTHER], device_uuids=[f"{ONE}.v0"])
    ],
    "/api/video/retrySplice": lambda session: [session.retry_splice(ONE)],
    "/api/video/getMaxSpliceDuration": lambda session: [session.get_max_splice_duration()],
    "/api/event/getSplicedClipsInProgress": lambda session: [
        session.get_spliced_clips_in_progress()
    ],
    "/api/video/getSplicedClipsInProgress": lambda session: [
        session.get_spliced_clips_in_progress()
    ],
}
# The answers to reads that precede a write.
ANSWERS: dict[str, Any] = {
    "/api/event/getSavedClipDetails": {"savedClip": {"uuid": ONE}},
    "/api/event/getClipWithProgress": {"clip": {"uuid": ONE}},
    "/api/event/getSharedClipGroupDetails": {"sharedClipGroup": {"uuid": ONE}},
}
