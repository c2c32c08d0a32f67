"""One call: what is sent again, how often the server hears of it, and when it is over."""

import asyncio
import time
from typing import Any

import aiohttp
import anyio
import pytest
from attrs import evolve

from rhombus_clips import (
    ApiError,
    BadRequestError,
    ClipSession,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    PermissionDeniedError,
    RateLimit,
    RateLimitedError,
    RetryPolicy,
    RhombusError,
    ServerError,
    SessionClosedError,
    StatusError,
    Timeout,
)
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.testing import FakeRhombus, faults

UNSAFE = evolve(GET_SAVED_CLIPS, safe=False)
"""A listing that pretends to change something; the fake carries it out all the same."""

NO_PAUSE = faults.Respond(429, b"Enhance your calm.", headers={"Retry-After": "0"})


async def _call(session: ClipSession, endpoint: Any = GET_SAVED_CLIPS) -> Any:
    return await session._call(endpoint, {"max_page_size": 1})


CELLS: list[tuple[faults.Fault, int, int, type[RhombusError]]] = [
    # fault on every request, requests when safe, requests when unsafe, error
    (NO_PAUSE, 5, 5, RateLimitedError),
    (faults.Disconnect(), 5, 1, DisconnectedError),
    (faults.Disconnect(after_bytes=30), 5, 1, DisconnectedError),
    (faults.Disconnect(after_bytes=300), 5, 1, DisconnectedError),
    (faults.Reset(), 5, 1, DisconnectedError),
    (faults.Reset(after_bytes=30), 5, 1, DisconnectedError),
    (faults.Reset(after_bytes=300), 5, 1, DisconnectedError),
    (faults.TruncatedChunks(), 5, 1, DisconnectedError),
    (faults.GZIP_GARBAGE, 5, 1, DisconnectedError),
    (faults.INTERNAL_ERROR, 2, 1, ServerError),
    (faults.BAD_GATEWAY, 5, 1, ServerError),
    (faults.UNAVAILABLE, 5, 1, ServerError),
    (faults.Respond(504), 5, 1, ServerError),
    (faults.Respond(501), 1, 1, ServerError),
    (faults.BAD_STRUCTURE, 1, 1, BadRequestError),
    (faults.HTML_INSTEAD, 1, 1, DecodeError),
    (faults.Respond(200), 1, 1, DecodeError),
    (faults.Respond(200, b'{"savedClips": ['), 1, 1, DecodeError),
    (faults.REFUSED, 1, 1, ApiError),
    (faults.ACCESS_DENIED, 1, 1, PermissionDeniedError),
    (faults.Respond(302, headers={"Location": "https://elsewhere.example"}), 1, 1, StatusError),
]


@pytest.mark.parametrize(("fault", "when_safe", "when_unsafe", "kind"), CELLS)
@pytest.mark.parametrize("safe", [True, False])
async def test_lasting_fault_reaches_the_server_as_often_as_the_table_says(
    fake, session, monkeypatch, fault, when_safe, when_unsafe, kind, safe
) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.001)
    fake.faults = [evolve(fault, times=None)]
    with pytest.raises(kind) as caught:
        await _call(session, GET_SAVED_CLIPS if safe else UNSAFE)
    assert len(fake.requests) == (when_safe if safe else when_unsafe)
    assert caught.value.attempts == len(fake.requests)
    assert caught.value.maybe_applied is (
        not safe and kind in {DisconnectedError, ServerError, DecodeError}
    )


@pytest.mark.parametrize("fault", [cell[0] for cell in CELLS if cell[1] > 1])
async def test_passing_fault_is_not_seen_by_the_caller(fake, session, monkeypatch, fault) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.001)
    fake.faults = [fault]
    assert (await _call(session)).saved_clips
    assert len(fake.requests) == 2


async def test_unsafe_call_that_was_not_sent_is_tried_again(connect) -> None:
    async with FakeRhombus(1) as fake:
        session = connect(fake)
    with pytest.raises(ConnectError) as caught:
        await _call(session, UNSAFE)
    assert caught.value.attempts == 5
    assert not caught.value.maybe_applied
    await session.aclose()


async def test_one_attempt_turns_retries_off(fake, connect) -> None:
    fake.faults = [faults.UNAVAILABLE]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        with pytest.raises(ServerError):
            await _call(session)
    assert len(fake.requests) == 1


