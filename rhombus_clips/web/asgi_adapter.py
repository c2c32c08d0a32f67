"""The routes as an ASGI application. Starlette is imported only when it is needed."""

from typing import TYPE_CHECKING, Unpack

from rhombus_clips.extras import requiring
from rhombus_clips.web.authorization import Authorize
from rhombus_clips.web.backend import Backend
from rhombus_clips.web.settings import RouteOptions, SessionSource, checked_settings

if TYPE_CHECKING:
    from starlette.applications import Starlette


def asgi_app(
    session: SessionSource,
    *,
    authorize: Authorize,
    prefix: str = "",
    **options: Unpack[RouteOptions],
) -> "Starlette":
    """Return an ASGI application with the routes of a backend; requires the extra ``web``.

    Run it alone, or mount it in an application: ``app.mount("/api", asgi_app(...))``. The guide
    next to this package lists the routes, and README shows it in FastAPI and in Litestar.

    :param session: As for `aiohttp_routes`.
    :param authorize: As for `aiohttp_routes`. The request is a `starlette.requests.Request`, which
        shares its state with the middleware of the application. An exception with a
        ``status_code``, such as FastAPI's ``HTTPException``, determines the status.
    :param prefix: The path before the routes; empty by default, because mounting adds one.
    :param options: Optional settings, see `RouteOptions`.
    :raises InvalidArgumentError: for an invalid argument.
    :raises ImportError: if Starlette is not installed.
    """
    backend = Backend(checked_settings(session, authorize, prefix, options))
    with requiring("starlette", extra="web", purpose="asgi_app"):
        from rhombus_clips.web import starlette_app  # noqa: PLC0415  # see above
    return starlette_app.application(backend, prefix)
