"""Pacing: when a request may start, given pauses and the limits on connections and rate."""

import asyncio
from typing import Any

import aiohttp
import anyio
import pytest
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    DeadlineExceededError,
    RateLimit,
    RateLimitedError,
    RetryPolicy,
    SessionClosedError,
    Timeout,
)
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.calls.pacing import Pacing, Pause
from rhombus_clips.testing import FakeRhombus, faults

pytestmark = pytest.mark.usefixtures("virtual_clock")

UNSAFE = evolve(GET_SAVED_CLIPS, safe=False)
"""A listing that is declared as a change; the fake service answers it as usual."""

SPREAD = 0.25
"""The spread of calls after a pause, in seconds."""

TOLERANCE = 0.01
"""The time that the turns of the event loop may take together, in seconds."""


async def _call(session: ClipSession, endpoint: Any = GET_SAVED_CLIPS) -> Any:
    return await session._call(endpoint, {"max_page_size": 1})


def _pause_for(seconds: float) -> faults.Fault:
    return faults.Respond(429, headers={"Retry-After": str(seconds)})


# --- pauses ------------------------------------------------------------------------------------


async def test_pause_after_429_delays_all_calls_of_the_session(fake, session) -> None:
    fake.faults = [_pause_for(30)]
    refused = asyncio.ensure_future(_call(session))
    await anyio.sleep(1)
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(_call, session)
    await refused
    first, *others = [request.received_at for request in fake.requests]
    assert len(others) == 51
    assert min(others) - first >= 30


async def test_calls_resume_at_different_times_after_a_pause(fake, connect) -> None:
    fake.faults = [_pause_for(30)]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        with pytest.raises(RateLimitedError):
            await _call(session)
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(_call, session)
    refused, *others = [request.received_at for request in fake.requests]
    assert len(others) == 20
    assert len({round(received_at, 3) for received_at in others}) > 10
    assert min(others) - refused >= 30
    assert max(others) - refused <= 30 + SPREAD + TOLERANCE


async def test_callers_of_delay_get_different_values_within_the_spread() -> None:
    pause = Pause()
    assert pause.delay() == 0
    pause.begin(10)
    delays = [pause.delay() for _ in range(200)]
    assert len(set(delays)) > 100
    assert min(delays) >= 10 - TOLERANCE
    assert max(delays) <= 10 + SPREAD + TOLERANCE
    assert max(delays) - min(delays) > SPREAD / 2


async def test_shorter_pause_does_not_end_a_longer_one() -> None:
    pacing = Pacing(None, connections=1)
    pacing.begin_pause(10)
    pacing.begin_pause(0.001)
    assert pacing.pause.delay() > 9


async def test_call_refused_by_the_pause_does_not_extend_it(fake, connect) -> None:
    fake.faults = [_pause_for(20)]
    async with connect(fake, timeout=Timeout(total=1)) as session:
        for _ in range(50):
            with pytest.raises(RateLimitedError):
                await _call(session)
        assert session._call._pacing.pause.delay() <= 20 + SPREAD + TOLERANCE
    assert len(fake.requests) == 1


async def test_wait_beyond_the_deadline_raises_immediately(fake, connect) -> None:
    """The last error is raised as soon as the deadline rules out another attempt."""
    fake.faults = [_pause_for(60)]
    async with connect(fake, timeout=Timeout(total=5)) as session:
        started = anyio.current_time()
        with pytest.raises(RateLimitedError) as caught:
            await _call(session)
        assert caught.value.retry_after == 60
        # The same applies to another call during the pause.
        with pytest.raises(RateLimitedError, match="the session is paused for") as caught:
            await _call(session)
        assert caught.value.attempts == 0
        assert anyio.current_time() - started < TOLERANCE
    assert len(fake.requests) == 1


async def test_closing_ends_calls_that_wait_for_a_pause_or_the_rate(fake, connect) -> None:
    fake.faults = [_pause_for(60)]
    slow = RateLimit(per_second=0.05, burst=2)
    session = connect(fake, rate=slow)
    paused = [asyncio.ensure_future(_call(session)) for _ in range(2)]
    await fake.wait_for_requests(2)
    waiting = [asyncio.ensure_future(_call(session)) for _ in range(2)]
    await anyio.sleep(0.02)
    await session.aclose()
    results = await asyncio.gather(*paused, *waiting, return_exceptions=True)
    assert sum(isinstance(result, SessionClosedError) for result in results) == 3


