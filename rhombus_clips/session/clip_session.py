"""The session: its lifetime, and by inheritance a coroutine for each endpoint and each job.

What it does with clips stands in one file for each kind of thing: `saved_clips`, `listings`,
`splices`, `shared_clip_groups`, `downloads`.
"""

import ssl
from functools import partial
from types import TracebackType
from typing import Any, Self

import aiohttp

from rhombus_clips._version import __version__
from rhombus_clips.arguments import whole_number
from rhombus_clips.calls.auth import AuthScheme, Secret, auth_headers, header_value
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.hosts import checked_base_url
from rhombus_clips.calls.http_client import HttpClient, client_session, most_connections
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.calls.retry import RateLimit, RetryPolicy, Timeout
from rhombus_clips.calls.transport import Transport
from rhombus_clips.config import DEFAULT_BASE_URL, DEFAULT_MEDIA_URL, settings_of_environment
from rhombus_clips.errors import ConfigurationError
from rhombus_clips.media.host import MediaHost, MediaTimeout
from rhombus_clips.session.downloads import ClipFiles
from rhombus_clips.session.listings import ClipListings
from rhombus_clips.session.shared_clip_groups import SharedClipGroups
from rhombus_clips.session.splices import Splices

_KEY_CHARACTERS_SHOWN = 4


class ClipSession(ClipFiles, Splices, ClipListings, SharedClipGroups):
    """A session with the clip API of one organization.

    Use it as ``async with ClipSession(api_key) as session: ...``; or make it anywhere, await its
    methods, and `aclose` it at the end. It opens its connections with the first call.

    All methods may be awaited from many tasks at once; they share the connections, the pause
    after a 429 and the client-side rate. It belongs to the event loop of its first call.

    :param api_key: The API key, sent as ``x-auth-apikey``.
    :param auth_scheme: What kind of key it is; an organization's token by default.
    :param org_uuid: The client organization that a partner acts for (``x-auth-org``).
    :param base_url: The service, ``https`` and without ``/api``; the US region by default. A key
        works in its own region only (EU: ``https://api2.eu.rhombussystems.com``).
    :param media_url: The host of the clips' files, ``https``. By default that of the US region,
        and unknown for any other `base_url`: where the files of the EU region lie is not
        documented.
    :param media_ssl: How to verify the media host, and no other: an `ssl.SSLContext` with the
        authority that vouches for it. By default the system's authorities do.
    :param http: An `aiohttp.ClientSession` to borrow: it is neither closed nor changed, and its
        connector settles connections, proxies and TLS. Redirects to other hosts than the media
        host do not use it. By default the session makes its own.
    :param retry: How often and how patiently a failed call is sent again.
    :param timeout: How long a call may take.
    :param media_timeout: When to give up on a download that stalls; there is no limit to how long
        one takes.
    :param rate: A client-side rate, so as to stay below the organization's budget; none by
        default, as the budget's size is not published.
    :param user_agent: Put before the library's own name in ``User-Agent``.
    :param max_response_bytes: The largest body that is read, 64 MiB by default.
    :raises ConfigurationError: for settings that cannot work, before anything is sent.
    """

    def __init__(
        self,
        api_key: str,
        *,
        auth_scheme: AuthScheme | str = AuthScheme.API_TOKEN,
        org_uuid: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        media_url: str | None = None,
        media_ssl: ssl.SSLContext | None = None,
        http: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        timeout: Timeout = Timeout(),
        media_timeout: MediaTimeout = MediaTimeout(),
        rate: RateLimit | None = None,
        user_agent: str | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        if not isinstance(api_key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            given = type(api_key).__name__
            del api_key  # So that no traceback that shows local variables has it.
            raise ConfigurationError(f"api_key must be a string, not {given}")
        api_key = Secret(api_key)
        try:
            self._scheme = AuthScheme(auth_scheme)
        except ValueError:
            known = ", ".join(AuthScheme)
            raise ConfigurationError(
                f"auth_scheme must be one of {known}, not {auth_scheme!r}"
            ) from None
        for name, value, kind in (
            ("retry", retry, RetryPolicy),
            ("timeout", timeout, Timeout),
            ("media_timeout", media_timeout, MediaTimeout),
            ("rate", rate, RateLimit | None),
            ("media_ssl", media_ssl, ssl.SSLContext | None),
        ):
            if not isinstance(value, kind):
                raise ConfigurationError(f"{name} cannot be {value!r}: it has a type of its own")
        try:
            max_response_bytes = whole_number(max_response_bytes, "max_response_bytes", least=1)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(str(error)) from None
        self._base_url = checked_base_url(base_url)
        base_url = self._base_url.geturl()
        agent = f"rhombus_clips/{__version__}"
        credentials = auth_headers(api_key, self._scheme, org_uuid)
        user_agents = [user_agent and header_value(user_agent, "user_agent"), agent]
        user_agent = " ".join(filter(None, user_agents))
        headers = {**credentials, "User-Agent": user_agent}
        self._key_ending = api_key[-_KEY_CHARACTERS_SHOWN:] if len(api_key) >= 16 else ""
        pacing = Pacing(rate, connections=most_connections(http))
        transport = Transport(
            base_url,
            headers,
            client=HttpClient(http, partial(client_session, base_url, pacing.pause)),
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
            user_agent=user_agent,
            http=http,
            tls=media_ssl,
            timeout=media_timeout,
        )
        self._retry = retry
        self._secret = api_key

    @classmethod
    def from_env(cls, **settings: Any) -> Self:
        """A session with the key and the endpoint that the environment names.

        ``RHOMBUS_API_KEY`` is the key; ``RHOMBUS_ENDPOINT_URL`` the base URL, the US region when
        unset. The official command line reads the same two. ``RHOMBUS_MEDIA_URL`` is the
        ``media_url``, which the official one does not have.

        :param settings: Any setting of a session; it stands above the environment's.
        :raises ConfigurationError: when there is no key, or a setting cannot work.
        """
        chosen: dict[str, Any] = {**settings_of_environment(), **settings}
        del settings
        if "api_key" not in chosen:
            raise ConfigurationError("set RHOMBUS_API_KEY to an API key of your organization")
        return cls(chosen.pop("api_key"), **chosen)

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._transport.client.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session; later calls, and those that wait, raise `SessionClosedError`.

        So do calls under way, except that a borrowed client session may still answer them.
        """
        try:
            await self._call.aclose()
        finally:
            await self._media.aclose()

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._transport.client.is_closed

    def __repr__(self) -> str:
        if not hasattr(self, "_transport"):
            # A traceback of `__init__` that shows local variables asks before there is one.
            return "<ClipSession that was not made>"
        state = " closed" if self.is_closed else ""
        return (
            f"<ClipSession {self._base_url.hostname} {self._scheme} key …{self._key_ending}{state}>"
        )
