"""Applications of several frameworks in which the routes are mounted at ``/api``.

Each has a view of its own, ``/own``. Where the framework has middleware that shares state with the
routes, that sets the name of the user.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.components import required
from tests.web.servers import PREFIX

USER = "ada"
OWN = "a view of the application"


def alone(routes: Any) -> Any:
    """Mount nothing: the routes have the prefix themselves."""
    return routes


def starlette(routes: Any) -> Any:
    """Mount the routes in Starlette, below middleware that sets the user."""
    responses, routing = required("starlette.responses"), required("starlette.routing")

    async def own(_request: Any) -> Any:
        return responses.PlainTextResponse(OWN)

    app = required("starlette.applications").Starlette(
        routes=[routing.Route("/own", own), routing.Mount(PREFIX, routes)]
    )
    app.add_middleware(required("starlette.middleware.base").BaseHTTPMiddleware, dispatch=_set_user)
    return app


def fastapi(routes: Any) -> Any:
    """Mount the routes in FastAPI, below middleware that sets the user."""
    app = required("fastapi").FastAPI()
    app.middleware("http")(_set_user)

    @app.get("/own")
    async def own() -> str:
        return OWN

    app.mount(PREFIX, routes)
    return app


async def _set_user(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    request.state.user = USER
    return await call_next(request)


def litestar(routes: Any) -> Any:
    """Mount the routes in Litestar, below middleware that sets the user."""
    library = required("litestar")

    def set_user(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            scope["state"]["user"] = USER
            await app(scope, receive, send)

        return middleware

    @library.get("/own", sync_to_thread=False)
    def own() -> str:
        return OWN

    mounted = library.asgi(PREFIX, is_mount=True, copy_scope=True)(routes)
    return library.Litestar([own, mounted], middleware=[set_user])


def quart(routes: Any) -> Any:
    """Put the routes next to Quart, below hypercorn's dispatcher."""
    app = required("quart").Quart("backend")

    @app.get("/own")
    async def own() -> str:
        return OWN

    dispatcher = required("hypercorn.middleware").DispatcherMiddleware
    return dispatcher({PREFIX: routes, "": app})


def django(routes: Any) -> Any:
    """Put the routes next to Django, which cannot mount an application."""
    required("django")
    conf, http, urls = required("django.conf"), required("django.http"), required("django.urls")

    def own(_request: Any) -> Any:
        return http.HttpResponse(OWN)

    if not conf.settings.configured:  # A process has one Django application.
        patterns = (urls.path("own", own),)
        conf.settings.configure(ROOT_URLCONF=patterns, ALLOWED_HOSTS=["*"], SECRET_KEY="test")
    pages = required("django.core.asgi").get_asgi_application()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_ours = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
        await (routes if is_ours else pages)(scope, receive, send)

    return app


APPLICATIONS: dict[str, Callable[[Any], Any]] = {
    "alone": alone,
    "starlette": starlette,
    "fastapi": fastapi,
    "litestar": litestar,
    "quart": quart,
    "django": django,
}
"""The applications by name: functions of the routes."""

WITH_PREFIX = ("alone", "django")
"""The applications that leave the prefix in the path."""

WITH_STATE = ("starlette", "fastapi", "litestar")
"""The applications whose middleware shares state with the routes."""
