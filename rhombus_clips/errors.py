"""Every exception of the library.

::

    RhombusError                      .endpoint .attempts .cursor .maybe_applied .clip_uuids
    ├─ ConfigurationError (ValueError)
    ├─ SessionClosedError
    ├─ TransportError
    │  ├─ ConnectError                .is_lasting
    │  ├─ DisconnectedError
    │  └─ DeadlineExceededError (TimeoutError)
    ├─ StatusError                    .status .message .body_excerpt
    │  ├─ BadRequestError
    │  ├─ AuthenticationError
    │  ├─ PermissionDeniedError
    │  ├─ NotFoundError
    │  ├─ RateLimitedError            .retry_after
    │  └─ ServerError
    ├─ ApiError                       .error_msg .warning_msg
    │  └─ ClipNotFoundError
    ├─ DecodeError                    .path .expected .value_excerpt
    ├─ PagingError
    │  ├─ CursorStalledError
    │  └─ CursorCycleError
    ├─ ClipFailedError                .clip .clips
    └─ DownloadError
       └─ IntegrityError

All of them pickle, and none holds a header, a key or an object of the HTTP library.
"""

from collections.abc import Callable
from itertools import takewhile
from typing import Any, Self

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "ClipFailedError",
    "ClipNotFoundError",
    "ConfigurationError",
    "ConnectError",
    "CursorCycleError",
    "CursorStalledError",
    "DeadlineExceededError",
    "DecodeError",
    "DisconnectedError",
    "DownloadError",
    "IntegrityError",
    "NotFoundError",
    "PagingError",
    "PermissionDeniedError",
    "RateLimitedError",
    "RhombusError",
    "ServerError",
    "SessionClosedError",
    "StatusError",
    "TransportError",
]

_SHORTEST_SECRET = 8


class RhombusError(Exception):
    """The base of everything that this library raises about the service and the network.

    Mistakes in the arguments of a call are plain `ValueError` and `TypeError`, raised before
    anything is sent.
    """

    endpoint: str | None
    """The path that was called, such as ``/api/event/getSavedClipsV2``; None outside a call."""

    attempts: int
    """How many requests the call had started when it gave up."""

    cursor: int | str | None
    """The pager's own `cursor`, where to resume, when the error left a pager; else None."""

    maybe_applied: bool
    """True when a change was sent, no whole answer came, and so it may have been carried out."""

    clip_uuids: tuple[str, ...] = ()
    """Uuids of clips whose render had started when a later step failed; the renders go on."""

    def __init__(
        self,
        message: str,
        *,
        endpoint: str | None = None,
        attempts: int = 0,
        cursor: int | str | None = None,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.attempts = attempts
        self.cursor = cursor
        self.maybe_applied = maybe_applied

    def __str__(self) -> str:
        text = str(self.args[0])
        if self.endpoint is not None:
            text = f"{self.endpoint}: {text}"
        if self.attempts > 1:
            text = f"{text} (after {self.attempts} attempts)"
        if self.maybe_applied:
            text = f"{text}; the change may have been applied: look before you send it again"
        if self.clip_uuids:
            text = f"{text}; the splice had begun to make {', '.join(self.clip_uuids)}"
        return text

    def redact(self, secret: str) -> None:
        """Take *secret* out of all that the error says, and of what a traceback shows of it.

        The frames in which it was raised, and other errors in its chain, hold bodies and headers
        in which *secret* may be. A traceback that shows local variables would print them.
        """
        self.__cause__ = self.__context__ = self.__traceback__ = None
        self.args = tuple(redacted(str(part), secret) for part in self.args)
        for name, value in vars(self).items():
            if isinstance(value, str):
                setattr(self, name, redacted(value, secret))

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        return _rebuild, (type(self), self.args, self.__dict__)


def redacted(text: str, secret: str) -> str:
    """*text* without *secret*, unless that is too short to be one (the service's have 22).

    Nor with the beginning of it: a text is cut somewhere, and that may be within the secret.
    """
    if len(secret) < _SHORTEST_SECRET:
        return text
    beginning, ending = secret[:_SHORTEST_SECRET], secret[_SHORTEST_SECRET:]
    before, found, rest = text.partition(beginning)
    kept = [before]
    while found:
        more = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(rest, ending, strict=False))
        )
        before, found, rest = rest[more:].partition(beginning)
        kept.append(before)
    return "[redacted]".join(kept)


