"""Pacing of a session: when a request may start, and how long decoding may block the event loop.

A request starts after the session-wide pause, within the client-side rate, and only if a connection
is free. If it queued for a connection inside aiohttp, it would be sent as soon as one became free,
even during a pause. A refusal halves the number of concurrent requests, because the requests that
are in flight when the budget runs out are refused as well. The number then grows by one with each
round of answered requests.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable

from rhombus_clips.calls.rate import TokenBucket
from rhombus_clips.calls.retry import RateLimit
from rhombus_clips.errors import DeadlineExceededError, RateLimitedError, SessionClosedError

# After a pause, the waiting calls resume over a period of this many seconds, not all at once.
_SPREAD = 0.25

# For this many seconds after a pause, more concurrency gains little.
_RECENTLY = 3.0

_NEVER = -math.inf

# The time for decoding in each turn of the event loop, short enough to keep a backend responsive.
_SECONDS_PER_TURN = 0.005
_SMOOTHING = 0.2


class Pause:
    """A period during which no request starts, because the service asked for it.

    It is measured with the event loop's clock, which also ends the waits. Other clocks may be
    stopped, such as those of the `time` module in a test that freezes time.
    """

    def __init__(self) -> None:
        self._until = _NEVER
        self._closed = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """True while no request may start."""
        # Most sessions never pause and need not read the clock for each call.
        return self._until != _NEVER and self._until > _now()

    def ended_within(self, seconds: float) -> bool:
        """Return whether a pause is in effect, or ended less than *seconds* ago."""
        return self._until != _NEVER and _now() < self._until + seconds

    def begin(self, seconds: float) -> None:
        """Pause for *seconds* from now, or until the end of the current pause if that is later."""
        self._until = max(self._until, _now() + seconds)

    def delay(self) -> float:
        """Return the seconds to wait before a request may start; 0 if no pause is in effect.

        Callers get different values, so that they do not all start at the same time.
        """
        left = self._until - _now()
        return left + random.uniform(0, _SPREAD) if left > 0 else 0.0

    async def wait(self, deadline: float = math.inf) -> None:
        """Wait for the end of any pause. Raises `SessionClosedError` if the session is closed.

        Raises `RateLimitedError` as soon as the pause lasts beyond *deadline*, on the event loop's
        clock.
        """
        while delay := self.delay():
            refuse_beyond(delay, deadline)
            await self.sleep(delay)

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*. Raises `SessionClosedError` as soon as the session is closed."""
        await _in_time(self._closed.wait(), _now() + seconds)
        self.refuse_if_closed()

    def refuse_if_closed(self) -> None:
        """Raise `SessionClosedError` if the session is closed."""
        if self._closed.is_set():
            raise SessionClosedError("the session was closed while a request waited")

    def close(self) -> None:
        """End all waits."""
        self._closed.set()


