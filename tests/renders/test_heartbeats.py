"""Heartbeats repeat the last state of a clip while nothing changes."""

import asyncio
import math
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from attrs import field, frozen

from rhombus_clips import ClipWatcher, ClipWithProgress, Polling
from rhombus_clips.testing import faults
from rhombus_clips.testing.faults import Answering, Fault, json_answer
from tests.renders.polls import LIST, answers, status

pytestmark = pytest.mark.usefixtures("virtual_clock")


@frozen(eq=False)
class Slow(Fault):
    """Respond after some time with the given clip."""

    seconds: float = field(kw_only=True)
    clip: Any = field(kw_only=True)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Wait, then respond."""
        await asyncio.sleep(self.seconds)
        body = {"clip": {"uuid": "a", **self.clip}}
        return await json_answer(200, body).apply(request, answer)


async def all_of(changes: ClipWatcher) -> list[tuple[ClipWithProgress, bool, float]]:
    """Return each item, whether it is a heartbeat, and the seconds since the one before."""
    loop = asyncio.get_running_loop()
    items, before = [], loop.time()
    async for clip in changes:
        now = loop.time()
        items.append((clip, changes.is_heartbeat, now - before))
        before = now
    return items


def _check(items: list[Any], heartbeat: float, silence: float) -> list[str | None]:
    """Check the heartbeats and return the statuses of the changes."""
    beats = [index for index, (_, is_heartbeat, _) in enumerate(items) if is_heartbeat]
    assert len(beats) == pytest.approx(silence / heartbeat, abs=2)
    for index in beats:
        assert items[index][2] == pytest.approx(heartbeat, abs=0.1)
        if index:
            assert items[index][0] is items[index - 1][0]
    assert max(passed for _, _, passed in items) < heartbeat + 0.1
    return [clip.status for clip, is_heartbeat, _ in items if not is_heartbeat]


async def test_heartbeats_continue_while_a_response_is_slow(fake, session) -> None:
    """The request is not repeated, and its result is not lost."""
    clips = [(0, "INITIATING"), (28, "RENDERING"), (28, "COMPLETE")]
    fake.faults = [Slow(seconds=after, clip=status(name)) for after, name in clips]
    items = await all_of(session.watch_clip("a", heartbeat=2))
    assert _check(items, 2, 60) == ["INITIATING", "RENDERING", "COMPLETE"]
    assert len(fake.requests) == 3


async def test_heartbeats_continue_during_a_pause_of_the_session(fake, session) -> None:
    fake.faults = [
        *answers(status("RENDERING")),
        faults.Respond(429, headers={"Retry-After": "30"}),
        *answers(status("COMPLETE")),
    ]
    items = await all_of(session.watch_clip("a", heartbeat=2))
    assert _check(items, 2, 32) == ["RENDERING", "COMPLETE"]
    assert len(fake.requests) == 3


async def test_heartbeats_continue_while_polls_fail(fake, session) -> None:
    fake.faults = [
        *answers(status("RENDERING")),
        faults.Respond(503, times=20),
        *answers(status("COMPLETE")),
    ]
    items = await all_of(session.watch_clip("a", heartbeat=timedelta(seconds=1)))
    assert _check(items, 1, 2 + 3 + 4.5 + 6.75 + 10) == ["RENDERING", "COMPLETE"]


async def test_heartbeats_before_the_first_state_have_only_the_uuid(fake, session) -> None:
    """A connection to a browser stays open, although nothing is known about the clip yet."""
    fake.faults = [Slow(seconds=28, clip=status("COMPLETE"))]
    items = await all_of(session.watch_clip("a", heartbeat=5))
    beats = [clip for clip, is_heartbeat, _ in items if is_heartbeat]
    assert beats == [ClipWithProgress(uuid="a")] * 5
    assert [clip.status for clip, is_heartbeat, _ in items if not is_heartbeat] == ["COMPLETE"]


async def test_change_restarts_the_time_to_the_next_heartbeat(fake, session) -> None:
    states = [status("RENDERING", percentComplete=percent) for percent in range(5)]
    fake.faults = answers(*states, status("COMPLETE"))
    items = await all_of(session.watch_clip("a", heartbeat=2.5))
    assert [is_heartbeat for _, is_heartbeat, _ in items] == [False] * 6


async def test_longer_heartbeat_than_interval_repeats_an_unchanged_clip(fake, session) -> None:
    """A poll that finds no change does not count as one, even if `last_updated_sec` changes."""
    states = [status("RENDERING", lastUpdatedSec=second) for second in range(5)]
    fake.faults = answers(*states, status("COMPLETE"))
    polling = Polling(interval=1, max_interval=1)
    items = await all_of(session.watch_clip("a", heartbeat=3.3, polling=polling))
    assert [is_heartbeat for _, is_heartbeat, _ in items] == [False, True, False]
    assert items[1][0] is items[0][0]
    assert items[0][0].last_updated_sec == 0


async def test_slow_consumer_does_not_stop_the_polls(fake, session) -> None:
    """It may take longer than the heartbeat for each item."""
    fake.faults = [Slow(seconds=1, clip=status(name)) for name in ("INITIATING", "COMPLETE")]
    changes = session.watch_clip("a", heartbeat=2)
    seen = []
    async for clip in changes:
        seen.append((clip.status, changes.is_heartbeat))
        await asyncio.sleep(20)
    assert [name for name, is_heartbeat in seen if not is_heartbeat] == ["INITIATING", "COMPLETE"]
    assert len(seen) <= 5
    assert len(fake.requests) == 2


async def test_heartbeats_continue_across_timeouts(fake, session) -> None:
    """A timeout that is shorter than the heartbeat does not postpone it."""
    fake.faults = [*answers(status("RENDERING")), Slow(seconds=28, clip=status("COMPLETE"))]
    changes = session.watch_clip("a", heartbeat=5)
    seen: list[tuple[str | None, bool]] = []
    while True:
        try:
            clip = await asyncio.wait_for(anext(changes), 1)
        except TimeoutError:
            continue
        except StopAsyncIteration:
            break
        seen.append((clip.status, changes.is_heartbeat))
    assert seen == [("RENDERING", False), *[("RENDERING", True)] * 5, ("COMPLETE", False)]
    assert len(fake.requests) == 2


async def test_heartbeat_of_several_clips_repeats_an_unfinished_one(fake, session) -> None:
    """A clip that has ended must not look as if it had ended again."""
    fake.faults = [
        Rounds(
            clips={
                "a": ["RENDERING", "UPLOADING", "UPLOADING", "COMPLETE"],
                "b": ["RENDERING", "COMPLETE"],
                "c": ["RENDERING", "RENDERING", "RENDERING", "RENDERING", "COMPLETE"],
            }
        )
    ]
    polling = Polling(interval=3.5, max_interval=3.5)
    changes = session.watch_clips(["a", "b", "c"], polling=polling, heartbeat=2)
    beats = [(clip.uuid, clip.status) async for clip in changes if changes.is_heartbeat]
    assert beats == [("c", "RENDERING"), *[("a", "UPLOADING")] * 3, ("c", "RENDERING")]


@frozen(eq=False)
class Rounds(Fault):
    """Respond to each poll of a clip with its next status."""

    times: int | None = None
    clips: dict[str, list[str]] = field(kw_only=True)

    async def apply(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        """Respond with one clip, or with all that have not ended."""
        if request.path == LIST:
            listed = [self._next(uuid) for uuid, names in self.clips.items() if names]
            return await json_answer(200, {"savedClips": listed}).apply(request, answer)
        clip = self._next((await request.json())["clipUuid"])
        return await json_answer(200, {"clip": clip}).apply(request, answer)

    def _next(self, uuid: str) -> dict[str, Any]:
        return {"uuid": uuid, "status": self.clips[uuid].pop(0)}


async def test_change_of_one_clip_does_not_wait_for_a_slow_poll_of_another(fake, session) -> None:
    """At the latest, the next heartbeat delivers it."""
    fake.faults = [
        Slow(seconds=28, clip=status("COMPLETE")),
        json_answer(200, {"clip": {"uuid": "b", **status("COMPLETE")}}),
    ]
    changes = session.watch_clips(["a", "b"], heartbeat=2)
    first = await anext(changes)
    assert (first.uuid, changes.is_heartbeat) == ("b", False)
    await changes.aclose()


@pytest.mark.parametrize("heartbeat", [0, -1, math.nan, "2", timedelta(0), True])
async def test_invalid_heartbeat_is_refused(heartbeat, session) -> None:
    for watch in (
        lambda: session.watch_clip("a", heartbeat=heartbeat),
        lambda: session.watch_clips(["a"], heartbeat=heartbeat),
        lambda: session.follow_saved_clips(heartbeat=heartbeat),
    ):
        with pytest.raises((ValueError, TypeError), match="heartbeat must be"):
            watch()
