"""The errors: they pickle, they say what to do, and they keep what they know."""

import pickle

import pytest

from rhombus_clips import errors
from rhombus_clips.errors import (
    ApiError,
    ClipNotFoundError,
    ConfigurationError,
    DeadlineExceededError,
    DecodeError,
    RateLimitedError,
    RhombusError,
    ServerError,
)

EVERY = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, RhombusError)
]


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_pickles_whole(kind: type[RhombusError]) -> None:
    error = kind("it broke", endpoint="/api/x", attempts=3, cursor=17, maybe_applied=True)
    error.add_note("a note")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_particular_fields_survive_pickling() -> None:
    for error in (
        RateLimitedError("slow", status=429, message="m", body_excerpt="b", retry_after=2.5),
        ApiError("no", error_msg="e", warning_msg="w"),
        DecodeError("bad", path="$.x", expected="a string", value_excerpt="5"),
    ):
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_message_says_where_how_often_and_what_may_have_happened() -> None:
    error = ServerError("HTTP 502", endpoint="/api/x", attempts=5, maybe_applied=True)
    assert str(error) == (
        "/api/x: HTTP 502 (after 5 attempts); the change may have been applied:"
        " look before you send it again"
    )


def test_errors_fit_the_families_of_the_language() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(DeadlineExceededError, TimeoutError)
    assert issubclass(ClipNotFoundError, ApiError)


def test_tree_at_the_top_names_every_error() -> None:
    assert errors.__doc__ is not None
    for kind in EVERY:
        assert kind.__name__ in errors.__doc__
