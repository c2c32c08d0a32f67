"""The command that shows the clips on a web page."""

import signal
import socket
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp.web
import anyio
import click

from rhombus_clips import ClipSession, Polling
from rhombus_clips.cli.demo_clips import add_clips_now_and_then, demo_service
from rhombus_clips.cli.organization import chosen_organization
from rhombus_clips.cli.output import echo
from rhombus_clips.cli.running import run_async
from rhombus_clips.concurrency import alongside
from rhombus_clips.web.page import LocalAccess, page_application
from rhombus_clips.web.page.access import HOST
from rhombus_clips.web.settings import RouteOptions

_DEMO_OPTIONS = RouteOptions(interval=2.0, polling=Polling(interval=0.25, max_interval=0.5))
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Open event streams would otherwise delay the end of the command.
_SHUTDOWN_SECONDS = 1.0


@click.command()
@click.option("--demo", "is_demo", is_flag=True,
              help="Show the clips of a fake service. No API key is needed.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True,
              help="The port of the page. 0 picks a free port.")  # fmt: skip
@click.option("--open", "opens_browser", is_flag=True, help="Open the page in the browser.")
def web(*, is_demo: bool, port: int, opens_browser: bool) -> None:
    """Show the clips on a local web page.

    Lists, plays, makes, downloads and shares clips. Runs until interrupted. Only a browser that
    opens the printed address can use the page.
    """
    run_async(_serve(is_demo=is_demo, port=port, opens_browser=opens_browser))


async def _serve(*, is_demo: bool, port: int, opens_browser: bool) -> None:
    source = _demo_session() if is_demo else ClipSession.for_web(**chosen_organization())
    options = _DEMO_OPTIONS if is_demo else RouteOptions()
    with _listening(port) as listener, anyio.open_signal_receiver(*_SIGNALS) as signals:
        access = LocalAccess(listener.getsockname()[1])
        async with (
            source as session,
            _running(page_application(session, access, **options), listener),
        ):
            echo(f"The page is at {access.url}")
            echo("Press Ctrl-C to stop.")
            if opens_browser:
                await anyio.to_thread.run_sync(partial(webbrowser.open, access.url))
            await anext(signals)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = f"port {port} of {HOST} is not available: {error.strerror}; choose another --port"
        raise OSError(reason) from error


@asynccontextmanager
async def _demo_session() -> AsyncGenerator[ClipSession, None]:
    async with (
        demo_service() as service,
        ClipSession.for_web(
            service.api_key, base_url=service.url, media_url=service.media_url
        ) as session,
        alongside(partial(add_clips_now_and_then, service)),
    ):
        yield session


@asynccontextmanager
async def _running(
    app: aiohttp.web.Application, listener: socket.socket
) -> AsyncGenerator[None, None]:
    runner = aiohttp.web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await aiohttp.web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
