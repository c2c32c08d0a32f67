"""The routes for aiohttp.web."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Unpack

import anyio
from aiohttp import web
from aiohttp.typedefs import Handler

from rhombus_clips.concurrency import alongside
from rhombus_clips.web.authorization import Authorize
from rhombus_clips.web.backend import Backend
from rhombus_clips.web.body import IncompleteBodyError, read_body
from rhombus_clips.web.messages import ProblemError, Request, Response
from rhombus_clips.web.problems import log_failure
from rhombus_clips.web.routes import ROUTES, Route, methods_by_path
from rhombus_clips.web.settings import Limits, RouteOptions, SessionSource, checked_settings

# aiohttp does not report a disconnected client to a handler that is not writing, unless the
# application is run with handler_cancellation.
_CHECKED_EVERY = 0.5


def aiohttp_routes(
    session: SessionSource,
    *,
    authorize: Authorize,
    prefix: str = "/api",
    **options: Unpack[RouteOptions],
) -> list[web.RouteDef]:
    """Return the routes of a backend for aiohttp.web: ``app.add_routes(aiohttp_routes(...))``.

    The guide next to this package lists the routes. Each calls the endpoints of the service that
    the methods of the session call.

    :param session: The session of all requests, or a function, plain or async, that returns the
        session for a request, for a backend with several organizations. The application opens and
        closes its sessions.
    :param authorize: An async function that is called with the request (an `aiohttp.web.Request`),
        an `Action`, and the uuid of the clip or None, before anything is sent to the service. It
        returns None to allow the request. If it raises an exception, the response has status 403,
        or the status of a ``web.HTTPException``. Requests about several clips call it for each.
        It can read the body, as in ``await request.json()``, if the request has a
        ``Content-Length`` and no ``Content-Encoding``, as those of browsers.
    :param prefix: The path before the routes; ``/api`` by default, where the vendor's React SDK
        expects them. It may be empty.
    :param options: Optional settings, see `RouteOptions`.
    :return: The definitions of the routes.
    :raises InvalidArgumentError: for an invalid argument.
    """
    backend = Backend(checked_settings(session, authorize, prefix, options))
    routes = [
        web.RouteDef(
            route.method,
            f"{prefix}{route.path}",
            _handler(backend, route),
            {"allow_head": route.answers_head} if route.method == "GET" else {},
        )
        for route in ROUTES
    ]
    if backend.settings.allowed_origins:
        routes += [
            web.RouteDef("OPTIONS", f"{prefix}{path}", _preflight_handler(backend, methods), {})
            for path, methods in methods_by_path().items()
        ]
    return routes


def _handler(backend: Backend, route: Route) -> Handler:
    async def handle(native: web.Request) -> web.StreamResponse:
        body = await _body(native, backend.settings.limits) if route.has_body else b""
        request = _neutral(native, body)
        # The response to a client that is gone, which is not sent.
        sent: web.StreamResponse = web.Response(status=499)
        with anyio.CancelScope() as scope:
            async with (
                alongside(partial(_cancel_if_disconnected, native, scope)),
                backend.respond(route, request) as response,
            ):
                sent = await _sent(native, route, response)
        return sent

    return handle


def _preflight_handler(backend: Backend, methods: str) -> Handler:
    async def handle(native: web.Request) -> web.StreamResponse:
        response = backend.preflight(_neutral(native), methods)
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    return handle


async def _body(native: web.Request, limits: Limits) -> bytes | ProblemError:
    length = native.headers.get("Content-Length")
    # The request keeps what its own method reads, for authorize, but does not stop at our limit.
    is_limited = length is not None and "Content-Encoding" not in native.headers
    is_read = not native.can_read_body  # by middleware, or there is none
    try:
        return await read_body(_chunks(native, at_once=is_limited or is_read), length, limits)
    except web.HTTPRequestEntityTooLarge:
        most = native.client_max_size
        return ProblemError(413, f"The body must not have more than {most} bytes.")


async def _chunks(native: web.Request, *, at_once: bool) -> AsyncIterator[bytes]:
    try:
        if at_once:
            yield await native.read()
            return
        async for chunk in native.content.iter_any():
            yield chunk
    except (web.RequestPayloadError, ConnectionError) as error:
        raise IncompleteBodyError from error


def _neutral(native: web.Request, body: bytes | ProblemError = b"") -> Request:
    return Request(
        method=native.method,
        query=[(name, value) for name, value in native.query.items()],
        headers={name.lower(): value for name, value in native.headers.items()},
        path_parameters=native.match_info,
        body=body,
        native=native,
    )


async def _cancel_if_disconnected(native: web.Request, scope: anyio.CancelScope) -> None:
    while native.transport is not None and not native.transport.is_closing():  # noqa: ASYNC110  # there is no event
        await anyio.sleep(_CHECKED_EVERY)
    scope.cancel()


async def _sent(native: web.Request, route: Route, response: Response) -> web.StreamResponse:
    """Send a response, and return it."""
    if isinstance(response.body, bytes):
        return web.Response(status=response.status, headers=response.headers, body=response.body)
    sent = web.StreamResponse(status=response.status, headers=response.headers)
    transport = native.transport
    try:
        await sent.prepare(native)
        async for chunk in response.body:
            await sent.write(chunk)
        await sent.write_eof()
    except ConnectionError:
        pass  # The client has disconnected.
    except asyncio.CancelledError:
        # A client that does not read would otherwise keep the connection of a server that ends.
        if transport is not None:
            transport.abort()
        raise
    except Exception as error:  # noqa: BLE001  # logged; the client notices the missing end
        log_failure(f"{native.method} {route.path}", error)
        if transport is not None:
            transport.close()
    return sent