def _rebuild(kind: type[RhombusError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(RhombusError, ValueError):
    """A session was given settings that cannot work; nothing was sent."""


class SessionClosedError(RhombusError):
    """The session was closed, before this call or during it."""


class TransportError(RhombusError):
    """No whole answer came back."""


class ConnectError(TransportError):
    """The request was not sent: name lookup, connection, TLS or proxy failed."""

    is_lasting: bool
    """True when another attempt would fail in the same way: the host's certificate is invalid, or
    the proxy refuses the credentials. Such a call is not sent again."""

    def __init__(self, message: str, *, is_lasting: bool = False, **context: Any) -> None:
        super().__init__(message, **context)
        self.is_lasting = is_lasting


class DisconnectedError(TransportError):
    """The request went out, and the answer did not come back whole.

    The connection closed, fell silent for longer than `Timeout.read`, or carried a garbled body.
    """


class DeadlineExceededError(TransportError, TimeoutError):
    """`Timeout.total` ran out over all attempts and pauses of one call."""


class StatusError(RhombusError):
    """The service answered with an HTTP status that is not a success.

    Raised as itself for a redirect (which is never followed, since it would carry the key away)
    and for a status that has no class of its own below.
    """

    status: int
    """The HTTP status."""

    message: str
    """What the service said, from the first of the fields in which it says such things."""

    body_excerpt: str
    """The first 400 characters of the body, as text."""

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        message: str = "",
        body_excerpt: str = "",
        **context: Any,
    ) -> None:
        super().__init__(text, **context)
        self.status = status
        self.message = message
        self.body_excerpt = body_excerpt


class BadRequestError(StatusError):
    """400: the service could not read the request."""


class AuthenticationError(StatusError):
    """401: no credential, or none that fits the scheme."""


class PermissionDeniedError(StatusError):
    """403: the key is unknown here, or its role may not do this."""


class NotFoundError(StatusError):
    """404: there is no such path, or no such thing."""


class RateLimitedError(StatusError):
    """429: the organization's request budget is spent."""

    retry_after: float | None
    """How long the service asks to wait, in seconds, bounded; None when it did not say."""

    def __init__(self, text: str, *, retry_after: float | None = None, **context: Any) -> None:
        super().__init__(text, **context)
        self.retry_after = retry_after


class ServerError(StatusError):
    """5xx: the service or something before it failed."""


class ApiError(RhombusError):
    """HTTP 200 with ``error: true``: the service refused within a well-formed answer."""

    error_msg: str | None
    """The service's ``errorMsg``; None when it gave no reason."""

    warning_msg: str | None
    """The service's ``warningMsg``, when there was one."""

    def __init__(
        self,
        text: str,
        *,
        error_msg: str | None = None,
        warning_msg: str | None = None,
        **context: Any,
    ) -> None:
        super().__init__(text, **context)
        self.error_msg = error_msg
        self.warning_msg = warning_msg


class ClipNotFoundError(ApiError):
    """The service answered that it has no such clip."""


class DecodeError(RhombusError):
    """The service answered with something that is not what its reference describes."""

    path: str
    """Where, as a JSON path such as ``$.savedClips[17].durationSec``; ``$`` is the whole body."""

    expected: str
    """What was expected there."""

    value_excerpt: str
    """What came instead, shortened to 80 characters."""

    def __init__(
        self,
        text: str,
        *,
        path: str = "$",
        expected: str = "",
        value_excerpt: str = "",
        **context: Any,
    ) -> None:
        super().__init__(text, **context)
        self.path = path
        self.expected = expected
        self.value_excerpt = value_excerpt


class PagingError(RhombusError):
    """A listing cannot go on without losing or repeating something."""


class CursorStalledError(PagingError):
    """More clips share one millisecond than the service lists at once.

    What lies behind them cannot be told from the answers. Reading on with ``overlap_ms=0`` may
    get past the place, at the risk of losing clips of that millisecond.
    """


class CursorCycleError(PagingError):
    """The service's cursor went back to where it had been."""


class ClipFailedError(RhombusError):
    """A clip that was waited for will not be complete: it failed, or was deleted."""

    clip: Any
    """The clip as it was last seen, a `ClipWithProgress`; the first one when several failed."""

    clips: tuple[Any, ...]
    """All clips that failed, of those that were waited for together."""

    def __init__(self, text: str, *, clips: tuple[Any, ...] = (), **context: Any) -> None:
        super().__init__(text, **context)
        self.clips = clips
        self.clip = clips[0] if clips else None


class DownloadError(RhombusError):
    """A file cannot be fetched, for a reason other than the network or a refusal by the service."""


class IntegrityError(DownloadError):
    """What came is not the clip: its length or its SHA-256 is another than the clip's record says.

    What was at the path before is untouched; of a stream, the chunks were handed out.
    """
