"""The rate limit of the service: a token bucket for the whole organization."""

import math

from attrs import define, field

from rhombus_clips.calls.retry import RateLimit


@define
class RateLimiter:
    """A bucket of *burst* tokens that refills at *per_second*. A refused request takes none."""

    limit: RateLimit
    _tokens: float = field(init=False, default=0.0)
    _filled_at: float = field(init=False, default=-math.inf)

    def take(self, now: float) -> int | None:
        """Take a token and return None, or return the seconds to wait for one, at least 1."""
        gained = (now - self._filled_at) * self.limit.per_second
        self._tokens = min(self._tokens + gained, float(self.limit.burst))
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, math.ceil((1 - self._tokens) / self.limit.per_second))