# --- connections -------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"limit": 2}, {"limit": 0, "limit_per_host": 2}])
async def test_call_waiting_for_a_connection_does_not_start_during_a_pause(
    fake, connect, limits
) -> None:
    """The refused call returns its connection during the pause, and no other call uses it."""
    fake.faults = [_pause_for(0.3), faults.Latency(0.05, times=None)]
    connector = aiohttp.TCPConnector(**limits)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        connect(fake, http=http) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(6):
            tasks.start_soon(_call, session)
    refused, in_flight, *others = [request.received_at for request in fake.requests]
    assert in_flight - refused < 0.3
    assert len(others) == 5
    assert min(others) - refused >= 0.3


async def test_call_that_connects_during_a_pause_is_sent_after_it(
    fake, session, monkeypatch
) -> None:
    """A pause may start after the call was admitted, while its connection is being opened."""
    pacing = session._call._pacing
    connect = aiohttp.TCPConnector._create_connection

    async def pausing_connect(*arguments: Any) -> Any:
        connection = await connect(*arguments)
        pacing.begin_pause(0.2)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", pausing_connect)
    started = anyio.current_time()
    await _call(session)
    assert fake.requests[0].received_at - started >= 0.2


async def test_call_that_connects_when_a_long_pause_starts_raises_immediately(
    fake, connect, monkeypatch
) -> None:
    """It neither waits until its deadline nor extends the pause."""
    open_connection = aiohttp.TCPConnector._create_connection

    async with connect(fake, timeout=Timeout(total=10)) as session:
        pacing = session._call._pacing

        async def pausing_connect(*arguments: Any) -> Any:
            connection = await open_connection(*arguments)
            pacing.begin_pause(60)
            return connection

        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", pausing_connect)
        started = anyio.current_time()
        with pytest.raises(RateLimitedError, match="the session is paused for") as caught:
            await _call(session, UNSAFE)
        assert anyio.current_time() - started < TOLERANCE
        assert pacing.pause.delay() <= 60 + SPREAD
    assert 60 - TOLERANCE <= (caught.value.retry_after or 0) <= 60 + SPREAD
    assert not caught.value.maybe_applied
    assert not fake.requests


async def test_concurrency_is_halved_after_a_refusal_and_grows_again() -> None:
    pacing = Pacing(None, connections=16)
    deadline = anyio.current_time() + 600

    async def count_admitted() -> int:
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(pacing.admit, deadline)
            await anyio.wait_all_tasks_blocked()
            admitted = pacing._in_flight
            tasks.cancel_scope.cancel()
        return admitted

    assert await count_admitted() == 16
    pacing.finished()
    pacing.begin_pause(0.01)
    pacing.begin_pause(0.01)  # Another refusal of the same round does not count again.
    while pacing._in_flight:
        pacing.finished()
    await pacing.pause.wait()
    assert await count_admitted() == 8
    admitted = []
    for _ in range(12):
        while pacing._in_flight:
            pacing.finished()
        admitted.append(await count_admitted())
    assert admitted == sorted(admitted)
    assert admitted[2] == 10
    assert admitted[-1] == 16


async def test_call_without_a_free_connection_ends_at_its_deadline_unsent(fake, connect) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http,
        connect(fake, http=http, timeout=Timeout(total=0.1)) as session,
    ):
        await session._call._pacing.admit(anyio.current_time() + 5)  # takes the only connection
        with pytest.raises(DeadlineExceededError, match="all connections were busy") as caught:
            await _call(session, UNSAFE)
    assert not caught.value.maybe_applied
    assert caught.value.attempts == 0
    assert fake.requests == []


