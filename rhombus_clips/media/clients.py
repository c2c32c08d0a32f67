"""The client sessions of the media host: a borrowed one for it, and a bare one for all others."""

import ssl
from collections.abc import Iterator
from typing import Any

import aiohttp

from rhombus_clips.calls.http_client import proxy_arguments
from rhombus_clips.media.redirects import Origin, origin_of


class Clients:
    """The client sessions, and what each request on them needs.

    A borrowed session has headers, cookies and certificates of its own, so it sends requests to
    the media host only. What a redirect leads to is fetched through a session that has none of
    these. It chooses proxies by our own rules: aiohttp's ``trust_env`` would also add the
    credentials that ``.netrc`` has for a host.

    :param borrowed: The caller's client session, which is neither closed nor changed.
    :param tls: How to verify the media host.
    """

    def __init__(self, borrowed: aiohttp.ClientSession | None, tls: ssl.SSLContext | None) -> None:
        self._borrowed = borrowed
        self._tls = tls
        self._proxies: dict[Origin, dict[str, Any]] = {}
        self.bare: aiohttp.ClientSession | None = None
        """The session of our own; None until the first request that needs it."""

    def chosen(
        self, url: str, *, is_home: bool, has_left: bool
    ) -> tuple[aiohttp.ClientSession, dict[str, Any]]:
        """The client session for *url*, and the arguments that its requests need.

        :param is_home: Whether *url* is on the media host.
        :param has_left: Whether a redirect led to another host before. What comes after that is
            another host's wish, even if it leads back, and gets nothing that is the caller's.
        """
        tls = self._tls if is_home and self._tls is not None else True
        if self._borrowed is not None and is_home and not has_left:
            return self._borrowed, {"ssl": tls}
        origin = origin_of(url)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_arguments(url)
        return self._opened(), {"ssl": tls, **self._proxies[origin]}

    def _opened(self) -> aiohttp.ClientSession:
        if self.bare is None:
            lent = None if self._borrowed is None else self._borrowed.connector
            connector = aiohttp.TCPConnector(
                limit=0 if lent is None else lent.limit,
                limit_per_host=0 if lent is None else lent.limit_per_host,
            )
            self.bare = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self.bare

    @property
    def is_any_closed(self) -> bool:
        """Whether a client session was closed, by us or by its owner."""
        return any(http.closed for http in self._all())

    def _all(self) -> Iterator[aiohttp.ClientSession]:
        return (http for http in (self._borrowed, self.bare) if http is not None)

    async def aclose(self) -> None:
        """Close the session of our own; leave a borrowed one as it is."""
        if self.bare is not None:
            await self.bare.close()