async def test_wait_that_would_pass_the_deadline_raises_at_once(fake, connect, monkeypatch) -> None:
    """The last failure is raised, as soon as it is clear that no attempt can follow."""
    waits: list[float] = []

    async def sleep(_pause: object, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("rhombus_clips.calls.pacing.Pause.sleep", sleep)
    fake.faults = [faults.Respond(429, headers={"Retry-After": "60"})]
    async with connect(fake, timeout=Timeout(total=5)) as session:
        with pytest.raises(RateLimitedError) as caught:
            await _call(session)
        assert caught.value.retry_after == 60
        # And so does another call, which the same pause holds up.
        with pytest.raises(RateLimitedError, match="the session pauses for another") as caught:
            await _call(session)
        assert caught.value.attempts == 0
    assert len(fake.requests) == 1
    assert waits == []


async def test_pause_after_429_holds_up_every_call_of_the_session(
    fake, session, monkeypatch
) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.05)
    fake.faults = [faults.Respond(429, headers={"Retry-After": "0.15"})]
    refused = asyncio.ensure_future(_call(session))
    await fake.wait_for_requests(1)
    await anyio.sleep(0.02)
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(_call, session)
    await refused
    first, *others = [request.received_at for request in fake.requests]
    assert len(others) == 51
    assert min(others) - first >= 0.15
    # They start again spread out, not as a herd.
    assert max(others) - min(others) > 0.02


@pytest.mark.parametrize("limits", [{"limit": 2}, {"limit": 0, "limit_per_host": 2}])
async def test_no_call_that_waits_for_a_connection_starts_within_a_pause(
    fake, connect, limits
) -> None:
    """The refused one's connection comes free in the pause, and nobody goes out on it."""
    fake.faults = [faults.Respond(429, headers={"Retry-After": "0.3"})]
    fake.faults += [faults.Latency(0.05, times=None)]
    connector = aiohttp.TCPConnector(**limits)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        connect(fake, http=http) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(6):
            tasks.start_soon(_call, session)
    refused, on_its_way, *others = [request.received_at for request in fake.requests]
    assert on_its_way - refused < 0.3
    assert len(others) == 5
    assert min(others) - refused >= 0.3


async def test_call_that_gets_its_connection_within_a_pause_goes_out_after_it(
    fake, session, monkeypatch
) -> None:
    """A pause may begin while a connection is being opened, after the call was let go."""
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.001)
    pacing = session._call._pacing
    connect = aiohttp.TCPConnector._create_connection

    async def pausing_connect(*arguments: Any) -> Any:
        connection = await connect(*arguments)
        pacing.begin_pause(0.2)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", pausing_connect)
    started = time.monotonic()
    await _call(session)
    assert fake.requests[0].received_at - started >= 0.2


async def test_fewer_calls_are_let_out_at_once_after_a_refusal_and_ever_more_again(
    monkeypatch,
) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.001)
    pacing = Pacing(None, connections=16)
    deadline = anyio.current_time() + 5

    async def count_let_out() -> int:
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(pacing.admit, deadline)
            await anyio.wait_all_tasks_blocked()
            let_out = pacing._in_flight
            tasks.cancel_scope.cancel()
        return let_out

    assert await count_let_out() == 16
    pacing.finished()
    pacing.begin_pause(0.01)
    pacing.begin_pause(0.01)  # Another refusal of the same round does not count twice.
    while pacing._in_flight:
        pacing.finished()
    await pacing.pause.wait()
    assert await count_let_out() == 8
    let_out = []
    for _ in range(12):
        while pacing._in_flight:
            pacing.finished()
        let_out.append(await count_let_out())
    assert let_out == sorted(let_out)
    assert let_out[2] == 10
    assert let_out[-1] == 16


async def test_call_that_finds_no_free_connection_ends_at_its_deadline_unsent(
    fake, connect
) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http,
        connect(fake, http=http, timeout=Timeout(total=0.1)) as session,
    ):
        await session._call._pacing.admit(anyio.current_time() + 5)  # takes the only one
        with pytest.raises(DeadlineExceededError, match="all connections were busy") as caught:
            await _call(session, UNSAFE)
    assert not caught.value.maybe_applied
    assert caught.value.attempts == 0
    assert fake.requests == []


async def test_closing_ends_calls_that_wait_for_a_borrowed_connection(fake, connect) -> None:
    fake.faults = [faults.Latency(1)]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        session = connect(fake, http=http)
        calls = [asyncio.ensure_future(_call(session)) for _ in range(3)]
        await fake.wait_for_requests(1)
        await session.aclose()
        for waiting in calls[1:]:
            with anyio.fail_after(0.8), pytest.raises(SessionClosedError):
                await waiting
        assert (await calls[0]).saved_clips


async def test_calls_that_a_pause_refuses_do_not_make_it_longer(fake, connect) -> None:
    fake.faults = [faults.Respond(429, headers={"Retry-After": "20"})]
    async with connect(fake, timeout=Timeout(total=1)) as session:
        for _ in range(50):
            with pytest.raises(RateLimitedError):
                await _call(session)
        assert session._call._pacing.delay() <= 20 + 1
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        faults.Silence(600),
        faults.Latency(600),
        faults.Drip(bytes_at_once=2, pause=0.02),
        faults.GarbledChunks(),
    ],
)
async def test_call_ends_at_its_deadline(fake, connect, fault) -> None:
    fake.faults = [fault]
    async with connect(fake, timeout=Timeout(total=0.1)) as session:
        with pytest.raises(DeadlineExceededError) as caught:
            await _call(session, UNSAFE)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.maybe_applied