async def test_closing_ends_calls_that_wait_for_a_borrowed_connection(fake, connect) -> None:
    """They end before the call that has the connection is answered."""
    fake.faults = [faults.Latency(1)]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        session = connect(fake, http=http)
        calls = [asyncio.ensure_future(_call(session)) for _ in range(3)]
        await fake.wait_for_requests(1)
        await session.aclose()
        for waiting in calls[1:]:
            with pytest.raises(SessionClosedError):
                await waiting
        assert not calls[0].done()
        assert (await calls[0]).saved_clips


# --- the client-side rate ----------------------------------------------------------------------


async def test_client_side_rate_stays_below_the_limit_of_the_service(connect) -> None:
    async with (
        FakeRhombus(1, rate=RateLimit(per_second=100, burst=8)) as fake,
        connect(fake, rate=RateLimit(per_second=80, burst=5)) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(15):
            tasks.start_soon(_call, session)
    assert len(fake.requests) == 15


async def test_wait_for_the_rate_beyond_the_deadline_raises_immediately(fake, connect) -> None:
    rate = RateLimit(per_second=0.01, burst=1)
    async with connect(fake, rate=rate, timeout=Timeout(total=10)) as session:
        await _call(session)
        started = anyio.current_time()
        with pytest.raises(RateLimitedError) as caught:
            await _call(session, UNSAFE)
        assert anyio.current_time() - started < TOLERANCE
    assert caught.value.args[0].startswith(
        "the rate of this session (0.01/s, burst 1) allows the next request in "
    )
    assert "left: raise rate= or timeout=" in str(caught.value)
    assert caught.value.retry_after == pytest.approx(100, abs=TOLERANCE)
    assert caught.value.http_status == 503
    assert not caught.value.maybe_applied
    assert caught.value.attempts == 0
    assert len(fake.requests) == 1


async def test_calls_wait_for_the_rate_only_as_far_as_their_deadline_allows(fake, connect) -> None:
    """The calls that are queued count: the first ones wait their turn, the others raise at once."""
    rate = RateLimit(per_second=1, burst=2)
    outcomes: list[tuple[int, bool, float]] = []
    async with connect(fake, rate=rate, timeout=Timeout(total=5.5)) as session:
        started = anyio.current_time()

        async def call(number: int) -> None:
            try:
                await _call(session)
            except RateLimitedError:
                outcomes.append((number, False, anyio.current_time() - started))
            else:
                outcomes.append((number, True, anyio.current_time() - started))

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(call, number)
    refused = [(number, seconds) for number, answered, seconds in outcomes if not answered]
    assert [number for number, _ in refused] == list(range(7, 20))
    assert max(seconds for _, seconds in refused) < TOLERANCE
    assert sorted(n for n, answered, _ in outcomes if answered) == list(range(7))
    assert len(fake.requests) == 7


async def test_refused_and_cancelled_calls_leave_the_queue() -> None:
    pacing = Pacing(RateLimit(per_second=1, burst=1), connections=8)
    await pacing.admit(anyio.current_time() + 1)
    pacing.finished()
    now = anyio.current_time()
    cancelled = asyncio.ensure_future(pacing.admit(now + 1.5))
    await anyio.wait_all_tasks_blocked()
    with pytest.raises(RateLimitedError):
        await pacing.admit(now + 1.5)  # It would be second in the queue.
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await pacing.admit(now + 1.5)


async def test_call_that_arrives_later_does_not_overtake_the_queue() -> None:
    pacing = Pacing(None, connections=1)
    deadline = anyio.current_time() + 10
    await pacing.admit(deadline)
    first, second = (asyncio.ensure_future(pacing.admit(deadline)) for _ in range(2))
    await anyio.wait_all_tasks_blocked()
    pacing.finished()
    await first
    pacing.finished()
    assert not pacing.try_admit()
    await second


async def test_wait_for_unanswered_requests_within_the_rate_ends_at_the_deadline() -> None:
    """When they will be answered is unknown."""
    pacing = Pacing(RateLimit(per_second=100, burst=1), connections=8)
    started = anyio.current_time()
    await pacing.admit(started + 1)
    with pytest.raises(DeadlineExceededError, match="client-side rate"):
        await pacing.admit(started + 2)
    assert anyio.current_time() - started >= 2 - TOLERANCE
