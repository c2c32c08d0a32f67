"""Servers of the guide's programs: uvicorn for FastAPI, a runner for aiohttp.web."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiohttp import web
from attrs import field, frozen

from tests.components import required
from tests.web_guide.guide import program_of
from tests.web_guide.watched import until


@frozen
class Sent:
    """The head of a response."""

    path: str
    status: int
    content_range: str | None


@frozen
class Backend:
    """A running program of the guide."""

    url: str
    connections: Callable[[], int]
    """A function that returns the number of open connections."""
    sent: list[Sent] = field(factory=list)
    """The responses in their order."""

    async def all_disconnected(self) -> None:
        """Wait until the server knows that its clients have closed all connections."""
        await until(lambda: not self.connections())


def run(
    framework: str,
    *,
    edit: Callable[[str], str] = str,
    page: str = "",
    handler_cancellation: bool = True,
) -> AbstractAsyncContextManager[Backend]:
    """Serve the program of *framework* on a free port, in this event loop.

    :param edit: A function that changes the text of the program.
    :param page: The HTML to serve at ``/``.
    :param handler_cancellation: The setting of aiohttp's runner.
    """
    if framework == "aiohttp":
        return _run_aiohttp(program_of("aiohttp", edit).make_app(), page, handler_cancellation)
    required("fastapi")
    return _run_uvicorn(program_of("fastapi", edit).app, page)


@asynccontextmanager
async def _run_aiohttp(
    app: web.Application, page: str, handler_cancellation: bool
) -> AsyncGenerator[Backend, None]:
    requests: list[web.Request] = []

    async def get_page(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        requests.append(request)
        content_range = response.headers.get("Content-Range")
        backend.sent.append(Sent(request.path, response.status, content_range))

    app.router.add_get("/", get_page)
    app.on_response_prepare.append(note)
    runner = web.AppRunner(app, handler_cancellation=handler_cancellation, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        # The server itself counts a connection until its handler has ended.
        backend = Backend(
            "http://{}:{}".format(*runner.addresses[0]),
            lambda: sum(request.transport is not None for request in requests),
        )
        yield backend
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _run_uvicorn(app: Any, page: str) -> AsyncGenerator[Backend, None]:
    uvicorn, responses = required("uvicorn"), required("fastapi.responses")

    async def get_page() -> Any:
        return responses.HTMLResponse(page)

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                content_range = headers.get(b"content-range", b"").decode() or None
                backend.sent.append(Sent(scope["path"], message["status"], content_range))
            await send(message)

        await app(scope, receive, note)

    app.get("/")(get_page)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            noting, lifespan="on", ws="none", log_config=None, timeout_graceful_shutdown=1
        )
    )
    backend = Backend(
        "http://{}:{}".format(*listening.getsockname()),
        lambda: len(server.server_state.connections),
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await until(lambda: server.started or serving.done())
        assert server.started, "the application did not start"
        yield backend
    finally:
        server.should_exit = True
        await serving
        listening.close()
