"""Fixtures of the tests of the page."""

import time
from collections.abc import AsyncIterator

import pytest

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import NEWEST_MS, make_clips


class Clock:
    """The clock of a service, which a test moves."""

    def __init__(self) -> None:
        self.time = time.time()

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakeRhombus]:
    """A service with 330 recent clips. All but a few are complete."""
    clips = make_clips(330)
    moved = int(clock() * 1000) - NEWEST_MS - 60_000
    for clip in clips:
        clip["timestampMs"] += moved
        clip["createdAtMs"] = clip["timestampMs"]
    async with FakeRhombus(clips, now=clock, render_seconds=10) as service:
        yield service
