"""Invalid arguments are rejected by name before anything is sent."""

import asyncio
import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from rhombus_clips import ClipSession, ConfigurationError, DeadlineExceededError, SavedClip, Timeout
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import ClipAccessSettings
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.faults import json_answer
from tests.renders.polls import QUICK

SETTINGS: list[dict[str, Any]] = [
    {"retry": 3},
    {"timeout": "30"},
    {"timeout": True},
    {"timeout": None},
    {"timeout": 0},
    {"timeout": -1.5},
    {"timeout": float("nan")},
    {"timeout": timedelta(seconds=-1)},
    {"media_timeout": 5},
    {"rate": 10},
    {"media_ssl": False},
    {"media_ssl": "x"},
    {"max_response_bytes": -1},
    {"max_response_bytes": "64"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_invalid_setting_is_rejected_by_name(setting: dict[str, Any]) -> None:
    """This includes ``media_ssl=False``: the verification cannot be turned off."""
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        ClipSession("k" * 22, **setting)


def test_message_about_a_setting_names_the_expected_types() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClipSession("k" * 22, timeout=cast("Any", "x"))
    assert str(caught.value) == "timeout must be a number of seconds or a Timeout, not 'x'"
    with pytest.raises(ConfigurationError, match="retry must be a RetryPolicy, not 3"):
        ClipSession("k" * 22, retry=cast("Any", 3))


@pytest.mark.parametrize("timeout", [0.2, timedelta(milliseconds=200), Timeout(total=0.2)])
async def test_number_as_timeout_is_the_total_of_a_call(timeout: Any, fake, connect) -> None:
    fake.faults = [faults.Latency(5)]
    async with connect(fake, timeout=timeout) as session:
        with pytest.raises(DeadlineExceededError):
            await session.get_saved_clips()
        assert session._call._timeout == Timeout(total=0.2)


CALLS: dict[str, Callable[[Any], Any]] = {
    "polling": lambda session: session.watch_clip("a", polling=5),
    "clip": lambda session: session.download_clip("uuid", "x.mp4"),
    "clip of a picture": lambda session: session.download_thumbnail("uuid", "x.mp4"),
    "each of clips": lambda session: session.download_clips("abc", "."),
    "progress": lambda session: session.download_clips([], ".", progress=5),
    "name": lambda session: session.download_clips([], ".", name=5),
    "on_end": lambda session: session.download_clips([], ".", on_end=5),
    "grace": lambda session: session.follow_saved_clips(grace="300"),
    "window": lambda session: session.shared_clip_groups(created_after=1, window="7"),
    "interval": lambda session: session.follow_saved_clips(interval="30"),
    "timeout": lambda session: session.wait_for_clip("a", timeout="5"),
    "timeout of a splice": lambda session: session.make_clip(["a"], 1, 5, timeout=True),
    "on_decode_error": lambda session: session.saved_clips(on_decode_error=5),
    "on_change": lambda session: session.make_clip(["a"], 1, 5, on_change=5),
    "title": lambda session: session.splice(["a"], 1, 5, title=5),
    "audio_included": lambda session: session.splice(["a"], 1, 5, audio_included="yes"),
    "altered_view_map": lambda session: session.splice(["a"], 1, 5, altered_view_map=[]),
    "start": lambda session: session.splice(["a"], "now", 5),
}


@pytest.mark.parametrize("name", CALLS)
async def test_argument_of_the_wrong_type_is_rejected_by_name(
    name: str, fake: FakeRhombus, session: ClipSession, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgumentError, match=name.partition(" of a ")[0]):
        await CALLS[name](session)
    assert fake.requests == fake.media_requests == []


@pytest.mark.parametrize("length", [0.1, timedelta(milliseconds=500)])
async def test_message_has_the_name_of_the_parameter(length: Any, fake, session) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"duration must be at least a second, not 0\.\d"
    ):
        await session.splice(["a"], 1, length)
    assert fake.requests == []


DURATIONS = (7.5, timedelta(seconds=7.5))


@pytest.mark.parametrize("duration", DURATIONS)
async def test_every_duration_is_a_number_of_seconds_or_a_timedelta(
    duration: Any, fake: FakeRhombus, session: ClipSession
) -> None:
    fake.render_seconds = 0
    await session.splice(["a"], 1, duration)
    assert fake.requests[-1].json["durationSec"] == 8
    (clip,) = await session.make_clip(["a"], 1, duration, timeout=duration, polling=QUICK)
    waited = await session.wait_for_clip(clip.uuid or "", timeout=duration, polling=QUICK)
    assert waited == clip
    groups = await session.shared_clip_groups(created_after=1, window=duration * 10**9).collect(99)
    assert len(groups) == len(fake.shared_clip_groups)
    follower = session.follow_saved_clips(since=1, grace=duration, interval=duration)
    assert (await anext(follower)).uuid
    await follower.aclose()


async def test_start_and_duration_are_required_without_intervals(fake, session) -> None:
    for arguments in ((["a"],), (["a"], 1), (["a"], None, 5)):
        for method in (session.splice, session.make_clip):
            with pytest.raises(InvalidArgumentError, match="start and duration are required"):
                await method(*arguments)
    assert fake.requests == []


async def test_interval_in_the_future_is_rejected_before_anything_is_sent(fake, session) -> None:
    ahead = {"a": [(1, 2000), (9_000_000_000_000, 9_000_000_002_000)]}
    with pytest.raises(InvalidArgumentError, match="does not exist yet"):
        await session.splice(device_interval_map=ahead)
    assert fake.requests == []


LONE_SURROGATE = "x\udc80"
NO_ENCODING: dict[str, Callable[[ClipSession], Any]] = {
    "clip_uuid": lambda session: session.get_clip_with_progress(LONE_SURROGATE),
    "title": lambda session: session.update_saved_clip("a", title=LONE_SURROGATE),
    "description": lambda session: session.update_saved_clip("a", description=LONE_SURROGATE),
    "access_settings.allowed_users": lambda session: session.update_saved_clip(
        "a", access_settings=ClipAccessSettings(allowed_users=[LONE_SURROGATE])
    ),
    "plaintext_password": lambda session: session.create_shared_clip_group(
        ["a"], plaintext_password=LONE_SURROGATE
    ),
    "search_filter": lambda session: session.get_clips_with_progress(search_filter=LONE_SURROGATE),
    "sort_field": lambda session: session.get_expiring_clips_for_org(sort_field=LONE_SURROGATE),
    "page_token": lambda session: session.get_clips_with_progress(page_token=LONE_SURROGATE),
    "each of device_uuids": lambda session: session.splice([LONE_SURROGATE], 1, 5),
    "title of a splice": lambda session: session.splice(["a"], 1, 5, title=LONE_SURROGATE),
    "a key of integration_upload_map": lambda session: session.splice(
        ["a"], 1, 5, integration_upload_map={LONE_SURROGATE: True}
    ),
    "each of location_filter": lambda session: session.get_saved_clip_count(
        location_filter=[LONE_SURROGATE]
    ),
    "external_transaction_id": lambda session: session.get_saved_clips_by_external_transaction_id(
        LONE_SURROGATE
    ),
}


@pytest.mark.parametrize("name", NO_ENCODING)
async def test_string_that_cannot_be_encoded_is_rejected_before_anything_is_sent(
    name: str, fake: FakeRhombus, session: ClipSession
) -> None:
    with pytest.raises(InvalidArgumentError, match=name.partition(" of a splice")[0]) as caught:
        await NO_ENCODING[name](session)
    assert not isinstance(caught.value, UnicodeError)
    assert fake.requests == []


FOREVER = datetime.max.replace(tzinfo=UTC)
TOO_FAR: dict[str, Callable[[ClipSession], Any]] = {
    "duration": lambda session: session.make_clip(["a"], 1, timedelta.max),
    "duration of a splice": lambda session: session.splice(["a"], -(2**63), timedelta.max),
    "footage": lambda session: session.splice(["a"], FOREVER, 5),
    "device_interval_map": lambda session: session.splice(
        device_interval_map={"a": [(-(2**63), 2**63 - 1)]}
    ),
    "max_page_size": lambda session: session.get_saved_clips(max_page_size=2**31),
    "start_time_ms": lambda session: session.get_saved_clip_count(start_time_ms=2**63),
    "timestamp_ms_after": lambda session: session.get_clips_with_progress(timestamp_ms_after=2**63),
}


@pytest.mark.parametrize("name", TOO_FAR)
async def test_number_out_of_range_is_rejected_before_anything_is_sent(
    name: str, fake: FakeRhombus, session: ClipSession
) -> None:
    with pytest.raises(InvalidArgumentError, match=name.partition(" of ")[0]):
        await TOO_FAR[name](session)
    assert fake.requests == []


async def test_longest_durations_and_the_ends_of_the_calendar_are_accepted(
    fake: FakeRhombus, session: ClipSession
) -> None:
    earliest = datetime(1, 1, 1, tzinfo=UTC)
    pager = session.shared_clip_groups(
        created_after=earliest, created_before=FOREVER, window=timedelta.max
    )
    assert len(await pager.collect(100)) == len(fake.shared_clip_groups)
    assert len(await session.saved_clips(since=earliest, until=FOREVER).collect(100)) == 30
    follower = session.follow_saved_clips(since=earliest, grace=timedelta.max)
    assert (await anext(follower)).uuid
    await follower.aclose()


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


async def test_numbers_of_other_libraries_are_sent_as_plain_numbers(fake, connect) -> None:
    async with connect(fake, max_response_bytes=Index(1_000_000)) as session:
        await session.get_saved_clips(max_page_size=Index(5), page_timestamp_ms=Index(9))
        assert fake.requests[-1].json == {"maxPageSize": 5, "pageTimestampMs": 9}
        await session.get_clips_with_progress(page_size=Index(5), timestamp_ms_after=Index(3))
        assert fake.requests[-1].json == {"pageSize": 5, "timestampMsAfter": 3}
        await session.splice(device_interval_map={"a": [(Index(1000), Index(3000))]})
        assert fake.requests[-1].json["deviceIntervalMap"] == {
            "a": [{"startMs": 1000, "endMs": 3000}]
        }
        clip = fake.clips[0]["uuid"]
        await session.create_shared_clip_group([clip], expiration_time_secs=Index(60))
        assert fake.requests[-1].json["expirationTimeSecs"] == 60
        pager = session.saved_clips(page_size=Index(5), limit=Index(7), overlap_ms=Index(1))
        assert len(await pager.collect(Index(6))) == 6
        assert len(await session.expiring_clips(page_size=Index(1)).collect(3)) == 3


async def never_awaited(*_: object) -> None:
    pass


CALLBACKS: dict[str, Callable[[ClipSession, Any], Any]] = {
    "progress": lambda session, function: session.download_clips([], ".", progress=function),
    "progress of one": lambda session, function: session.download_clip(
        SavedClip(), "x", progress=function
    ),
    "progress of a picture": lambda session, function: session.download_thumbnail(
        SavedClip(), "x", progress=function
    ),
    "name": lambda session, function: session.download_clips([], ".", name=function),
    "on_end": lambda session, function: session.download_clips([], ".", on_end=function),
    "on_change": lambda session, function: session.make_clip(["a"], 1, 5, on_change=function),
    "on_decode_error": lambda session, function: session.saved_clips(on_decode_error=function),
    "on_decode_error of clips_with_progress": lambda session, function: session.clips_with_progress(
        on_decode_error=function
    ),
    "on_decode_error of expiring_clips": lambda session, function: session.expiring_clips(
        on_decode_error=function
    ),
    "on_decode_error of follow_saved_clips": lambda session, function: session.follow_saved_clips(
        on_decode_error=function
    ),
}


@pytest.mark.parametrize("function", [never_awaited, functools.partial(never_awaited, 1)])
@pytest.mark.parametrize("name", CALLBACKS)
async def test_coroutine_function_is_rejected_as_a_callback(
    name: str, function: Any, fake: FakeRhombus, session: ClipSession
) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"{name.partition(' of ')[0]} must be a plain function"
    ):
        await CALLBACKS[name](session, function)
    assert fake.requests == fake.media_requests == []


