"""Responses without a file: the error for each, and whether to request the file again."""

from rhombus_clips import errors
from rhombus_clips.calls.envelope import Reply, status_error
from rhombus_clips.calls.retry import may_pass
from rhombus_clips.media.head import Head

EXPIRED = frozenset({401, 403, 404, 410})
"""Statuses that a host sends for an expired signed URL."""


def media_error(head: Head, body: bytes, host: str, *, is_redirected: bool) -> errors.StatusError:
    """Return the error for a response whose status is not a success.

    :param host: The host that sent it; the message names it.
    :param is_redirected: True if the media host redirected to that host. Its body may quote the
        signed URL, which is secret, so the message omits it. It never received the key, so its
        401 is not an `AuthenticationError`.
    """
    status = head.status
    if status < 400:
        return errors.StatusError(f"{host} answered with HTTP {status} and no file", status=status)
    error = status_error(Reply(status, b"" if is_redirected else body, head.headers))
    text = error.args[0]
    if is_redirected:
        text = f"HTTP {status} for a signed URL"
        if status in EXPIRED:
            text += ", which may have expired"
        if status == 401:
            error = errors.StatusError(text, status=status)
    error.args = (f"{host} answered with {text}",)
    return error


def is_passing(error: errors.RhombusError, *, is_redirected: bool) -> bool:
    """Return whether *error* may be temporary, so that the file is requested again.

    :param is_redirected: True if a redirect's target sent it; then the media host may sign
        another URL.
    """
    if is_redirected and isinstance(error, errors.StatusError) and error.status in EXPIRED:
        return True
    return may_pass(error)
