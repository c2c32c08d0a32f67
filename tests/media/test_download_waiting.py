"""Bulk downloads of incomplete clips, which wait together without delaying other downloads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    ClipFailedError,
    ClipSession,
    ClipWithProgress,
    DeadlineExceededError,
    Downloaded,
    NotFoundError,
    RhombusError,
    SavedClip,
)
from rhombus_clips.media import many
from rhombus_clips.testing import FakeRhombus, faults
from tests.renders.polls import GET, LIST, QUICK, count_of

COUNT, WAITING = 40, 4
PATIENT = evolve(QUICK, appears_within=60, outage=60)


@pytest.fixture
async def fake():
    """A service whose first clips are not complete."""
    async with FakeRhombus(COUNT, seed=3) as service:
        for number, clip in enumerate(service.clips):
            clip["status"] = "OFFLINE" if number < WAITING else "COMPLETE"
        yield service


async def the_clips(fake: FakeRhombus, session: ClipSession) -> list[ClipWithProgress]:
    return [await session.get_clip_with_progress(clip["uuid"]) for clip in fake.clips]


def complete(fake: FakeRhombus, *numbers: int) -> None:
    for number in numbers or range(len(fake.clips)):
        fake.clips[number]["status"] = "COMPLETE"


async def test_waiting_clips_delay_no_download(fake, session, tmp_path) -> None:
    """They are polled together, and become complete only after all others were downloaded."""
    clips = await the_clips(fake, session)
    fake.requests.clear()
    order: list[str | None] = []

    def ended(clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        assert isinstance(outcome, Downloaded)
        order.append(clip.uuid)
        if len(order) == COUNT - WAITING:
            complete(fake)

    summary = await session.download_clips(
        clips, tmp_path, concurrency=WAITING, timeout=60, polling=PATIENT, on_end=ended
    )
    assert (summary.downloaded, summary.failures) == (COUNT, [])
    assert set(order[-WAITING:]) == {clip.uuid for clip in clips[:WAITING]}
    assert len(fake.media_requests) == COUNT
    # Fewer than three waiting clips are polled one by one, as is the rest of a round.
    assert count_of(fake, LIST) >= 1
    assert count_of(fake, GET) < WAITING * count_of(fake, LIST)


async def test_clip_is_downloaded_once_complete_while_others_wait(fake, session, tmp_path) -> None:
    clips = (await the_clips(fake, session))[:WAITING]
    complete(fake, 2)
    order: list[str | None] = []

    def ended(clip: SavedClip, _: object) -> None:
        order.append(clip.uuid)
        complete(fake, *{0: [2], 1: [0], 2: [3], 3: [1], 4: []}[len(order)])

    summary = await session.download_clips(
        clips, tmp_path, concurrency=1, timeout=60, polling=PATIENT, on_end=ended
    )
    assert summary.downloaded == WAITING
    assert order == [clips[number].uuid for number in (2, 0, 3, 1)]


async def test_slow_iterable_delays_no_complete_clip(fake, session, tmp_path) -> None:
    """This holds even with a single slot."""
    clips = await the_clips(fake, session)
    first_is_there = asyncio.Event()

    async def slowly() -> AsyncIterator[SavedClip]:
        yield clips[0]
        complete(fake, 0)
        await first_is_there.wait()
        yield clips[WAITING]

    summary = await session.download_clips(
        slowly(),
        tmp_path,
        concurrency=1,
        timeout=60,
        polling=PATIENT,
        on_end=lambda *_: first_is_there.set(),
    )
    assert summary.downloaded == 2


async def test_timeout_applies_to_each_clip_separately(fake, session, tmp_path) -> None:
    """It starts when the clip is taken, so a later clip has its full time."""
    clips = await the_clips(fake, session)
    failed: list[str | None] = []
    first_gave_up = asyncio.Event()

    async def one_after_the_other() -> AsyncIterator[SavedClip]:
        yield clips[0]
        await first_gave_up.wait()
        complete(fake, 1)
        yield clips[1]

    def ended(clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        if isinstance(outcome, DeadlineExceededError):
            failed.append(clip.uuid)
            first_gave_up.set()

    summary = await session.download_clips(
        one_after_the_other(), tmp_path, timeout=2, polling=PATIENT, on_end=ended
    )
    assert failed == [clips[0].uuid]
    assert summary.downloaded == 1
    (failure,) = summary.failures
    assert failure.clip is clips[0]
    assert f"{clips[0].uuid} is OFFLINE" in str(failure.error)


async def test_timeout_ends_the_wait_for_an_unresponsive_service(fake, session, tmp_path) -> None:
    clips = (await the_clips(fake, session))[:WAITING]
    fake.faults = [faults.Silence(30, path=path, times=None) for path in (GET, LIST)]
    summary = await session.download_clips(clips[:1], tmp_path, timeout=0.2, polling=PATIENT)
    (failure,) = summary.failures
    assert isinstance(failure.error, DeadlineExceededError)


async def test_number_of_waiting_clips_is_limited(fake, session, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(many, "MOST_WAITING", 3)
    clips = await the_clips(fake, session)
    offline, done = clips[0], clips[WAITING:]
    taken = 0
    downloaded: set[str | None] = set()
    all_that_are_complete = asyncio.Event()

    async def endless() -> AsyncIterator[SavedClip]:
        nonlocal taken
        for clip in clips[:2]:
            yield clip
        for clip in done:
            yield clip
        while True:
            taken += 1
            yield evolve(offline, uuid=f"{taken:022}")

    def ended(clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        assert isinstance(outcome, Downloaded)
        downloaded.add(clip.uuid)
        if len(downloaded) == len(done):
            all_that_are_complete.set()

    run = asyncio.create_task(
        session.download_clips(endless(), tmp_path, timeout=60, polling=PATIENT, on_end=ended)
    )
    await all_that_are_complete.wait()
    assert downloaded == {clip.uuid for clip in done}
    await fake.wait_for_requests(len(fake.requests) + 100)
    # The third clip waits; another was taken and waits for a slot.
    assert taken == 2
    complete(fake, 0)
    await fake.wait_for_requests(len(fake.requests) + 100)
    assert clips[0].uuid in downloaded
    assert taken == 3
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_outcome_of_each_waiting_clip_is_counted(fake, session, tmp_path) -> None:
    """A failed clip, a missing one, a repeated one, and one whose file exists."""
    failing, unknown = fake.start_render(seconds=0.1, fails=True), "Z" * 22
    clips = await the_clips(fake, session)
    await session.download_clips(clips[WAITING : WAITING + 1], tmp_path)
    there = evolve(clips[WAITING], status=clips[0].status)
    fake.media_requests.clear()
    given = [
        clips[0], clips[0], there, await session.get_clip_with_progress(failing),
        evolve(clips[0], uuid=unknown), clips[WAITING + 1],
    ]  # fmt: skip
    ended: dict[str | None, list[object]] = {}

    def end(clip: SavedClip, outcome: Downloaded | RhombusError) -> None:
        ended.setdefault(clip.uuid, []).append(type(outcome))
        complete(fake, 0)

    fake.requests.clear()
    summary = await session.download_clips(
        given, tmp_path, timeout=60, polling=evolve(PATIENT, appears_within=0.1), on_end=end
    )
    assert (summary.downloaded, summary.skipped) == (2, 2)
    assert ended == {
        clips[0].uuid: [Downloaded],
        there.uuid: [Downloaded],
        failing: [ClipFailedError],
        unknown: [NotFoundError],
        clips[WAITING + 1].uuid: [Downloaded],
    }
    # The clip with an existing file does not wait.
    assert there.uuid not in {request.json.get("clipUuid") for request in fake.requests}


async def test_rejected_key_ends_the_run_while_clips_wait(fake, session, tmp_path) -> None:
    clips = (await the_clips(fake, session))[:WAITING]
    fake.faults = [evolve(faults.UNAUTHENTICATED, path=path, times=None) for path in (GET, LIST)]
    with pytest.raises(AuthenticationError):
        await session.download_clips(clips, tmp_path, timeout=60, polling=PATIENT)
    assert fake.media_requests == []


@pytest.mark.parametrize("function", ["on_end", "name", "progress", "clips"])
async def test_exceptions_of_the_caller_are_raised_unchanged_while_clips_wait(
    function: str, fake, session, tmp_path
) -> None:
    clips = await the_clips(fake, session)
    mine = LookupError("mine")

    def fail(*_: object) -> Any:
        raise mine

    async def failing() -> AsyncIterator[SavedClip]:
        yield clips[0]
        yield clips[WAITING]
        if function == "clips":
            await fake.wait_for_requests(len(fake.requests) + 3)
            raise mine

    functions = {} if function == "clips" else {function: fail}
    with pytest.raises(LookupError) as caught:
        await session.download_clips(failing(), tmp_path, timeout=60, polling=PATIENT, **functions)
    assert caught.value is mine


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_no_task_outlives_a_run_that_ends_while_clips_wait(
    end: str, fake_elsewhere, connect, tmp_path
) -> None:
    fake_elsewhere.clips[0]["status"] = "OFFLINE"
    is_closed, may_fail = asyncio.Event(), asyncio.Event()

    async with connect(fake_elsewhere) as session:
        clip = await session.get_clip_with_progress(fake_elsewhere.clips[0]["uuid"])

        async def endless() -> AsyncIterator[SavedClip]:
            try:
                yield clip
                await may_fail.wait()
                raise LookupError("mine")
            finally:
                is_closed.set()

        before = asyncio.all_tasks()
        run = asyncio.create_task(
            session.download_clips(endless(), tmp_path, timeout=60, polling=PATIENT)
        )
        while count_of(fake_elsewhere, GET) < 3:
            await (
                session.get_saved_clip_count()
            )  # A request by this test, while those of the run continue.
        assert not run.done()
        if end == "cancelled":
            run.cancel()
        may_fail.set()
        await asyncio.wait({run})
        assert run.cancelled() if end == "cancelled" else isinstance(run.exception(), LookupError)
        assert asyncio.all_tasks() == before
        assert is_closed.is_set()
        timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # asyncio's own
        assert not [timer for timer in timers if "WaitingRoom" in repr(timer)]


async def test_timeout_without_waiting_clips_sends_no_request(fake, session, tmp_path) -> None:
    complete(fake)
    clips = await the_clips(fake, session)
    fake.requests.clear()
    summary = await session.download_clips(clips, tmp_path, timeout=60)
    assert summary.downloaded == COUNT
    assert fake.requests == []
    assert (await session.download_clips([], tmp_path, timeout=60)).downloaded == 0
