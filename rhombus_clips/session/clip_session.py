"""`ClipSession`: its settings and its lifetime. Its methods are in the other files of the package.

There is one file per kind of resource: `saved_clips`, `listings`, `splices`, `alerts`,
`shared_clip_groups` and `downloads`; `any_endpoint` calls the endpoints that have no method.
"""

import ssl
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypedDict, Unpack, cast

import aiohttp

from rhombus_clips._version import __version__
from rhombus_clips.arguments import instance, instance_or_none, seconds_of, whole_number
from rhombus_clips.calls.auth import AuthScheme, Secret, auth_headers, header_value
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.home_loop import HomeLoop
from rhombus_clips.calls.hosts import checked_base_url
from rhombus_clips.calls.http_client import HttpClient, client_session, most_connections
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.calls.retry import RateLimit, RetryPolicy, Timeout
from rhombus_clips.calls.transport import Transport
from rhombus_clips.config import DEFAULT_BASE_URL, DEFAULT_MEDIA_URL, configured
from rhombus_clips.errors import ConfigurationError
from rhombus_clips.media.host import MediaHost, MediaTimeout
from rhombus_clips.session.alerts import Alerts
from rhombus_clips.session.any_endpoint import AnyEndpoint
from rhombus_clips.session.downloads import ClipFiles
from rhombus_clips.session.listings import ClipListings
from rhombus_clips.session.saved_clips import SavedClips
from rhombus_clips.session.shared_clip_groups import SharedClipGroups
from rhombus_clips.session.splices import Splices

_WEB_SETTINGS: dict[str, Any] = {
    "retry": RetryPolicy(attempts=2),
    "timeout": Timeout(total=10.0, connect=3.0, read=10.0),
    "media_timeout": MediaTimeout(connect=3.0, stall=10.0, pause=10.0),
}


class SessionOptions(TypedDict, total=False):
    """The settings of a `ClipSession` apart from the key, as `ClipSession.for_web` takes them."""

    auth_scheme: AuthScheme | str
    org_uuid: str | None
    base_url: str
    media_url: str | None
    tls: ssl.SSLContext | None
    media_ssl: ssl.SSLContext | None
    http: aiohttp.ClientSession | None
    retry: RetryPolicy
    timeout: Timeout | float | timedelta
    media_timeout: MediaTimeout
    rate: RateLimit | None
    user_agent: str | None
    max_response_bytes: int


class SessionSettings(SessionOptions, total=False):
    """The settings of a `ClipSession`, as `ClipSession.from_env` takes them."""

    api_key: str


