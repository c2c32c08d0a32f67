"""Errors can be pickled, say what failed and what to do, and map to the responses of a backend."""

import pickle
from inspect import get_annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipWithProgress, errors
from rhombus_clips.errors import (
    ApiError,
    ClipFailedError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InvalidArgumentError,
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


def test_tree_in_the_docstring_has_every_error() -> None:
    assert errors.__doc__ is not None
    for kind in EVERY:
        assert kind.__name__ in errors.__doc__


def test_failed_clips_are_kept_and_the_first_has_a_name() -> None:
    clips = (ClipWithProgress(uuid="a"), ClipWithProgress(uuid="b"))
    error = pickle.loads(pickle.dumps(ClipFailedError("failed", clips=clips)))
    assert (error.clips, error.clip) == (clips, clips[0])


# --- the response of a backend -----------------------------------------------------------------

HTTP_STATUS = {
    "RhombusError": 502,
    "ConfigurationError": 500,
    "SessionClosedError": 503,
    "WrongEventLoopError": 500,
    "TransportError": 502,
    "ConnectError": 503,
    "DisconnectedError": 502,
    "DeadlineExceededError": 504,
    "StatusError": 502,
    "BadRequestError": 502,
    "AuthenticationError": 502,
    "PermissionDeniedError": 502,
    "NotFoundError": 404,
    "RateLimitedError": 503,
    "ServerError": 502,
    "ApiError": 502,
    "DecodeError": 502,
    "PagingError": 502,
    "CursorStalledError": 502,
    "CursorCycleError": 502,
    "ClipFailedError": 502,
    "DownloadError": 502,
    "IntegrityError": 502,
}


def test_every_error_has_a_status_for_a_backend() -> None:
    assert {kind.__name__: kind.http_status for kind in EVERY} == HTTP_STATUS
    assert InvalidArgumentError.http_status == 400


@pytest.mark.parametrize("kind", EVERY)
def test_public_message_is_a_short_sentence(kind: type[RhombusError]) -> None:
    message = kind("HTTP 500").public_message
    assert message.endswith(".")
    assert 20 <= len(message) <= 80
    assert message.replace(";", "").replace(" ", "").removesuffix(".").isalpha()


TEXTS = (str, str | None, int | str | None)
DETAILS = st.one_of(
    st.text(min_size=12),
    st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True),
    st.from_regex(r"/(api|home|media)/[a-z]{4,9}/[A-Za-z]{4,20}", fullmatch=True),
    st.from_regex(r"https://[a-z0-9]{3,9}\.example\.com/[a-z]{1,9}", fullmatch=True),
)


@pytest.mark.parametrize("kind", EVERY)
@given(text=DETAILS, detail=DETAILS)
def test_public_message_contains_no_detail(
    kind: type[RhombusError], text: str, detail: str
) -> None:
    hints = {name: hint for each in kind.__mro__ for name, hint in get_annotations(each).items()}
    error = kind(text, **{name: detail for name, hint in hints.items() if hint in TEXTS})
    error.add_note(detail)
    assert error.public_message == kind.public_message
    for secret in (text, detail):
        assert secret not in error.public_message


@pytest.mark.parametrize("kind", EVERY)
def test_wait_before_a_retry_is_known_for_temporary_errors(kind: type[RhombusError]) -> None:
    expected = 5.0 if kind is ConnectError else None
    assert kind("it broke").retry_after == expected
    assert kind("it broke", retry_after=2.5).retry_after == 2.5
    assert ConnectError("the certificate is invalid", is_lasting=True).retry_after is None


# --- rejected arguments ------------------------------------------------------------------------


def test_rejected_value_is_quoted_in_the_message_only() -> None:
    error = InvalidArgumentError("page_size must be between 1 and 100", given=0)
    assert str(error) == "page_size must be between 1 and 100, not 0"
    assert error.public_message == "page_size must be between 1 and 100"
    assert InvalidArgumentError("a").public_message == str(InvalidArgumentError("a")) == "a"
    assert InvalidArgumentError("a", given=None).args == ("a, not None",)


@pytest.mark.parametrize(
    "value", ["x" * 1000, 10**5000, list(range(1000))], ids=["str", "int", "list"]
)
def test_long_value_is_quoted_in_part(value: object) -> None:
    assert len(str(InvalidArgumentError("a must be b", given=value))) < 110


def test_rejected_argument_can_be_pickled() -> None:
    """Even if the value cannot."""
    error = InvalidArgumentError("name must be a string", given=lambda: None)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is InvalidArgumentError
    assert (str(copy), copy.public_message) == (str(error), error.public_message)
    assert copy.http_status == 400
