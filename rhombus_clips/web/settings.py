"""The settings of the routes, the same for all frameworks."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, TypedDict
from urllib.parse import urlsplit

from attrs import field, frozen

from rhombus_clips.arguments import instance, is_seconds, seconds_of, to_seconds, whole_number
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.renders import Polling
from rhombus_clips.session import ClipSession
from rhombus_clips.web.authorization import Authorize, checked_authorize

SessionSource = ClipSession | Callable[[Any], ClipSession | Awaitable[ClipSession]]
"""A session, or a function, plain or async, that returns the session for a request."""


def _is_count(owner: object, attribute: Any, value: object) -> None:
    object.__setattr__(owner, attribute.name, whole_number(value, attribute.name, least=1))


@frozen(kw_only=True)
class Limits:
    """What a client may ask of the routes.

    :param body_bytes: The maximum size of the body of a request, in bytes; 64 KiB by default.
    :param body_timeout: The longest time in which a body must arrive, in seconds or as a timedelta;
        10 s by default.
    :param streams: The maximum number of simultaneous streams per session: events, videos,
        downloads, and listings as NDJSON. Thumbnails do not count. 1,000 by default; a further
        stream is answered with status 429.
    """

    body_bytes: int = field(default=64 * 1024, validator=_is_count)
    body_timeout: float = field(default=10.0, converter=to_seconds, validator=is_seconds)
    streams: int = field(default=1000, validator=_is_count)


class RouteOptions(TypedDict, total=False):
    """The optional settings of `aiohttp_routes` and `asgi_app`."""

    allowed_origins: Iterable[str]
    """Origins such as ``https://app.example.com`` whose scripts may use the routes, with cookies.
    None by default."""
    limits: Limits
    """The sizes and numbers that are accepted."""
    polling: Polling
    """How often to poll the service for the progress of a render that has listeners."""
    interval: float | timedelta
    """The wait between two listings for new clips while there are listeners, in seconds or as a
    timedelta; 30 s by default."""


@frozen(kw_only=True)
class Settings:
    """The checked arguments of `aiohttp_routes` and `asgi_app`."""

    session: SessionSource
    authorize: Authorize
    prefix: str
    allowed_origins: frozenset[str]
    limits: Limits
    polling: Polling
    interval: float


def checked_settings(
    session: SessionSource, authorize: Authorize, prefix: str, options: RouteOptions
) -> Settings:
    """Return the settings. Raises `InvalidArgumentError` for an invalid one."""
    unknown = ", ".join(sorted(options.keys() - RouteOptions.__annotations__.keys()))
    if unknown:
        known = ", ".join(RouteOptions.__annotations__)
        raise InvalidArgumentError(f"unknown option {unknown}; the options are {known}")
    if not isinstance(session, ClipSession) and not callable(session):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise InvalidArgumentError(
            "session must be a ClipSession, or a function that returns one for a request",
            given=session,
        )
    return Settings(
        session=session,
        authorize=checked_authorize(authorize),
        prefix=_checked_prefix(prefix),
        allowed_origins=_checked_origins(options.get("allowed_origins", ())),
        limits=instance(options.get("limits", Limits()), Limits, "limits"),
        polling=instance(options.get("polling", Polling()), Polling, "polling"),
        interval=seconds_of(options.get("interval", 30.0), "interval"),
    )


def _checked_prefix(prefix: object) -> str:
    if not isinstance(prefix, str) or (prefix and not prefix.startswith("/")):
        raise InvalidArgumentError('prefix must be a path such as "/api", or ""', given=prefix)
    if prefix.endswith("/") or any(char in prefix for char in "{}?#%\\") or "//" in prefix:
        raise InvalidArgumentError(
            'prefix must be a plain path without a slash at the end, such as "/api"', given=prefix
        )
    return prefix


def _checked_origins(origins: Iterable[str]) -> frozenset[str]:
    if isinstance(origins, str):
        raise InvalidArgumentError("allowed_origins must be a list of origins, not a string")
    return frozenset(map(_checked_origin, origins))


def _checked_origin(origin: object) -> str:
    parts = urlsplit(origin) if isinstance(origin, str) else None
    if (
        parts is None
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or f"{parts.scheme}://{parts.netloc}".lower() != origin
        or "@" in parts.netloc
    ):
        raise InvalidArgumentError(
            "each of allowed_origins must be an origin such as https://example.com, in lower case"
            " and without a path; * is not supported, because requests carry credentials",
            given=origin,
        )
    return str(origin)
