"""Who may use the page: the browser in which its user has opened its address."""

import secrets
from hmac import compare_digest

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from attrs import field, frozen

from rhombus_clips.web.authorization import Action

HOST = "127.0.0.1"
_PARAMETER = "key"


class _UnauthorizedError(Exception):
    status_code = 401
    detail = "Open the address that the command has printed."


def _new_key() -> str:
    return secrets.token_urlsafe(24)


@frozen
class LocalAccess:
    """Grants access to a browser that has opened `url`.

    All programs and users of a machine can connect to its loopback ports, so the address has a
    secret key. The browser keeps it in a cookie, which pages of other sites cannot send.
    """

    port: int
    """The loopback port of the page."""
    key: str = field(factory=_new_key, repr=False)
    """The secret. Everyone who knows it can use the page."""

    @property
    def url(self) -> str:
        """The address that grants access."""
        return f"http://{HOST}:{self.port}/?{_PARAMETER}={self.key}"

    @property
    def _cookie(self) -> str:
        return f"rhombus_clips_{self.port}"  # All ports of a host share its cookies.

    async def authorize(
        self, request: web.Request, _action: Action, _clip_uuid: str | None
    ) -> None:
        """Refuse the request with 401 unless it has the cookie."""
        if not self._is_key(request.cookies.get(self._cookie)):
            raise _UnauthorizedError

    def grant(self, request: web.Request) -> None:
        """Give a browser the cookie, and send it to the page, if its request has the key."""
        if self._is_key(request.query.get(_PARAMETER)):
            page = web.HTTPSeeOther("/")  # An address without the key, which is safe to show.
            page.set_cookie(self._cookie, self.key, httponly=True, samesite="Strict")
            raise page

    def _is_key(self, given: str | None) -> bool:
        return given is not None and compare_digest(given.encode(), self.key.encode())

    def for_this_host(self) -> Middleware:
        """Return middleware that refuses requests for the page under another name.

        The owner of a domain can let its name resolve to 127.0.0.1 after a browser has loaded a
        page from it. That page could then send requests as if it were this one.
        """
        names = {f"{HOST}:{self.port}", f"localhost:{self.port}"}

        @web.middleware
        async def refuse_others(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.host not in names:
                raise web.HTTPMisdirectedRequest(text="This page has another address.")
            return await handler(request)

        return refuse_others
