"""The commands that need no service: a stand-in for it, and the demonstration."""

import signal

import anyio
import click

from rhombus_clips.cli import demo as demonstration
from rhombus_clips.cli.options import Seconds
from rhombus_clips.cli.output import echo
from rhombus_clips.cli.running import run_to_end
from rhombus_clips.testing import FakeRhombus


@click.command()
@click.option("--clips", type=click.IntRange(0, 1_000_000), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
@click.option("--render-seconds", type=Seconds(), default=6.0, show_default=True,
              help="How long it takes to make a clip.")  # fmt: skip
def fake(*, clips: int, seed: int, port: int, render_seconds: float) -> None:
    """Serve a stand-in for the service.

    On this machine, until interrupted. Prints the three lines of environment that point a client
    at it.
    """

    async def work() -> None:
        async with FakeRhombus(
            clips, seed=seed, port=port, render_seconds=render_seconds
        ) as service:
            service.start_render(seconds=60)
            echo(f"export RHOMBUS_API_KEY={service.api_key}")
            echo(f"export RHOMBUS_ENDPOINT_URL={service.url}")
            echo(f"export RHOMBUS_MEDIA_URL={service.media_url}")
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                await anext(signals)

    run_to_end(work())


@click.command()
def demo() -> None:
    """Show the client at work, with no key and no network."""
    run_to_end(demonstration.show_everything())
