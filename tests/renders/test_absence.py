"""Refusals that report a watched clip as absent, and refusals that may pass."""

import pytest
from attrs import evolve

from rhombus_clips import ApiError, ClipFailedError, ClipWithProgress, NotFoundError, Polling
from rhombus_clips.renders.polling import WatchedClip
from rhombus_clips.testing import UnknownClip
from rhombus_clips.testing.faults import json_answer
from tests.renders.polls import GET, QUICK, answers, count_of, status, statuses


@pytest.mark.parametrize("message", ["internal failure", "rate exceeded", None])
async def test_transient_refusals_are_not_a_deletion(message: str | None, fake, session) -> None:
    """Any number of them in a row is tolerated, until `outage` has elapsed."""
    refusal = json_answer(200, {"error": True, "errorMsg": message}, path=GET, times=10)
    fake.faults = [*answers(status("RENDERING")), refusal, *answers(status("COMPLETE"))]
    polling = evolve(QUICK, appears_within=0, outage=60)
    seen = await statuses(session.watch_clip("a", polling=polling))
    assert seen == ["RENDERING", "COMPLETE"]
    assert count_of(fake, GET) == 12
    fake.faults = [*answers(status("RENDERING")), evolve(refusal, times=None)]
    with pytest.raises(ApiError) as caught:
        await statuses(session.watch_clip("a", polling=evolve(QUICK, appears_within=60, outage=0)))
    assert caught.value.error_msg == message


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_consecutive_absences_are_a_deletion_however_the_service_reports_them(
    unknown: UnknownClip, fake, session
) -> None:
    fake.unknown_clip = unknown
    uuid = fake.start_render(seconds=60)
    with pytest.raises(ClipFailedError, match="was deleted"):
        async for _ in session.watch_clip(uuid, polling=evolve(QUICK, appears_within=60)):
            await session.delete_saved_clip(uuid)


async def test_clip_that_reappears_is_still_watched(fake, session) -> None:
    gone = answers(None, None)
    fake.faults = [
        *answers(status("RENDERING")), *gone, *answers(status("RENDERING")), *gone,
        *answers(status("COMPLETE")),
    ]  # fmt: skip
    seen = await statuses(session.watch_clip("a", polling=evolve(QUICK, appears_within=60)))
    assert seen == ["RENDERING", "COMPLETE"]
    assert count_of(fake, GET) == 7


async def test_refusal_of_one_clip_does_not_end_the_watch_of_others(fake, session) -> None:
    good = fake.start_render(seconds=0.1)
    refusal = {"error": True, "errorMsg": "internal failure"}
    fake.faults = [json_answer(200, refusal, path=GET)]
    seen = []
    with pytest.raises(ApiError, match="internal failure"):
        async for clip in session.watch_clips(["a", good], polling=evolve(QUICK, appears_within=0)):
            seen.append(clip.status)
    assert seen[-1] == "COMPLETE"


def test_refusal_before_a_clip_is_seen_may_be_an_absence() -> None:
    """The reference does not document the answer for an unknown clip."""
    watched = WatchedClip("a", Polling(appears_within=60, outage=300))
    refusal = ApiError("the service refused", error_msg="internal failure")
    assert watched.tolerate(refusal, 0.0) is None
    assert watched.tolerate(refusal, 59.0) is None
    assert watched.tolerate(refusal, 60.0) is refusal


def test_third_consecutive_absence_of_a_seen_clip_is_a_deletion() -> None:
    """Not the first or second: a server of the service may not know a new clip yet."""
    clip = ClipWithProgress(uuid="a")
    watched, absence = WatchedClip("a", Polling()), NotFoundError("there is no clip a")
    watched.update(clip)
    for _ in range(2):
        assert watched.tolerate(absence, 0.0) is None
        assert watched.tolerate(absence, 0.0) is None
        watched.update(clip)
    assert watched.tolerate(absence, 0.0) is None
    assert watched.tolerate(absence, 0.0) is None
    deletion = watched.tolerate(absence, 0.0)
    assert isinstance(deletion, ClipFailedError)
    assert deletion.clips == (clip,)
