"""The time limits of a request: how it ends, and that the caller's own cancellations survive."""

import asyncio

import pytest

from rhombus_clips import DeadlineExceededError, DisconnectedError, RetryPolicy, Timeout
from rhombus_clips.testing import faults

ONCE = RetryPolicy(attempts=1)

pytestmark = pytest.mark.usefixtures("virtual_clock")


async def test_read_that_hangs_in_the_parser_is_retried_after_the_read_timeout(
    fake, connect
) -> None:
    """The read timeout of aiohttp does not fire after a malformed chunk."""
    fake.faults = [faults.GarbledChunks()]
    async with connect(fake, timeout=Timeout(total=60, read=0.2)) as session:
        assert (await session.get_saved_clips()).saved_clips
    assert len(fake.requests) == 2


async def test_response_that_keeps_arriving_may_take_longer_than_the_read_timeout(
    fake, connect
) -> None:
    fake.faults = [faults.Drip(10, pause=0.01)]
    async with connect(fake, retry=ONCE, timeout=Timeout(total=60, read=1)) as session:
        page = await session.get_saved_clips(max_page_size=2)
    assert len(page.saved_clips) == 2


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Timeout(total=60, read=0.05), DisconnectedError),
        (Timeout(total=0.05, read=60), DeadlineExceededError),
    ],
    ids=["silence", "deadline"],
)
async def test_expired_request_does_not_cancel_its_task(fake, connect, limits, error) -> None:
    fake.faults = [faults.Silence(60, times=None)]
    async with connect(fake, retry=ONCE, timeout=limits) as session:
        with pytest.raises(error):
            await session.get_saved_clips()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # A pending cancellation would arrive here.


@pytest.mark.parametrize("first", ["caller", "limit"])
async def test_cancellation_by_the_caller_is_never_mistaken_for_an_expired_limit(
    fake, connect, first
) -> None:
    """They may happen in the same turn of the event loop, in either order."""
    fake.faults = [faults.Silence(60, times=None)]
    async with connect(fake, retry=ONCE, timeout=Timeout(total=60, read=60)) as session:
        call = asyncio.ensure_future(session.get_saved_clips())
        await fake.wait_for_requests(1)
        watch = session._transport._watch
        (request,) = watch.requests
        request.deadline = 0.0
        for cancel in [call.cancel, watch._check][:: 1 if first == "caller" else -1]:
            cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert call.cancelled()


async def test_asyncio_timeout_around_a_call_ends_it(fake, connect) -> None:
    fake.faults = [faults.Silence(60, times=None)]
    async with connect(fake, timeout=Timeout(total=60, read=60)) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.get_saved_clips()


async def test_one_timer_serves_all_requests_and_ends_with_the_session(fake, connect) -> None:
    fake.faults = [faults.Silence(60, times=None)]
    session = connect(fake, timeout=Timeout(total=60, read=60))
    calls = [asyncio.ensure_future(session.get_saved_clips()) for _ in range(20)]
    await fake.wait_for_requests(20)
    watch = session._transport._watch
    assert len(watch.requests) == 20
    assert watch._timer is not None
    await session.aclose()
    await asyncio.gather(*calls, return_exceptions=True)
    assert not watch.requests
    assert watch._timer.cancelled()
