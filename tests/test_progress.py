"""Watching renders: each change, to the end, through absences and outages, and no further."""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    BadRequestError,
    ClipFailedError,
    ClipNotFoundError,
    ClipSession,
    ClipStatus,
    ClipWithProgress,
    DeadlineExceededError,
    DecodeError,
    Polling,
    RhombusError,
    ServerError,
)
from rhombus_clips.protocol.progress import Watched, has_failed, is_done
from rhombus_clips.testing import FakeRhombus, UnknownClip, faults
from rhombus_clips.testing.faults import json_answer

GET = "/api/event/getClipWithProgress"
LIST = "/api/event/getClipsWithProgress"
SPLICE = "/api/video/spliceV3"
QUICK = Polling(interval=0.01, slowest=0.02, appears_within=0.3, outage=0.3)
CAMERA, OTHER = "C" * 22, "D" * 22
LONG_AGO = 1_700_000_000_000


def answers(*clips: dict[str, Any] | None) -> list[faults.Fault]:
    """What the service answers for a clip, look by look."""
    return [json_answer(200, {"clip": clip and {"uuid": "a", **clip}}, path=GET) for clip in clips]


def status(name: str, **more: Any) -> dict[str, Any]:
    return {"status": name, **more}


async def statuses(changes: AsyncIterator[ClipWithProgress]) -> list[str | None]:
    return [clip.status async for clip in changes]


# --- one clip ----------------------------------------------------------------------------------


async def test_each_change_comes_once_and_the_last_is_complete(fake, session) -> None:
    fake.faults = answers(
        status("INITIATING", lastUpdatedSec=1),
        status("INITIATING", lastUpdatedSec=2),
        status("UPLOADING", percentComplete=10),
        status("UPLOADING", percentComplete=10),
        status("UPLOADING", percentComplete=20),
        status("COMPLETE"),
    )
    seen = await statuses(session.watch_clip("a", polling=QUICK))
    assert seen == ["INITIATING", "UPLOADING", "UPLOADING", "COMPLETE"]
    assert len(fake.requests) == 6


async def test_whole_render_is_followed_to_its_end(fake, session) -> None:
    uuid = fake.start_render(seconds=0.3)
    clips = [clip async for clip in session.watch_clip(uuid, polling=QUICK)]
    assert {clip.uuid for clip in clips} == {uuid}
    assert list(dict.fromkeys(clip.status for clip in clips)) == [
        "INITIATING", "UPLOADING", "RENDERING", "COMPLETE",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["FAILED", "DELETED"])
async def test_clip_that_fails_is_an_error_with_the_clip(end: str, fake, session) -> None:
    fake.faults = answers(status("RENDERING"), status(end, currentOperation="no footage"))
    seen = []
    with pytest.raises(ClipFailedError, match="no footage") as caught:
        async for clip in session.watch_clip("a", polling=QUICK):
            seen.append(clip.status)
    assert seen == ["RENDERING"]
    assert caught.value.clip.status == end
    assert caught.value.clips == (caught.value.clip,)


@pytest.mark.parametrize("state", ["OFFLINE", "UNKNOWN", "SOMETHING_NEW", None])
async def test_status_that_says_nothing_of_an_end_goes_on(state: str | None, fake, session) -> None:
    fake.faults = answers(status("RENDERING"), {"status": state}, status("COMPLETE"))
    assert await statuses(session.watch_clip("a", polling=QUICK)) == [
        "RENDERING", state, "COMPLETE",
    ]  # fmt: skip


