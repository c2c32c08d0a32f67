"""Which refusals say that a watched clip is absent, and what becomes of the others."""

import pytest
from attrs import evolve

from rhombus_clips import (
    ApiError,
    ClipFailedError,
    ClipNotFoundError,
    DecodeError,
    NotFoundError,
    Polling,
    RhombusError,
    ServerError,
)
from rhombus_clips.renders.polling import Watched, says_absent
from rhombus_clips.testing import UnknownClip
from rhombus_clips.testing.faults import json_answer
from tests.renders.looks import CAMERA, GET, QUICK, answers, count_of, status, statuses


@pytest.mark.parametrize(
    ("message", "is_absent"),
    [
        ("clip not found", True),
        ("Not found.", True),
        ("CLIP_NOT_FOUND", True),
        ("clipNotFound", True),
        ("No such event", True),
        (f"{CAMERA} does not exist", True),
        ("The video couldn't be found", True),
        ("saved clip was deleted", True),
        ("internal failure", False),
        ("rate exceeded", False),
        ("permission denied for this clip", False),
        ("role not found", False),
        ("user not found for clip", False),
        ("region not found", False),
        ("clip is being processed", False),
        (None, False),
    ],
)
def test_only_what_speaks_of_an_absent_clip_says_that_it_is_absent(
    message: str | None, *, is_absent: bool
) -> None:
    assert says_absent(ApiError("refused", error_msg=message), CAMERA) == is_absent


@pytest.mark.parametrize(
    ("error", "is_absent"),
    [
        (ClipNotFoundError("there is no clip"), True),
        (NotFoundError("HTTP 404", status=404), True),
        (ServerError("not found", status=500), False),
        (DecodeError("clip not found"), False),
    ],
)
def test_absence_is_told_by_the_kind_of_error(error: RhombusError, *, is_absent: bool) -> None:
    assert says_absent(error, "a") == is_absent


@pytest.mark.parametrize("message", ["internal failure", "rate exceeded", None])
async def test_refusals_of_the_moment_do_not_make_a_clip_deleted(
    message: str | None, fake, session
) -> None:
    """However many come in a row; once the patience with an outage is over they are raised."""
    refusal = json_answer(200, {"error": True, "errorMsg": message}, path=GET, times=10)
    fake.faults = [*answers(status("RENDERING")), refusal, *answers(status("COMPLETE"))]
    patient = evolve(QUICK, appears_within=0, outage=60)
    seen = await statuses(session.watch_clip("a", polling=patient))
    assert seen == ["RENDERING", "COMPLETE"]
    assert count_of(fake, GET) == 12
    fake.faults = [*answers(status("RENDERING")), evolve(refusal, times=None)]
    with pytest.raises(ApiError) as caught:
        await statuses(session.watch_clip("a", polling=evolve(QUICK, appears_within=60, outage=0)))
    assert caught.value.error_msg == message


@pytest.mark.parametrize("unknown", UnknownClip)
async def test_absences_in_a_row_are_a_deletion_however_the_service_says_so(
    unknown: UnknownClip, fake, session
) -> None:
    fake.unknown_clip = unknown
    uuid = fake.start_render(seconds=60)
    with pytest.raises(ClipFailedError, match="was there, and is deleted"):
        async for _ in session.watch_clip(uuid, polling=evolve(QUICK, appears_within=60)):
            await session.delete_saved_clip(uuid)


async def test_clip_that_appears_again_is_watched_on(fake, session) -> None:
    gone = answers(None, None)
    fake.faults = [
        *answers(status("RENDERING")), *gone, *answers(status("RENDERING")), *gone,
        *answers(status("COMPLETE")),
    ]  # fmt: skip
    seen = await statuses(session.watch_clip("a", polling=evolve(QUICK, appears_within=60)))
    assert seen == ["RENDERING", "COMPLETE"]
    assert count_of(fake, GET) == 7


async def test_refusal_about_one_of_several_clips_does_not_end_the_watch_of_the_others(
    fake, session
) -> None:
    good = fake.start_render(seconds=0.1)
    refusal = {"error": True, "errorMsg": "internal failure"}
    fake.faults = [json_answer(200, refusal, path=GET)]
    seen = []
    with pytest.raises(ApiError, match="internal failure"):
        async for clip in session.watch_clips(["a", good], polling=evolve(QUICK, appears_within=0)):
            seen.append(clip.status)
    assert seen[-1] == "COMPLETE"


def test_refusal_of_a_clip_not_seen_yet_may_be_an_absence() -> None:
    """How the service speaks of a clip that it does not know is not documented."""
    watched = Watched("a", Polling(appears_within=60, outage=300))
    refusal = ApiError("the service refused", error_msg="internal failure")
    watched.tolerate(refusal, 0.0)
    watched.tolerate(refusal, 59.0)
    with pytest.raises(ApiError):
        watched.tolerate(refusal, 60.0)
