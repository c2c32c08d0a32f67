"""Backends that run as processes, started by the commands of the guide."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import define

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import Action
from tests.components import required
from tests.web.servers import accepting

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "rhombus_clips/web/README.md").read_text("utf-8")
OPTIONS: dict[str, str] = dict(re.findall(r"^\| (\w+) \| `(--[\w-]+) \d+`", GUIDE, re.MULTILINE))
"""The option of each server that limits the time of its shutdown, according to the guide."""
PREFIX = "/api"
CLOSED = "The session was closed."
"""What a program prints at its end."""

_PROGRAM = "tests.web.asgi_program:app"


async def allow(request: Any, action: Action, clip_uuid: str | None) -> None:
    """Allow every request."""


@define
class Program:
    """A running program."""

    url: str
    _process: asyncio.subprocess.Process
    _output: "asyncio.Task[tuple[bytes, bytes]]"

    def terminate(self) -> None:
        """Ask the program to end."""
        self._process.terminate()

    async def printed(self) -> tuple[str, str]:
        """Wait until the program has ended by itself. Return its standard output and error."""
        output, errors = await asyncio.shield(self._output)
        return output.decode(), errors.decode()


@asynccontextmanager
async def running(server: str, fake: FakeRhombus) -> AsyncGenerator[Program, None]:
    """Run a program whose open streams have a second when it ends.

    Python reports resources that it leaves open on its standard error.
    """
    # The server opens its own socket for the port, which another socket keeps free.
    with socket.socket() as reserved:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            reserved.setsockopt(socket.SOL_SOCKET, option, 1)
        reserved.bind(("127.0.0.1", 0))
        host, port = reserved.getsockname()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-m", *_command(server, port)),
            cwd=ROOT,
            env={
                **os.environ,
                "RHOMBUS_API_KEY": fake.api_key,
                "RHOMBUS_ENDPOINT_URL": fake.url,
                "RHOMBUS_MEDIA_URL": fake.media_url,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output = asyncio.create_task(process.communicate())
        try:
            await accepting(host, port, output)
            yield Program(f"http://{host}:{port}{PREFIX}", process, output)
        finally:
            # Its workers, too, which would otherwise outlive a test that fails.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await output


def _command(server: str, port: int) -> tuple[str, ...]:
    if server == "aiohttp":
        return ("tests.web.aiohttp_program", str(port))
    required(server)
    required("starlette")
    limit = (OPTIONS[server], "1", _PROGRAM)
    if server == "hypercorn":
        return (server, "--bind", f"127.0.0.1:{port}", *limit)
    interface = ("--interface", "asgi") if server == "granian" else ()
    return (server, *interface, "--host", "127.0.0.1", "--port", str(port), *limit)
