"""The messages about common mistakes say what to pass instead."""

from collections.abc import Callable
from typing import Any

import pytest

from rhombus_clips import InvalidArgumentError, SavedClip, SharedClipGroup

CLIP: Any = SavedClip(uuid="a")
GROUP: Any = SharedClipGroup(uuid="a")
FROM = "such as one from a pager or from get_clip_with_progress(uuid)"
CURSOR_OR_TIME = (
    "cursor must be the cursor of a pager, which is a string, or an aware datetime or epoch"
    " milliseconds as an int"
)
DAMAGED = (
    "cursor is damaged or was not created by this library: pass the unchanged cursor of a pager,"
    " or None to start from the beginning"
)

MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a clip instead of its uuid": (
        lambda session: session.get_clip_with_progress(CLIP),
        "clip_uuid must be a string, not a SavedClip: pass clip.uuid",
    ),
    "clips instead of their uuids": (
        lambda session: session.create_shared_clip_group([CLIP]),
        "each of clip_uuids must be a string, not a SavedClip: pass clip.uuid",
    ),
    "a group instead of its uuid": (
        lambda session: session.delete_shared_clip_group(GROUP),
        "group_uuid must be a string, not a SharedClipGroup: pass group.uuid",
    ),
    "a clip instead of the uuid of an alert": (
        lambda session: session.save_alert_clip(CLIP),
        "alert_uuid must be a string, not a SavedClip",
    ),
    "a uuid instead of its clip": (
        lambda session: session.download_clip("a", "a.mp4"),
        f"clip must be a SavedClip, {FROM}, not 'a'",
    ),
    "uuids instead of their clips": (
        lambda session: session.download_clips(["a"], "folder"),
        f"each of clips must be a SavedClip, {FROM}, not 'a'",
    ),
    "a filter that does not exist": (
        lambda session: session.clips_with_progress(device="a"),
        "unknown filter: device; the filters are device_uuid_filters, location_uuid_filters,",
    ),
    "bytes as a cursor": (
        lambda session: session.saved_clips(cursor=b"x"),
        f"{CURSOR_OR_TIME}, not b'x'",
    ),
    "the text of a time as a cursor": (
        lambda session: session.saved_clips(cursor="2026-01-01"),
        f"{DAMAGED}; for a point in time pass an int or an aware datetime",
    ),
    "any text as a cursor": (lambda session: session.expiring_clips(cursor="2026-01-01"), DAMAGED),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_message_says_what_to_pass(name: str, fake, session, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    mistake, expected = MISTAKES[name]
    with pytest.raises(InvalidArgumentError) as caught:
        await mistake(session)
    message = str(caught.value)
    assert message == expected or (expected.endswith(",") and message.startswith(expected))
    assert not fake.requests


async def test_message_about_a_cursor_of_another_listing_names_both(session) -> None:
    saved = session.saved_clips()
    await saved.collect(1)
    expiring = session.expiring_clips()
    await expiring.collect(1)
    with pytest.raises(InvalidArgumentError) as caught:
        session.expiring_clips(cursor=saved.cursor)
    assert str(caught.value) == "cursor belongs to saved_clips(), not to expiring_clips()"
    with pytest.raises(InvalidArgumentError) as caught:
        session.follow_saved_clips(cursor=expiring.cursor)
    assert str(caught.value) == "cursor belongs to expiring_clips(), not to follow_saved_clips()"
