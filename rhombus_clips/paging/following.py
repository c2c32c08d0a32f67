"""Following the saved clips: each new clip is yielded once, as it appears."""

from collections import deque
from typing import TypeVar, cast

import anyio
from attrs import evolve

from rhombus_clips.calls.caller import local_time_ms, loop_time, service_or_local_time_ms
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.errors import PagingError, RhombusError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.rules.clock import TimeRange
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.paging.saved_clip_walk import ListingOptions, SavedClipWalk, digest_of_clip
from rhombus_clips.watcher import Watch, Watcher

FollowedT_co = TypeVar("FollowedT_co", bound=SavedClip | None, covariant=True)


class SavedClipFollower(Watcher[FollowedT_co]):
    """New clips, as an endless async iterable; see `ClipSession.follow_saved_clips`.

    After a timeout, a cancellation, an error or a ``break``, the next iteration resumes with the
    next clip. A second concurrent iteration raises `RuntimeError`. `aclose` ends an iteration and
    its request. With a heartbeat, it yields None after a period without a new clip.
    """

    def __init__(self, listings: "RepeatedListing", *, heartbeat: float | None = None) -> None:
        # Without a heartbeat, it never yields None.
        super().__init__(cast("Watch[FollowedT_co]", listings), heartbeat=heartbeat)
        self._listings = listings

    def __repr__(self) -> str:
        listings = self._listings
        name = type(self).__name__
        return f"<{name} since={listings.state.since} items={listings.items_yielded}>"

    @property
    def cursor(self) -> str:
        """The position to resume from with another follower, in this process or another.

        It is a string for URLs, which contains a time before which all clips are known, and digests
        of later clips that were already yielded. It is short, except during the first listing of a
        long history.
        """
        return self._listings.state.cursor


class RepeatedListing(Watch[SavedClip | None]):
    """The state of a follower, which lists the saved clips again and again."""

    def __init__(
        self, options: ListingOptions, state: FollowingState, *, times: TimeRange, interval: float
    ) -> None:
        self.state = state
        self.items_yielded: int = 0
        self._options = options
        self._caller = options.caller
        self._times = times
        self._interval = interval
        self._walk: SavedClipWalk | None = None
        """The current listing; None between two listings."""
        self._walk_started = 0.0
        self._page: deque[SavedClip] = deque()
        """The clips of the last page that `take` has not examined yet."""
        self._loop_time_then = loop_time()
        self._age_then = 0
        if state.created_at is not None:
            # Both times are from the same clock, so it does not matter how far off that is.
            self._age_then = max(0, local_time_ms() - state.created_at)
            self._start_by_service_time(state.created_at)

    def take(self) -> SavedClip | None:
        """Return the next new clip of the last page, if any."""
        while self._page:
            clip = self._page.popleft()
            time = self._times.time_of(clip)
            if time is not None and self.state.is_new(digest_of_clip(clip), time):
                self.items_yielded += 1
                return clip
        return None

    def last_state(self) -> None:
        """Return None: there is no new clip."""

    async def advance(self) -> None:
        """Fetch the next page of the current listing, or the first page of another one."""
        try:
            if self._walk is None:
                started = anyio.current_time()
                if self.state.created_at is not None:
                    await self._start_following(self.state.created_at)
                self._walk, self._walk_started = self._walk_from(self.state.since), started
            page = await self._walk.next_page()
        except RhombusError as error:
            if isinstance(error, PagingError):
                self._walk = None  # The same walk might fail again.
            error.cursor = self.state.cursor
            raise
        if page is not None:
            self._page.extend(page.items)
            return
        now = anyio.current_time()
        passed = round(1000 * (now - self._walk_started))
        self.state.listed_all(service_or_local_time_ms(self._caller) - passed)
        self._walk = None
        self.due: float = now + self._interval

    async def _start_following(self, created_at: int) -> None:
        """Start at the time when the follower was created: *created_at* by the local clock."""
        if self._start_by_service_time(created_at):
            return
        # Only the headers of the response are needed, so a clip may fail to decode.
        parameters = {"max_page_size": 1}
        await self._caller.respond(GET_SAVED_CLIPS, parameters, keeps_failed_items=True)
        if self._start_by_service_time(created_at):
            return
        walk, existing = self._walk_from(None), dict[int, int]()
        while (page := await walk.next_page()) is not None:
            for clip in page.items:
                time = self._times.time_of(clip)
                if time is not None:
                    existing[digest_of_clip(clip)] = time
        self.state.start_after(existing, created_at + self._age(created_at))

    def _start_by_service_time(self, created_at: int) -> bool:
        """Start at *created_at* by the service's clock, unless that clock is unknown."""
        service_time = self._caller.service_time_ms()
        if service_time is not None:
            self.state.start_at(service_time - self._age(created_at))
        return service_time is not None

    def _walk_from(self, since: int | None) -> SavedClipWalk:
        return SavedClipWalk(self._options, times=evolve(self._times, since=since))

    def _age(self, created_at: int) -> int:
        """Return the milliseconds since the follower was created."""
        if self._loop_time_then is None:  # It was created before the event loop started.
            return max(0, local_time_ms() - created_at)
        return self._age_then + round(1000 * (anyio.current_time() - self._loop_time_then))
