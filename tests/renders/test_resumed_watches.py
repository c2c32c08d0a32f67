"""A watch that is iterated again yields the changes that are left: each one exactly once."""

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ApiError,
    AuthenticationError,
    ClipFailedError,
    ClipSession,
    ClipWatcher,
    DecodeError,
    NotFoundError,
    Polling,
    RetryPolicy,
    RhombusError,
    ServerError,
)
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.faults import Answering, Fault, json_answer
from tests.interruptions import by_scope, by_task, by_timeout, client_tasks
from tests.renders.polls import GET, LIST, QUICK, answers, count_of, status, statuses

AT_ONCE = Polling(interval=0, max_interval=0)
END = 4


@frozen(eq=False)
class Renders(Fault):
    """Renders that make progress each time the test has received a change."""

    times: int | None = None
    seen: dict[str, list[int]] = field(kw_only=True)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond with the next change of one clip or of all clips."""
        clips = {uuid: self._clip(uuid) for uuid in self.seen}
        if request.path == LIST:
            body: Any = {"savedClips": list(clips.values())}
        else:
            body = {"clip": clips[(await request.json())["clipUuid"]]}
        return await json_answer(200, body).apply(request, answer)

    def _clip(self, uuid: str) -> dict[str, Any]:
        step = min(len(self.seen[uuid]), END)
        name = "COMPLETE" if step == END else "RENDERING"
        return {"uuid": uuid, "status": name, "percentComplete": step}


class Consumer:
    """Consumes the changes of a watch, in one of several ways."""

    def __init__(self, changes: ClipWatcher, seen: dict[str, list[int]]) -> None:
        self.changes = changes
        self.seen = seen

    def _add(self, clip: Any) -> None:
        self.seen[clip.uuid].append(clip.percent_complete)

    async def loop(self) -> None:
        """Iterate with ``async for``."""
        async for clip in self.changes:
            self._add(clip)

    async def one_by_one(self) -> None:
        """Await one item after another."""
        with suppress(StopAsyncIteration):
            while True:
                self._add(await anext(self.changes))

    async def beats(self) -> None:
        """Iterate over changes and heartbeats."""
        async for clip in self.changes:
            if not self.changes.is_heartbeat:
                self._add(clip)


def _watch(session: ClipSession, uuids: list[str], heartbeat: float | None = None) -> ClipWatcher:
    if len(uuids) == 1:
        return session.watch_clip(uuids[0], polling=AT_ONCE, heartbeat=heartbeat)
    return session.watch_clips(uuids, polling=AT_ONCE, heartbeat=heartbeat)


@pytest.mark.parametrize("uuids", [["a"], ["a", "b"], ["a", "b", "c"]], ids=len)
@pytest.mark.parametrize("interrupt", [by_task, by_scope, by_timeout])
@pytest.mark.parametrize("way", [Consumer.loop, Consumer.one_by_one, Consumer.beats])
@pytest.mark.usefixtures("virtual_clock")
async def test_each_change_is_yielded_once_wherever_the_iteration_is_cancelled(
    way: Callable[[Consumer], Any], interrupt: Any, uuids: list[str], fake, session
) -> None:
    """A cancelled loop leaves no task behind."""
    after, was_cancelled = 0, True
    await session.get_saved_clip_count()  # Opens a connection.
    before = client_tasks()
    while was_cancelled:
        seen: dict[str, list[int]] = {uuid: [] for uuid in uuids}
        fake.faults = [Renders(seen=seen)]
        heartbeat = 3e-6 if way is Consumer.beats else None
        consumer = Consumer(_watch(session, uuids, heartbeat), seen)
        was_cancelled = await interrupt(partial(way, consumer), after)
        if way is not Consumer.one_by_one:
            assert client_tasks() <= before
        await way(consumer)
        assert seen == {uuid: list(range(END + 1)) for uuid in uuids}
        assert [clip async for clip in consumer.changes] == []
        after += 1
    assert after > 10


@given(
    interruptions=st.lists(
        st.tuples(st.sampled_from(["loop", "anext", "beat"]), st.integers(0, 60)), max_size=8
    ),
    count=st.integers(1, 4),
)
async def test_each_change_is_yielded_once_over_many_interruptions(interruptions, count) -> None:
    ways = {"loop": Consumer.loop, "anext": Consumer.one_by_one, "beat": Consumer.beats}
    uuids = ["a", "b", "c", "d"][:count]
    async with FakeRhombus(1) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        seen: dict[str, list[int]] = {uuid: [] for uuid in uuids}
        fake.faults = [Renders(seen=seen)]
        consumer = Consumer(_watch(session, uuids), seen)
        for way, after in interruptions:
            await by_task(partial(ways[way], consumer), after)
        await consumer.loop()
        assert seen == {uuid: list(range(END + 1)) for uuid in uuids}


# --- timeouts and the schedule -----------------------------------------------------------------


async def _with_timeouts(changes: ClipWatcher, seconds: float) -> tuple[list[str | None], int]:
    """Return the statuses, and the number of timeouts."""
    seen: list[str | None] = []
    timeouts = 0
    while True:
        try:
            seen.append((await asyncio.wait_for(anext(changes), seconds)).status)
        except TimeoutError:
            timeouts += 1
        except StopAsyncIteration:
            return seen, timeouts


@pytest.mark.parametrize("latency", [0.0, 0.9, 3.0, 20.0])
@pytest.mark.usefixtures("virtual_clock")
async def test_timeouts_lose_nothing_and_send_no_more_requests(latency, fake, session) -> None:
    """This holds even if a response takes longer than the timeout."""
    states = [status("INITIATING"), status("UPLOADING"), status("UPLOADING"), status("COMPLETE")]
    fake.faults = [Delayed(seconds=latency, body=body) for body in _bodies(states)]
    started = asyncio.get_running_loop().time()
    seen, timeouts = await _with_timeouts(session.watch_clip("a"), 1)
    took = asyncio.get_running_loop().time() - started
    assert seen == ["INITIATING", "UPLOADING", "COMPLETE"]
    assert len(fake.requests) == 4
    assert timeouts >= 4
    assert took == pytest.approx(4 * latency + 2 + 2 + 3, abs=0.5)


@frozen(eq=False)
class Delayed(Fault):
    """Respond with *body* after some time."""

    seconds: float = field(kw_only=True)
    body: Any = field(kw_only=True)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then respond."""
        await asyncio.sleep(self.seconds)
        return await json_answer(200, self.body).apply(request, answer)


