"""Interpretation of HTTP responses: status codes, error bodies and in-band errors."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from attrs import define, field

from rhombus_clips import errors
from rhombus_clips.calls.http_dates import parse_http_date
from rhombus_clips.calls.retry import parse_retry_after

# The service, and proxies in front of it, send error messages in these fields, most specific first.
# In an error body ``error`` is a string ("Forbidden"); in an envelope it is a boolean.
_MESSAGE_FIELDS = ("errorMsg", "message", "msg", "error", "detail")
_EXCERPT_LENGTH = 400

_STATUS_ERRORS: dict[int, type[errors.StatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    410: errors.NotFoundError,
}

_ADVICE = {
    401: "check that the API key is valid and that the auth scheme matches its type",
    403: "likely causes: the key belongs to the other region (US or EU base_url), the auth scheme"
    " does not match the key, the key was revoked, its role lacks the permission, or the key is a"
    " partner's and org_uuid= is not the client organization",
    429: "the organization's request budget is exhausted",
}


@define
class Reply:
    """A complete HTTP response."""

    status: int
    body: bytes = field(repr=False)
    """The body. It may contain the key, so the repr omits it."""
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    """The headers, with case-insensitive names."""


def status_error(reply: Reply, now: datetime | None = None) -> errors.StatusError:
    """Return the error for a response with a status other than 2xx.

    *now* is the service's time according to earlier responses, for a response without ``Date``.
    """
    status = reply.status
    body_excerpt = reply.body[: 4 * _EXCERPT_LENGTH].decode("utf-8", "replace")[:_EXCERPT_LENGTH]
    message = _message_of(reply.body) or " ".join(body_excerpt.split())
    text = f"HTTP {status}"
    if 300 <= status < 400:
        target = _printable(reply.headers.get("Location", "an unknown location")[:200])
        text += f": redirect to {target} not followed, because the request carries the API key"
        text += "; check base_url"
    elif message:
        text += f": {message}"
    if status in _ADVICE:
        text += f" ({_ADVICE[status]})"
    details: dict[str, Any] = {"status": status, "message": message, "body_excerpt": body_excerpt}
    if status == 429:
        return errors.RateLimitedError(text, retry_after=retry_after(reply.headers, now), **details)
    kind = errors.ServerError if status >= 500 else _STATUS_ERRORS.get(status, errors.StatusError)
    return kind(text, **details)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the wait that a response requests, in seconds; None if it requests none.

    A date is compared with the ``Date`` of the response, or with *now* if it has none.
    """
    date = parse_http_date(headers.get("Date"))
    return parse_retry_after(headers.get("Retry-After"), date or now)


def open_envelope(payload: object) -> dict[str, Any]:
    """Return the object in the body of a successful response.

    Raises `ApiError` when the envelope has ``error: true``, with or without a reason, and
    `DecodeError` when the body is not an object.
    """
    if not isinstance(payload, dict):
        excerpt = _excerpt(payload)
        message = f"$ should be an object, but is {excerpt}"
        raise errors.DecodeError(message, path="$", expected="an object", value_excerpt=excerpt)
    answer = cast("dict[str, Any]", payload)
    # Any truthy value: a string here is the ``error`` of an error body.
    if answer.get("error"):
        error_msg = _text(answer.get("errorMsg"))
        reason = error_msg or _first_message(answer) or "it gave no reason"
        raise errors.ApiError(
            f"the service refused the request: {reason}",
            error_msg=error_msg,
            warning_msg=warning_of(answer),
        )
    return answer


def warning_of(answer: dict[str, Any]) -> str | None:
    """Return the ``warningMsg`` of a successful response; None if it has none."""
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


def _excerpt(payload: object) -> str:
    try:
        return json.dumps(payload)[:80]
    except RecursionError:
        return "an array that is nested too deeply"


def _text(value: object) -> str | None:
    """Return *value* as one line of bounded length if it is a string that is not blank."""
    if not isinstance(value, str):
        return None
    return _printable(" ".join(value.split())[:_EXCERPT_LENGTH]) or None


def _printable(text: str) -> str:
    """Return *text* with lone surrogates escaped, because terminals and logs cannot encode them."""
    return text.encode("utf-8", "backslashreplace").decode()
