"""Retry decisions: which failed calls may be retried, and how long they wait first.

Every operation is a POST, so retry safety is declared per endpoint, never inferred from the HTTP
method. A call that changes something is not retried once the service may have received it.
"""

import math
import random
from contextlib import suppress
from datetime import UTC, datetime

from attrs import Attribute, field, frozen

from rhombus_clips import errors
from rhombus_clips.arguments import is_positive, is_seconds, to_seconds, whole_number
from rhombus_clips.calls.http_dates import parse_http_date

# Statuses of refusals that depend on the time of a request rather than its content.
PASSING_REFUSALS = frozenset({408, 421, 425})

# A proxy or load balancer responds with these when it gets no response from the service.
_TRANSIENT_STATUSES = frozenset({502, 503, 504})

# The documented waits are 1 s and 60 s. Longer ones are reduced to this, so that a wrong header
# cannot pause a session for a year. A call never waits beyond its deadline either.
_MAX_RETRY_AFTER = 300.0

# More doublings would overflow a float. Every cap is reached with fewer.
_MAX_DOUBLINGS = 1000


def _count(owner: object, attribute: "Attribute[int]", value: object) -> None:
    object.__setattr__(owner, attribute.name, whole_number(value, attribute.name, least=1))


@frozen
class RetryPolicy:
    """How often a failed call is retried, and how long it waits before each retry.

    The wait before attempt *n* + 1 is random, between 0 and ``min(cap, base * 2 ** (n - 1))``
    seconds ("full jitter"). The defaults follow the service's guide.
    """

    attempts: int = field(default=5, validator=_count)
    """The maximum number of requests of one call; 5 by default. 1 disables retries."""
    base: float = field(default=1.0, converter=to_seconds, validator=is_seconds)
    """The maximum wait after the first failure, in seconds; 1 by default. Further waits double."""
    cap: float = field(default=60.0, converter=to_seconds, validator=is_seconds)
    """The upper bound of all waits, in seconds; 60 by default."""

    def backoff(self, failures: int) -> float:
        """Return a random wait in seconds after that many *failures* of one call, 1 or more."""
        longest = self.base * 2 ** min(failures - 1, _MAX_DOUBLINGS)
        return random.uniform(0, min(self.cap, longest))


@frozen
class Timeout:
    """The time limits of a call, each in seconds or as a timedelta."""

    total: float = field(default=120.0, converter=to_seconds, validator=is_seconds)
    """For all attempts and the waits between them; 120 by default."""
    connect: float = field(default=10.0, converter=to_seconds, validator=is_seconds)
    """For opening a connection, including name resolution, proxy and TLS; 10 by default.

    Waiting for a free connection counts towards `total` only.
    """
    read: float = field(default=30.0, converter=to_seconds, validator=is_seconds)
    """For the arrival of the next part of a response; 30 by default.

    The head of a response counts as one part, even if it is transmitted byte by byte.
    """


@frozen
class RateLimit:
    """A token bucket: *burst* requests at once, and *per_second* in the long run.

    The service limits the requests of a whole organization and does not publish the limit. An
    older page of the reference mentions 10 requests per second and ten times as many in a burst.
    """

    per_second: float = field(default=10.0, validator=is_positive)
    """The number of requests that may start per second in the long run; 10 by default."""
    burst: int = field(default=100, validator=_count)
    """The number of requests that may start at once after an idle period; 100 by default."""


def may_retry(error: errors.RhombusError, *, safe: bool, server_errors: int) -> bool:
    """Return whether to retry a call after *error*.

    *safe* is true if the endpoint only reads. *server_errors* is the number of 500 responses to
    this call so far, including this one. A 500 can be due to invalid arguments, so it is retried
    only once.
    """
    if isinstance(error, errors.ConnectError):
        return not error.is_lasting
    if isinstance(error, errors.RateLimitedError):
        return True  # The service rejected the request before running it.
    if isinstance(error, errors.ServerError) and error.status == 500:
        return safe and server_errors <= 1
    is_transient = isinstance(error, errors.ServerError) and error.status in _TRANSIENT_STATUSES
    return safe and (is_transient or isinstance(error, errors.DisconnectedError))


def may_pass(error: errors.RhombusError) -> bool:
    """Return whether the same request may succeed later, although it failed with *error*."""
    match error:
        case errors.ConnectError(is_lasting=is_lasting):
            return not is_lasting
        case errors.TransportError() | errors.ServerError() | errors.RateLimitedError():
            return True
        case errors.StatusError(status=status):
            return status in PASSING_REFUSALS
        case _:
            return False


def concerns_every_call(error: Exception) -> bool:
    """Return whether every other call of the session would also fail with *error*."""
    return isinstance(
        error, errors.AuthenticationError | errors.ConfigurationError | errors.SessionClosedError
    )


def may_have_been_applied(error: errors.RhombusError, *, safe: bool) -> bool:
    """Return whether the service may have applied the change that was sent, despite *error*.

    A response that cannot be decoded does not prove that the service rejected the request.
    """
    return not safe and isinstance(
        error,
        errors.DisconnectedError
        | errors.DeadlineExceededError
        | errors.ServerError
        | errors.DecodeError
        | errors.SessionClosedError,
    )


def parse_retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds to wait according to a ``Retry-After`` header, a number or an HTTP date.

    The result is between 0 and 300 s. It is None for a header that is absent or malformed. *now* is
    the time of the response on the service's clock, from its ``Date`` header. The local clock may
    be minutes off, and is used only without such a date.
    """
    if header is None:
        return None
    seconds = math.nan
    # float() also accepts digits of other scripts and underscores, which a header must not contain.
    if header.isascii() and "_" not in header:
        with suppress(ValueError):
            seconds = float(header)
    if math.isnan(seconds):
        date = parse_http_date(header)
        if date is None:
            return None
        seconds = (date - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)