async def test_hundred_percent_of_the_operation_complete_is_an_end_too(fake, session) -> None:
    """As the vendor's own web component takes it."""
    done = status("RENDERING", percentComplete=100, currentOperation="Complete")
    fake.faults = answers(status("RENDERING", percentComplete=100), done)
    assert len(await statuses(session.watch_clip("a", polling=QUICK))) == 2


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_clip_may_be_invisible_at_first_and_not_for_ever(
    unknown: UnknownClip, fake, session
) -> None:
    """Whatever the service answers for a clip that is not there."""
    fake.unknown_clip, fake.appears_after, fake.render_seconds = unknown, 0.1, 0.05
    clip_uuid = (await session.splice([CAMERA], LONG_AGO, 5)).clip_uuid
    assert (await statuses(session.watch_clip(clip_uuid, polling=QUICK)))[-1] == "COMPLETE"
    fake.requests.clear()
    with pytest.raises(RhombusError) as caught:
        await statuses(session.watch_clip("Z" * 22, polling=evolve(QUICK, appears_within=0.05)))
    assert isinstance(caught.value, ClipNotFoundError) or unknown is not UnknownClip.NULL
    assert len(fake.requests) > 1


async def test_outage_is_survived_for_as_long_as_asked_and_no_longer(fake, connect) -> None:
    outage = evolve(faults.UNAVAILABLE, path=GET, times=20)
    fake.faults = [*answers(status("RENDERING")), outage, *answers(status("COMPLETE"))]
    async with connect(fake) as session:
        assert await statuses(session.watch_clip("a", polling=QUICK)) == ["RENDERING", "COMPLETE"]
        fake.faults = [evolve(outage, times=None)]
        with pytest.raises(ServerError):
            await statuses(session.watch_clip("a", polling=evolve(QUICK, outage=0.05)))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(faults.Respond(401), AuthenticationError), (faults.Respond(400), BadRequestError)],
)
async def test_what_no_waiting_mends_is_raised_at_once(fault, kind, fake, session) -> None:
    fake.faults = [fault]
    with pytest.raises(kind):
        await statuses(session.watch_clip("a", polling=QUICK))
    assert len(fake.requests) == 1


async def test_one_odd_answer_does_not_end_the_watch(fake, session) -> None:
    fake.faults = [faults.HTML_INSTEAD, *answers(status("RENDERING"), status("COMPLETE"))]
    assert await statuses(session.watch_clip("a", polling=QUICK)) == ["RENDERING", "COMPLETE"]
    fake.faults = [evolve(faults.HTML_INSTEAD, times=None)]
    with pytest.raises(DecodeError):
        await statuses(session.watch_clip("a", polling=evolve(QUICK, outage=0.05)))


async def test_leaving_early_sends_no_more(fake, session) -> None:
    uuid = fake.start_render(seconds=30)
    async with aclosing(session.watch_clip(uuid, polling=QUICK)) as changes:
        async for _ in changes:
            break
    count = len(fake.requests)
    await asyncio.sleep(0.1)
    assert len(fake.requests) == count


def test_interval_grows_while_nothing_moves_and_begins_anew() -> None:
    polling, wait, waits = Polling(), 0.0, []
    for moved in (True, False, False, False, False, False, False, True):
        wait = polling.next_interval(wait, moved=moved)
        waits.append(wait)
    assert waits == [2, 3, 4.5, 6.75, 10.125, 15, 15, 2]


@pytest.mark.parametrize(
    ("clip", "done", "failed"),
    [
        (ClipWithProgress(status=ClipStatus.COMPLETE), True, False),
        (ClipWithProgress(status=ClipStatus.FAILED), False, True),
        (ClipWithProgress(status=ClipStatus.DELETED), False, True),
        (ClipWithProgress(status=ClipStatus.UNKNOWN, percent_complete=100), False, False),
        (ClipWithProgress(current_operation="Complete"), False, False),
        (ClipWithProgress(), False, False),
    ],
)
def test_ends_by_example(clip: ClipWithProgress, *, done: bool, failed: bool) -> None:
    assert (is_done(clip), has_failed(clip)) == (done, failed)


