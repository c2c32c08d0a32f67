"""The pager of the shared clip groups, which lists windows of their creation time."""

from collections import Counter, deque
from collections.abc import Hashable, Iterator

from attrs import define, field

from rhombus_clips import codec
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_SHARED_CLIP_GROUPS
from rhombus_clips.models import SharedClipGroup, SharedClipGroupPage
from rhombus_clips.paging.pager import Pager, PagerStats, PendingPage
from rhombus_clips.paging.rules.windows import Window


class SharedClipGroupPager(Pager[SharedClipGroup, SharedClipGroupPage, int]):
    """Every shared clip group, once; see `ClipSession.shared_clip_groups`.

    `cursor` is the time before which the groups of the remaining windows were created.
    """

    _list_name = "shared_clip_groups"


@define(eq=False)
class SharedClipGroupWalk:
    """A walk through the shared clip groups, window by window."""

    caller: Caller
    windows: Iterator[Window]
    """The windows of creation time, newest first."""
    position: int | None
    """The end of the next window, in epoch milliseconds; None if it has no end."""
    stats: PagerStats = field(init=False, factory=PagerStats)
    _window: Window | None = field(init=False)
    _timeless: Counter[Hashable] = field(init=False, factory=Counter[Hashable])

    def __attrs_post_init__(self) -> None:
        self._window = next(self.windows, None)

    async def next_page(self) -> PendingPage[SharedClipGroup, SharedClipGroupPage, int] | None:
        """Fetch the next window; None after the last. After an error, the next call retries it."""
        window = self._window
        if window is None:
            return None
        self.stats.requests += 1
        page = await self.caller(GET_SHARED_CLIP_GROUPS, window.parameters)
        groups = self._new(page.shared_clip_groups, window)
        self._window = next(self.windows, None)
        self.position = window.start
        return PendingPage(groups, page, window.start)

    def _new(self, groups: list[SharedClipGroup], window: Window) -> deque[SharedClipGroup]:
        """Return the groups of *window*, and those without a creation time that are new.

        The service may repeat groups without a creation time in each window. Those without a uuid
        are distinguished only by their content and count.
        """
        counts: Counter[Hashable] = Counter()
        new: deque[SharedClipGroup] = deque()
        for group in groups:
            time = group.created_at_millis
            if time is not None and time not in window:
                continue
            key = group.uuid if group.uuid is not None else codec.dumps(group)
            counts[key] += 1
            is_known = time is None and counts[key] <= self._timeless[key]
            if is_known or (group.uuid is not None and counts[key] > 1):
                self.stats.duplicates += 1
            else:
                new.append(group)
                if time is None:
                    self._timeless[key] = counts[key]
        return new
