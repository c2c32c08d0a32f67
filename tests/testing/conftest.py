"""A fake service and its clock."""

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.testing.fake_calls import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fake(clock):
    async with FakeRhombus(100, now=clock) as service:
        yield service
