"""A client-side token bucket that never has more tokens than the service's own.

The service takes a token when a request arrives, at a time between sending and response that the
client cannot know. A request therefore holds its token until its response, and only then does the
token start to refill. Regardless of network delays, the client's bucket never has more tokens than
a service's bucket of the same size.
"""

import math

from rhombus_clips.calls.retry import RateLimit


class TokenBucket:
    """The tokens of a rate limit. The caller passes in the current time, in seconds."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit: RateLimit = limit
        self._in_flight = 0
        self._missing = 0.0
        self._updated_at = -math.inf

    def seconds_to_wait(self, now: float) -> float:
        """Return the seconds until a request may start; infinite until one in flight finishes."""
        if self._in_flight + 1 > self.limit.burst:
            return math.inf
        return self.least_seconds_to_wait(now)

    def least_seconds_to_wait(self, now: float, *, ahead: int = 0) -> float:
        """Return the seconds until a request may start if all in flight finish now.

        *ahead* is the number of waiting requests that start before it.
        """
        excess = self._in_flight + self._missing_at(now) + ahead + 1 - self.limit.burst
        return max(0.0, excess / self.limit.per_second)

    def start(self) -> None:
        """Take a token for a request."""
        self._in_flight += 1

    def finish(self, now: float) -> None:
        """Start to refill the token of a request that was answered or failed."""
        self._in_flight -= 1
        self._missing = self._missing_at(now) + 1
        self._updated_at = now

    def _missing_at(self, now: float) -> float:
        """Return how many tokens of finished requests have not been refilled yet."""
        return max(0.0, self._missing - (now - self._updated_at) * self.limit.per_second)