async def test_coroutine_that_a_callback_returns_is_an_error(
    fake: FakeRhombus, session: ClipSession, tmp_path
) -> None:
    clip = await session.get_clip_with_progress(fake.clips[0]["uuid"])
    starts: Any = lambda *_: never_awaited()  # noqa: E731  # users write lambdas
    for callback in ("progress", "on_end", "name"):
        with pytest.raises(
            InvalidArgumentError, match=f"{callback} must be a plain function, but it returned"
        ):
            await session.download_clips([clip], tmp_path / callback, **{callback: starts})
    with pytest.raises(
        InvalidArgumentError, match="progress must be a plain function, but it returned"
    ):
        await session.download_clip(clip, tmp_path / "one", progress=starts)
    with pytest.raises(
        InvalidArgumentError, match="on_change must be a plain function, but it returned"
    ):
        await session.make_clip(["a"], 1, 5, on_change=starts, polling=QUICK)
    fake.faults = [json_answer(200, {"savedClips": [{"uuid": 5}]})]
    with pytest.raises(
        InvalidArgumentError, match="on_decode_error must be a plain function, but it"
    ):
        await session.saved_clips(on_decode_error=starts).collect(1)


async def test_future_that_a_callback_returns_is_an_error_and_not_cancelled(
    fake: FakeRhombus, session: ClipSession, tmp_path
) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    clip = await session.get_clip_with_progress(fake.clips[0]["uuid"])
    on_end: Any = lambda *_: future  # noqa: E731  # as above
    with pytest.raises(
        InvalidArgumentError, match="on_end must be a plain function, but it returned a Future"
    ):
        await session.download_clips([clip], tmp_path, on_end=on_end)
    assert not future.done()
