"""A source is iterated once for all listeners, and a body is closed when it is no longer read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from rhombus_clips import ClipSession
from rhombus_clips.web.backend import Backend
from rhombus_clips.web.broadcast import Broadcast
from rhombus_clips.web.messages import Request, Response
from rhombus_clips.web.routes import ROUTES
from rhombus_clips.web.settings import checked_settings
from tests.web.servers import allow


class Source:
    """Yields numbers, takes a while to end, and does not tolerate a second iteration."""

    def __init__(self) -> None:
        self.active = self.starts = self.number = 0
        self.ending = asyncio.Event()

    async def items(self) -> AsyncIterator[int]:
        assert not self.active, "the source is being iterated already"
        self.active, self.starts = 1, self.starts + 1
        try:
            while True:
                yield self.number
                self.number += 1
                await asyncio.sleep(0)
        finally:
            self.ending.set()
            await asyncio.sleep(0.01)
            self.active = 0


async def _has_more(broadcast: Broadcast[int]) -> None:
    count = broadcast.count
    async with asyncio.timeout(60):
        while broadcast.count <= count:
            assert not broadcast.is_over, broadcast.failure
            await broadcast.changed(1)


async def test_listeners_share_one_iteration() -> None:
    source = Source()
    broadcast = Broadcast(source.items, kept=3)
    async with broadcast.listening(), broadcast.listening():
        await _has_more(broadcast)
    assert (source.starts, source.active) == (1, 0)
    assert len(broadcast.kept) <= 3


async def test_listener_that_joins_while_the_last_one_leaves_gets_items() -> None:
    source = Source()
    broadcast = Broadcast(source.items, kept=3)

    async def listen() -> None:
        async with broadcast.listening():
            await _has_more(broadcast)

    first = asyncio.create_task(listen())
    await source.ending.wait()
    async with asyncio.timeout(60):
        await listen()
        await first
    assert (source.starts, source.active) == (2, 0)


async def test_failure_of_the_source_is_kept_for_the_listeners() -> None:
    async def fail() -> AsyncIterator[int]:
        yield 1
        raise ValueError("no more")

    broadcast = Broadcast(fail, kept=3)
    async with broadcast.listening(), asyncio.timeout(60):
        while not broadcast.is_over:
            await broadcast.changed(1)
    assert list(broadcast.kept) == [1]
    with pytest.raises(ValueError, match="no more"):
        raise broadcast.failure or AssertionError


async def test_body_that_is_not_read_to_its_end_is_closed_at_once() -> None:
    """Rather than by garbage collection, at some time and in another task."""
    closed = list[object]()

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(asyncio.current_task())

    @asynccontextmanager
    async def handle(_call: object) -> AsyncIterator[Response]:
        yield Response(body=body())

    session = ClipSession("key")
    backend = Backend(checked_settings(session, allow, "", {}))
    route = evolve(ROUTES[0], handle=handle)
    async with backend.respond(route, Request(method="GET", query=[], headers={})) as response:
        assert not isinstance(response.body, bytes)
        async for _ in response.body:
            break
    assert closed == [asyncio.current_task()]
