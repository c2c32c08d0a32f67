"""Saving alerts as clips, and finding the clips, whose uuids the service does not return."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    ApiError,
    ClipStatus,
    DeadlineExceededError,
    DewarpedView,
    DisconnectedError,
    PermissionDeniedError,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import faults
from tests.renders.polls import QUICK, count_of

SAVE, LISTING = "/api/event/savePolicyAlertV2", "/api/event/getSavedClipsV2"
ALERT = "A" * 22


async def test_alert_is_saved_with_the_given_fields(fake, session) -> None:
    fake.render_seconds = 0
    views = {"D" * 22: [DewarpedView(yaw_degrees=30.0)]}
    await session.save_policy_alert(
        ALERT, title="a title", description="a text", fisheye_presentation_map=views
    )
    assert fake.requests[-1].json == {
        "alertUuid": ALERT,
        "savedClipTitle": "a title",
        "savedClipDescription": "a text",
        "fisheyePresentationMap": {"D" * 22: [{"yawDegrees": 30.0}]},
    }
    await session.save_policy_alert(ALERT)
    assert fake.requests[-1].json == {"alertUuid": ALERT}
    saved = [clip for clip in fake.saved() if clip["sourceAlertUuid"] == ALERT]
    assert [clip["title"] for clip in saved] == ["a title", None]


async def test_clip_of_an_alert_is_found_once_it_is_listed(fake, session) -> None:
    """It is listed some time after the request, which is sent once."""
    fake.render_seconds = 0.1
    clip = await session.save_alert_clip(
        ALERT, title="saved", description="why", timeout=30, polling=QUICK
    )
    assert (clip.source_alert_uuid, clip.title, clip.description) == (ALERT, "saved", "why")
    assert clip.uuid in {saved["uuid"] for saved in fake.saved()}
    assert count_of(fake, SAVE) == 1
    assert count_of(fake, LISTING) > 2


async def test_existing_clip_of_an_alert_is_returned_and_nothing_is_saved(fake, session) -> None:
    fake.clips[20]["sourceAlertUuid"] = ALERT
    clip = await session.save_alert_clip(ALERT)
    assert clip.uuid == fake.clips[20]["uuid"]
    assert count_of(fake, SAVE) == 0


@pytest.mark.parametrize("status", [ClipStatus.FAILED, ClipStatus.DELETED])
async def test_failed_clip_of_an_alert_does_not_count(status: str, fake, session) -> None:
    fake.clips[0] |= {"sourceAlertUuid": ALERT, "status": status}
    fake.render_seconds = 0
    clip = await session.save_alert_clip(ALERT, polling=QUICK)
    assert clip.uuid != fake.clips[0]["uuid"]
    assert count_of(fake, SAVE) == 1


@pytest.mark.parametrize("timeout", [0.05, timedelta(milliseconds=50)])
async def test_timeout_says_that_the_alert_was_saved_and_a_second_call_finds_the_clip(
    timeout: Any, fake, session
) -> None:
    fake.render_seconds = 60
    with pytest.raises(DeadlineExceededError, match="was saved") as caught:
        await session.save_alert_clip(ALERT, timeout=timeout, polling=QUICK)
    assert caught.value.maybe_applied
    assert caught.value.endpoint == SAVE
    (render,) = fake.renders.values()
    fake.add_render(evolve(render, seconds=0))
    clip = await session.save_alert_clip(ALERT, timeout=timeout, polling=QUICK)
    assert clip.uuid == render.clip["uuid"]
    assert count_of(fake, SAVE) == 1


async def test_save_is_not_repeated_after_an_ambiguous_failure(fake, session) -> None:
    fake.faults = [faults.Disconnect(path=SAVE)]
    with pytest.raises(DisconnectedError) as caught:
        await session.save_alert_clip(ALERT, polling=QUICK)
    assert caught.value.maybe_applied
    assert count_of(fake, SAVE) == 1


async def test_refused_save_was_not_applied(fake, session) -> None:
    fake.faults = [evolve(faults.REFUSED, path=SAVE)]
    with pytest.raises(ApiError) as caught:
        await session.save_alert_clip(ALERT, polling=QUICK)
    assert not caught.value.maybe_applied


async def test_failed_search_after_the_save_says_that_the_alert_was_saved(fake, session) -> None:
    fake.faults = [faults.Ok(path=LISTING), evolve(faults.ACCESS_DENIED, path=LISTING, times=None)]
    with pytest.raises(PermissionDeniedError) as caught:
        await session.save_alert_clip(ALERT, polling=QUICK)
    assert caught.value.maybe_applied
    assert (count_of(fake, SAVE), caught.value.endpoint) == (1, LISTING)


async def test_failed_search_before_the_save_saves_nothing(fake, session) -> None:
    fake.faults = [evolve(faults.ACCESS_DENIED, path=LISTING, times=None)]
    with pytest.raises(PermissionDeniedError) as caught:
        await session.save_alert_clip(ALERT)
    assert not caught.value.maybe_applied
    assert count_of(fake, SAVE) == 0


async def test_search_ignores_clips_before_since(fake, session) -> None:
    fake.render_seconds = 0
    fake.clips[5] |= {"sourceAlertUuid": ALERT}
    since = datetime.fromtimestamp(fake.clips[5]["timestampMs"] / 1000 + 1, UTC)
    clip = await session.save_alert_clip(ALERT, since=since, polling=QUICK)
    assert clip.uuid != fake.clips[5]["uuid"]
    assert count_of(fake, SAVE) == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"alert_uuid": ""}, "alert_uuid"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"polling": 2}, "polling"),
        ({"title": 5}, "title"),
        ({"description": b"x"}, "description"),
        ({"since": datetime(2026, 1, 1)}, "since"),
    ],
)
async def test_invalid_argument_is_rejected_before_anything_is_sent(
    arguments: dict[str, Any], name: str, fake, session
) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        await session.save_alert_clip(**{"alert_uuid": ALERT, **arguments})
    with pytest.raises(InvalidArgumentError, match="fisheye_presentation_map"):
        await session.save_policy_alert(ALERT, fisheye_presentation_map=[])
    assert fake.requests == []
