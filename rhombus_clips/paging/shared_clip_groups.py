"""The pager of the shared clip groups, which lists windows of their creation time."""

from collections import deque
from collections.abc import Iterator

from attrs import define, field

from rhombus_clips.calls.caller import Caller, service_or_local_time_ms
from rhombus_clips.calls.endpoints import GET_SHARED_CLIP_GROUPS
from rhombus_clips.codec import dumps
from rhombus_clips.models import SharedClipGroup, SharedClipGroupPage
from rhombus_clips.paging.pager import Pager, PagerStats, PendingPage
from rhombus_clips.paging.rules.cursor_text import Listed, digest_of
from rhombus_clips.paging.rules.windows import DatedItem, Window, WindowPosition, take_window


class SharedClipGroupPager(Pager[SharedClipGroup, SharedClipGroupPage]):
    """Every shared clip group, once; see `ClipSession.shared_clip_groups`."""

    _list_name = "shared_clip_groups"


@define(eq=False)
class SharedClipGroupWalk:
    """A walk through the shared clip groups, window by window."""

    caller: Caller
    listed: Listed
    """The listing that the cursors of this walk belong to."""
    start: WindowPosition
    """The position to start from."""
    created_after: int | None
    """The time of the oldest group, in epoch milliseconds; None for no bound."""
    length: int | None
    """The length of a window in milliseconds; None for one window."""
    stats: PagerStats = field(init=False, factory=PagerStats)
    _position: WindowPosition | None = field(init=False)
    _windows: Iterator[Window] = field(init=False)
    _window: Window | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._position = self.start
        self._windows = Window(self.created_after, self.start.end).split(
            self.length, now=service_or_local_time_ms(self.caller)
        )
        self._window = next(self._windows, None)

    @property
    def start_cursor(self) -> str:
        """The cursor that the walk starts from."""
        return self.start.to_cursor(self.listed)

    async def next_page(self) -> PendingPage[SharedClipGroup, SharedClipGroupPage] | None:
        """Fetch the next window; None after the last. After an error, the next call retries it."""
        window, position = self._window, self._position
        if window is None or position is None:
            return None
        self.stats.requests += 1
        page = await self.caller(GET_SHARED_CLIP_GROUPS, window.parameters)
        groups = page.shared_clip_groups
        following = next(self._windows, None)
        items = [_dated(group) for group in groups]
        taken = take_window(items, window, position, is_last=following is None)
        in_window = sum(item.time is None or item.time in window for item in items)
        self.stats.duplicates += in_window - len(taken.new_indexes)
        self._window, self._position = following, taken.after

        def cursor_after(yielded: int) -> str | None:
            position = taken.position(yielded)
            return None if position is None else position.to_cursor(self.listed)

        new = deque(groups[index] for index in taken.new_indexes)
        return PendingPage(new, page, cursor_after, is_last=taken.after is None)


def _dated(group: SharedClipGroup) -> DatedItem:
    identity = dumps(group) if group.uuid is None else group.uuid
    return DatedItem(digest_of(identity), group.created_at_millis, group.uuid is not None)