def test_an_outage_does_not_use_up_the_patience_with_an_absence() -> None:
    watched = Watched("a", Polling(appears_within=10, outage=100))
    watched.bear(ServerError("out", status=503), 0)
    watched.bear(ServerError("out", status=503), 90)
    watched.bear(ClipNotFoundError("not there"), 91)
    watched.bear(ServerError("out", status=503), 99)
    with pytest.raises(ClipNotFoundError):
        watched.bear(ClipNotFoundError("not there"), 101)


# --- several clips -----------------------------------------------------------------------------


def count_of(fake: FakeRhombus, path: str) -> int:
    return sum(request.path == path for request in fake.requests)


async def test_many_clips_are_followed_by_one_listing_a_round(fake, session) -> None:
    uuids = [fake.start_render(seconds=0.1 + 0.02 * n) for n in range(12)]
    ended = {c.uuid async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete}
    assert ended == set(uuids)
    assert count_of(fake, GET) < count_of(fake, LIST)


async def test_clips_that_no_listing_has_are_looked_at_one_by_one(fake, session) -> None:
    """And the listing is given up, as it takes more requests than it saves."""
    fake.faults = [json_answer(200, {"savedClips": []}, path=LIST, times=None)]
    uuids = [fake.start_render(seconds=0.1) for _ in range(5)]
    ended = {c.uuid async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete}
    assert ended == set(uuids)
    assert count_of(fake, LIST) == 1


async def test_role_that_may_not_list_looks_one_by_one(fake, session) -> None:
    fake.faults = [evolve(faults.ACCESS_DENIED, path=LIST, times=None)]
    uuids = [fake.start_render(seconds=0.05) for _ in range(4)]
    assert len([c async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete]) == 4


async def test_failures_come_when_all_have_ended(fake, session) -> None:
    good, bad = fake.start_render(seconds=0.2), fake.start_render(seconds=0.1, fails=True)
    seen: dict[str | None, str | None] = {}
    with pytest.raises(ClipFailedError, match=bad) as caught:
        async for clip in session.watch_clips([bad, good], polling=QUICK):
            seen[clip.uuid] = clip.status
    assert seen == {good: "COMPLETE", bad: "FAILED"}
    assert [clip.uuid for clip in caught.value.clips] == [bad]


async def test_clip_that_never_appears_does_not_end_the_watch_of_the_others(fake, session) -> None:
    good = fake.start_render(seconds=0.2)
    polling = evolve(QUICK, appears_within=0.05)
    seen = []
    with pytest.raises(ClipNotFoundError, match="Z" * 22):
        async for clip in session.watch_clips(["Z" * 22, good], polling=polling):
            seen.append(clip.status)
    assert seen[-1] == "COMPLETE"


async def test_no_clips_at_all_is_an_end(fake, session) -> None:
    assert await statuses(session.watch_clips([])) == []
    assert fake.requests == []


async def test_error_of_a_look_arrives_as_it_is(fake, session) -> None:
    fake.faults = [evolve(faults.UNAUTHENTICATED, path=GET, times=None)]
    with pytest.raises(AuthenticationError):
        await statuses(session.watch_clips(["a", "b"], polling=QUICK))


# --- waiting and making ------------------------------------------------------------------------


async def test_waiting_returns_the_clip_or_says_how_far_it_came(fake, session) -> None:
    uuid = fake.start_render(seconds=0.1)
    clip = await session.wait_for_clip(uuid, deadline=5, polling=QUICK)
    assert clip.status == ClipStatus.COMPLETE
    slow = fake.start_render(seconds=60)
    with pytest.raises(DeadlineExceededError, match=f"{slow} is INITIATING"):
        await session.wait_for_clip(slow, deadline=0.1, polling=QUICK)
    with pytest.raises(DeadlineExceededError, match="was not seen yet"):
        await session.wait_for_clip("Z" * 22, deadline=0.1, polling=QUICK)


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan")])
async def test_deadline_must_be_one(deadline: float, fake, session) -> None:
    with pytest.raises(ValueError, match="deadline"):
        await session.wait_for_clip("a", deadline=deadline)
    with pytest.raises(ValueError, match="deadline"):
        await session.make_clip([CAMERA], LONG_AGO, 5, deadline=deadline)
    assert fake.requests == []