class Pacing:
    """Admits the requests of a session, whose calls share the budget of one organization."""

    def __init__(self, rate: RateLimit | None, *, connections: float) -> None:
        self._bucket = None if rate is None else TokenBucket(rate)
        self._connections = connections
        self._most_in_flight = connections
        self._in_flight = 0
        self._queue = asyncio.Lock()
        self._queued = 0
        self._answered = asyncio.Event()
        self.pause: Pause = Pause()

    def begin_pause(self, seconds: float) -> None:
        """Pause all requests for *seconds* from now, as `Pause.begin` does."""
        if not self.pause.is_on:
            self._most_in_flight = max(1.0, min(self._most_in_flight, self._in_flight + 1) / 2)
        self.pause.begin(seconds)
        # The first call in the queue checks its deadline, and then the next one.
        self._answered.set()

    @property
    def is_budget_spent(self) -> bool:
        """True if the service recently refused a request, or a request would have to wait."""
        return self.pause.ended_within(_RECENTLY) or self._seconds_to_wait() > 0

    def try_admit(self) -> bool:
        """Admit a request if it need not wait; return whether it was admitted."""
        if self.pause.is_on or self._queued or self._seconds_to_wait() > 0:
            return False
        self._in_flight += 1
        if self._bucket is not None:
            self._bucket.start()
        return True

    async def admit(self, deadline: float) -> None:
        """Wait until a request may start, no later than *deadline* on the event loop's clock.

        Call `finished` once an admitted request has been answered or has failed. Raises
        `RateLimitedError` as soon as a pause or the wait for the client-side rate certainly lasts
        beyond the deadline, and `DeadlineExceededError` at the deadline if no connection has become
        free or earlier requests are still unanswered.
        """
        await self._wait_out_pause(deadline)
        if not self.try_admit() and not await _in_time(self._take_turn(deadline), deadline):
            raise DeadlineExceededError(
                "all connections were busy, or the client-side rate limit left no room in time"
            )
        try:
            await self._wait_out_pause(deadline)
        except BaseException:  # A cancellation must also return the token.
            self.finished()
            raise

    def close(self) -> None:
        """End all waits."""
        self.pause.close()
        self._answered.set()

    def finished(self) -> None:
        """Record that an admitted request was answered or failed."""
        self._in_flight -= 1
        if self._most_in_flight < self._connections and not self.pause.is_on:
            self._most_in_flight = min(
                self._connections, self._most_in_flight + 1 / self._most_in_flight
            )
        if self._bucket is not None:
            self._bucket.finish(_now())
        self._answered.set()

    def _seconds_to_wait(self) -> float:
        """Return the seconds until a request may start; infinite until one is answered."""
        if self._in_flight + 1 > self._most_in_flight:
            return math.inf
        return self._bucket.seconds_to_wait(_now()) if self._bucket else 0.0

    async def _take_turn(self, deadline: float) -> None:
        self._refuse_beyond_rate(self._queued, deadline)
        self._queued += 1
        try:
            async with self._queue:  # First come, first served.
                while seconds := self._seconds_to_wait():
                    self.pause.refuse_if_closed()
                    refuse_beyond(self.pause.delay(), deadline)
                    self._refuse_beyond_rate(0, deadline)
                    if math.isinf(seconds):
                        self._answered.clear()
                        await self._answered.wait()
                    else:
                        await self.pause.sleep(seconds)
                self._in_flight += 1
                if self._bucket is not None:
                    self._bucket.start()
        finally:
            self._queued -= 1

    def _refuse_beyond_rate(self, ahead: int, deadline: float) -> None:
        """Raise `RateLimitedError` if a request cannot start by *deadline* after *ahead* others."""
        if self._bucket is None:
            return
        now, limit = _now(), self._bucket.limit
        delay, left = self._bucket.least_seconds_to_wait(now, ahead=ahead), max(deadline - now, 0)
        if delay > left:
            raise RateLimitedError(
                f"the rate of this session ({limit.per_second:g}/s, burst {limit.burst}) allows the"
                f" next request in {delay:.1f} s, but the call has only {left:.1f} s left: raise"
                " rate= or timeout=",
                status=429,
                retry_after=delay,
            )

    async def _wait_out_pause(self, deadline: float) -> None:
        await self.pause.wait(deadline)
        if _now() >= deadline:
            raise DeadlineExceededError("no time was left to send the request")


class DecodingTurns:
    """The decoding budget of a session, which all of its calls share.

    Before decoding, ``await turns.turn()`` unless the turn `has_room`. Afterwards, `spend` the time
    that the decoding took. Waiting calls get their turns in the order of arrival.
    """

    def __init__(self) -> None:
        self._left = _SECONDS_PER_TURN
        self._average = _SECONDS_PER_TURN / 10
        self._will_renew = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def has_room(self) -> bool:
        """True if a call may decode in this turn of the loop."""
        return self._left > 0 and not self._waiting

    async def turn(self) -> None:
        """Wait for a turn of the loop that has room for more decoding."""
        if self.has_room:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._renew_later()
        await turn

    def spend(self, seconds: float) -> None:
        """Take *seconds* of decoding from the budget of this turn."""
        self._left -= seconds
        self._average += _SMOOTHING * (seconds - self._average)
        # Renewing costs an extra turn, so a budget that is hardly used is not renewed.
        if self._left < _SECONDS_PER_TURN / 2:
            self._renew_later()

    def _renew_later(self) -> None:
        if not self._will_renew:
            self._will_renew = True
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        """Start a new budget, and wake as many calls as use it up on average."""
        self._will_renew = False
        self._left = _SECONDS_PER_TURN
        for _ in range(math.ceil(_SECONDS_PER_TURN / max(self._average, 1e-6))):
            # Calls that were cancelled while they waited do not delay others.
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
        self._renew_later()


def refuse_beyond(delay: float, deadline: float) -> None:
    """Raise `RateLimitedError` if a pause of another *delay* seconds lasts beyond *deadline*."""
    left = deadline - _now()
    if delay > max(left, 0):
        raise RateLimitedError(
            f"the session is paused for another {delay:.1f} s after an HTTP 429, but the call has"
            f" only {max(left, 0):.1f} s left",
            status=429,
            retry_after=delay,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _in_time(work: Awaitable[object], deadline: float) -> bool:
    """Await *work* at most until *deadline*; return whether it ended by then."""
    timeout = asyncio.timeout_at(deadline)
    try:
        async with timeout:
            await work
    except TimeoutError:
        if not timeout.expired():
            raise
        return False
    return True
