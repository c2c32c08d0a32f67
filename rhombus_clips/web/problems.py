"""Errors as responses: problem details (RFC 9457), with the ``errorMsg`` of the React SDK."""

import logging
import math
from http import HTTPStatus

from rhombus_clips.codec.text import render
from rhombus_clips.errors import InvalidArgumentError, RangeNotSatisfiableError, RhombusError
from rhombus_clips.web.messages import ProblemError, Response

logger: logging.Logger = logging.getLogger("rhombus_clips.web")


def problem_response(error: Exception) -> Response:
    """Return *error* as a response. It contains no path, host or key."""
    status, headers = 500, dict[str, str]()
    if isinstance(error, ProblemError | InvalidArgumentError | RhombusError):
        status = error.http_status
    if isinstance(error, ProblemError | RangeNotSatisfiableError):
        headers.update(error.headers)
    if isinstance(error, RhombusError) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    message = public_message(error)
    body = {
        "type": "about:blank",
        "title": phrase_of(status),
        "status": status,
        "detail": message,
        "errorMsg": message,
    }
    headers["Content-Type"] = "application/problem+json"
    return Response(status=status, headers=headers, body=render(body))


def public_message(error: Exception) -> str:
    """Return what a client may know of *error*."""
    if isinstance(error, ProblemError | InvalidArgumentError | RhombusError):
        return error.public_message
    return "The server failed to process the request."


def phrase_of(status: int) -> str:
    """Return the standard phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def log_failure(route: str, error: Exception) -> None:
    """Log *error*, whose text has no key. Only an unexpected one has a traceback."""
    if isinstance(error, ProblemError | InvalidArgumentError):
        logger.info("%s: %s", route, error)
    elif isinstance(error, RhombusError):
        logger.warning("%s: %s", route, error)
    else:
        logger.error("%s failed", route, exc_info=error)
