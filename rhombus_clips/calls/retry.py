"""What to do when a call fails: the decisions, without the waiting.

Every operation is a POST, so what may be resent is declared per endpoint, never read from the
verb. Nothing that changes something is resent once it may have been received.
"""

import math
import random
from datetime import UTC, datetime

from attrs import Attribute, field, frozen

from rhombus_clips.arguments import is_positive, is_seconds, to_seconds, whole_number
from rhombus_clips.calls.http_dates import parse_http_date
from rhombus_clips.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    RateLimitedError,
    RhombusError,
    ServerError,
    SessionClosedError,
)

# What is said of the moment, and not of what was asked for.
PASSING_REFUSALS = frozenset({408, 421, 425})

# What a proxy or a balancer says when the service behind it did not answer.
_PASSING_STATUSES = frozenset({502, 503, 504})

# The documented waits are 1 s and 60 s. A longer wish is cut, so that one odd header cannot
# hold up a session for a year; the deadline of a call cuts it shorter still.
_LONGEST_RETRY_AFTER = 300.0

# A float holds no more doublings, and every cap is reached before.
_MOST_DOUBLINGS = 1000


def _count(owner: object, attribute: "Attribute[int]", value: object) -> None:
    object.__setattr__(owner, attribute.name, whole_number(value, attribute.name, least=1))


@frozen
class RetryPolicy:
    """How often and how patiently a failed call is sent again.

    Before attempt *n* + 1 it waits a random time between 0 and ``min(cap, base * 2 ** (n - 1))``
    seconds ("full jitter"). The defaults are those that the service's guide recommends.
    """

    attempts: int = field(default=5, validator=_count)
    """The most requests that one call sends; 1 turns retries off."""
    base: float = field(default=1.0, converter=to_seconds, validator=is_seconds)
    """The longest wait after the first failure, in seconds; it doubles with every further one."""
    cap: float = field(default=60.0, converter=to_seconds, validator=is_seconds)
    """The longest wait of all, in seconds."""

    def backoff(self, failures: int) -> float:
        """A random wait after so many *failures* of one call, 1 or more, in seconds."""
        longest = self.base * 2 ** min(failures - 1, _MOST_DOUBLINGS)
        return random.uniform(0, min(self.cap, longest))


@frozen
class Timeout:
    """How long a call may take, in seconds."""

    total: float = field(default=120.0, converter=to_seconds, validator=is_seconds)
    """All attempts and the waits between them, together."""
    connect: float = field(default=10.0, converter=to_seconds, validator=is_seconds)
    """Opening one connection: name resolution, proxy and TLS handshake included.

    Waiting for a free connection counts towards `total` only.
    """
    read: float = field(default=30.0, converter=to_seconds, validator=is_seconds)
    """The longest silence while an answer is awaited or read."""


@frozen
class RateLimit:
    """A token bucket: *burst* requests at once, and *per_second* in the long run.

    The service's budget belongs to a whole organization and its size is not published; an older
    page of the reference speaks of 10 requests per second and a tenfold burst.
    """

    per_second: float = field(default=10.0, validator=is_positive)
    """How many requests a second may start in the long run; 10 by default."""
    burst: int = field(default=100, validator=_count)
    """How many may start at once after a rest; 100 by default."""


def may_retry(error: RhombusError, *, safe: bool, server_errors: int) -> bool:
    """Whether to send a call again after *error*.

    *safe* is whether the endpoint only reads. *server_errors* is how many times this call has
    had a 500, this one included: a 500 can be a lasting mistake of the caller's, so it gets one
    more try.
    """
    match error:
        case ConnectError(is_lasting=is_lasting):
            return not is_lasting
        case RateLimitedError():
            return True  # The service refused the request before it ran.
        case DisconnectedError():
            return safe
        case ServerError(status=500):
            return safe and server_errors <= 1
        case ServerError(status=status):
            return safe and status in _PASSING_STATUSES
        case _:
            return False


def concerns_every_call(error: Exception) -> bool:
    """Whether any other call of the session would fail with *error*, too."""
    return isinstance(error, AuthenticationError | ConfigurationError | SessionClosedError)


def may_have_been_applied(error: RhombusError, *, safe: bool) -> bool:
    """Whether *error*, after a request went out, leaves open if the service carried it out.

    An answer that cannot be read is no refusal either.
    """
    return not safe and isinstance(
        error,
        DisconnectedError | DeadlineExceededError | ServerError | DecodeError | SessionClosedError,
    )


def parse_retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, from a ``Retry-After`` header: a number or an HTTP date.

    None when it is absent or says neither. Never below 0 nor above 300 s. *now* is the moment of
    the response by the service's own clock, from its ``Date`` header; the local clock may be
    minutes off, and stands in only where there is no such date.
    """
    if header is None:
        return None
    seconds = _number(header)
    if seconds is None:
        moment = parse_http_date(header)
        if moment is None:
            return None
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _number(text: str) -> float | None:
    # float() also takes digits of other scripts and underscores, which are no number in a header.
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
