"""The service's rate limit: a token bucket for the whole organization."""

import math

from attrs import define, field

from rhombus_clips.calls.retry import RateLimit


@define
class TokenBucket:
    """*burst* tokens at first, refilled at *per_second*; a refused request costs none."""

    limit: RateLimit
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        self._tokens = float(self.limit.burst)

    def take(self, now: float) -> int | None:
        """Take a token; or None, or the whole seconds after which there is one, at least 1."""
        if self._filled_at > -math.inf:
            gained = (now - self._filled_at) * self.limit.per_second
            self._tokens = min(self._tokens + gained, float(self.limit.burst))
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, math.ceil((1 - self._tokens) / self.limit.per_second))
