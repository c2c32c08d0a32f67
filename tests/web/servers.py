"""The same routes under five servers, all in the event loop of the test."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Unpack

import aiohttp
from aiohttp import web

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Ok
from rhombus_clips.web import Action, RouteOptions, aiohttp_routes, asgi_app
from rhombus_clips.web.authorization import Authorize
from rhombus_clips.web.settings import SessionSource
from tests.components import required
from tests.web_guide.watched import UntilDisconnected, until

PREFIX = "/api"
GRACE = 1
"""The seconds that open streams have when a server ends."""


async def open_events(
    http: aiohttp.ClientSession, url: str, fake: FakeRhombus
) -> aiohttp.ClientResponse:
    """Open the events of a render that does not end, and wait for their start."""
    rendering = fake.start_render(seconds=3600)
    events = await http.get(f"{url}/clips/{rendering}/events")
    assert await events.content.readline() == b"retry: 3000\n"
    return events


async def events_end_upstream(
    http: aiohttp.ClientSession,
    url: str,
    fake: FakeRhombus,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Open events, disconnect, and wait until the request to the service has ended, too."""
    silence = UntilDisconnected()
    rendering = fake.start_render(seconds=3600)
    fake.faults = [Ok(), silence]
    events = await http.get(f"{url}/clips/{rendering}/events", headers=headers)
    async with asyncio.timeout(60):
        assert await events.content.readline() == b"retry: 3000\n"
        await silence.arrived.wait()
        events.close()
        await silence.disconnected.wait()


async def allow(request: Any, action: Action, clip_uuid: str | None) -> None:
    """Allow every request."""


def serving(
    server: str,
    session: SessionSource,
    *,
    authorize: Authorize = allow,
    **options: Unpack[RouteOptions],
) -> AbstractAsyncContextManager[str]:
    """Serve the routes on a free port during the block, and yield the URL of their prefix.

    :param server: One of `SERVERS`.
    """
    if server.startswith("aiohttp"):
        app = web.Application()
        app.add_routes(aiohttp_routes(session, authorize=authorize, prefix=PREFIX, **options))
        return aiohttp_serving(app, handler_cancellation=server == "aiohttp-cancelling")
    required("starlette")
    return SERVERS[server](asgi_app(session, authorize=authorize, prefix=PREFIX, **options))


@asynccontextmanager
async def aiohttp_serving(
    app: web.Application, *, handler_cancellation: bool = False, shutdown_timeout: float = GRACE
) -> AsyncGenerator[str, None]:
    """Serve *app* by aiohttp's runner."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=handler_cancellation,
        shutdown_timeout=shutdown_timeout,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}".format(*runner.addresses[0]) + PREFIX
    finally:
        await runner.cleanup()


@asynccontextmanager
async def uvicorn_serving(
    app: Any, *, timeout_graceful_shutdown: int | None = GRACE
) -> AsyncGenerator[str, None]:
    """Serve *app* by uvicorn."""
    uvicorn = required("uvicorn")
    config = uvicorn.Config(
        app, ws="none", log_config=None, timeout_graceful_shutdown=timeout_graceful_shutdown
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ending = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await until(lambda: server.started or ending.done())
            assert server.started, "the application did not start"
            yield "http://{}:{}".format(*listening.getsockname()) + PREFIX
        finally:
            server.should_exit = True
            await ending


@asynccontextmanager
async def hypercorn_serving(
    app: Any, *, graceful_timeout: float = GRACE
) -> AsyncGenerator[str, None]:
    """Serve *app* by hypercorn."""
    required("hypercorn")
    asyncio_mode, configuration = required("hypercorn.asyncio"), required("hypercorn.config")
    listening, stop = socket.create_server(("127.0.0.1", 0)), asyncio.Event()
    url = "http://{}:{}".format(*listening.getsockname()) + PREFIX
    config = configuration.Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.graceful_timeout = graceful_timeout
    config.errorlog = logging.getLogger("hypercorn.error")
    ending = asyncio.create_task(
        asyncio_mode.serve(app, config, shutdown_trigger=stop.wait, mode="asgi")
    )
    try:
        # The socket accepts connections already; the server takes them when it has started.
        yield url
    finally:
        stop.set()
        await ending


@asynccontextmanager
async def granian_serving(app: Any) -> AsyncGenerator[str, None]:
    """Serve *app* by granian, which has no limit for streams when it is embedded."""
    required("granian")
    embedded, constants = required("granian.server.embed"), required("granian.constants")
    # granian opens its own socket for the port, which another socket keeps free.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        host, port = reserved.getsockname()
        server = embedded.Server(
            app, address=host, port=port, interface=constants.Interfaces.ASGI, log_enabled=False
        )
        ending = asyncio.create_task(server.serve())
        try:
            await accepting(host, port, ending)
            yield f"http://{host}:{port}{PREFIX}"
        finally:
            server.stop()
            await ending


async def accepting(host: str, port: int, ending: "asyncio.Task[Any]") -> None:
    """Wait until a server accepts connections."""
    while not ending.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        return
    await ending
    raise AssertionError("the server did not start")


SERVERS: dict[str, Callable[..., AbstractAsyncContextManager[str]]] = {
    "aiohttp": aiohttp_serving,
    "aiohttp-cancelling": aiohttp_serving,
    "uvicorn": uvicorn_serving,
    "hypercorn": hypercorn_serving,
    "granian": granian_serving,
}
"""The servers by name. The second one cancels a handler whose client disconnects."""

ADAPTERS = ("aiohttp", "uvicorn")
"""A server for each of the two adapters."""
