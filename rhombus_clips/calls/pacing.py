"""When a request may start: after the session-wide pause, and within the client-side rate.

A request also has to have a connection to go out on at once: one that queued for a connection
inside of aiohttp would leave whenever one comes free, in the middle of a pause too. And after a
refusal fewer requests are let out at once, half of what was under way, growing again by one with
each round that is answered: whatever is on its way when the budget runs dry is refused as well.
"""

import asyncio
import math
import random
from collections.abc import Awaitable

from rhombus_clips.calls.rate import TokenBucket
from rhombus_clips.calls.retry import RateLimit
from rhombus_clips.errors import DeadlineExceededError, RateLimitedError, SessionClosedError

# Callers that a pause held up start again spread over so many seconds, not all at once.
_SPREAD = 0.25

# For so many seconds after a pause there is little use in more requests side by side.
_OF_LATE = 3.0

_NEVER = -math.inf


class Pause:
    """A time in which no request starts, because the service asked for that.

    It is measured with the clock of the event loop, which also ends the waits. Another clock could
    stand still meanwhile, as those of the `time` module do in a frozen test.
    """

    def __init__(self) -> None:
        self._until = _NEVER
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    @property
    def is_on(self) -> bool:
        """Whether no request may start now."""
        # Most sessions never pause, and need not read the clock for each call.
        return self._until != _NEVER and self._until > _now()

    def ended_within(self, seconds: float) -> bool:
        """Whether a pause is on, or ended less than *seconds* ago."""
        return self._until != _NEVER and _now() < self._until + seconds

    def begin(self, seconds: float) -> None:
        """Let no request start for *seconds* from now; a longer pause that is on stays."""
        self._until = max(self._until, _now() + seconds)

    def delay(self) -> float:
        """How long to wait before a request may start, in seconds; 0 when no pause is on.

        Two callers get different answers, so that they do not start again in one instant.
        """
        left = self._until - _now()
        return left + random.uniform(0, _SPREAD) if left > 0 else 0.0

    async def wait(self) -> None:
        """Wait until no pause is on. Raises `SessionClosedError` when the session is closed."""
        while delay := self.delay():
            await self.sleep(delay)

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*, or until the session is closed: then it raises `SessionClosedError`."""
        await _in_time(self._closed.wait(), _now() + seconds)
        self.refuse_if_closed()

    def refuse_if_closed(self) -> None:
        """Raise `SessionClosedError` if the session is closed."""
        if self.is_closed:
            raise SessionClosedError("the session was closed while a request waited")

    def close(self) -> None:
        """End every wait."""
        self._closed.set()


class Pacing:
    """One per session: the rate budget belongs to a whole organization, so all calls share it."""

    def __init__(self, rate: RateLimit | None, *, connections: float) -> None:
        self._bucket = None if rate is None else TokenBucket(rate)
        self._connections = connections
        self._at_once = connections
        self._in_flight = 0
        self._queue = asyncio.Lock()
        self._answered = asyncio.Event()
        self._pause = Pause()

    def begin_pause(self, seconds: float) -> None:
        """Let no request start for *seconds* from now; a longer pause that is on stays."""
        if not self._pause.is_on:
            self._at_once = max(1.0, min(self._at_once, self._in_flight + 1) / 2)
        self._pause.begin(seconds)

    def delay(self) -> float:
        """As `Pause.delay`."""
        return self._pause.delay()

    @property
    def is_budget_spent(self) -> bool:
        """Whether the service refused something of late, or a request would have to wait."""
        return self._pause.ended_within(_OF_LATE) or self._seconds_to_wait() > 0

    def try_admit(self) -> bool:
        """Start a request if nothing holds it up, which is as good as being admitted."""
        if self._pause.is_on or self._queue.locked() or self._seconds_to_wait() > 0:
            return False
        self._in_flight += 1
        if self._bucket is not None:
            self._bucket.start()
        return True

    async def admit(self, deadline: float) -> None:
        """Wait until a request may start, at most until *deadline* on the event loop's clock.

        Whoever was admitted has to call `finished` when the request was answered or failed.
        Raises `RateLimitedError` at once when the pause lasts beyond the deadline, and
        `DeadlineExceededError` when the connections or the client-side rate leave no room.
        """
        await self._wait_out_pause(deadline)
        if not self.try_admit() and not await _in_time(self._take_turn(), deadline):
            raise DeadlineExceededError(
                "all connections were busy, or the client-side rate left no room"
            )
        try:
            await self._wait_out_pause(deadline)
        except BaseException:  # A cancellation too must not keep the token.
            self.finished()
            raise

    def pause(self) -> Awaitable[None] | None:
        """What to wait for until no pause is on; None when none is."""
        return self._pause.wait() if self._pause.is_on else None

    async def sleep(self, seconds: float) -> None:
        """As `Pause.sleep`."""
        await self._pause.sleep(seconds)

    def close(self) -> None:
        """End every wait."""
        self._pause.close()
        self._answered.set()

    def finished(self) -> None:
        """Say that a request that was admitted is over."""
        self._in_flight -= 1
        if self._at_once < self._connections and not self._pause.is_on:
            self._at_once = min(self._connections, self._at_once + 1 / self._at_once)
        if self._bucket is not None:
            self._bucket.finish(_now())
        self._answered.set()

    def _seconds_to_wait(self) -> float:
        """How long until a request may start; infinite until one in flight is answered."""
        if self._in_flight + 1 > self._at_once:
            return math.inf
        return self._bucket.seconds_to_wait(_now()) if self._bucket else 0.0

    async def _take_turn(self) -> None:
        async with self._queue:  # First come, first served.
            while seconds := self._seconds_to_wait():
                self._pause.refuse_if_closed()
                if math.isinf(seconds):
                    self._answered.clear()
                    await self._answered.wait()
                else:
                    await self.sleep(seconds)
            self._in_flight += 1
            if self._bucket is not None:
                self._bucket.start()

    async def _wait_out_pause(self, deadline: float) -> None:
        while delay := self.delay():
            left = deadline - _now()
            if delay > left:
                raise RateLimitedError(
                    f"the session pauses for another {delay:.1f} s because the service asked for"
                    f" it, which is longer than the {max(left, 0):.1f} s that the call has left",
                    status=429,
                    retry_after=delay,
                )
            await self.sleep(delay)
        if _now() >= deadline:
            raise DeadlineExceededError("no time was left to send the request")


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _in_time(work: Awaitable[object], deadline: float) -> bool:
    """Await *work* until *deadline* at most; whether it ended by then."""
    timeout = asyncio.timeout_at(deadline)
    try:
        async with timeout:
            await work
    except TimeoutError:
        if not timeout.expired():
            raise
        return False
    return True