async def test_slow_answer_within_the_deadline_is_not_ended(fake, connect) -> None:
    """Each piece comes in time, though the whole takes longer than the read timeout."""
    fake.faults = [faults.Drip(bytes_at_once=400, pause=0.02)]
    async with connect(fake, timeout=Timeout(total=5, read=0.1)) as session:
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 1


@pytest.mark.parametrize("fault", [faults.Disconnect(), faults.Reset()])
async def test_kept_connection_that_is_gone_when_it_is_used_again(fake, session, fault) -> None:
    """A read is sent again; a change is not, since it may have been carried out."""
    await _call(session)
    fake.faults = [fault]
    assert (await _call(session)).saved_clips
    fake.faults = [fault]
    with pytest.raises(DisconnectedError) as caught:
        await _call(session, UNSAFE)
    assert caught.value.maybe_applied
    assert len(fake.requests) == 4


async def test_silence_is_a_disconnect_and_tried_again(fake, connect) -> None:
    fake.faults = [faults.Silence(20)]
    async with connect(fake, timeout=Timeout(total=3, read=0.05)) as session:
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 2


async def test_body_above_the_bound_is_refused(fake, connect) -> None:
    async with connect(fake, max_response_bytes=500, timeout=Timeout(total=3)) as session:
        with pytest.raises(DecodeError, match="larger than max_response_bytes"):
            await _call(session)
        # One that does not announce its length is refused while it is read.
        fake.faults = [faults.EndlessBody()]
        with pytest.raises(DecodeError, match="larger than max_response_bytes"):
            await _call(session)
        fake.faults = [faults.Respond(200, b'{"savedClips": []}')]
        assert (await _call(session)).saved_clips == []
    assert len(fake.requests) == 3


async def test_closing_the_session_ends_calls_under_way(fake, connect) -> None:
    fake.faults = [faults.Silence(5)]
    session = connect(fake)
    call = asyncio.ensure_future(_call(session))
    await fake.wait_for_requests(1)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await call


async def test_closing_ends_calls_that_wait_for_a_connection_without_cancelling_them(fake) -> None:
    """Aiohttp cancels those who wait for a connection; that must not pass for a cancellation."""
    fake.faults = [faults.Silence(5, times=None)]
    session = ClipSession(fake.api_key, base_url=fake.url)
    calls = [asyncio.ensure_future(_call(session)) for _ in range(105)]
    await fake.wait_for_requests(100)
    await session.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {SessionClosedError}


async def test_closing_ends_calls_that_wait_for_a_pause_or_the_rate(fake, connect) -> None:
    fake.faults = [faults.Respond(429, headers={"Retry-After": "60"})]
    slow = RateLimit(per_second=0.01, burst=2)
    session = connect(fake, rate=slow)
    paused = [asyncio.ensure_future(_call(session)) for _ in range(2)]
    await fake.wait_for_requests(2)
    waiting = [asyncio.ensure_future(_call(session)) for _ in range(2)]
    await anyio.sleep(0.02)
    await session.aclose()
    results = await asyncio.gather(*paused, *waiting, return_exceptions=True)
    assert sum(isinstance(result, SessionClosedError) for result in results) == 3


async def test_cancelled_call_leaves_the_session_working(fake, session) -> None:
    fake.faults = [faults.Silence(5)]
    call = asyncio.ensure_future(_call(session))
    await fake.wait_for_requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await _call(session)).saved_clips


async def test_client_side_rate_keeps_below_it(connect) -> None:
    async with (
        FakeRhombus(1, rate=RateLimit(per_second=100, burst=8)) as fake,
        connect(fake, rate=RateLimit(per_second=80, burst=5)) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(15):
            tasks.start_soon(_call, session)
    assert len(fake.requests) == 15


async def test_client_side_rate_without_room_raises_at_the_deadline(fake, connect) -> None:
    rate = RateLimit(per_second=0.1, burst=1)
    async with connect(fake, rate=rate, timeout=Timeout(total=0.05)) as session:
        await _call(session)
        with pytest.raises(DeadlineExceededError, match="client-side rate") as caught:
            await _call(session, UNSAFE)
    assert not caught.value.maybe_applied
    assert len(fake.requests) == 1


async def test_longer_pause_is_not_cut_short_by_a_shorter_one() -> None:
    pacing = Pacing(None, connections=1)
    pacing.begin_pause(10)
    pacing.begin_pause(0.001)
    assert pacing.delay() > 9


async def test_server_errors_of_a_call_do_not_count_for_the_next(fake, session) -> None:
    for _ in range(2):
        fake.faults = [faults.INTERNAL_ERROR]
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 4
