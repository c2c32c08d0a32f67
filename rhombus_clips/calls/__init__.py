"""One API call: what is sent, when and how often, and what the service answers."""

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.calls.retry import RateLimit, RetryPolicy, Timeout

__all__ = ["AuthScheme", "RateLimit", "RetryPolicy", "Timeout"]
