"""Running a command: its session, its error messages and its exit code."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, TypeVar

import click

from rhombus_clips import ClipSession, ConfigurationError, RhombusError
from rhombus_clips.cli.organization import chosen_organization
from rhombus_clips.cli.output import echo, is_terminal, printable

T = TypeVar("T")

_FAILURE, _USAGE_ERROR, _INTERRUPTED = 1, 2, 130


def with_session(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async command, whose first argument is a session configured from the environment."""

    @wraps(command)
    def run(**arguments: Any) -> None:
        run_with_session(lambda session: command(session, **arguments))

    return run


def run_with_session(work: Callable[[ClipSession], Coroutine[Any, Any, T]]) -> T:
    """Run *work* with a session configured from the environment, and return its result."""

    async def run() -> T:
        async with ClipSession.from_env(**chosen_organization()) as session:
            return await work(session)

    return run_async(run())


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* and return its result. On an error, print one line and exit."""
    try:
        return asyncio.run(work)
    except (ConfigurationError, ValueError) as error:
        _exit(_USAGE_ERROR, error)
    except (RhombusError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise  # The reader of a pipe has closed it: click exits without a message.
        _exit(_FAILURE, error)


def exit_with_failure() -> NoReturn:
    """Exit after failures that have already been printed."""
    sys.exit(_FAILURE)


@contextmanager
def interruptible(advice: str) -> Generator[None, None, None]:
    """On Ctrl-C, exit with a line that ends with *advice*."""
    try:
        yield
    except KeyboardInterrupt:
        _exit_interrupted(f"; {advice}")


class CommandGroup(click.Group):
    """A group of commands that print one line on an error, instead of a traceback."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the arguments of the group."""
        with _printing_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _printing_errors():
            return super().invoke(ctx)


@contextmanager
def _printing_errors() -> Generator[None, None, None]:
    try:
        yield
    except KeyboardInterrupt:
        _exit_interrupted()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # The reader of a pipe has closed it: click exits without a message.
        _exit(_FAILURE, error)
    except click.ClickException as error:
        text = "\n".join(map(printable, error.message.split("\n")))
        error.message = text  # type: ignore[misc]  # The message is all that click prints.
        raise


def _exit_interrupted(advice: str = "") -> NoReturn:
    click.echo(err=True)  # The terminal has written ^C into the current line.
    notify(f"interrupted{advice}")
    sys.exit(_INTERRUPTED)


def confirm(question: str, *, yes: bool) -> None:
    """Abort unless the answer on standard input is yes. *yes* skips the question."""
    if yes:
        return
    no_answer = click.UsageError("no answer on standard input: use --yes to skip the question")
    if sys.stdin is None:  # It was closed before the process started.
        raise no_answer
    try:
        is_confirmed = prompted(lambda: click.confirm(printable(question), err=True))
    except click.Abort:
        if is_interactive():
            raise
        raise no_answer from None
    if not is_confirmed:
        raise click.Abort


def prompted(prompt: Callable[[], T]) -> T:
    """Return the answer to *prompt*. Raise `KeyboardInterrupt` where click raises `Abort`."""
    try:
        return prompt()
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def is_interactive() -> bool:
    """Return whether standard input is a terminal."""
    return is_terminal(sys.stdin)


def notify(text: object) -> None:
    """Print a message on standard error, as one line."""
    line = " ".join(str(text).splitlines())
    echo(f"rhombus-clips: {line}", err=True)


class Warnings(logging.Handler):
    """Prints the warnings of the library, which may quote the service."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning as one line."""
        notify(record.getMessage())


def _exit(code: int, error: Exception) -> NoReturn:
    for text in (error, *getattr(error, "__notes__", ())):
        notify(text)
    sys.exit(code)
