"""The commands that do not need the service: a fake service, and the demo."""

import signal
from typing import Any

import anyio
import click

from rhombus_clips.cli.demo import run_demo
from rhombus_clips.cli.options import SECONDS
from rhombus_clips.cli.output import echo
from rhombus_clips.cli.running import run_async
from rhombus_clips.testing import FakeRhombus


@click.command()
@click.option("--clips", type=click.IntRange(0, 1_000_000), default=1000, show_default=True,
              help="The number of clips to generate.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True,
              help="The seed of the generated clips.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True,
              help="The port of the API. 0 picks a free port.")  # fmt: skip
@click.option("--render-seconds", type=SECONDS, default=6.0, show_default=True,
              help="How long it takes to create a clip.")  # fmt: skip
def fake(**options: Any) -> None:
    """Run a fake service on this machine.

    Runs until interrupted. Prints shell commands that set the environment of a client.
    """

    async def work() -> None:
        async with FakeRhombus(**options) as service:
            service.start_render(seconds=60)
            echo(f"export RHOMBUS_API_KEY={service.api_key}")
            echo(f"export RHOMBUS_ENDPOINT_URL={service.url}")
            echo(f"export RHOMBUS_MEDIA_URL={service.media_url}")
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                await anext(signals)

    run_async(work())


@click.command()
def demo() -> None:
    """Show the library at work, without an API key or a network."""
    run_async(run_demo())
