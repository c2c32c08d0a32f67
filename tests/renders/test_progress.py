"""Watching renders: every change until the end, despite absences and outages."""

import asyncio
import itertools
from contextlib import aclosing

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    BadRequestError,
    ClipFailedError,
    ClipStatus,
    ClipWithProgress,
    ConnectError,
    DecodeError,
    NotFoundError,
    Polling,
    RetryPolicy,
    ServerError,
)
from rhombus_clips.renders.polling import WatchedClip, has_failed
from rhombus_clips.testing import FakeRhombus, UnknownClip, faults
from rhombus_clips.testing.faults import json_answer
from tests.renders.polls import (
    CAMERA,
    GET,
    LIST,
    LONG_AGO,
    QUICK,
    answers,
    count_of,
    status,
    statuses,
)


async def test_each_change_is_yielded_once_and_the_last_is_complete(fake, session) -> None:
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


async def test_render_is_watched_to_its_end(fake, session) -> None:
    seconds = itertools.count(fake.now(), 0.01)
    fake._now = lambda: next(seconds)  # The render progresses with each poll, however slow it is.
    uuid = fake.start_render(seconds=0.3)
    clips = [clip async for clip in session.watch_clip(uuid, polling=QUICK)]
    assert {clip.uuid for clip in clips} == {uuid}
    assert list(dict.fromkeys(clip.status for clip in clips)) == [
        "INITIATING", "UPLOADING", "RENDERING", "COMPLETE",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["FAILED", "DELETED"])
async def test_failed_clip_raises_an_error_with_the_clip(end: str, fake, session) -> None:
    fake.faults = answers(status("RENDERING"), status(end, currentOperation="no footage"))
    seen = []
    with pytest.raises(ClipFailedError, match="no footage") as caught:
        async for clip in session.watch_clip("a", polling=QUICK):
            seen.append(clip.status)
    assert seen == ["RENDERING"]
    assert caught.value.clip.status == end
    assert caught.value.clips == (caught.value.clip,)


@pytest.mark.parametrize("state", ["OFFLINE", "UNKNOWN", "SOMETHING_NEW", None])
async def test_unexplained_status_does_not_end_the_watch(state: str | None, fake, session) -> None:
    fake.faults = answers(status("RENDERING"), {"status": state}, status("COMPLETE"))
    assert await statuses(session.watch_clip("a", polling=QUICK)) == [
        "RENDERING", state, "COMPLETE",
    ]  # fmt: skip


async def test_operation_complete_at_100_percent_ends_the_watch(fake, session) -> None:
    """The vendor's own web component does the same."""
    done = status("RENDERING", percentComplete=100, currentOperation="Complete")
    fake.faults = answers(status("RENDERING", percentComplete=100), done)
    assert len(await statuses(session.watch_clip("a", polling=QUICK))) == 2


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_clip_may_be_absent_at_first_but_not_forever(
    unknown: UnknownClip, fake, session
) -> None:
    """This holds for every answer of the service for an absent clip."""
    fake.unknown_clip, fake.appears_after, fake.render_seconds = unknown, 0.1, 0.05
    clip_uuid = (await session.splice([CAMERA], LONG_AGO, 5)).clip_uuid
    assert (await statuses(session.watch_clip(clip_uuid, polling=QUICK)))[-1] == "COMPLETE"
    fake.requests.clear()
    with pytest.raises(NotFoundError):
        await statuses(session.watch_clip("Z" * 22, polling=evolve(QUICK, appears_within=0.05)))
    assert len(fake.requests) > 1


async def test_outage_is_tolerated_for_the_requested_time_only(fake, connect) -> None:
    outage = evolve(faults.UNAVAILABLE, path=GET, times=20)
    fake.faults = [*answers(status("RENDERING")), outage, *answers(status("COMPLETE"))]
    async with connect(fake) as session:
        patient = evolve(QUICK, outage=60)
        assert await statuses(session.watch_clip("a", polling=patient)) == ["RENDERING", "COMPLETE"]
        fake.faults = [evolve(outage, times=None)]
        with pytest.raises(ServerError):
            await statuses(session.watch_clip("a", polling=evolve(QUICK, outage=0.05)))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(faults.Respond(401), AuthenticationError), (faults.Respond(400), BadRequestError)],
)
async def test_permanent_error_is_raised_at_once(fault, kind, fake, session) -> None:
    fake.faults = [fault]
    with pytest.raises(kind):
        await statuses(session.watch_clip("a", polling=QUICK))
    assert len(fake.requests) == 1