async def test_cancelling_a_wait_is_a_cancellation(fake, session) -> None:
    waiting = asyncio.create_task(
        session.wait_for_clip(fake.start_render(seconds=60), deadline=60, polling=QUICK)
    )
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("per_device", [True, False])
async def test_clip_is_made_of_what_cameras_saw(*, per_device: bool, fake, session) -> None:
    fake.clip_per_device, fake.render_seconds, fake.appears_after = per_device, 0.1, 0.05
    seen: list[ClipWithProgress] = []
    clips = await session.make_clip(
        [CAMERA, f"{OTHER}.v0"],
        datetime.fromtimestamp(LONG_AGO / 1000, UTC),
        timedelta(seconds=4.2),
        title="what happened",
        polling=QUICK,
        on_change=seen.append,
    )
    assert len(clips) == (2 if per_device else 1)
    assert all(clip.is_complete and clip.title == "what happened" for clip in clips)
    assert len(seen) > len(clips)
    (sent,) = [request.json for request in fake.requests if request.path == SPLICE]
    assert (sent["startTimeMillis"], sent["durationSec"]) == (LONG_AGO, 5)
    assert sent["deviceUuids"] == [CAMERA, f"{OTHER}.v0"]
    assert sent["saveToConsole"] is True


async def test_clip_that_cannot_be_made_is_an_error(fake, session) -> None:
    fake.renders_fail, fake.render_seconds = True, 0.05
    with pytest.raises(ClipFailedError):
        await session.make_clip([CAMERA], LONG_AGO, 5, polling=QUICK)


async def test_time_that_runs_out_names_the_clip_that_goes_on(fake, session) -> None:
    fake.render_seconds = 60
    with pytest.raises(DeadlineExceededError) as caught:
        await session.make_clip([CAMERA], LONG_AGO, 5, deadline=0.1, polling=QUICK)
    (render,) = await session.get_spliced_clips_in_progress()
    assert render.clip_uuid in str(caught.value)


async def test_error_behind_the_splice_has_the_clips_that_go_on(fake, session) -> None:
    fake.faults = [evolve(faults.ACCESS_DENIED, path=GET, times=None)]
    with pytest.raises(RhombusError) as caught:
        await session.make_clip([CAMERA], LONG_AGO, 5, polling=QUICK)
    (render,) = await session.get_spliced_clips_in_progress()
    assert caught.value.clip_uuids == (render.clip_uuid,)
    assert str(render.clip_uuid) in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).clip_uuids == (render.clip_uuid,)


@pytest.mark.parametrize("settings", [{"polling": None}, {"on_change": 5}, {"deadline": 10**400}])
async def test_settings_that_cannot_be_are_refused_before_the_splice(
    settings: dict[str, Any], fake, session
) -> None:
    with pytest.raises((TypeError, ValueError)):
        await session.make_clip([CAMERA], LONG_AGO, 5, **settings)
    assert fake.requests == []


async def test_answer_without_a_uuid_says_that_something_may_be_on_its_way(fake, session) -> None:
    fake.faults = [json_answer(200, {"clipUuidList": [None]}, path=SPLICE)]
    with pytest.raises(DecodeError) as caught:
        await session.make_clip([CAMERA], LONG_AGO, 5)
    assert caught.value.maybe_applied


def now_ms() -> int:
    return int(time.time() * 1000)


