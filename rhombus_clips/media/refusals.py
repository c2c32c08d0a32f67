"""What an answer of the media host, or of one that it redirects to, refuses."""

from rhombus_clips.calls.envelope import Reply, status_error
from rhombus_clips.calls.retry import PASSING_REFUSALS
from rhombus_clips.errors import (
    ConnectError,
    RateLimitedError,
    RhombusError,
    ServerError,
    StatusError,
    TransportError,
)
from rhombus_clips.media.head import Head
from rhombus_clips.media.ranges import EXPIRED


def media_error(head: Head, body: bytes, place: str, *, is_redirected: bool) -> StatusError:
    """The error for an answer whose status is no success.

    :param place: The host that refused, which the message names.
    :param is_redirected: Whether a redirect of the media host led there. Such a host may quote the
        signed URL, which is secret, so what it says is left out. It never saw the key, so its 401
        is no `AuthenticationError`.
    """
    status = head.status
    if status < 400:
        return StatusError(
            f"{place} answered with HTTP {status}, which brings no file", status=status
        )
    error = status_error(Reply(status, b"" if is_redirected else body, head.headers))
    text = error.args[0]
    if is_redirected:
        text = f"HTTP {status}, to a signed URL of the media host"
        if status in EXPIRED:
            text += ", which may have expired"
        if status == 401:
            error = StatusError(text, status=status)
    error.args = (f"{place} answered with {text}",)
    return error


def is_passing(error: RhombusError, *, is_redirected: bool) -> bool:
    """Whether to ask the media host again after *error*.

    :param is_redirected: Whether a host that the media host redirected to has refused; then the
        media host may sign another URL.
    """
    match error:
        case ConnectError(is_lasting=is_lasting):
            return not is_lasting
        case TransportError() | ServerError() | RateLimitedError():
            return True
        case StatusError(status=status):
            return status in PASSING_REFUSALS or (is_redirected and status in EXPIRED)
        case _:
            return False
