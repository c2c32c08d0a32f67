"""The exception hierarchy.

::

    InvalidArgumentError (ValueError) .http_status .public_message
    └─ RangeNotSatisfiableError       .total .headers
    RhombusError                      .endpoint .attempts .cursor .maybe_applied .clip_uuids
    │                                 .http_status .public_message .retry_after
    ├─ ConfigurationError (ValueError)
    ├─ SessionClosedError
    │  └─ WrongEventLoopError (RuntimeError)
    ├─ TransportError
    │  ├─ ConnectError                .is_lasting
    │  ├─ DisconnectedError
    │  └─ DeadlineExceededError (TimeoutError)
    ├─ StatusError                    .status .message .body_excerpt
    │  ├─ BadRequestError
    │  ├─ AuthenticationError
    │  ├─ PermissionDeniedError
    │  ├─ NotFoundError
    │  ├─ RateLimitedError
    │  └─ ServerError
    ├─ ApiError                       .error_msg .warning_msg
    ├─ DecodeError                    .path .expected .value_excerpt
    ├─ PagingError
    │  ├─ CursorStalledError
    │  └─ CursorCycleError
    ├─ ClipFailedError                .clip .clips
    └─ DownloadError
       └─ IntegrityError

All errors can be pickled. None holds a header, a key or an object of the HTTP library.
A web backend can respond with the `http_status` and the `public_message` of any of them.
"""

from collections.abc import Callable
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rhombus_clips.redaction import redacted

if TYPE_CHECKING:
    from rhombus_clips.models import ClipWithProgress

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "ClipFailedError",
    "ConfigurationError",
    "ConnectError",
    "CursorCycleError",
    "CursorStalledError",
    "DeadlineExceededError",
    "DecodeError",
    "DisconnectedError",
    "DownloadError",
    "IntegrityError",
    "InvalidArgumentError",
    "NotFoundError",
    "PagingError",
    "PermissionDeniedError",
    "RangeNotSatisfiableError",
    "RateLimitedError",
    "RhombusError",
    "ServerError",
    "SessionClosedError",
    "StatusError",
    "TransportError",
    "WrongEventLoopError",
]

_RECONNECT_AFTER = 5.0  # Seconds, for the client of a backend that cannot reach the service.

_MAX_QUOTED = 80  # Characters of an argument in a message.
_NOTHING = object()


class InvalidArgumentError(ValueError):
    """An argument is invalid, such as a cursor of another listing. Nothing was sent.

    ``str(error)`` also quotes the start of the rejected value, unless it may be a password.
    """

    http_status: ClassVar[int] = 400
    """The status with which a web backend should respond."""

    public_message: str
    """The requirement that the argument does not meet, for the client of a web backend."""

    def __init__(self, text: str, /, *, given: object = _NOTHING) -> None:
        super().__init__(text if given is _NOTHING else f"{text}, not {_quoted(given)}")
        self.public_message = text


