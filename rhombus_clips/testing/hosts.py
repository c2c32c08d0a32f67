"""HTTP servers on loopback, each on its own port."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    prepare: Callable[[web.Request, web.StreamResponse], Awaitable[None]],
    port: int = 0,
) -> AsyncGenerator[int, None]:
    """Serve requests during the block, and yield the port.

    :param answer: Answers a request of any method and path.
    :param prepare: Changes a response before its headers are sent.
    :param port: The port to listen on; 0 picks a free one.
    """
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    app.on_response_prepare.append(prepare)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
