"""A service in a process of its own, so that client and service do not share an event loop."""

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
    """What the service said: *address* when it was ready, *report* when it was told to stop."""

    address: Any
    report: Any = field(default=None, init=False)


class Lifetime:
    """The service's side: say that it is ready, wait for the end, say how it went."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe = pipe

    def ready(self, address: object) -> None:
        """Let the client begin."""
        self._pipe.send(address)

    async def over(self) -> None:
        """Wait until the client is done, or gone."""
        with suppress(EOFError):
            await asyncio.to_thread(self._pipe.recv)

    def report(self, report: object) -> None:
        """Tell the client how it went."""
        with suppress(BrokenPipeError):
            self._pipe.send(report)


Serve = Callable[..., Awaitable[None]]
"""``async def serve(lifetime, *arguments)``, at the top of a module: another process imports it."""


@contextmanager
def service_elsewhere(serve: Serve, *arguments: object) -> Generator[Elsewhere, None, None]:
    """Run *serve* in a new process; its report is there when the block is left."""
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
            with suppress(EOFError):  # Not every service has something to report.
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
