"""Retry rules: which failures are retried, the waits, and the Retry-After header."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ApiError,
    BadRequestError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    RateLimit,
    RateLimitedError,
    RetryPolicy,
    RhombusError,
    ServerError,
    StatusError,
    Timeout,
)
from rhombus_clips.calls.envelope import Reply, status_error
from rhombus_clips.calls.retry import may_have_been_applied, may_retry, parse_retry_after
from rhombus_clips.errors import InvalidArgumentError

NOW = datetime(2026, 1, 1, tzinfo=UTC)

TABLE: list[tuple[RhombusError, bool, bool, bool]] = [
    # error, retried when safe, retried when unsafe, may have been applied when unsafe
    (ConnectError("x"), True, True, False),
    (ConnectError("x", is_lasting=True), False, False, False),
    (RateLimitedError("x", status=429), True, True, False),
    (DisconnectedError("x"), True, False, True),
    (ServerError("x", status=502), True, False, True),
    (ServerError("x", status=503), True, False, True),
    (ServerError("x", status=504), True, False, True),
    (ServerError("x", status=500), True, False, True),
    (ServerError("x", status=501), False, False, True),
    (DeadlineExceededError("x"), False, False, True),
    (BadRequestError("x", status=400), False, False, False),
    (StatusError("x", status=410), False, False, False),
    (ApiError("x"), False, False, False),
    (DecodeError("x"), False, False, True),
]


@pytest.mark.parametrize(("error", "when_safe", "when_unsafe", "applied"), TABLE)
def test_table_of_retries(
    error: RhombusError, when_safe: bool, when_unsafe: bool, applied: bool
) -> None:
    assert may_retry(error, safe=True, server_errors=1) is when_safe
    assert may_retry(error, safe=False, server_errors=1) is when_unsafe
    assert may_have_been_applied(error, safe=False) is applied
    assert may_have_been_applied(error, safe=True) is False


def test_second_500_is_not_retried() -> None:
    error = ServerError("x", status=500)
    assert not may_retry(error, safe=True, server_errors=2)
    assert may_retry(ServerError("x", status=502), safe=True, server_errors=2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("1", 1.0),
        ("60", 60.0),
        ("2.5", 2.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", 300.0),
        ("31536000", 300.0),
        (format_datetime(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC), usegmt=True), 30.0),
        ("Thu, 01 Jan 2026 00:00:30 -0000", 30.0),
        ("Thu, 01 Jan 2025 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 300.0),
        ("Fri, 99 Jan 2027 00:00:00 GMT", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 10000 07:28:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:30 -9999", None),
        ("1e400", 300.0),
        ("-1e400", 0.0),
        ("-nan", None),
        ("١٢", None),
        ("1_0", None),
        ("12\udcff", None),
    ],
)
def test_retry_after_is_parsed_and_bounded(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


def test_retry_after_is_relative_to_the_date_of_its_response() -> None:
    """The local clock is not used, because it may be wrong."""
    headers = {"Date": "Thu, 01 Jan 2009 00:00:00 GMT"}
    for header, seconds in [
        ("Thu, 01 Jan 2009 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2008 23:59:00 GMT", 0.0),
        ("7", 7.0),
    ]:
        error = status_error(Reply(429, b"", {**headers, "Retry-After": header}))
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == seconds


@pytest.mark.parametrize("date", [None, "", "nonsense", "Wed, 21 Oct 99999999999 07:28:00 GMT"])
def test_retry_after_is_relative_to_the_local_clock_without_a_readable_date(
    date: str | None,
) -> None:
    headers = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)}
    if date is not None:
        headers["Date"] = date
    error = status_error(Reply(429, b"", headers))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 300.0


def test_backoff_doubles_up_to_the_cap(monkeypatch) -> None:
    monkeypatch.setattr("rhombus_clips.calls.retry.random.uniform", lambda low, high: high - low)
    policy = RetryPolicy(base=1.0, cap=60.0)
    assert [policy.backoff(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert policy.backoff(10**9) == 60
    assert RetryPolicy(base=1e10, cap=60.0).backoff(2000) == 60


def test_backoff_has_full_jitter() -> None:
    waits = [RetryPolicy().backoff(3) for _ in range(200)]
    assert 0 <= min(waits) < 1
    assert 3 < max(waits) <= 4


@given(st.text())
def test_any_retry_after_is_a_bounded_wait_or_none(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 300


@pytest.mark.parametrize(
    "make",
    [
        lambda: RetryPolicy(attempts=0),
        lambda: RetryPolicy(base=0),
        lambda: RetryPolicy(cap=-1),
        lambda: Timeout(total=0),
        lambda: Timeout(connect=math.inf),
        lambda: Timeout(read=math.nan),
        lambda: RateLimit(per_second=0),
        lambda: RateLimit(burst=0),
    ],
)
def test_invalid_settings_are_rejected(make: object) -> None:
    with pytest.raises(InvalidArgumentError):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RetryPolicy(attempts=2.0),  # type: ignore[arg-type]
        lambda: RetryPolicy(attempts=True),
        lambda: Timeout(total="5"),  # type: ignore[arg-type]
        lambda: Timeout(total=True),
    ],
)
def test_settings_of_wrong_types_are_rejected(make: object) -> None:
    with pytest.raises(InvalidArgumentError):
        make()  # type: ignore[operator]


def test_defaults_follow_the_guide_of_the_service() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=5, base=1.0, cap=60.0)
    assert Timeout() == Timeout(total=120.0, connect=10.0, read=30.0)
    assert RateLimit() == RateLimit(per_second=10.0, burst=100)
