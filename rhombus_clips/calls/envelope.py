"""From an HTTP answer to a result or an error: the statuses, the bodies, the in-band failures."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from attrs import field, frozen

from rhombus_clips.calls.http_dates import parse_http_date
from rhombus_clips.calls.retry import parse_retry_after
from rhombus_clips.errors import (
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

# The fields in which the service and what stands before it say what is wrong, best first. In an
# error body ``error`` is a string ("Forbidden"); in an answer's envelope it is a boolean.
_MESSAGE_FIELDS = ("errorMsg", "message", "msg", "error", "detail")
_EXCERPT_LENGTH = 400

_STATUS_ERRORS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitedError,
}

_NO_HEADERS: Mapping[str, str] = {}

_ADVICE = {
    401: "check the API key, and that the auth scheme is the one the key was made for",
    403: "likely causes: the key belongs to the other region (US or EU base_url), the auth scheme"
    " is not the key's, the key was revoked, or its role lacks the permission",
    429: "the request budget of the whole organization is spent",
}


@frozen
class Reply:
    """What came back over HTTP, read whole."""

    status: int
    body: bytes = field(repr=False)
    """It may quote the key, so no repr shows it."""
    headers: Mapping[str, str] = field(default=_NO_HEADERS, repr=False)
    """They are found whatever the case of their names."""


def is_success(reply: Reply) -> bool:
    """Whether the HTTP status is 2xx; the envelope may still carry a failure."""
    return 200 <= reply.status < 300


def status_error(reply: Reply, now: datetime | None = None) -> StatusError:
    """The error for a reply whose status is not a success.

    *now* is the service's time, as far as earlier replies told it; it stands in for a ``Date``
    that this one lacks.
    """
    status = reply.status
    body_excerpt = reply.body[: 4 * _EXCERPT_LENGTH].decode("utf-8", "replace")[:_EXCERPT_LENGTH]
    message = _message_of(reply.body) or " ".join(body_excerpt.split())
    text = f"HTTP {status}"
    if 300 <= status < 400:
        target = _printable(reply.headers.get("Location", "nowhere")[:200])
        text += f" redirects to {target}, which is not followed because the API key would travel"
        text += " along; check base_url"
    elif message:
        text += f": {message}"
    if status in _ADVICE:
        text += f" ({_ADVICE[status]})"
    details: dict[str, Any] = {"status": status, "message": message, "body_excerpt": body_excerpt}
    if status == 429:
        return RateLimitedError(text, retry_after=retry_after(reply.headers, now), **details)
    kind = ServerError if status >= 500 else _STATUS_ERRORS.get(status, StatusError)
    return kind(text, **details)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How long a response asks to wait, in seconds; None if it does not say.

    A date is compared with that of the response, or with *now* where it has none.
    """
    date = parse_http_date(headers.get("Date"))
    return parse_retry_after(headers.get("Retry-After"), date or now)


def open_envelope(payload: object) -> dict[str, Any]:
    """The object that a successful answer carries.

    Raises `ApiError` when the envelope says ``error: true``, with or without a reason, and
    `DecodeError` when the answer is not an object at all.
    """
    if not isinstance(payload, dict):
        came = _beginning(payload)
        raise DecodeError(
            f"$ should be an object, but is {came}",
            path="$",
            expected="an object",
            value_excerpt=came,
        )
    answer = cast("dict[str, Any]", payload)
    # Any truthy value: a string here is a failure that speaks the language of error bodies.
    if answer.get("error"):
        error_msg = _text(answer.get("errorMsg"))
        said = error_msg or _first_message(answer)
        raise ApiError(
            f"the service refused: {said}" if said else "the service refused and gave no reason",
            error_msg=error_msg,
            warning_msg=warning_of(answer),
        )
    return answer


def warning_of(answer: dict[str, Any]) -> str | None:
    """What the answer says under ``warningMsg``: "it worked, but"."""
    return _text(answer.get("warningMsg"))


def _message_of(body: bytes) -> str | None:
    try:
        payload: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return _text(payload)
    return _first_message(cast("dict[str, Any]", payload))


def _first_message(payload: dict[str, Any]) -> str | None:
    return next((text for name in _MESSAGE_FIELDS if (text := _text(payload.get(name)))), None)


def _beginning(payload: object) -> str:
    try:
        return json.dumps(payload)[:80]
    except RecursionError:
        return "an array, nested too deeply"


def _text(value: object) -> str | None:
    """*value* as one bounded line, if it is a string that says anything."""
    if not isinstance(value, str):
        return None
    return _printable(" ".join(value.split())[:_EXCERPT_LENGTH]) or None


def _printable(text: str) -> str:
    """*text* with its lone surrogates escaped, which no terminal and no log file can encode."""
    return text.encode("utf-8", "backslashreplace").decode()
