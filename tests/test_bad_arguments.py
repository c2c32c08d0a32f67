"""Arguments of a kind that cannot be meant: refused at once, by name, before anything is sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rhombus_clips import ClipSession, ConfigurationError
from rhombus_clips.testing import FakeRhombus

SETTINGS: list[dict[str, Any]] = [
    {"retry": 3},
    {"timeout": 30},
    {"media_timeout": 5},
    {"rate": 10},
    {"media_ssl": False},
    {"media_ssl": "x"},
    {"max_response_bytes": -1},
    {"max_response_bytes": "64"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_setting_of_another_kind_is_refused_by_name(setting: dict[str, Any]) -> None:
    """``media_ssl=False`` too: there is no switch that turns the verification off."""
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        ClipSession("k" * 22, **setting)


CALLS: dict[str, Callable[[Any], Any]] = {
    "polling": lambda session: session.watch_clip("a", polling=5),
    "clip": lambda session: session.download_clip("uuid", "x.mp4"),
    "clip of a picture": lambda session: session.download_thumbnail("uuid", "x.mp4"),
    "each of clips": lambda session: session.download_clips("abc", "."),
    "progress": lambda session: session.download_clips([], ".", progress=5),
    "name": lambda session: session.download_clips([], ".", name=5),
    "on_end": lambda session: session.download_clips([], ".", on_end=5),
    "grace": lambda session: session.follow_saved_clips(grace=300),
    "window": lambda session: session.shared_clip_groups(created_after=1, window=7),
    "on_decode_error": lambda session: session.saved_clips(on_decode_error=5),
    "on_change": lambda session: session.make_clip(["a"], 1, 5, on_change=5),
    "title": lambda session: session.splice(["a"], 1, 5, title=5),
    "audio_included": lambda session: session.splice(["a"], 1, 5, audio_included="yes"),
    "altered_view_map": lambda session: session.splice(["a"], 1, 5, altered_view_map=[]),
    "start_time_millis": lambda session: session.splice(["a"], "now", 5),
}


@pytest.mark.parametrize("name", CALLS)
async def test_argument_of_another_kind_is_refused_by_name(
    name: str, fake: FakeRhombus, session: ClipSession, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=name.partition(" of a ")[0]):
        await CALLS[name](session)
    assert fake.requests == fake.media_requests == []


@pytest.mark.parametrize("length", [0.1, timedelta(milliseconds=500)])
async def test_message_has_the_name_that_the_caller_wrote(length: Any, fake, session) -> None:
    with pytest.raises(ValueError, match=r"duration_sec must be at least a second, not 0\.\d s"):
        await session.splice(["a"], 1, length)
    assert fake.requests == []


async def test_interval_that_is_yet_to_come_is_refused_before_anything_is_sent(
    fake, session
) -> None:
    ahead = {"a": [(1, 2000), (9_000_000_000_000, 9_000_000_002_000)]}
    with pytest.raises(ValueError, match="does not exist yet"):
        await session.splice(device_interval_map=ahead)
    assert fake.requests == []
