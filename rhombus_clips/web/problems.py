"""Errors as responses: problem details (RFC 9457), with the ``errorMsg`` of the React SDK."""

import logging
import math
from http import HTTPStatus

from rhombus_clips.codec.text import render
from rhombus_clips.errors import InvalidArgumentError, RangeNotSatisfiableError, RhombusError
from rhombus_clips.web.messages import ProblemError, Response

logger: logging.Logger = logging.getLogger("rhombus_clips.web")

_UNEXPECTED = "The server failed to process the request."


def problem_response(error: Exception) -> Response:
    """Return *error* as a response. It contains no path, host or key."""
    status, headers = 500, dict[str, str]()
    detail = _UNEXPECTED
    if isinstance(error, ProblemError):
        status, detail = error.status, error.detail
        headers.update(error.headers)
    elif isinstance(error, InvalidArgumentError):
        status, detail = error.http_status, error.public_message
        if isinstance(error, RangeNotSatisfiableError):
            headers.update(error.headers)
    elif isinstance(error, RhombusError):
        status, detail = error.http_status, error.public_message
        if error.retry_after is not None:
            headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase if status in _KNOWN else "Error",
        "status": status,
        "detail": detail,
        "errorMsg": detail,
    }
    return Response(
        status=status,
        headers={**headers, "Content-Type": "application/problem+json"},
        body=render(body),
    )


_KNOWN = frozenset(int(status) for status in HTTPStatus)


def public_message(error: Exception) -> str:
    """Return what a client may know of *error*."""
    if isinstance(error, ProblemError):
        return error.detail
    if isinstance(error, InvalidArgumentError | RhombusError):
        return error.public_message
    return _UNEXPECTED


def log_failure(route: str, error: Exception) -> None:
    """Log *error*, whose text has no key. Only an unexpected one has a traceback."""
    if isinstance(error, ProblemError | InvalidArgumentError):
        logger.info("%s: %s", route, error)
    elif isinstance(error, RhombusError):
        logger.warning("%s: %s", route, error)
    else:
        logger.error("%s failed", route, exc_info=error)
