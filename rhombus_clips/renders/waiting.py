"""Waiting for clips that are added one by one and polled together."""

import asyncio

import anyio

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.retry import concerns_every_call
from rhombus_clips.errors import RhombusError
from rhombus_clips.renders.polling import Polling, WatchedClip
from rhombus_clips.renders.watching import ClipPoller, Outcome, timed_out

Ended = tuple[str, Outcome]
"""A clip's uuid, and the outcome of its wait."""


class WaitingRoom:
    """Waits for clips until they are complete, each for at most *timeout* seconds.

    `run` polls the waiting clips, round by round, while other tasks `add` clips and iterate over
    the ended ones. Both end once `close` has been called and no clip is waiting.
    """

    def __init__(self, call: Caller, polling: Polling, *, timeout: float) -> None:
        self._poller = ClipPoller(call, self._record)
        self._polling = polling
        self._timeout = timeout
        self._waiting: dict[str, WatchedClip] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ended: asyncio.Queue[Ended | None] = asyncio.Queue()
        """The ended clips, and None at the end."""
        self._is_closed = False
        self._has_moved = False
        self._added = asyncio.Event()
        """Set when a clip was added since the last round."""
        self._scope = anyio.CancelScope()

    def add(self, clip_uuid: str) -> None:
        """Add a clip. It is first polled within the interval of the polling."""
        self._waiting[clip_uuid] = WatchedClip(clip_uuid, self._polling)
        # A timer, because a round may take longer than the rest of the timeout.
        loop = asyncio.get_running_loop()
        self._timers[clip_uuid] = loop.call_later(self._timeout, self._time_out, clip_uuid)
        self._added.set()

    def close(self) -> None:
        """Declare that no more clips will be added."""
        self._is_closed = True
        self._end_if_over()

    async def run(self) -> None:
        """Poll the waiting clips, round by round. Raises errors that concern every clip."""
        wait = 0.0
        try:
            # The scope also cancels a poll that no clip needs anymore.
            with self._scope:
                while True:
                    if not self._waiting:
                        await self._added.wait()
                    if self._added.is_set():
                        wait = 0.0
                    self._added.clear()
                    self._has_moved = False
                    started = anyio.current_time()
                    await self._poller.poll(self._waiting)
                    wait = self._polling.next_interval(wait, moved=self._has_moved)
                    # Many unlisted clips take many requests, so leave half of the time to other
                    # calls.
                    took = anyio.current_time() - started
                    await self._pause(max(wait, min(took, self._polling.max_interval)))
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def __aiter__(self) -> "WaitingRoom":
        return self

    async def __anext__(self) -> Ended:
        """Return the next clip whose wait has ended."""
        ended = await self._ended.get()
        if ended is None:
            self._ended.put_nowait(None)  # For the next call.
            raise StopAsyncIteration
        return ended

    async def _pause(self, seconds: float) -> None:
        """Wait *seconds*, or only the interval of the polling if a clip is added meanwhile."""
        started = anyio.current_time()
        with anyio.move_on_after(seconds):
            await self._added.wait()
            await anyio.sleep(max(0.0, started + self._polling.interval - anyio.current_time()))

    def _record(self, watch: WatchedClip, changed: bool, outcome: Outcome | None) -> None:  # noqa: FBT001  # OnPoll has no keywords
        if watch.uuid not in self._waiting:
            return  # It timed out during the poll.
        if isinstance(outcome, RhombusError) and concerns_every_call(outcome):
            raise outcome
        self._has_moved |= changed
        if outcome is not None:
            self._end(watch.uuid, outcome)

    def _time_out(self, clip_uuid: str) -> None:
        self._end(clip_uuid, timed_out(self._timeout, self._waiting[clip_uuid]))

    def _end(self, clip_uuid: str, outcome: Outcome) -> None:
        del self._waiting[clip_uuid]
        self._timers.pop(clip_uuid).cancel()
        self._ended.put_nowait((clip_uuid, outcome))
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._is_closed and not self._waiting:
            self._ended.put_nowait(None)
            self._scope.cancel()
