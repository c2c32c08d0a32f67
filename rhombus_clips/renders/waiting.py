"""Waiting for clips that come one by one: all of them are watched together."""

import asyncio
from collections import deque

import anyio

from rhombus_clips.calls.retry import concerns_every_call
from rhombus_clips.errors import RhombusError
from rhombus_clips.models import ClipWithProgress
from rhombus_clips.renders.polling import Polling, Watched, has_failed
from rhombus_clips.renders.watching import GetClip, ListClips, Looks, failure_of, out_of_time

Ended = tuple[str, ClipWithProgress | RhombusError]
"""A clip's uuid, and the clip, complete, or why it is waited for no longer."""


class WaitingRoom:
    """Waits for clips until they are complete, each for *deadline* seconds from when it came.

    `run` looks at those that are there, round by round, while others `add` clips and iterate over
    what became of them. Both end once `close` was called and nobody waits any more.
    """

    def __init__(
        self, get_clip: GetClip, list_clips: ListClips, polling: Polling, *, deadline: float
    ) -> None:
        self._looks = Looks(get_clip, list_clips, self._note)
        self._polling = polling
        self._deadline = deadline
        self._waiting: dict[str, Watched] = {}
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._ended: deque[Ended] = deque()
        self._is_closed = False
        self._has_moved = False
        self._somebody = asyncio.Event()
        """Set when somebody has come since the last round of looks."""
        self._ended_or_over = asyncio.Event()
        self._scope = anyio.CancelScope()

    def add(self, clip_uuid: str) -> None:
        """Wait for that clip, too; it is looked at within the interval of the polling."""
        self._waiting[clip_uuid] = Watched(clip_uuid, self._polling)
        loop = asyncio.get_running_loop()
        # A timer: a round of looks may take longer than what is left of the deadline.
        self._alarms[clip_uuid] = loop.call_later(self._deadline, self._give_up, clip_uuid)
        self._somebody.set()

    def close(self) -> None:
        """Say that no more clips come."""
        self._is_closed = True
        self._wake()

    async def run(self) -> None:
        """Look at those that wait, round by round.

        Raises what any other clip would meet, too.
        """
        try:
            # A look that nobody waits for any more is given up with the scope.
            with self._scope:
                if not self._is_over:
                    await self._look_on()
        finally:
            for alarm in self._alarms.values():
                alarm.cancel()

    async def _look_on(self) -> None:
        wait = 0.0
        while True:
            if not self._waiting:
                await self._somebody.wait()
            if self._somebody.is_set():
                wait = 0.0
            self._somebody.clear()
            self._has_moved = False
            begun = anyio.current_time()
            await self._looks.all_of(self._waiting)
            wait = self._polling.next_interval(wait, moved=self._has_moved)
            # Many clips that no list has take many requests: they get half of the time at most.
            await self._pause(max(wait, min(anyio.current_time() - begun, self._polling.slowest)))

    def __aiter__(self) -> "WaitingRoom":
        return self

    async def __anext__(self) -> Ended:
        """The next clip whose wait is over."""
        while not self._ended:
            if self._is_over:
                raise StopAsyncIteration
            self._ended_or_over.clear()
            await self._ended_or_over.wait()
        return self._ended.popleft()

    @property
    def _is_over(self) -> bool:
        return self._is_closed and not self._waiting

    async def _pause(self, seconds: float) -> None:
        """Wait *seconds*, but only the interval of the polling when somebody comes meanwhile."""
        begun = anyio.current_time()
        with anyio.move_on_after(seconds):
            await self._somebody.wait()
            await anyio.sleep(max(0.0, begun + self._polling.interval - anyio.current_time()))

    def _note(self, watch: Watched, changed: bool, error: RhombusError | None) -> None:  # noqa: FBT001  # as a Callable is typed
        if watch.uuid not in self._waiting:
            return  # Its time ran out during the look.
        self._has_moved |= changed
        clip = watch.clip
        if error is not None:
            if concerns_every_call(error):
                raise error
            self._end(watch.uuid, error)
        elif clip is not None and has_failed(clip):
            self._end(watch.uuid, failure_of(clip))
        elif clip is not None and clip.is_complete:
            self._end(watch.uuid, clip)

    def _give_up(self, clip_uuid: str) -> None:
        self._end(clip_uuid, out_of_time(self._deadline, self._waiting[clip_uuid]))

    def _end(self, clip_uuid: str, outcome: ClipWithProgress | RhombusError) -> None:
        del self._waiting[clip_uuid]
        self._alarms.pop(clip_uuid).cancel()
        self._ended.append((clip_uuid, outcome))
        self._wake()

    def _wake(self) -> None:
        self._ended_or_over.set()
        if self._is_over:
            self._scope.cancel()
