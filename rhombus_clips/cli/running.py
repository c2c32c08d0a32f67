"""How a command runs and ends: its session, one line for what failed, its exit code."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click

from rhombus_clips import ClipSession, ConfigurationError, RhombusError
from rhombus_clips.cli.output import printable

T = TypeVar("T")

_FAILED, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130


def in_session(work: Callable[[ClipSession], Coroutine[Any, Any, T]]) -> T:
    """What *work* returns, given the session that the environment describes."""

    async def within() -> T:
        async with ClipSession.from_env() as session:
            return await work(session)

    return run_to_end(within())


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """What *work* returns; a failure is said in one line and ends the process."""
    try:
        return asyncio.run(work)
    except (ConfigurationError, ValueError) as error:
        _exit(_WRONG_USAGE, error)
    except (RhombusError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise  # The reader of a pipe has seen enough; click ends quietly.
        _exit(_FAILED, error)


def exit_for_failures() -> NoReturn:
    """End the process for failures that were said already."""
    sys.exit(_FAILED)


@contextmanager
def interruptible(advice: str) -> Generator[None, None, None]:
    """Let Ctrl-C end the block's command, with *advice* on how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)  # The terminal has written ^C into the line.
        say(f"interrupted; {advice}")
        sys.exit(_INTERRUPTED)


def confirm(question: str, *, yes: bool) -> None:
    """Go on if the answer, on a terminal or from a pipe, is yes, or was given."""
    if yes:
        return
    try:
        is_agreed = click.confirm(printable(question), err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError("nobody answers here: --yes does it without asking") from None
    if not is_agreed:
        raise click.Abort


def say(text: object) -> None:
    """Print a line about what happens, beside the results."""
    line = " ".join(str(text).splitlines())
    click.echo(f"rhombus-clips: {printable(line)}", err=True)


class Warnings(logging.Handler):
    """Prints what the library warns of, whose words may be the service's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the warning in a line."""
        say(record.getMessage())


def _exit(code: int, error: Exception) -> NoReturn:
    for text in (error, *getattr(error, "__notes__", ())):
        say(text)
    sys.exit(code)
