"""The pager of the shared clip groups, over windows of their creation time."""

from collections import Counter, deque
from collections.abc import Hashable, Iterator

from attrs import evolve

from rhombus_clips import codec
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_SHARED_CLIP_GROUPS
from rhombus_clips.models import SharedClipGroup, SharedClipGroupPage
from rhombus_clips.paging.pager import Batch, Pager
from rhombus_clips.paging.rules.windows import Window


class SharedClipGroupPager(Pager[SharedClipGroup, SharedClipGroupPage, int]):
    """Every shared clip group, once; see `ClipSession.shared_clip_groups`.

    `cursor` is the ``created_before`` with which another pager would go on.
    """

    def __init__(self, caller: Caller, *, windows: Iterator[Window], cursor: int | None) -> None:
        super().__init__(cursor=cursor, limit=None)
        self._caller = caller
        self._windows = windows
        self._window = next(windows, None)
        self._timeless: Counter[Hashable] = Counter()

    async def _fetch(self) -> Batch[SharedClipGroup, SharedClipGroupPage, int] | None:
        while (window := self._window) is not None:
            self.stats.requests += 1
            page = await self._caller(
                GET_SHARED_CLIP_GROUPS,
                {
                    "created_after_ms": window.asked_after,
                    "created_before_ms": window.asked_before,
                },
            )
            groups = self._fresh(page.shared_clip_groups, window)
            self._window = next(self._windows, None)
            if groups:
                return Batch(groups, page, window.start)
            # Unless there are groups of later windows, still to be handed out.
            if not self._batches:
                self._cursor = window.start
        return None

    def _fresh(self, groups: list[SharedClipGroup], window: Window) -> deque[SharedClipGroup]:
        """Those of *groups* that belong to *window*, and those of no time that are new."""
        listed: Counter[Hashable] = Counter()
        timeless: Counter[Hashable] = Counter()
        fresh: deque[SharedClipGroup] = deque()
        for group in groups:
            if group.created_at_millis is not None and group.created_at_millis not in window:
                continue
            key = group.uuid if group.uuid is not None else codec.dumps(group)
            listed[key] += 1
            known = 0
            if group.created_at_millis is None:
                timeless[key] += 1
                known = self._timeless[key]
            if listed[key] <= known or (group.uuid is not None and listed[key] > 1):
                self.stats.duplicates += 1
            else:
                fresh.append(group)
        self._timeless |= timeless
        return fresh

    def _items_of(self, page: SharedClipGroupPage) -> list[SharedClipGroup]:
        return page.shared_clip_groups

    def _with_items(
        self, page: SharedClipGroupPage, items: list[SharedClipGroup]
    ) -> SharedClipGroupPage:
        return evolve(page, shared_clip_groups=items)
