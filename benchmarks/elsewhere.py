"""Run a service in another process, so that client and service do not share an event loop."""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from attrs import define, field

_SECONDS_TO_START = 30
_SECONDS_TO_STOP = 10


@define
class Elsewhere:
    """The service's *address*, and its *report* after it has stopped."""

    address: Any
    report: Any = field(default=None, init=False)


class Lifetime:
    """The service's end of the pipe: it announces the address, waits for the end, and reports."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe = pipe

    def ready(self, address: object) -> None:
        """Send the address to the client, which then starts."""
        self._pipe.send(address)

    async def over(self) -> None:
        """Wait until the client is done or has exited."""
        with suppress(EOFError):
            await asyncio.to_thread(self._pipe.recv)

    def report(self, report: object) -> None:
        """Send a report to the client."""
        with suppress(BrokenPipeError):
            self._pipe.send(report)


Serve = Callable[..., Awaitable[None]]
"""``async def serve(lifetime, *arguments)``, at module level: the other process imports it."""


@contextmanager
def service_elsewhere(serve: Serve, *arguments: object) -> Generator[Elsewhere, None, None]:
    """Run *serve* in a new process until the end of the block, which receives its report."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_run, args=(serve, theirs, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_SECONDS_TO_START):
            raise TimeoutError(f"the service did not start within {_SECONDS_TO_START} s")
        elsewhere = Elsewhere(ours.recv())
        yield elsewhere
        ours.send("over")
        if ours.poll(_SECONDS_TO_STOP):
            with suppress(EOFError):  # Some services report nothing.
                elsewhere.report = ours.recv()
        process.join(_SECONDS_TO_STOP)
    finally:
        ours.close()
        if process.is_alive():
            process.terminate()
            process.join()


def _run(serve: Serve, pipe: "Connection[Any, Any]", arguments: tuple[object, ...]) -> None:
    async def run() -> None:
        await serve(Lifetime(pipe), *arguments)

    asyncio.run(run())
