"""A single call: which failures are retried and how often, and when the call ends."""

import asyncio
from typing import Any

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
    RateLimitedError,
    RetryPolicy,
    RhombusError,
    ServerError,
    SessionClosedError,
    StatusError,
    Timeout,
)
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.testing import FakeRhombus, faults

UNSAFE = evolve(GET_SAVED_CLIPS, safe=False)
"""A listing that is declared as a change; the fake service answers it as usual."""

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


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize(("fault", "when_safe", "when_unsafe", "kind"), CELLS)
@pytest.mark.parametrize("safe", [True, False])
async def test_persistent_fault_is_retried_as_often_as_the_table_allows(
    fake, session, fault, when_safe, when_unsafe, kind, safe
) -> None:
    fake.faults = [evolve(fault, times=None)]
    with pytest.raises(kind) as caught:
        await _call(session, GET_SAVED_CLIPS if safe else UNSAFE)
    assert len(fake.requests) == (when_safe if safe else when_unsafe)
    assert caught.value.attempts == len(fake.requests)
    assert caught.value.maybe_applied is (
        not safe and kind in {DisconnectedError, ServerError, DecodeError}
    )


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize("fault", [cell[0] for cell in CELLS if cell[1] > 1])
async def test_transient_fault_is_hidden_from_the_caller(fake, session, fault) -> None:
    fake.faults = [fault]
    assert (await _call(session)).saved_clips
    assert len(fake.requests) == 2


async def test_unsafe_call_that_was_not_sent_is_retried(connect) -> None:
    async with FakeRhombus(1) as fake:
        session = connect(fake)
    with pytest.raises(ConnectError) as caught:
        await _call(session, UNSAFE)
    assert caught.value.attempts == 5
    assert not caught.value.maybe_applied
    await session.aclose()


async def test_one_attempt_disables_retries(fake, connect) -> None:
    fake.faults = [faults.UNAVAILABLE]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        with pytest.raises(ServerError):
            await _call(session)
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
@pytest.mark.usefixtures("virtual_clock")
async def test_call_ends_at_its_deadline(fake, connect, fault) -> None:
    fake.faults = [fault]
    async with connect(fake, timeout=Timeout(total=0.1)) as session:
        with pytest.raises(DeadlineExceededError) as caught:
            await _call(session, UNSAFE)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.maybe_applied


@pytest.mark.usefixtures("virtual_clock")
async def test_read_timeout_applies_to_each_part_of_a_response(fake, connect) -> None:
    """A slow response may take longer as a whole."""
    fake.faults = [faults.Drip(bytes_at_once=400, pause=0.02)]
    async with connect(fake, timeout=Timeout(total=5, read=0.1)) as session:
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 1


@pytest.mark.parametrize("fault", [faults.Disconnect(), faults.Reset()])
async def test_idle_connection_that_breaks_when_it_is_reused(fake, session, fault) -> None:
    """A read is retried. A change is not, because it may have been applied."""
    await _call(session)
    fake.faults = [fault]
    assert (await _call(session)).saved_clips
    fake.faults = [fault]
    with pytest.raises(DisconnectedError) as caught:
        await _call(session, UNSAFE)
    assert caught.value.maybe_applied
    assert len(fake.requests) == 4


@pytest.mark.usefixtures("virtual_clock")
async def test_read_timeout_is_retried(fake, connect) -> None:
    fake.faults = [faults.Silence(20)]
    async with connect(fake, timeout=Timeout(total=3, read=0.05)) as session:
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 2


async def test_body_above_the_limit_is_rejected(fake, connect) -> None:
    async with connect(fake, max_response_bytes=500, timeout=Timeout(total=3)) as session:
        with pytest.raises(DecodeError, match="larger than max_response_bytes"):
            await _call(session)
        # A body without Content-Length is rejected while it is read.
        fake.faults = [faults.EndlessBody()]
        with pytest.raises(DecodeError, match="larger than max_response_bytes"):
            await _call(session)
        fake.faults = [faults.Respond(200, b'{"savedClips": []}')]
        assert (await _call(session)).saved_clips == []
    assert len(fake.requests) == 3


async def test_closing_the_session_ends_active_calls(fake, connect) -> None:
    fake.faults = [faults.Silence(5)]
    session = connect(fake)
    call = asyncio.ensure_future(_call(session))
    await fake.wait_for_requests(1)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await call


async def test_closing_ends_calls_that_wait_for_a_connection_without_cancelling_them(fake) -> None:
    """Aiohttp cancels such calls, which must not look like a cancellation by the caller."""
    fake.faults = [faults.Silence(5, times=None)]
    session = ClipSession(fake.api_key, base_url=fake.url)
    calls = [asyncio.ensure_future(_call(session)) for _ in range(105)]
    await fake.wait_for_requests(100)
    await session.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {SessionClosedError}


async def test_session_works_after_a_cancelled_call(fake, session) -> None:
    fake.faults = [faults.Silence(5)]
    call = asyncio.ensure_future(_call(session))
    await fake.wait_for_requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await _call(session)).saved_clips


async def test_server_errors_are_counted_per_call(fake, session) -> None:
    for _ in range(2):
        fake.faults = [faults.INTERNAL_ERROR]
        assert (await _call(session)).saved_clips
    assert len(fake.requests) == 4