def _quoted(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python refuses to format an int of thousands of digits.
        return f"a value of type {type(value).__name__} that is too long to show"
    return shown if len(shown) <= _MAX_QUOTED else f"{shown[:_MAX_QUOTED]}…"


class RangeNotSatisfiableError(InvalidArgumentError):
    """The requested part starts after the end of the file, which may be known only afterwards."""

    http_status: ClassVar[int] = 416

    total: int | None
    """The length of the whole file in bytes; None if the media host did not state it."""

    def __init__(self, text: str, /, total: int | None = None) -> None:
        super().__init__(text)
        self.total = total

    @property
    def headers(self) -> dict[str, str]:
        """The ``Content-Range`` header of a response with status 416; empty without a total."""
        return {} if self.total is None else {"Content-Range": f"bytes */{self.total}"}


class RhombusError(Exception):
    """The base class of all errors about the service and the network.

    Invalid arguments raise `InvalidArgumentError` before anything is sent.
    """

    http_status: ClassVar[int] = 502
    """The status with which a web backend should respond."""

    public_message: ClassVar[str] = "The video service could not process the request."
    """A sentence for the client of a web backend, the same for all errors of the class."""

    endpoint: str | None = None
    """The path of the call, such as ``/api/event/getSavedClipsV2``; None outside a call."""

    attempts: int = 0
    """The number of requests that the call had sent when it failed."""

    cursor: str | None = None
    """The `cursor` to resume from, if a pager raised the error."""

    maybe_applied: bool = False
    """True if a change was sent and the service may have applied it despite the error."""

    clip_uuids: tuple[str, ...] = ()
    """The clips whose renders had started when a later step failed; the renders continue."""

    retry_after: float | None = None
    """The seconds after which the request may succeed; None if unknown."""

    def __init__(self, text: str, /, **details: Any) -> None:
        super().__init__(text)
        # The annotated attributes of each class are its optional details, with their defaults.
        known = {
            name
            for kind in type(self).__mro__
            for name, declared in get_annotations(kind).items()
            if getattr(declared, "__origin__", None) is not ClassVar
        }
        for name, value in details.items():
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no attribute {name}")
            setattr(self, name, value)

    def __str__(self) -> str:
        text = str(self.args[0])
        if self.endpoint is not None:
            text = f"{self.endpoint}: {text}"
        if self.attempts > 1:
            text = f"{text} (after {self.attempts} attempts)"
        if self.maybe_applied:
            text = f"{text}; the change may have been applied: check before you send it again"
        if self.clip_uuids:
            text = f"{text}; the service is rendering {', '.join(self.clip_uuids)}"
        return text

    def redact(self, secret: str) -> None:
        """Remove *secret* from the error's text, traceback and chained errors.

        The frames of the traceback and the chained errors hold bodies and headers that may contain
        *secret*. A traceback with local variables would print them.
        """
        kept: dict[str, Any] = dict.fromkeys(("__cause__", "__context__", "__traceback__"))
        kept["args"] = tuple(redacted(str(part), secret) for part in self.args)
        for name, value in vars(self).items():
            if isinstance(value, str):
                kept[name] = redacted(value, secret)
        for name, value in kept.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[RhombusError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(RhombusError, ValueError):
    """A setting of the session is invalid. Nothing was sent."""

    http_status = 500
    public_message = "The server is not configured correctly."


class SessionClosedError(RhombusError):
    """The session was closed before or during the call."""

    http_status = 503
    public_message = "The server is not available at the moment."


class WrongEventLoopError(SessionClosedError, RuntimeError):
    """The session belongs to another event loop, which may be running or closed.

    Create a session for each event loop, and thus for each ``asyncio.run``.
    """

    http_status = 500
    public_message = "The server is not configured correctly."


class TransportError(RhombusError):
    """No complete response was received."""

    public_message = "The video service did not respond."


class ConnectError(TransportError):
    """The request was not sent: name resolution, the connection, TLS or the proxy failed."""

    http_status = 503
    public_message = "The video service cannot be reached at the moment."

    is_lasting: bool = False
    """True if a retry would fail in the same way, for example with an invalid certificate."""

    def __init__(self, text: str, /, **details: Any) -> None:
        if not details.get("is_lasting"):
            details = {"retry_after": _RECONNECT_AFTER} | details
        super().__init__(text, **details)


class DisconnectedError(TransportError):
    """The request was sent, but the response was incomplete.

    The connection was closed or idle for longer than `Timeout.read`, or the body was corrupt.
    """

    public_message = "The connection to the video service was interrupted."


class DeadlineExceededError(TransportError, TimeoutError):
    """A timeout expired: `Timeout.total` of a call, or the `timeout` of a wait for a clip."""

    http_status = 504
    public_message = "The video service did not finish in time."


class StatusError(RhombusError):
    """The service responded with an HTTP status other than 2xx.

    This class itself is raised for a status that has no subclass, and for a redirect. Redirects
    are never followed, because that would expose the key.
    """

    public_message = "The video service rejected the request."

    status: int = 0
    """The HTTP status."""

    message: str = ""
    """The service's own message, from the first message field of the body; empty without one."""

    body_excerpt: str = ""
    """The first 400 characters of the body, as text."""


class BadRequestError(StatusError):
    """400: the service rejected the request as malformed."""


class AuthenticationError(StatusError):
    """401: the credentials are missing or do not match the scheme."""

    public_message = "The video service did not accept the credentials of this server."


class PermissionDeniedError(StatusError):
    """403: the key is unknown in this region, or its role lacks the permission."""

    public_message = "The video service did not permit the request."


class NotFoundError(StatusError):
    """The clip, shared group, alert or file does not exist.

    `status` is 404 or 410, or 200 if the service returned null or an ``errorMsg`` that reports the
    absence; `message` is that ``errorMsg``. A path that does not exist, as with a wrong *base_url*,
    raises `StatusError`. For `ClipSession.call`, a wrong path may look like a missing item: check
    the path as well.
    """

    http_status = 404
    public_message = "The requested item does not exist."


class RateLimitedError(StatusError):
    """The request budget of the organization (429), or the session's own `rate`, is exhausted."""

    http_status = 503
    public_message = "The video service is busy; try again later."

    retry_after: float | None = None
    """The wait that the service requested, in seconds (at most 300), or that the session's pause or
    rate requires; None if it requested none."""


class ServerError(StatusError):
    """5xx: the service or a proxy in front of it failed."""

    public_message = "The video service failed."


class ApiError(RhombusError):
    """The service rejected the call in a response with HTTP 200 and ``error: true``."""

    public_message = "The video service rejected the request."

    error_msg: str | None = None
    """The service's ``errorMsg``; None if it gave no reason."""

    warning_msg: str | None = None
    """The service's ``warningMsg``; None if there was none."""


class DecodeError(RhombusError):
    """The response does not match the service's API reference."""

    public_message = "The video service sent an invalid response."

    path: str = "$"
    """The JSON path of the value, such as ``$.savedClips[17].durationSec``; ``$`` is the body."""

    expected: str = ""
    """The expected value or type."""

    value_excerpt: str = ""
    """The received value, truncated to 80 characters."""


class PagingError(RhombusError):
    """A listing cannot continue without losing or repeating items."""

    public_message = "The list cannot be continued without missing or repeated items."


class CursorStalledError(PagingError):
    """More clips share one millisecond than the service lists in one page, or a cursor can hold.

    In the first case, the clips after them cannot be listed. Resuming with ``overlap_ms=0`` may get
    past that millisecond, but may lose some of its clips.
    """


class CursorCycleError(PagingError):
    """The service's cursor returned to an earlier value."""


class ClipFailedError(RhombusError):
    """The render of a clip failed, or the clip was deleted."""

    public_message = "The clip could not be created."

    clips: "tuple[ClipWithProgress, ...]" = ()
    """All clips of the watch that have failed, each as last seen."""

    @property
    def clip(self) -> "ClipWithProgress":
        """The clip as last seen; the first of `clips` if several failed."""
        return self.clips[0]


class DownloadError(RhombusError):
    """A download failed for a reason other than the network or a refusal by the service."""

    public_message = "The file could not be downloaded."


class IntegrityError(DownloadError):
    """The received file does not match the length or SHA-256 in the clip's record.

    A file that already existed at the path is unchanged. A stream has yielded its chunks by then.
    """

    public_message = "The received file is damaged."
