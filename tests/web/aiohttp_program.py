"""A backend for aiohttp.web that runs as a process, with its port as the argument."""

import sys
from collections.abc import AsyncGenerator

from aiohttp import web

from rhombus_clips import ClipSession
from rhombus_clips.web import aiohttp_routes
from tests.web.programs import CLOSED, PREFIX, allow

session = ClipSession.for_web()


async def open_session(_app: web.Application) -> AsyncGenerator[None, None]:
    """Open the session, and say when it has been closed."""
    async with session:
        yield
    print(CLOSED, flush=True)  # noqa: T201


def main() -> None:
    """Serve the routes on the port that is the first argument, until SIGTERM."""
    app = web.Application()
    app.cleanup_ctx.append(open_session)
    app.add_routes(aiohttp_routes(session, authorize=allow, prefix=PREFIX))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), shutdown_timeout=1)


if __name__ == "__main__":
    main()