REFUSED: dict[str, Callable[[], tuple[Any, ...]]] = {
    "a naive datetime": lambda: ([CAMERA], datetime(2026, 1, 1), 5),
    "the future": lambda: ([CAMERA], now_ms() + 60_000, 5),
    "an end in the future": lambda: ([CAMERA], now_ms() - 5000, 60),
    "under a second": lambda: ([CAMERA], LONG_AGO, 0.9),
    "nothing": lambda: ([CAMERA], LONG_AGO, timedelta(0)),
    "a negative length": lambda: ([CAMERA], LONG_AGO, -5),
    "no number": lambda: ([CAMERA], LONG_AGO, float("nan")),
    "without end": lambda: ([CAMERA], LONG_AGO, float("inf")),
    "no camera": lambda: ([], LONG_AGO, 5),
    "an empty camera": lambda: ([""], LONG_AGO, 5),
    "a string": lambda: (CAMERA, LONG_AGO, 5),
    "a boolean": lambda: ([CAMERA], LONG_AGO, True),
    "a text": lambda: ([CAMERA], "now", 5),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_range_that_cannot_be_is_refused_before_anything_is_sent(
    case: str, fake: FakeRhombus, session: ClipSession
) -> None:
    for method in (session.make_clip, session.splice):
        with pytest.raises((ValueError, TypeError)):
            await method(*REFUSED[case]())
    assert fake.requests == []


@pytest.mark.parametrize(("longest", "seconds"), [(10, 11), (None, 3601)])
async def test_clip_longer_than_the_organization_may_make_is_not_spliced(
    longest: int | None, seconds: int, fake, session
) -> None:
    fake.max_splice_duration = longest
    with pytest.raises(ValueError, match="at most"):
        await session.make_clip([CAMERA], LONG_AGO, seconds)
    assert count_of(fake, SPLICE) == 0


@pytest.mark.parametrize(
    "intervals",
    [
        {},
        {CAMERA: []},
        {"": [(1, 5000)]},
        {CAMERA: [(1, 1000)]},
        {CAMERA: [(5000, 1)]},
        {CAMERA: [(0, 3_000_000)], OTHER: [(0, 1_000_000)]},
        {CAMERA: [(datetime(2026, 1, 1), 5)]},
    ],
)
async def test_intervals_that_the_reference_rules_out_are_refused(
    intervals: dict[str, Any], fake, session
) -> None:
    with pytest.raises(ValueError, match=r"interval|device|begin"):
        await session.splice(device_interval_map=intervals)
    with pytest.raises(ValueError, match="of its own"):
        await session.splice([CAMERA], LONG_AGO, 5, device_interval_map={CAMERA: [(1, 5000)]})
    assert fake.requests == []


async def test_several_intervals_make_one_clip(fake, session) -> None:
    fake.render_seconds = 0.05
    splice = await session.splice(
        device_interval_map={
            CAMERA: [(LONG_AGO, LONG_AGO + 2000)],
            OTHER: [(LONG_AGO, LONG_AGO + 1000)],
        }
    )
    clip = await session.wait_for_clip(splice.clip_uuids[0], deadline=5, polling=QUICK)
    assert set(clip.device_interval_map) == {CAMERA, OTHER}


async def test_option_that_is_none_is_refused(fake, session) -> None:
    for method in (session.make_clip, session.splice):
        with pytest.raises(TypeError, match="no option sound"):
            await method([CAMERA], LONG_AGO, 5, sound=True)
    assert fake.requests == []


async def test_splice_can_be_cancelled_and_tried_again(fake, session) -> None:
    fake.renders_fail = True
    uuid = fake.start_render(seconds=0.02, fails=True)
    with pytest.raises(ClipFailedError):
        await session.wait_for_clip(uuid, deadline=5, polling=QUICK)
    fake.renders_fail = False
    await session.retry_splice(uuid)
    assert (await session.wait_for_clip(uuid, deadline=5, polling=QUICK)).is_complete
    other = fake.start_render(seconds=60)
    await session.cancel_splice(other)
    with pytest.raises(ClipFailedError):
        await session.wait_for_clip(other, deadline=5, polling=QUICK)
