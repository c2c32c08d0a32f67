"""The routes on Starlette: an application whose endpoints are ASGI applications."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

import anyio
from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route as StarletteRoute

from rhombus_clips.concurrency import alongside
from rhombus_clips.web.backend import Backend
from rhombus_clips.web.body import IncompleteBodyError, read_body
from rhombus_clips.web.messages import ProblemError, Request, Response
from rhombus_clips.web.problems import log_failure, problem_response
from rhombus_clips.web.routes import ROUTES, Route, methods_by_path

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def application(backend: Backend, prefix: str) -> Starlette:
    """Return the application. Its paths start with *prefix*."""
    routes = [
        StarletteRoute(f"{prefix}{route.path}", _Endpoint(backend, route), methods=route.methods)
        for route in ROUTES
    ]
    if backend.settings.allowed_origins:
        routes += [
            StarletteRoute(f"{prefix}{path}", _Preflight(backend, methods), methods=["OPTIONS"])
            for path, methods in methods_by_path().items()
        ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_WithoutTrailingSlash)],
        exception_handlers={404: _not_found, 405: _not_allowed},
    )
    app.router.redirect_slashes = False  # A redirect would name the host that the client claims.
    return app


@frozen
class _WithoutTrailingSlash:
    """Removes the slash that Litestar adds to the path of a request to a mounted application."""

    app: Callable[[Scope, Receive, Send], Awaitable[None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].removesuffix("/")}
        await self.app(scope, receive, send)


@frozen
class _Endpoint:
    """An ASGI application for one route."""

    backend: Backend
    route: Route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.route
        body: bytes | ProblemError = b""
        if scope["method"] not in route.methods:  # Starlette adds HEAD to each GET.
            raise HTTPException(405, headers={"Allow": methods_by_path()[route.path]})
        if route.has_body:
            length = StarletteRequest(scope).headers.get("content-length")
            body = await read_body(_chunks(receive), length, self.backend.settings.limits)
        native = StarletteRequest(scope, _replay(body))
        request = _neutral(native, body)
        has_started = False
        with anyio.CancelScope() as cancel_scope:
            async with (
                alongside(partial(_cancel_if_disconnected, receive, cancel_scope)),
                self.backend.respond(route, request) as response,
            ):
                try:
                    await _send_start(send, response)
                    has_started = True
                    await _send_body(send, response.body)
                except Exception as error:
                    log_failure(f"{request.method} {route.path}", error)
                    raise  # The server closes the connection, so that the client notices.
        if not has_started:
            # The client is gone, but middleware may require a response.
            await _send_response(send, Response(status=499))


@frozen
class _Preflight:
    """An ASGI application that answers preflight requests for one path."""

    backend: Backend
    methods: str

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        request = _neutral(StarletteRequest(scope), b"")
        await _send_response(send, self.backend.preflight(request, self.methods))


def _neutral(native: StarletteRequest, body: bytes | ProblemError) -> Request:
    return Request(
        method=native.method,
        query=native.query_params.multi_items(),
        headers=dict(native.headers),  # with names in lower case
        path_parameters=native.path_params,
        body=body,
        native=native,
    )


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise IncompleteBodyError
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _replay(body: bytes | ProblemError) -> Receive:
    """Return a function from which the application's own code can read the body again."""
    is_read = False

    async def receive() -> Message:
        nonlocal is_read
        if is_read or isinstance(body, ProblemError):
            return {"type": "http.disconnect"}
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _cancel_if_disconnected(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_response(send: Send, response: Response) -> None:
    await _send_start(send, response)
    await _send_body(send, response.body)


async def _send_start(send: Send, response: Response) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def _send_body(send: Send, body: bytes | AsyncIterator[bytes]) -> None:
    if not isinstance(body, bytes):
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _not_found(_request: StarletteRequest, _error: Exception) -> StarletteResponse:
    return _as_starlette(ProblemError(404, "There is no such path."))


async def _not_allowed(_request: StarletteRequest, error: Exception) -> StarletteResponse:
    headers = error.headers if isinstance(error, HTTPException) else None
    return _as_starlette(ProblemError(405, "This path does not have this method.", headers))


def _as_starlette(problem: ProblemError) -> StarletteResponse:
    response = problem_response(problem)
    headers = {**response.headers, "Cache-Control": "no-store"}
    return StarletteResponse(response.body, response.status, headers)
