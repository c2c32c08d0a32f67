"""A clock for the event loop that skips the time in which the loop would only wait."""

import asyncio
import selectors
from typing import Any

import pytest

# Real seconds to wait for a socket or a thread before the clock moves to the next timer.
_GRACE = 0.005

# A wait that is shorter than the clock's resolution ends only if the clock moves while tasks run.
_TURN = 1e-6


def skip_waits(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock of *loop* to the next timer whenever nothing else is left to do.

    Each turn of the loop takes a microsecond of the clock, however long it really takes.
    """
    now = loop.time()
    selector: Any = getattr(loop, "_selector")  # noqa: B009  # it is private
    select = selector.select

    def select_or_skip(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        nonlocal now
        events: list[Any] = select(None if timeout is None else min(timeout, _GRACE))
        now += _TURN
        if not events and timeout is not None:
            now += timeout
        return events

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(selector, "select", select_or_skip)
