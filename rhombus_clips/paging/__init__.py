"""Pagers: async generators over the rules of `protocol.cursor` and `protocol.windows`."""

from rhombus_clips.paging.clips_with_progress import ClipWithProgressPager
from rhombus_clips.paging.following import SavedClipFollower
from rhombus_clips.paging.pager import Pager, PagerStats
from rhombus_clips.paging.saved_clips import SavedClipPager
from rhombus_clips.paging.shared_clip_groups import SharedClipGroupPager

__all__ = [
    "ClipWithProgressPager",
    "Pager",
    "PagerStats",
    "SavedClipFollower",
    "SavedClipPager",
    "SharedClipGroupPager",
]
