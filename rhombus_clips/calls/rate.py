"""A client-side token bucket that never runs ahead of the service's own.

The service takes a token when a request arrives, and the client cannot know when that is: some
time between sending and being answered. So a request holds its token until it is answered, and
only then does the token start to be refilled. Whatever the network does in between, the client's
bucket is at every moment at least as empty as a service's bucket of the same size.
"""

import math

from rhombus_clips.calls.retry import RateLimit


class TokenBucket:
    """The tokens of a rate limit, by a clock that the caller reads, in seconds."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._in_flight = 0
        self._spent = 0.0
        self._spent_at = -math.inf

    def seconds_to_wait(self, now: float) -> float:
        """How long until a request may start; infinite until one in flight is answered."""
        if self._in_flight + 1 > self._limit.burst:
            return math.inf
        too_many = self._in_flight + self._refilled(now) + 1 - self._limit.burst
        return max(0.0, too_many / self._limit.per_second)

    def start(self) -> None:
        """Take a token for a request that starts."""
        self._in_flight += 1

    def finish(self, now: float) -> None:
        """Begin to refill the token of a request that was answered, or failed."""
        self._in_flight -= 1
        self._spent = self._refilled(now) + 1
        self._spent_at = now

    def _refilled(self, now: float) -> float:
        """How many tokens of answered requests are still missing."""
        return max(0.0, self._spent - (now - self._spent_at) * self._limit.per_second)
