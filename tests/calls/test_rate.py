"""The client-side rate: a service with the same limit never refuses a request."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import RateLimit
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.calls.rate import TokenBucket
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.rate_limiter import RateLimiter
from tests.examples import examples

LIMIT = RateLimit(per_second=1.0, burst=4)


@examples(300)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3, allow_nan=False),  # seconds until the caller sends another request
            st.floats(0, 3, allow_nan=False),  # seconds until the request arrives
            st.floats(0, 3, allow_nan=False),  # seconds until the response arrives
        ),
        max_size=30,
    )
)
def test_service_never_refuses_a_request_that_the_client_admitted(requests) -> None:
    """This holds for all network delays and for any order of arrival."""
    client, service = TokenBucket(LIMIT), RateLimiter(LIMIT)
    now = 0.0
    events: list[tuple[float, int, str]] = []  # future arrivals and responses

    def advance_to(time: float) -> None:
        for at, _, event in sorted(event for event in events if event[0] <= time):
            if event == "arrives":
                assert service.take(at + 1e-9) is None
            else:
                client.finish(at)
        events[:] = [event for event in events if event[0] > time]

    for number, (idle, outbound, inbound) in enumerate(requests):
        now += idle
        advance_to(now)
        while (wait := client.seconds_to_wait(now)) > 0:
            # The nanosecond ends waits that are shorter than the clock's resolution.
            now = min([now + wait, *(event[0] for event in events)]) + 1e-9
            advance_to(now)
        client.start()
        events += [
            (now + outbound, number, "arrives"),
            (now + outbound + inbound, number, "answered"),
        ]
    advance_to(now + 100)


def test_rate_is_as_high_as_the_limit_allows() -> None:
    """With immediate responses, a burst starts at once, and then one request per second."""
    bucket, now, started = TokenBucket(LIMIT), 0.0, []
    for _ in range(10):
        now += bucket.seconds_to_wait(now)
        bucket.start()
        bucket.finish(now)
        started.append(now)
    assert started == pytest.approx([0, 0, 0, 0, 1, 2, 3, 4, 5, 6])


def test_request_after_an_unanswered_burst_waits_for_a_response() -> None:
    bucket = TokenBucket(LIMIT)
    for _ in range(4):
        bucket.start()
    assert bucket.seconds_to_wait(1000.0) == float("inf")
    bucket.finish(1000.0)
    assert bucket.seconds_to_wait(1000.0) == 1.0


@pytest.mark.usefixtures("virtual_clock")
async def test_many_tasks_get_no_429_at_the_rate_of_the_service(connect) -> None:
    limit = RateLimit(per_second=200, burst=10)
    async with (
        FakeRhombus(1, rate=limit) as fake,
        connect(fake, rate=limit) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(60):
            tasks.start_soon(session.get_saved_clips)
    assert len(fake.requests) == 60


async def test_request_that_a_pause_stops_returns_its_token() -> None:
    pacing = Pacing(RateLimit(per_second=1, burst=1), connections=1)

    async def late_pause() -> None:
        pacing.begin_pause(50)

    deadline = anyio.current_time() + 1
    async with anyio.create_task_group() as tasks:
        await pacing.admit(deadline)
        tasks.start_soon(late_pause)
        pacing.finished()
        with pytest.raises(Exception, match="the session is paused"):
            await pacing.admit(anyio.current_time() + 2)
    assert pacing._bucket is not None
    assert pacing._bucket._in_flight == 0
    assert pacing._in_flight == 0
