"""The commands, each a thin line to a method of the session."""

import asyncio
import io
import math
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import anyio
import click

from rhombus_clips import ClipSession, ConfigurationError, RhombusError, __version__
from rhombus_clips.cli import demo as demonstration
from rhombus_clips.cli.output import PROGRESS, SAVED, SHARED, SPLICED, show
from rhombus_clips.protocol.clock import CLIP_TIMES
from rhombus_clips.testing import FakeRhombus

T = TypeVar("T")

_FAILED, _WRONG_USAGE = 1, 2


class Moment(click.ParamType[datetime | int]):
    """An ISO 8601 date and time with a zone, or epoch milliseconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | int:
        """Turn the argument into what the session takes."""
        if re.fullmatch("[0-9]{1,15}", str(value)):
            return int(value)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.utcoffset() is None:
            self.fail(
                f"{value!r} is not a time with a zone, such as 2025-10-01T08:00Z or"
                " 2025-10-01T08:00-07:00, nor epoch milliseconds",
                param,
                ctx,
            )
        return moment


as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line."
)


@click.group()
@click.version_option(__version__, package_name="rhombus-clips")
def command() -> None:
    """The video clips of a Rhombus organization.

    The key comes from RHOMBUS_API_KEY, the service from RHOMBUS_ENDPOINT_URL (the US region when
    unset). `rhombus-clips demo` needs neither.
    """


@command.command()
@click.option("--since", type=Moment(), help="Only clips at or after this time.")
@click.option("--until", type=Moment(), help="Only clips before this time.")
@click.option("--by", type=click.Choice(CLIP_TIMES), default="timestamp_ms", show_default=True,
              help="Which time of a clip --since and --until are about.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), help="The most clips to list.")
@click.option("--page-size", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json_option
def saved(*, as_json: bool, **options: Any) -> None:
    """List the saved clips."""

    async def work(session: ClipSession) -> None:
        await show(session.saved_clips(**options), SAVED, as_json=as_json)

    _with_session(work)


@command.command()
@click.option("--created-after", type=Moment(), help="Only groups made at or after this time.")
@click.option("--created-before", type=Moment(), help="Only groups made before this time.")
@click.option("--window", "days", type=click.FloatRange(0, 36_500, min_open=True), metavar="DAYS",
              help="Ask for this many days at a time; needs --created-after.")  # fmt: skip
@as_json_option
def shared(*, as_json: bool, days: float | None, **options: Any) -> None:
    """List the shared clip groups."""
    if days is not None and math.isnan(days):
        raise click.BadParameter("nan is no number of days", param_hint="--window")
    if days is not None and options["created_after"] is None:
        raise click.UsageError("--window needs --created-after: an open range has no first window")
    window = None if days is None else timedelta(days=days)

    async def work(session: ClipSession) -> None:
        groups = session.shared_clip_groups(window=window, **options)
        await show(groups, SHARED, as_json=as_json)

    _with_session(work)


@command.command()
@as_json_option
def spliced(*, as_json: bool) -> None:
    """List the clips that are being spliced."""

    async def work(session: ClipSession) -> None:
        clips = await session.get_spliced_clips_in_progress()
        await show(_each(clips), SPLICED, as_json=as_json)

    _with_session(work)


# A uuid may begin with a dash; for that reason no command has an option of one letter either.
@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("clip_uuid")
@as_json_option
def progress(*, clip_uuid: str, as_json: bool) -> None:
    """Show how far the render of a clip has come."""

    async def work(session: ClipSession) -> None:
        clip = await session.get_clip_with_progress(clip_uuid)
        await show(_each([clip]), PROGRESS, as_json=as_json)

    _with_session(work)


@command.command()
@click.option("--clips", type=click.IntRange(min=0), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
def fake(*, clips: int, seed: int, port: int) -> None:
    """Serve a stand-in for the service on this machine until interrupted.

    Prints the two lines of environment that point a client at it.
    """

    async def work() -> None:
        async with FakeRhombus(clips, seed=seed, port=port) as service:
            service.start_render(seconds=60)
            click.echo(f"export RHOMBUS_API_KEY={service.api_key}")
            click.echo(f"export RHOMBUS_ENDPOINT_URL={service.url}")
            sys.stdout.flush()
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                await anext(signals)

    _run(work())


@command.command()
def demo() -> None:
    """Show the client at work, with no key and no network."""
    _run(demonstration.show_everything())


def run() -> None:
    """Run the command with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A title may have letters that the terminal's encoding lacks.
            stream.reconfigure(errors="replace")
    command(prog_name="rhombus-clips")


def _with_session(work: Callable[[ClipSession], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        async with ClipSession.from_env() as session:
            await work(session)

    _run(within())


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except (ConfigurationError, ValueError) as error:
        _exit(_WRONG_USAGE, error)
    except (RhombusError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise  # The reader of a pipe has seen enough; click ends quietly.
        _exit(_FAILED, error)


def _exit(code: int, error: Exception) -> None:
    click.echo(f"rhombus-clips: {error}", err=True)
    sys.exit(code)


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
