"""The errors: they can be pickled, and say what failed and what to do."""

import pickle

import pytest

from rhombus_clips import ClipWithProgress, errors
from rhombus_clips.errors import (
    ApiError,
    ClipFailedError,
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
def test_every_error_can_be_pickled(kind: type[RhombusError]) -> None:
    error = kind("it broke", endpoint="/api/x", attempts=3, cursor=17, maybe_applied=True)
    error.add_note("a note")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("name", ["misspelt", "redact", "args"])
@pytest.mark.parametrize("kind", EVERY)
def test_error_takes_only_the_details_of_its_class(kind: type[RhombusError], name: str) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} has no attribute {name}"):
        kind("it broke", **{name: 1})
    assert kind("it broke").endpoint is None


def test_particular_fields_survive_pickling() -> None:
    for error in (
        RateLimitedError("slow", status=429, message="m", body_excerpt="b", retry_after=2.5),
        ApiError("no", error_msg="e", warning_msg="w"),
        DecodeError("bad", path="$.x", expected="a string", value_excerpt="5"),
    ):
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_message_has_the_endpoint_the_attempts_and_the_possible_effect() -> None:
    error = ServerError("HTTP 502", endpoint="/api/x", attempts=5, maybe_applied=True)
    assert str(error) == (
        "/api/x: HTTP 502 (after 5 attempts); the change may have been applied:"
        " check before you send it again"
    )


def test_errors_have_builtin_base_classes() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(DeadlineExceededError, TimeoutError)
    assert issubclass(ClipNotFoundError, ApiError)


def test_tree_in_the_docstring_has_every_error() -> None:
    assert errors.__doc__ is not None
    for kind in EVERY:
        assert kind.__name__ in errors.__doc__


def test_failed_clips_are_kept_and_the_first_has_a_name() -> None:
    clips = (ClipWithProgress(uuid="a"), ClipWithProgress(uuid="b"))
    error = pickle.loads(pickle.dumps(ClipFailedError("failed", clips=clips)))
    assert (error.clips, error.clip) == (clips, clips[0])
