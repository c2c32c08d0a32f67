"""Following the saved clips: each new clip is yielded once, as it appears."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
from attrs import evolve

from rhombus_clips.calls.caller import local_time_ms, loop_time, service_or_local_time_ms
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.concurrency import Waiting, relayed
from rhombus_clips.errors import RhombusError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.pager import Resumable
from rhombus_clips.paging.rules.clock import TimeRange
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.paging.saved_clip_walk import ListingOptions, SavedClipWalk, digest_of_clip


class SavedClipFollower(Resumable[SavedClip]):
    """New clips, as an endless async iterable; see `ClipSession.follow_saved_clips`.

    After an error or a ``break``, the next iteration resumes with the next clip.
    """

    def __init__(
        self, options: ListingOptions, state: FollowingState, *, times: TimeRange, interval: float
    ) -> None:
        super().__init__()
        self._options = options
        self._caller = options.caller
        self._state = state
        self._times = times
        self._interval = interval
        self._items_yielded = 0
        self._loop_time_then = loop_time()
        self._age_then = 0
        if state.created_at is not None:
            # Both times are from the same clock, so it does not matter how far off that is.
            self._age_then = max(0, local_time_ms() - state.created_at)
            self._start_by_service_time(state.created_at)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} since={self._state.since} items={self._items_yielded}>"

    @property
    def cursor(self) -> str:
        """The position to resume from with another follower, in this process or another.

        It is a string for URLs, which contains a time before which all clips are known, and digests
        of later clips that were already yielded. It is short, except during the first listing of a
        long history.
        """
        return self._state.cursor

    def _items(self, waiting: Waiting) -> AsyncGenerator[SavedClip, None]:
        return relayed(waiting, self._new_clips())

    async def _new_clips(self) -> AsyncGenerator[SavedClip, Any]:
        while True:
            started = anyio.current_time()
            try:
                if self._state.created_at is not None:
                    await self._start_following(self._state.created_at)
                async with aclosing(self._listed(self._state.since)) as clips:
                    async for clip, digest, time in clips:
                        if self._state.is_new(digest, time):
                            self._items_yielded += 1
                            yield clip
            except RhombusError as error:
                error.cursor = self.cursor
                raise
            passed = round(1000 * (anyio.current_time() - started))
            self._state.listed_all(service_or_local_time_ms(self._caller) - passed)
            await anyio.sleep(self._interval)

    async def _start_following(self, created_at: int) -> None:
        """Start at the time when the follower was created: *created_at* by the local clock."""
        if self._start_by_service_time(created_at):
            return
        # Only the headers of the response are needed, so a clip may fail to decode.
        parameters = {"max_page_size": 1}
        await self._caller.respond(GET_SAVED_CLIPS, parameters, keeps_failed_items=True)
        if self._start_by_service_time(created_at):
            return
        async with aclosing(self._listed(None)) as clips:
            existing = {digest: time async for _, digest, time in clips}
        self._state.start_after(existing, created_at + self._age(created_at))

    def _start_by_service_time(self, created_at: int) -> bool:
        """Start at *created_at* by the service's clock, unless that clock is unknown."""
        service_time = self._caller.service_time_ms()
        if service_time is not None:
            self._state.start_at(service_time - self._age(created_at))
        return service_time is not None

    async def _listed(self, since: int | None) -> AsyncGenerator[tuple[SavedClip, int, int], None]:
        """List the clips that have a time, each with its digest and its time."""
        walk = SavedClipWalk(self._options, times=evolve(self._times, since=since))
        while (page := await walk.next_page()) is not None:
            for clip in page.items:
                time = self._times.time_of(clip)
                if time is not None:
                    yield clip, digest_of_clip(clip), time

    def _age(self, created_at: int) -> int:
        """Return the milliseconds since the follower was created."""
        if self._loop_time_then is None:  # It was created before the event loop started.
            return max(0, local_time_ms() - created_at)
        return self._age_then + round(1000 * (anyio.current_time() - self._loop_time_then))