def _bodies(states: list[dict[str, Any]]) -> list[Any]:
    return [{"clip": {"uuid": "a", **state}} for state in states]


@pytest.mark.usefixtures("virtual_clock")
async def test_absent_polls_are_counted_across_timeouts(fake, session) -> None:
    """Timeouts neither forget an absence nor count it more often."""
    fake.faults = answers(status("RENDERING"), None, None, status("COMPLETE"))
    seen, _ = await _with_timeouts(session.watch_clip("a"), 0.3)
    assert seen == ["RENDERING", "COMPLETE"]
    fake.faults = answers(status("RENDERING"), None, None, None)
    with pytest.raises(ClipFailedError, match="deleted"):
        await _with_timeouts(session.watch_clip("a"), 0.3)
    assert len(fake.requests) == 8


@pytest.mark.usefixtures("virtual_clock")
async def test_outage_is_limited_across_timeouts(fake, connect) -> None:
    """An outage ends the watch although every single wait times out."""
    fake.faults = [*answers(status("RENDERING")), faults.Respond(503, times=None)]
    async with connect(fake, retry=RetryPolicy(attempts=3, base=1, cap=4)) as session:
        changes = session.watch_clip("a", polling=Polling(outage=20))
        with pytest.raises(ServerError):
            await _with_timeouts(changes, 0.5)
        assert asyncio.get_running_loop().time() > 20
        fake.faults = answers(status("COMPLETE"))
        assert await statuses(changes) == ["COMPLETE"]


@pytest.mark.usefixtures("virtual_clock")
async def test_change_that_arrives_between_two_items_is_not_lost(fake, session) -> None:
    changes = session.watch_clip("a")
    fake.faults = [Delayed(seconds=3, body=body) for body in _bodies([status("COMPLETE")])]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(changes), 1)
    await asyncio.sleep(60)
    assert (await asyncio.wait_for(anext(changes), 0.1)).status == "COMPLETE"
    assert len(fake.requests) == 1


