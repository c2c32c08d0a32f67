"""Work beside a block of the user's: it ends with the block, whichever way the block ends."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio


@asynccontextmanager
async def alongside(job: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Run *job* while the block runs. It has to keep its own exceptions.

    The task group is left by hand: ``async with`` would wrap what the user's block raises into an
    exception group.
    """
    group = anyio.create_task_group()
    await group.__aenter__()
    try:
        group.start_soon(job)
        yield
    finally:
        group.cancel_scope.cancel()
        await group.__aexit__(None, None, None)
