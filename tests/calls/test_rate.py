"""The client-side rate: it never lets a service's bucket of the same size refuse a request."""

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
            st.floats(0, 3, allow_nan=False),  # how long until the caller asks again
            st.floats(0, 3, allow_nan=False),  # how long the request travels
            st.floats(0, 3, allow_nan=False),  # how long the answer travels
        ),
        max_size=30,
    )
)
def test_service_never_refuses_what_the_client_let_go(requests) -> None:
    """However long requests and answers travel, in whichever order they arrive."""
    client, service = TokenBucket(LIMIT), RateLimiter(LIMIT)
    now = 0.0
    events: list[tuple[float, int, str]] = []  # arrivals and answers to come

    def pass_until(moment: float) -> None:
        for at, _, event in sorted(event for event in events if event[0] <= moment):
            if event == "arrives":
                assert service.take(at + 1e-9) is None
            else:
                client.finish(at)
        events[:] = [event for event in events if event[0] > moment]

    for number, (idle, there, back) in enumerate(requests):
        now += idle
        pass_until(now)
        while (wait := client.seconds_to_wait(now)) > 0:
            # A little later, so that a wait below the clock's resolution passes too.
            now = min([now + wait, *(event[0] for event in events)]) + 1e-9
            pass_until(now)
        client.start()
        events += [(now + there, number, "arrives"), (now + there + back, number, "answered")]
    pass_until(now + 100)


def test_rate_is_no_lower_than_it_has_to_be() -> None:
    """A burst at once, then one a second, when answers come at once."""
    bucket, now, started = TokenBucket(LIMIT), 0.0, []
    for _ in range(10):
        now += bucket.seconds_to_wait(now)
        bucket.start()
        bucket.finish(now)
        started.append(now)
    assert started == pytest.approx([0, 0, 0, 0, 1, 2, 3, 4, 5, 6])


def test_unanswered_burst_waits_for_an_answer() -> None:
    bucket = TokenBucket(LIMIT)
    for _ in range(4):
        bucket.start()
    assert bucket.seconds_to_wait(1000.0) == float("inf")
    bucket.finish(1000.0)
    assert bucket.seconds_to_wait(1000.0) == 1.0


async def test_no_429_with_many_tasks_at_the_services_own_rate(connect) -> None:
    limit = RateLimit(per_second=200, burst=10)
    async with (
        FakeRhombus(1, rate=limit) as fake,
        connect(fake, rate=limit) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(60):
            tasks.start_soon(session.get_saved_clips)
    assert len(fake.requests) == 60


async def test_request_that_a_pause_keeps_from_starting_gives_its_token_back() -> None:
    pacing = Pacing(RateLimit(per_second=1, burst=1), connections=1)

    async def late_pause() -> None:
        pacing.begin_pause(50)

    deadline = anyio.current_time() + 1
    async with anyio.create_task_group() as tasks:
        await pacing.admit(deadline)
        tasks.start_soon(late_pause)
        pacing.finished()
        with pytest.raises(Exception, match="the session pauses"):
            await pacing.admit(anyio.current_time() + 2)
    assert pacing._bucket is not None
    assert pacing._bucket._in_flight == 0
    assert pacing._in_flight == 0