@pytest.mark.usefixtures("virtual_clock")
async def test_error_that_arrives_between_two_items_is_not_lost(fake, session) -> None:
    fake.faults = [Delayed(seconds=3, body={"error": True}, times=1)]
    changes = session.watch_clip("a", polling=Polling(appears_within=0))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(changes), 1)
    await asyncio.sleep(60)
    with pytest.raises(ApiError):
        await anext(changes)
    assert len(fake.requests) == 1


# --- errors ------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[list[Fault], type[Exception]]] = {
    "401": ([faults.Respond(401)], AuthenticationError),
    "500": ([faults.Respond(500, times=2)], ServerError),
    "disconnect": ([faults.Disconnect(times=5)], RhombusError),
    "html": ([faults.HTML_INSTEAD], DecodeError),
    "absent": (answers(None), NotFoundError),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_watch_resumes_after_an_error(name: str, fake, session) -> None:
    failures, kind = ERRORS[name]
    polling = evolve(QUICK, outage=0, appears_within=0)
    changes = session.watch_clip("a", polling=polling)
    if name == "absent":
        fake.faults = [*failures, *answers(status("RENDERING"), status("COMPLETE"))]
        seen = []
    else:
        fake.faults = [*answers(status("RENDERING")), *failures, *answers(status("COMPLETE"))]
        seen = [(await anext(changes)).status]
    with pytest.raises(kind):
        await anext(changes)
    seen += await statuses(changes)
    assert seen == ["RENDERING", "COMPLETE"]


async def test_errors_are_tolerated_for_the_full_time_after_each_resumption(fake, session) -> None:
    fake.faults = [faults.Respond(503, times=None)]
    changes = session.watch_clip("a", polling=evolve(QUICK, outage=0.05))
    for _ in range(2):
        fake.requests.clear()
        with pytest.raises(ServerError):
            await anext(changes)
        assert len(fake.requests) > 5  # Five attempts for each poll.


async def test_failed_render_is_never_reported_as_complete(fake, session) -> None:
    """A further iteration raises the error again, and sends nothing."""
    fake.faults = answers(status("RENDERING"), status("FAILED"))
    changes = session.watch_clip("a", polling=QUICK)
    seen = []
    with pytest.raises(ClipFailedError) as first:
        async for clip in changes:
            seen.append(clip.status)
    for _ in range(2):
        with pytest.raises(ClipFailedError) as again:
            await anext(changes)
        assert str(again.value) == str(first.value)
        assert again.value.clips == first.value.clips
    assert seen == ["RENDERING"]
    assert len(fake.requests) == 2


async def test_lost_clips_are_polled_again_and_failed_ones_are_not(fake, session) -> None:
    bad = fake.start_render(seconds=0, fails=True)
    late = "Z" * 22
    changes = session.watch_clips([bad, late], polling=evolve(QUICK, appears_within=0))
    with pytest.raises(ClipFailedError) as caught:
        await statuses(changes)
    assert [note for note in caught.value.__notes__ if late in note]
    fake.requests.clear()
    done = {"clip": {"uuid": late, "status": "COMPLETE"}}
    fake.faults = [json_answer(200, done, path=GET)]
    seen = []
    with pytest.raises(ClipFailedError) as caught:
        async for clip in changes:
            seen.append((clip.uuid, clip.status))
    assert seen == [(late, "COMPLETE")]
    assert not hasattr(caught.value, "__notes__")
    assert count_of(fake, GET) == 1


async def test_complete_watch_stays_complete(fake, session) -> None:
    fake.faults = answers(status("COMPLETE"))
    changes = session.watch_clip("a")
    assert await statuses(changes) == ["COMPLETE"]
    assert await statuses(changes) == []
    with pytest.raises(StopAsyncIteration):
        await anext(changes)
    assert len(fake.requests) == 1


# --- several consumers, and the end of a watch ---------------------------------------------------


