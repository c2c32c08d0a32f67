"""Waiting for a clip, and creating one: validated before the splice, which is never repeated."""

import asyncio
import itertools
import pickle
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    ClipFailedError,
    ClipSession,
    ClipStatus,
    ClipWithProgress,
    DeadlineExceededError,
    DecodeError,
    RhombusError,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.faults import json_answer
from tests.renders.polls import CAMERA, GET, LONG_AGO, OTHER, QUICK, SPLICE, count_of


async def test_wait_returns_the_clip_or_reports_its_state(fake, session) -> None:
    uuid = fake.start_render(seconds=0.1)
    clip = await session.wait_for_clip(uuid, timeout=5, polling=QUICK)
    assert clip.status == ClipStatus.COMPLETE
    slow = fake.start_render(seconds=60)
    with pytest.raises(DeadlineExceededError, match=f"{slow} is INITIATING"):
        await session.wait_for_clip(slow, timeout=0.1, polling=QUICK)
    with pytest.raises(DeadlineExceededError, match="has not appeared"):
        await session.wait_for_clip("Z" * 22, timeout=0.1, polling=QUICK)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), timedelta(0)])
async def test_timeout_must_be_a_positive_finite_duration(timeout: Any, fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout must be greater than 0"):
        await session.wait_for_clip("a", timeout=timeout)
    with pytest.raises(InvalidArgumentError, match="timeout must be greater than 0"):
        await session.make_clip([CAMERA], LONG_AGO, 5, timeout=timeout)
    assert fake.requests == []


async def test_wait_can_be_cancelled(fake, session) -> None:
    waiting = asyncio.create_task(
        session.wait_for_clip(fake.start_render(seconds=60), timeout=60, polling=QUICK)
    )
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("per_device", [True, False])
async def test_clip_is_created_from_footage(*, per_device: bool, fake, session) -> None:
    fake.clip_per_device, fake.render_seconds, fake.appears_after = per_device, 1, 0.05
    moments = itertools.count(fake.now(), 0.01)
    fake._now = lambda: next(moments)  # The render progresses with each poll, however slow it is.
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


async def test_failed_render_is_an_error(fake, session) -> None:
    fake.renders_fail, fake.render_seconds = True, 0.05
    with pytest.raises(ClipFailedError):
        await session.make_clip([CAMERA], LONG_AGO, 5, polling=QUICK)


async def test_timeout_error_names_the_clip(fake, session) -> None:
    fake.render_seconds = 60
    with pytest.raises(DeadlineExceededError) as caught:
        await session.make_clip([CAMERA], LONG_AGO, 5, timeout=0.1, polling=QUICK)
    (render,) = await session.get_spliced_clips_in_progress()
    assert render.clip_uuid in str(caught.value)


async def test_error_after_the_splice_has_the_uuids_of_its_clips(fake, session) -> None:
    fake.faults = [evolve(faults.ACCESS_DENIED, path=GET, times=None)]
    with pytest.raises(RhombusError) as caught:
        await session.make_clip([CAMERA], LONG_AGO, 5, polling=QUICK)
    (render,) = await session.get_spliced_clips_in_progress()
    assert caught.value.clip_uuids == (render.clip_uuid,)
    assert str(render.clip_uuid) in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).clip_uuids == (render.clip_uuid,)


@pytest.mark.parametrize("settings", [{"polling": None}, {"on_change": 5}, {"timeout": 10**400}])
async def test_invalid_settings_are_rejected_before_the_splice(
    settings: dict[str, Any], fake, session
) -> None:
    with pytest.raises(InvalidArgumentError):
        await session.make_clip([CAMERA], LONG_AGO, 5, **settings)
    assert fake.requests == []


async def test_splice_without_a_uuid_may_have_been_applied(fake, session) -> None:
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
async def test_invalid_range_is_rejected_before_anything_is_sent(
    case: str, fake: FakeRhombus, session: ClipSession
) -> None:
    for method in (session.make_clip, session.splice):
        with pytest.raises(InvalidArgumentError):
            await method(*REFUSED[case]())
    assert fake.requests == []


@pytest.mark.parametrize(("longest", "seconds"), [(10, 11), (None, 3601)])
async def test_clip_longer_than_the_maximum_is_not_spliced(
    longest: int | None, seconds: int, fake, session
) -> None:
    fake.max_splice_duration = longest
    with pytest.raises(InvalidArgumentError, match="at most"):
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
async def test_intervals_that_the_reference_excludes_are_rejected(
    intervals: dict[str, Any], fake, session
) -> None:
    for method in (session.make_clip, session.splice):
        with pytest.raises(InvalidArgumentError, match=r"interval|device|start"):
            await method(device_interval_map=intervals)
        with pytest.raises(InvalidArgumentError, match="must be omitted with device_interval_map"):
            await method([CAMERA], LONG_AGO, 5, device_interval_map={CAMERA: [(1, 5000)]})
    assert fake.requests == []


async def test_several_intervals_become_one_clip(fake, session) -> None:
    fake.render_seconds = 0.05
    splice = await session.splice(
        device_interval_map={
            CAMERA: [(LONG_AGO, LONG_AGO + 2000)],
            OTHER: [(LONG_AGO, LONG_AGO + 1000)],
        }
    )
    clip = await session.wait_for_clip(splice.clip_uuids[0], timeout=5, polling=QUICK)
    assert set(clip.device_interval_map) == {CAMERA, OTHER}


async def test_unknown_option_is_rejected(fake, session) -> None:
    for method in (session.make_clip, session.splice):
        with pytest.raises(InvalidArgumentError, match="unknown option sound"):
            await method([CAMERA], LONG_AGO, 5, sound=True)
    assert fake.requests == []


async def test_splice_can_be_cancelled_and_retried(fake, session) -> None:
    fake.renders_fail = True
    uuid = fake.start_render(seconds=0.02, fails=True)
    with pytest.raises(ClipFailedError):
        await session.wait_for_clip(uuid, timeout=5, polling=QUICK)
    fake.renders_fail = False
    await session.retry_splice(uuid)
    assert (await session.wait_for_clip(uuid, timeout=5, polling=QUICK)).is_complete
    other = fake.start_render(seconds=60)
    await session.cancel_splice(other)
    with pytest.raises(ClipFailedError):
        await session.wait_for_clip(other, timeout=5, polling=QUICK)


@pytest.mark.parametrize("fault", [faults.Respond(404), faults.REFUSED, faults.ACCESS_DENIED])
async def test_clip_is_created_if_the_service_does_not_tell_the_maximum(
    fault, fake, session
) -> None:
    """The maximum is then an hour."""
    fake.render_seconds = 0.1
    fake.faults = [evolve(fault, path="/api/video/getMaxSpliceDuration", times=None)]
    (clip,) = await session.make_clip([CAMERA], LONG_AGO, 5, polling=QUICK)
    assert clip.is_complete
    with pytest.raises(InvalidArgumentError, match="at most 3600 s"):
        await session.make_clip([CAMERA], LONG_AGO, 3601)