def test_lasting_connection_error_is_raised_at_once() -> None:
    """For example an invalid certificate, or a proxy that requires credentials."""
    watched = WatchedClip("a", Polling(outage=100))
    assert watched.tolerate(ConnectError("no route"), 0.0) is None
    lasting = ConnectError("invalid certificate", is_lasting=True)
    assert watched.tolerate(lasting, 1.0) is lasting


async def test_single_invalid_answer_does_not_end_the_watch(fake, session) -> None:
    fake.faults = [faults.HTML_INSTEAD, *answers(status("RENDERING"), status("COMPLETE"))]
    assert await statuses(session.watch_clip("a", polling=QUICK)) == ["RENDERING", "COMPLETE"]
    fake.faults = [evolve(faults.HTML_INSTEAD, times=None)]
    with pytest.raises(DecodeError):
        await statuses(session.watch_clip("a", polling=evolve(QUICK, outage=0.05)))


async def test_closed_watch_sends_no_more_requests(fake, session) -> None:
    uuid = fake.start_render(seconds=30)
    async with aclosing(session.watch_clip(uuid, polling=QUICK)) as changes:
        async for _ in changes:
            break
    count = len(fake.requests)
    await asyncio.sleep(0.1)
    assert len(fake.requests) == count


def test_interval_grows_without_progress_and_then_starts_again() -> None:
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
def test_complete_and_failed_clips(clip: ClipWithProgress, *, done: bool, failed: bool) -> None:
    assert (clip.is_complete, has_failed(clip)) == (done, failed)


def test_outage_does_not_count_towards_the_absence() -> None:
    watched = WatchedClip("a", Polling(appears_within=10, outage=100))
    outage, absence = ServerError("out", status=503), NotFoundError("not there")
    assert watched.tolerate(outage, 0) is None
    assert watched.tolerate(outage, 90) is None
    assert watched.tolerate(absence, 91) is None
    assert watched.tolerate(outage, 99) is None
    assert watched.tolerate(absence, 101) is absence


async def test_many_clips_are_polled_by_one_listing_per_round(fake, session) -> None:
    uuids = [fake.start_render(seconds=0.1 + 0.02 * n) for n in range(12)]
    ended = {c.uuid async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete}
    assert ended == set(uuids)
    assert count_of(fake, GET) < count_of(fake, LIST)


async def test_unlisted_clips_are_polled_one_by_one(fake, session) -> None:
    """The listing is requested less and less often, since it saves no requests."""
    fake.faults = [json_answer(200, {"savedClips": []}, path=LIST, times=None)]
    uuids = [fake.start_render(seconds=0.6) for _ in range(5)]
    ended = {c.uuid async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete}
    assert ended == set(uuids)
    rounds = count_of(fake, GET) / 5
    assert 2 <= count_of(fake, LIST) <= 3 + rounds / 8


async def test_listing_is_retried_after_a_failure_or_without_visible_clips(connect) -> None:
    async with FakeRhombus(0, appears_after=0.05) as fake, connect(fake) as session:
        fake.faults = [evolve(faults.REFUSED, path=LIST)]
        uuids = [fake.start_render(seconds=0.8) for _ in range(6)]
        watching = session.watch_clips(uuids, polling=QUICK)
        ended = {clip.uuid async for clip in watching if clip.is_complete}
    assert ended == set(uuids)
    assert count_of(fake, LIST) > count_of(fake, GET) / 6


async def test_deleted_clip_has_failed(fake, session) -> None:
    uuid = fake.start_render(seconds=60)
    absent = answers(None, None)  # Two absences are not a deletion.
    seen: list[str | None] = []
    with pytest.raises(ClipFailedError, match=f"{uuid} was deleted") as caught:
        async for clip in session.watch_clip(uuid, polling=evolve(QUICK, appears_within=60)):
            seen.append(clip.status)
            if len(seen) == 1:
                fake.faults = [*absent, faults.Ok(), *answers(None, None, None)]
    assert [clip.uuid for clip in caught.value.clips] == [uuid]


