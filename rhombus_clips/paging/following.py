"""Following the saved clips: new ones as they appear, each once."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import anyio
from attrs import evolve

from rhombus_clips.calls.caller import Caller, local_time_ms, loop_time, service_or_local_time_ms
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.codec import dumps
from rhombus_clips.concurrency import Waiting, relayed
from rhombus_clips.errors import RhombusError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.claim import Resumable
from rhombus_clips.paging.rules.appearing import Appearing
from rhombus_clips.paging.rules.clock import TimeRange
from rhombus_clips.paging.saved_clips import SavedClipPager


class SavedClipFollower(Resumable[SavedClip]):
    """New clips, as an async iterable that does not end; see `ClipSession.follow_saved_clips`.

    After an error or a ``break``, iterating again goes on with the next clip.
    """

    def __init__(
        self,
        caller: Caller,
        list_: Callable[[TimeRange], SavedClipPager],
        appearing: Appearing,
        *,
        times: TimeRange,
        interval: float,
    ) -> None:
        super().__init__("follower")
        self._caller = caller
        self._list = list_
        self._appearing = appearing
        self._times = times
        self._interval = interval
        self._loop_time_then = loop_time()
        self._age_then = 0
        if appearing.made is not None:
            # Two moments of one clock: it does not matter how far off that is.
            self._age_then = max(0, local_time_ms() - appearing.made)
            service_time = caller.service_time_ms()
            if service_time is not None:
                appearing.begin(service_time - self._age_then)

    @property
    def cursor(self) -> str:
        """Where another follower would go on, in this process or in another; of a few bytes.

        It holds the time up to which all is known, and the uuids of the clips behind it that were
        handed out already. The first listing of a long past makes it longer until it is through.
        """
        return self._appearing.cursor

    def _iterated(self, waiting: Waiting) -> AsyncGenerator[SavedClip, None]:
        return relayed(waiting, self._all_new_clips())

    async def _all_new_clips(self) -> AsyncGenerator[SavedClip, None]:
        while True:
            async with aclosing(self._new_clips()) as clips:
                async for clip in clips:
                    yield clip
            await anyio.sleep(self._interval)

    async def _new_clips(self) -> AsyncGenerator[SavedClip, Any]:
        """What one listing has that was not handed out."""
        begun = anyio.current_time()
        try:
            if self._appearing.made is not None:
                await self._begin(self._appearing.made)
            listing = self._list(evolve(self._times, since=self._appearing.since))
            async with aclosing(aiter(listing)) as clips:
                async for clip in clips:
                    time = self._times.time_of(clip)
                    if time is not None and self._appearing.is_new(_name(clip), time):
                        yield clip
        except RhombusError as error:
            error.cursor = self.cursor
            raise
        passed = round(1000 * (anyio.current_time() - begun))
        self._appearing.listed_all(service_or_local_time_ms(self._caller) - passed)

    async def _begin(self, made: int) -> None:
        """Begin at the moment at which the follower was made; by the local clock that is *made*."""
        if self._caller.service_time_ms() is None:
            # For the response's headers, whatever its clip is like.
            parameters = {"max_page_size": 1}
            await self._caller.respond(GET_SAVED_CLIPS, parameters, keeps_failed_items=True)
        service_time = self._caller.service_time_ms()
        if service_time is not None:
            self._appearing.begin(service_time - self._age(made))
            return
        there: dict[str, int] = {}
        async with aclosing(aiter(self._list(self._times))) as clips:
            async for clip in clips:
                time = self._times.time_of(clip)
                if time is not None:
                    there[_name(clip)] = time
        self._appearing.begin_after(there, made + self._age(made))

    def _age(self, made: int) -> int:
        """How long ago the follower was made, in milliseconds."""
        if self._loop_time_then is None:  # It was made before there was an event loop.
            return max(0, local_time_ms() - made)
        return self._age_then + round(1000 * (anyio.current_time() - self._loop_time_then))


def _name(clip: SavedClip) -> str:
    """What tells a clip from others: its uuid, or a hash of all that it says."""
    if clip.uuid is not None:
        return clip.uuid
    return hashlib.sha256(dumps(clip)).hexdigest()
