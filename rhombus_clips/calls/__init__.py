"""A single API call: authentication, sending, retries, rate limiting and the response envelope."""

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.calls.retry import RateLimit, RetryPolicy, Timeout

__all__ = ["AuthScheme", "RateLimit", "RetryPolicy", "Timeout"]
