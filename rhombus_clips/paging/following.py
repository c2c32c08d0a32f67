"""Following the saved clips: new ones as they appear, each once."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from time import monotonic, time_ns
from typing import Any

import anyio
from attrs import evolve

from rhombus_clips import codec
from rhombus_clips.calls import Caller, service_or_local_time_ms
from rhombus_clips.concurrency import Waiting, relayed
from rhombus_clips.errors import RhombusError
from rhombus_clips.models import SavedClip
from rhombus_clips.paging.claim import Resumable
from rhombus_clips.paging.saved_clips import SavedClipPager
from rhombus_clips.protocol.appearing import Appearing
from rhombus_clips.protocol.clock import TimeRange
from rhombus_clips.protocol.endpoints import GET_SAVED_CLIPS


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
        if appearing.made is not None:
            # Two moments of one clock: it does not matter how far off that is.
            passed = max(0, time_ns() // 1_000_000 - appearing.made)
            self._made_at = monotonic() - passed / 1000
            if caller.service_time_ms() is not None:
                self._begin()
        self._times = times
        self._interval = interval

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
        begun = monotonic()
        try:
            if self._appearing.made is not None:
                if self._caller.service_time_ms() is None:
                    await self._caller.decoded_by(_nothing, GET_SAVED_CLIPS, {"max_page_size": 1})
                self._begin()
            listing = self._list(evolve(self._times, since=self._appearing.since))
            async with aclosing(aiter(listing)) as clips:
                async for clip in clips:
                    time = self._times.time_of(clip)
                    if time is not None and self._appearing.is_new(_name(clip), time):
                        yield clip
        except RhombusError as error:
            error.cursor = self.cursor
            raise
        self._appearing.listed_all(self._service_time_at(begun))

    def _begin(self) -> None:
        """Begin at the moment at which the follower was made."""
        self._appearing.begin(self._service_time_at(self._made_at))

    def _service_time_at(self, moment: float) -> int:
        """What the service's clock said at a moment of `time.monotonic`."""
        return service_or_local_time_ms(self._caller) - round(1000 * (monotonic() - moment))


def _nothing(_document: codec.Document) -> Generator[None, None, None]:
    """Decode nothing: the answer is wanted for its headers."""
    yield from ()


def _name(clip: SavedClip) -> str:
    """What tells a clip from others: its uuid, or a hash of all that it says."""
    if clip.uuid is not None:
        return clip.uuid
    return hashlib.sha256(codec.dumps(clip)).hexdigest()
