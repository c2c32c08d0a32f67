"""How a command runs and ends: its session, one line for what failed, its exit code."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click

from rhombus_clips import ClipSession, ConfigurationError, RhombusError
from rhombus_clips.cli.output import echo, is_terminal, printable

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
        _exit_interrupted(f"; {advice}")


class CommandGroup(click.Group):
    """The commands, each of which ends with a line and an exit code, however it fails."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the arguments of the group."""
        with _ending_plainly():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _ending_plainly():
            return super().invoke(ctx)


@contextmanager
def _ending_plainly() -> Generator[None, None, None]:
    """End the process with a line instead of a traceback; let click quote printable text only."""
    try:
        yield
    except KeyboardInterrupt:
        _exit_interrupted()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # The reader of a pipe has seen enough; click ends quietly.
        _exit(_FAILED, error)
    except click.ClickException as error:
        text = "\n".join(map(printable, error.message.split("\n")))
        error.message = text  # type: ignore[misc]  # Its message is all that it shows of a text.
        raise


def _exit_interrupted(advice: str = "") -> NoReturn:
    click.echo(err=True)  # The terminal has written ^C into the line.
    say(f"interrupted{advice}")
    sys.exit(_INTERRUPTED)


def confirm(question: str, *, yes: bool) -> None:
    """Go on if the answer, on a terminal or from a pipe, is yes, or was given."""
    if yes:
        return
    nobody = click.UsageError("nobody answers here: --yes does it without asking")
    if sys.stdin is None:  # It was closed before the start.
        raise nobody
    try:
        is_agreed = asked(lambda: click.confirm(printable(question), err=True))
    except click.Abort:
        if is_answered():
            raise
        raise nobody from None
    if not is_agreed:
        raise click.Abort


def asked(prompt: Callable[[], T]) -> T:
    """The answer to *prompt*; Ctrl-C is the interruption that click makes an `Abort` of."""
    try:
        return prompt()
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def is_answered() -> bool:
    """Whether somebody sits before the standard input."""
    return is_terminal(sys.stdin)


def say(text: object) -> None:
    """Print a line about what happens, beside the results."""
    line = " ".join(str(text).splitlines())
    echo(f"rhombus-clips: {line}", err=True)


class Warnings(logging.Handler):
    """Prints what the library warns of, whose words may be the service's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the warning in a line."""
        say(record.getMessage())


def _exit(code: int, error: Exception) -> NoReturn:
    for text in (error, *getattr(error, "__notes__", ())):
        say(text)
    sys.exit(code)
