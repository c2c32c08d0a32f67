"""Listings: pagers, prefetching, concurrent listing by time windows, and following new clips."""

from rhombus_clips.paging.clips_with_progress import ClipWithProgressPager
from rhombus_clips.paging.following import SavedClipFollower
from rhombus_clips.paging.pager import Pager, PagerStats
from rhombus_clips.paging.rules.clock import ClipTime
from rhombus_clips.paging.saved_clip_walk import OnDecodeError
from rhombus_clips.paging.saved_clips import SavedClipPager
from rhombus_clips.paging.shared_clip_groups import SharedClipGroupPager

__all__ = [
    "ClipTime",
    "ClipWithProgressPager",
    "OnDecodeError",
    "Pager",
    "PagerStats",
    "SavedClipFollower",
    "SavedClipPager",
    "SharedClipGroupPager",
]
