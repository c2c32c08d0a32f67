"""Waits end even if a test freezes time, because they rely on the event loop's clock."""

import asyncio
from collections.abc import Iterator

import anyio
import freezegun
import pytest

from rhombus_clips import (
    DeadlineExceededError,
    RateLimit,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.testing import FakeRhombus, faults
from tests.paging.test_following import clip_at, take

T0 = 1_800_000_000.0


@pytest.fixture
def _frozen() -> Iterator[None]:
    with freezegun.freeze_time("2026-01-01", real_asyncio=True):
        yield


pytestmark = pytest.mark.usefixtures("_frozen")


async def test_pause_ends_on_a_frozen_clock(fake, session) -> None:
    fake.faults = [faults.Respond(429, headers={"Retry-After": "0.01"})]
    with anyio.fail_after(20):
        assert (await session.get_saved_clips()).saved_clips
    assert len(fake.requests) == 2


async def test_call_delayed_by_a_pause_ends_at_its_deadline_on_a_frozen_clock(
    fake, connect
) -> None:
    fake.faults = [faults.Respond(429, headers={"Retry-After": "60"})]
    async with connect(fake, timeout=Timeout(total=5)) as session:
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(RateLimitedError):
                await session.get_saved_clips()
    assert len(fake.requests) == 1


async def test_deadline_covers_all_attempts_on_a_frozen_clock(fake, connect) -> None:
    """The deadline ends the call, regardless of how many attempts its policy allows."""
    fake.faults = [faults.Respond(503, times=None)]
    retry = RetryPolicy(attempts=10**6, base=0.01, cap=0.01)
    async with connect(fake, timeout=Timeout(total=0.2), retry=retry) as session:
        with anyio.fail_after(20), pytest.raises((ServerError, DeadlineExceededError)):
            await session.get_saved_clips()
    assert len(fake.requests) >= 1


async def test_client_side_rate_refills_on_a_frozen_clock(fake, connect) -> None:
    async with connect(fake, rate=RateLimit(per_second=200, burst=1)) as session:
        with anyio.fail_after(20):
            for _ in range(5):
                await session.get_saved_clips()
    assert len(fake.requests) == 5


async def test_long_page_decodes_on_a_frozen_clock(fake, session) -> None:
    fake.clips = [{"uuid": f"clip {number}", "timestampMs": number + 1} for number in range(5_000)]
    with anyio.fail_after(20):
        pages = await asyncio.gather(
            *[session.get_saved_clips(max_page_size=5_000) for _ in range(3)]
        )
    assert [len(page.saved_clips) for page in pages] == [5_000] * 3


async def test_budget_is_available_some_time_after_a_pause_on_a_frozen_clock(monkeypatch) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._RECENTLY", 0.01)
    pacing = Pacing(None, connections=4)
    pacing.begin_pause(0.01)
    assert pacing.is_budget_spent
    with anyio.fail_after(20):
        while pacing.is_budget_spent:  # noqa: ASYNC110  # it is a property without an event
            await asyncio.sleep(0.001)


async def test_clip_created_before_the_first_request_is_new_on_a_frozen_clock(
    connect, monkeypatch
) -> None:
    """The age of the follower is measured with the event loop's clock."""
    loop, moved = asyncio.get_running_loop(), [0.0]
    loops_time = loop.time
    monkeypatch.setattr(loop, "time", lambda: loops_time() + moved[0])
    async with FakeRhombus(3, now=lambda: T0 + moved[0]) as fake, connect(fake) as session:
        follower = session.follow_saved_clips(interval=0.01)
        fake.clips.append(clip_at(1, int(1000 * T0) + 5000))
        moved[0] = 10.0
        fake.clips.append(clip_at(2, int(1000 * T0) + 10_500))
        with anyio.fail_after(20):
            assert len(await take(follower, 2)) == 2
