"""Pagers: async generators over the rules of `protocol.cursor` and `protocol.windows`."""

from rhombus_clips.paging.pager import Pager, PagerStats
from rhombus_clips.paging.saved_clips import SavedClipPager
from rhombus_clips.paging.shared_clip_groups import SharedClipGroupPager

__all__ = ["Pager", "PagerStats", "SavedClipPager", "SharedClipGroupPager"]
