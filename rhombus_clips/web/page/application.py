"""The application of the page: its files, and the routes that it uses."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import Unpack

from aiohttp import web

from rhombus_clips.session import ClipSession
from rhombus_clips.web.aiohttp_adapter import aiohttp_routes
from rhombus_clips.web.page.access import LocalAccess
from rhombus_clips.web.settings import RouteOptions

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_START = "index.html"
_HEADERS = {
    # Nothing but the page's own files and routes, and no script that is made of text.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_application(
    session: ClipSession, access: LocalAccess, **options: Unpack[RouteOptions]
) -> web.Application:
    """Return the application. Run it with ``handler_cancellation=True``.

    :param session: The session. The caller opens and closes it.
    :param access: Who may use the page.
    :param options: Optional settings of the routes, see `RouteOptions`.
    """
    app, stored = web.Application(middlewares=[access.for_this_host()]), _read_files()

    async def start(request: web.Request) -> web.Response:
        access.grant(request)
        return _response(stored, _START)

    async def read(request: web.Request) -> web.Response:
        return _response(stored, request.match_info["name"])

    app.router.add_get("/", start)
    app.router.add_get("/static/{name}", read)
    app.add_routes(aiohttp_routes(session, authorize=access.authorize, **options))
    return app


def _read_files() -> dict[str, bytes]:
    folder = files("rhombus_clips.web.page").joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _response(stored: Mapping[str, bytes], name: str) -> web.Response:
    if name not in stored:
        raise web.HTTPNotFound
    content_type = _TYPES[PurePath(name).suffix]
    charset = None if content_type == "image/svg+xml" else "utf-8"
    return web.Response(
        body=stored[name], content_type=content_type, charset=charset, headers=_HEADERS
    )
