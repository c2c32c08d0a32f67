"""HTTP responses become errors with readable messages."""

import json

import pytest

from rhombus_clips import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StatusError,
)
from rhombus_clips.calls.envelope import Reply, open_envelope, status_error
from rhombus_clips.testing import faults

HTML = b"<html><body>\n<h1>502 Bad Gateway</h1>\n</body></html>"

BODIES: list[tuple[int, bytes, type[StatusError], str]] = [
    # status, body, error, part of the message
    (400, b'{"msg": "JSON doesn\'t match expected object structure"}', BadRequestError,
     "JSON doesn't match expected object structure"),
    (401, b'{"authenticationFailed": true}', AuthenticationError, "auth scheme"),
    (403, b'{"status": 403, "error": "Forbidden", "msg": "Access Denied"}',
     PermissionDeniedError, "Access Denied (likely causes: the key belongs to the other region"),
    (403, b"", PermissionDeniedError, "HTTP 403 (likely causes"),
    (403, b"", PermissionDeniedError, "org_uuid= is not the client organization"),
    (403, b'{"msg": "Invalid api key"}', PermissionDeniedError, "Invalid api key"),
    (404, b"", NotFoundError, "HTTP 404"),
    (409, b"", StatusError, "HTTP 409"),
    (410, b"", NotFoundError, "HTTP 410"),
    (405, b'["no"]', StatusError, '["no"]'),
    (429, b"Too many api requests. Enhance your calm.", RateLimitedError, "Enhance your calm"),
    (500, b'{"status": 500, "error": "Internal Server Error"}', ServerError, "Internal Server"),
    (500, b'{"error": true, "errorMsg": "could not save"}', ServerError, "could not save"),
    (500, b'"a bare string"', ServerError, "a bare string"),
    (502, HTML, ServerError, "502 Bad Gateway"),
    (503, b"", ServerError, "HTTP 503"),
    (500, b'{"detail": "boom", "message": "  "}', ServerError, "boom"),
    (400, b"[" * 100_000, BadRequestError, "[["),
    (400, b"\xff\xfe\x00", BadRequestError, "HTTP 400"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "words"), BODIES)
def test_error_body_determines_the_error(
    status: int, body: bytes, kind: type[StatusError], words: str
) -> None:
    error = status_error(Reply(status=status, body=body))
    assert type(error) is kind
    assert error.status == status
    assert words in str(error)
    assert "\n" not in str(error)
    assert len(error.body_excerpt) <= 400


def test_error_has_the_retry_after() -> None:
    error = status_error(Reply(status=429, body=b"", headers={"Retry-After": "7"}))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7.0


def test_redirect_is_an_error_with_its_target() -> None:
    error = status_error(
        Reply(status=307, body=b"", headers={"Location": "https://elsewhere.example/"})
    )
    assert type(error) is StatusError
    assert "redirect to https://elsewhere.example/ not followed" in str(error)
    assert "an unknown location" in str(status_error(Reply(status=304, body=b"")))


@pytest.mark.parametrize(("status", "is_success"), [(200, True), (299, True), (300, False)])
async def test_only_2xx_is_a_success(status: int, is_success: bool, fake, session) -> None:
    fake.faults = [faults.Respond(status, b"{}")]
    if is_success:
        assert (await session.get_saved_clips()).saved_clips == []
    else:
        with pytest.raises(StatusError):
            await session.get_saved_clips()


IN_BAND = [
    # payload, error_msg, warning_msg, part of the message
    ({"error": True, "errorMsg": "that plate is already saved"},
     "that plate is already saved", None, "that plate is already saved"),
    ({"error": True}, None, None, "gave no reason"),
    ({"error": True, "errorMsg": None, "warningMsg": "w"}, None, "w", "gave no reason"),
    ({"error": True, "errorMsg": "", "msg": "see here"}, None, None, "see here"),
    ({"error": "Forbidden"}, None, None, "Forbidden"),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "error_msg", "warning_msg", "words"), IN_BAND)
def test_in_band_failure_is_an_api_error(
    payload: object, error_msg: str | None, warning_msg: str | None, words: str
) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        open_envelope(payload)
    assert caught.value.error_msg == error_msg
    assert caught.value.warning_msg == warning_msg


@pytest.mark.parametrize("payload", [{}, {"error": False}, {"error": None, "errorMsg": "odd"}])
def test_response_without_an_error_is_returned(payload: dict[str, object]) -> None:
    assert open_envelope(payload) is payload


@pytest.mark.parametrize("payload", [[], None, "text", 5, True])
def test_response_that_is_not_an_object_is_a_decode_error(payload: object) -> None:
    with pytest.raises(DecodeError) as caught:
        open_envelope(payload)
    assert caught.value.path == "$"
    assert caught.value.value_excerpt == json.dumps(payload)