class ClipSession(
    SavedClips, ClipListings, Splices, Alerts, SharedClipGroups, ClipFiles, AnyEndpoint
):
    """A session with the clip API of one organization.

    Use it as ``async with ClipSession(api_key) as session: ...``. It can also be created anywhere
    and closed with `aclose`. The constructor does no I/O; the first call opens connections.

    Any number of tasks may await its methods concurrently. They share the connections, the pause
    after a 429 and the client-side rate. A session belongs to the event loop of its first call: in
    another loop or thread, or in a second ``asyncio.run``, all methods raise `WrongEventLoopError`.

    :param api_key: The API key, sent as ``x-auth-apikey``.
    :param auth_scheme: The kind of key; an organization's key by default.
    :param org_uuid: The client organization that a partner acts for (``x-auth-org``).
    :param base_url: The URL of the service, ``https`` and without ``/api``; the US region by
        default. A key works only in its own region (EU: ``https://api2.eu.rhombussystems.com``).
    :param media_url: The URL of the media host, ``https``. The default is the US media host for the
        default *base_url*. The media hosts of other regions are not documented, so downloads from
        them require this setting.
    :param tls: An `ssl.SSLContext` for the API, and only for that host, such as one with the client
        certificate that the schemes ``api`` and ``partner-api`` require. By default, the system's
        certificate authorities are used. Not with *http*, whose connector determines TLS.
    :param media_ssl: An `ssl.SSLContext` to verify the media host, and only that host. By default,
        the system's certificate authorities are used.
    :param http: An `aiohttp.ClientSession` to borrow. It is never closed or changed, and its
        connector determines connections, proxies and TLS. Redirects from the media host to other
        hosts do not use it. By default, the session creates its own.
    :param retry: How often and how long to retry a failed call.
    :param timeout: How long a call may take: a `Timeout`, or the total in seconds or as a
        timedelta; 120 s by default.
    :param media_timeout: When to abort a stalled download. The duration of a download is not
        limited.
    :param rate: A client-side rate limit, to stay within the organization's budget. The budget is
        not published; None, the default, sets no limit.
    :param user_agent: A prefix for the library's own ``User-Agent``.
    :param max_response_bytes: The maximum size of a response body, 64 MiB by default.
    :raises ConfigurationError: for invalid settings.
    """

    def __init__(
        self,
        api_key: str,
        *,
        auth_scheme: AuthScheme | str = AuthScheme.API_TOKEN,
        org_uuid: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        media_url: str | None = None,
        tls: ssl.SSLContext | None = None,
        media_ssl: ssl.SSLContext | None = None,
        http: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        timeout: Timeout | float | timedelta = Timeout(),
        media_timeout: MediaTimeout = MediaTimeout(),
        rate: RateLimit | None = None,
        user_agent: str | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        if not isinstance(api_key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
            given = type(api_key).__name__
            del api_key  # A traceback with local variables must not show it.
            raise ConfigurationError(f"api_key must be a string, not {given}")
        api_key = Secret(api_key)
        try:
            self._scheme = AuthScheme(auth_scheme)
        except ValueError:
            known = ", ".join(AuthScheme)
            raise ConfigurationError(
                f"auth_scheme must be one of {known}, not {auth_scheme!r}"
            ) from None
        if not isinstance(http, aiohttp.ClientSession | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
            # The value is not quoted: it may have headers with the key.
            given = type(http).__name__
            raise ConfigurationError(f"http must be an aiohttp.ClientSession, not {given}")
        try:
            instance(retry, RetryPolicy, "retry")
            instance(media_timeout, MediaTimeout, "media_timeout")
            instance_or_none(rate, RateLimit, "rate")
            instance_or_none(tls, ssl.SSLContext, "tls")
            instance_or_none(media_ssl, ssl.SSLContext, "media_ssl")
            if not isinstance(timeout, Timeout):
                kinds = "a number of seconds or a Timeout"
                timeout = Timeout(total=seconds_of(timeout, "timeout", kinds=kinds))
            max_response_bytes = whole_number(max_response_bytes, "max_response_bytes", least=1)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(str(error)) from None
        if tls is not None and http is not None:
            raise ConfigurationError("pass either tls or http, whose connector determines TLS")
        self._base_url = checked_base_url(base_url)
        base_url = self._base_url.geturl()
        credentials = auth_headers(api_key, self._scheme, org_uuid)
        product = f"rhombus_clips/{__version__}"
        if user_agent is not None and user_agent != "":
            product = f"{header_value(user_agent, 'user_agent')} {product}"
        self._key_ending = api_key[-4:] if len(api_key) >= 16 else ""
        pacing = Pacing(rate, connections=most_connections(http))
        home = HomeLoop(http)
        transport = Transport(
            base_url,
            {**credentials, "User-Agent": product},
            client=HttpClient(http, partial(client_session, base_url, pacing.pause, tls), home),
            timeout=timeout,
            max_response_bytes=max_response_bytes,
        )
        self._call = Caller(transport, pacing, retry, timeout, secret=api_key)
        self._transport = transport
        if media_url is None and base_url == DEFAULT_BASE_URL:
            media_url = DEFAULT_MEDIA_URL
        self._media = MediaHost(
            media_url,
            credentials,
            user_agent=product,
            http=http,
            home=home,
            tls=media_ssl,
            timeout=media_timeout,
        )
        self._retry = retry
        self._secret = api_key

    @classmethod
    def from_env(cls, *, profile: str | None = None, **settings: Unpack[SessionSettings]) -> Self:
        """Create a session with the settings in the environment or in a profile.

        A key, its kind, its certificate and its hosts come from one source, the first of:

        1. *settings*, if they have an ``api_key``;
        2. the profile that *profile* or else ``RHOMBUS_PROFILE`` names;
        3. ``RHOMBUS_API_KEY``, with ``RHOMBUS_ENDPOINT_URL`` as the *base_url* (by default the US
           region) and ``RHOMBUS_MEDIA_URL`` as the *media_url*;
        4. the profile ``default``.

        Profiles are those of the official command-line client, in ``~/.rhombus/credentials`` and
        ``~/.rhombus/config``. This library also reads ``media_url`` in the latter. They are read
        at once.

        :param profile: The name of a profile. None, the default, reads the environment.
        :param settings: Any settings of `ClipSession`. They override those of the source.
        :raises ConfigurationError: if there is no key, or a setting is invalid.
        """
        given = cast("dict[str, Any]", {**settings})
        del settings  # A traceback with local variables must not show the key.
        try:
            chosen = configured(profile, given)
        finally:
            del given
        return cls(chosen.pop("api_key"), **chosen)

    @classmethod
    def for_web(
        cls,
        api_key: str | None = None,
        *,
        profile: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> Self:
        """Create a session for the requests of a web backend, whose clients do not wait for long.

        A call takes at most 10 s in total (3 s to connect) and sends at most two requests. If the
        service asks for a longer wait than is left of the 10 s, the call raises `RateLimitedError`
        at once, with `retry_after`. So does a call that starts during such a pause, or that *rate*
        does not admit in time, without a request. A request that is not answered is not repeated:
        it uses up the 10 s. The limits apply to each call: a pager makes one call per page.

        Downloads and streams wait at most 10 s for data and for a pause; their duration is not
        limited. Opening a stream may take twice the 10 s; limit it with `asyncio.timeout`. Silence
        of the media host is a `DisconnectedError`.

        :param api_key: The API key. None, the default, reads the environment or a profile, as
            `from_env` does.
        :param profile: The name of a profile, instead of a key.
        :param options: Any settings of `ClipSession`. They override those of this method, which
            are ``retry=RetryPolicy(attempts=2)``,
            ``timeout=Timeout(total=10, connect=3, read=10)`` and
            ``media_timeout=MediaTimeout(connect=3, stall=10, pause=10)``.
        :raises ConfigurationError: for invalid settings.
        """
        chosen = cast("dict[str, Any]", {**_WEB_SETTINGS, **options})
        if api_key is None:
            return cls.from_env(profile=profile, **chosen)
        if profile is not None:
            del api_key  # as below
            raise ConfigurationError("pass either api_key or profile, not both")
        chosen["api_key"] = api_key
        del api_key  # A traceback with local variables must not show it.
        return cls(chosen.pop("api_key"), **chosen)

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._transport.client.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session. Waiting calls and later calls raise `SessionClosedError`.

        Calls in progress also raise it, unless a borrowed client session completes them. Closing
        a session again has no effect.

        :raises WrongEventLoopError: if the session belongs to another event loop. If that loop is
            closed, it has closed the connections.
        """
        if self.is_closed:
            return
        self._transport.client.check()
        try:
            await self._call.aclose()
        finally:
            await self._media.aclose()

    @property
    def is_closed(self) -> bool:
        """True after `aclose` was called."""
        return self._transport.client.is_closed

    def __repr__(self) -> str:
        if not hasattr(self, "_transport"):
            # A traceback with local variables may show a session whose `__init__` failed.
            return "<ClipSession with invalid settings>"
        state = " closed" if self.is_closed else ""
        return (
            f"<ClipSession {self._base_url.hostname} {self._scheme} key …{self._key_ending}{state}>"
        )
