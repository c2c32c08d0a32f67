"""Work beside a block of the user's: it ends with the block, whichever way the block ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def alongside(job: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Run *job* while the block runs. It has to keep its own exceptions.

    A task, and no task group: a group would wrap what the user's block raises, and its scope
    belongs to the task that entered it, while a generator around the block may be finished by
    another, when it is garbage collected.
    """
    task = asyncio.create_task(job())
    try:
        yield
    finally:
        await _ended(task)


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel *task* and wait for its end; a cancellation that comes meanwhile waits for it too."""
    task.cancel()
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as cancelled:
            interruption = cancelled
    if not task.cancelled():
        task.exception()
    if interruption is not None:
        raise interruption
