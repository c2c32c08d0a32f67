"""Responses that wait, waiting for a condition, and the events of a stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
from aiohttp import web
from attrs import field, frozen

from rhombus_clips.testing.faults import Answering, Fault
from rhombus_clips.testing.raw_responses import close_connection


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* is true, for things that set no event."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.01)


@frozen(eq=False)
class UntilDisconnected(Fault):
    """Send nothing until the client has closed the connection."""

    times: int | None = None
    arrived: asyncio.Event = field(factory=asyncio.Event, init=False)
    """A request has arrived."""
    disconnected: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Its connection was closed."""

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait until the connection is closed."""
        self.arrived.set()
        await until(lambda: request.transport is None)
        self.disconnected.set()
        return close_connection(request)


async def events_of(response: aiohttp.ClientResponse) -> AsyncGenerator[tuple[str, Any], None]:
    """Yield the events of a stream as their names and data; a comment is named ``:``."""
    name, data = "message", None
    async for line in response.content:
        key, _, value = line.decode().rstrip("\n").partition(":")
        match key:
            case "" if line.startswith(b":"):
                yield ":", value
            case "event":
                name = value.strip()
            case "data":
                data = value.strip()
            case _:
                assert line == b"\n"
                if data is not None:
                    yield name, data
                name, data = "message", None