async def test_deletion_of_a_clip_does_not_end_the_watch_of_others(fake, session) -> None:
    gone, other = fake.start_render(seconds=60), fake.start_render(seconds=0.5)
    ended: list[str | None] = []
    with pytest.raises(ClipFailedError, match=gone) as caught:
        async for clip in session.watch_clips([gone, other], polling=QUICK):
            if clip.uuid == gone:
                await session.delete_saved_clip(gone)
            ended += [clip.uuid] if clip.is_complete else []
    assert ended == [other]
    assert [clip.uuid for clip in caught.value.clips] == [gone]
    assert f"clip {gone} was deleted" in str(caught.value)


async def test_error_names_every_clip_that_did_not_appear(session) -> None:
    missing = ["N" * 22, "M" * 22]
    with pytest.raises(NotFoundError, match=missing[0]) as caught:
        async for _ in session.watch_clips(missing, polling=evolve(QUICK, appears_within=0)):
            pass
    (note,) = caught.value.__notes__
    assert note.startswith(f"{missing[1]} did not appear")


@pytest.mark.parametrize("code", [408, 425, 503])
async def test_transient_status_does_not_end_the_watch(code: int, connect) -> None:
    async with FakeRhombus(0) as fake, connect(fake, retry=RetryPolicy(attempts=1)) as session:
        uuid = fake.start_render(seconds=0.1)
        fake.faults = [faults.Respond(code), faults.Ok(), faults.Respond(code)]
        clip = await session.wait_for_clip(uuid, timeout=5, polling=QUICK)
    assert clip.is_complete


async def test_clips_are_polled_one_by_one_if_the_role_may_not_list(fake, session) -> None:
    fake.faults = [evolve(faults.ACCESS_DENIED, path=LIST, times=None)]
    uuids = [fake.start_render(seconds=0.05) for _ in range(4)]
    assert len([c async for c in session.watch_clips(uuids, polling=QUICK) if c.is_complete]) == 4


async def test_failures_are_raised_when_all_clips_have_ended(fake, session) -> None:
    good, bad = fake.start_render(seconds=0.2), fake.start_render(seconds=0.1, fails=True)
    seen: dict[str | None, str | None] = {}
    with pytest.raises(ClipFailedError, match=bad) as caught:
        async for clip in session.watch_clips([bad, good], polling=QUICK):
            seen[clip.uuid] = clip.status
    assert seen == {good: "COMPLETE", bad: "FAILED"}
    assert [clip.uuid for clip in caught.value.clips] == [bad]


async def test_absent_clip_does_not_end_the_watch_of_others(fake, session) -> None:
    good = fake.start_render(seconds=0.2)
    polling = evolve(QUICK, appears_within=0.05)
    seen = []
    with pytest.raises(NotFoundError, match="Z" * 22):
        async for clip in session.watch_clips(["Z" * 22, good], polling=polling):
            seen.append(clip.status)
    assert seen[-1] == "COMPLETE"


async def test_watch_of_no_clips_ends_at_once(fake, session) -> None:
    assert await statuses(session.watch_clips([])) == []
    assert fake.requests == []


async def test_error_of_a_poll_is_not_wrapped(fake, session) -> None:
    fake.faults = [evolve(faults.UNAUTHENTICATED, path=GET, times=None)]
    with pytest.raises(AuthenticationError):
        await statuses(session.watch_clips(["a", "b"], polling=QUICK))


def test_interval_is_the_shortest_wait_even_if_max_interval_is_shorter() -> None:
    polling, wait = Polling(interval=60), 0.0
    for moved in (True, False, False, False, True):
        wait = polling.next_interval(wait, moved=moved)
        assert wait == 60


async def test_listing_continues_while_pages_contain_several_of_the_clips(fake, session) -> None:
    """The other clips are polled one by one."""
    uuids = [clip["uuid"] for clip in fake.clips]
    listed = [uuids[:10], uuids[10:20], uuids[20:21], uuids[21:]]
    fake.faults = [
        json_answer(
            200,
            {
                "savedClips": [{"uuid": uuid, "status": "COMPLETE"} for uuid in page],
                "pageToken": f"after {number}",
            },
            path=LIST,
        )
        for number, page in enumerate(listed)
    ]
    for clip in fake.clips:
        clip["status"] = "COMPLETE"
    ended = {clip.uuid async for clip in session.watch_clips(uuids, polling=QUICK)}
    assert ended == set(uuids)
    tokens = [request.json.get("pageToken") for request in fake.requests if request.path == LIST]
    assert tokens == [None, "after 0", "after 1"]
    polled = [request.json["clipUuid"] for request in fake.requests if request.path == GET]
    assert sorted(polled) == sorted(uuids[21:])