async def test_second_concurrent_iteration_is_an_error(fake, session) -> None:
    fake.faults = [faults.Silence(30, times=None)]
    changes = session.watch_clip("a")
    async with aclosing(changes):
        waiting = asyncio.ensure_future(anext(changes, "the end"))
        await fake.wait_for_requests(1)
        with pytest.raises(RuntimeError, match="this ClipWatcher is already being iterated"):
            await anext(changes)
        with pytest.raises(RuntimeError, match="already being iterated"):
            aiter(changes)
    assert await waiting == "the end"


async def test_nested_loop_is_an_error_and_a_left_loop_is_not(fake, session) -> None:
    fake.faults = answers(status("INITIATING"), status("UPLOADING"), status("COMPLETE"))
    changes = session.watch_clip("a", polling=QUICK)
    async for _ in changes:
        with pytest.raises(RuntimeError, match="already being iterated"):
            aiter(changes)
        break
    loop = aiter(changes)
    assert (await anext(loop)).status == "UPLOADING"
    with pytest.raises(RuntimeError, match="already being iterated"):
        await anext(changes)
    await loop.aclose()
    assert await anext(loop, None) is None
    assert await statuses(changes) == ["COMPLETE"]


async def test_closed_loop_in_another_task_ends_although_the_watch_can_resume(
    fake, session
) -> None:
    fake.faults = answers(status("INITIATING"), status("COMPLETE"))
    changes = session.watch_clip("a", polling=QUICK)
    has_started, is_closed = asyncio.Event(), asyncio.Event()

    async def consume() -> list[str | None]:
        seen = []
        async for clip in changes:
            seen.append(clip.status)
            has_started.set()
            await is_closed.wait()
        return seen

    consumer = asyncio.create_task(consume())
    await has_started.wait()
    await changes.aclose()
    is_closed.set()
    assert await consumer == ["INITIATING"]
    assert await statuses(changes) == ["COMPLETE"]


async def test_cancelled_loop_can_continue_with_the_same_iterator(fake, session) -> None:
    """A timeout must not look like the end of the render."""
    changes = aiter(session.watch_clip("a"))
    fake.faults = [faults.Silence(30)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(changes), 0.05)
    fake.faults = answers(status("COMPLETE"))
    assert (await anext(changes)).status == "COMPLETE"


async def _left_with_a_request(fake: FakeRhombus, session: ClipSession, how: str) -> ClipWatcher:
    """Return a watch whose request waits for its response while no caller awaits an item."""
    fake.faults = [faults.Silence(30, times=None)]
    changes = session.watch_clip("a", heartbeat=0.01 if how == "heartbeat" else None)
    if how == "heartbeat":
        assert (await anext(changes)).uuid == "a"
        assert changes.is_heartbeat
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.05)
    return changes


@pytest.mark.parametrize("how", ["heartbeat", "timeout"])
@pytest.mark.parametrize("end", ["aclose", "drop", "collect"])
async def test_ended_watch_leaves_no_task(end, how, fake, session, caplog) -> None:
    """This also holds for a watch that was dropped, even one in a reference cycle."""
    await session.get_saved_clip_count()
    before = client_tasks()
    changes = await _left_with_a_request(fake, session, how)
    tasks = client_tasks() - before
    assert tasks
    if end == "aclose":
        await changes.aclose()
        assert client_tasks() <= before
    elif end == "collect":
        changes.cycle = changes  # type: ignore[attr-defined]
    del changes
    gc.collect()
    await asyncio.wait(tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    http = session._transport.client._http
    assert http is not None
    assert http.connector is not None
    assert not http.connector._acquired


@pytest.mark.parametrize("how", ["heartbeat", "timeout"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_program_may_end_with_a_watch_that_was_not_closed(is_kept, how, caplog) -> None:
    kept = []

    async def main() -> None:
        async with FakeRhombus(1) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
            changes = await _left_with_a_request(fake, session, how)
            if is_kept:
                kept.append(changes)

    asyncio.run(main())
    kept.clear()
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_closed_session_ends_the_request_of_a_watch(fake, connect) -> None:
    session = connect(fake)
    async with session:
        changes = await _left_with_a_request(fake, session, "timeout")
    with pytest.raises(RhombusError):
        await anext(changes)
