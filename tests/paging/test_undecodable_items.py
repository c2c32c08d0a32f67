"""Items that fail to decode raise with their path, or are passed to the callback once each."""

from typing import Any

import pytest

from rhombus_clips import DecodeError, SavedClip
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.clips import make_clips

SAVED_CLIPS = "/api/event/getSavedClipsV2"


def _spoiled(*numbers: int) -> list[dict[str, object]]:
    clips = make_clips(30)
    for number in numbers:
        clips[number]["durationSec"] = "long"
    return clips


async def test_undecodable_item_raises_with_its_path(connect) -> None:
    async with FakeRhombus(_spoiled(17)) as fake, connect(fake) as session:
        pager = session.saved_clips(page_size=10)
        assert len(await pager.collect(10)) == 10
        with pytest.raises(DecodeError) as caught:
            await pager.collect(10)
    assert caught.value.path == "$.savedClips[8].durationSec"
    assert caught.value.cursor == pager.cursor
    assert caught.value.endpoint == SAVED_CLIPS


async def test_undecodable_items_are_passed_to_the_callback(connect) -> None:
    """Each is passed once, as the raw item with its error, and no other clip is lost."""
    aside: list[tuple[Any, DecodeError]] = []
    async with FakeRhombus(_spoiled(0, 9, 10, 17, 29)) as fake, connect(fake) as session:
        pager = session.saved_clips(
            page_size=10, on_decode_error=lambda raw, error: aside.append((raw, error))
        )
        clips = [clip async for clip in pager]
    assert len({clip.uuid for clip in clips}) == 25
    assert [raw["uuid"] for raw, _ in aside] == [fake.clips[n]["uuid"] for n in (0, 9, 10, 17, 29)]
    assert all(error.path.endswith(".durationSec") for _, error in aside)
    assert pager.stats.undecodable == 5
    assert isinstance(clips[0], SavedClip)


async def test_item_that_is_not_an_object_is_passed_to_the_callback(connect) -> None:
    body = b'{"savedClips": ["?", {"uuid": "a"}, null, {"uuid": 5}]}'
    aside: list[object] = []
    async with FakeRhombus(0) as fake, connect(fake) as session:
        fake.faults = [faults.Respond(200, body)]
        pager = session.saved_clips(on_decode_error=lambda raw, _: aside.append(raw))
        assert [clip.uuid async for clip in pager] == ["a"]
    assert aside == ["?", {"uuid": 5}]


@pytest.mark.parametrize(
    "body", [b'{"savedClips": "none"}', b'{"savedClips": [], "lastEvaluatedTimestampMs": "now"}']
)
async def test_undecodable_page_raises(connect, body) -> None:
    async with FakeRhombus(0) as fake, connect(fake) as session:
        fake.faults = [faults.Respond(200, body)]
        with pytest.raises(DecodeError):
            await session.saved_clips(on_decode_error=lambda *_: None).collect(1)


async def test_null_list_is_empty_with_a_callback(connect) -> None:
    async with FakeRhombus(0) as fake, connect(fake) as session:
        fake.faults = [faults.Respond(200, b'{"savedClips": null}')]
        pager = session.saved_clips(on_decode_error=lambda *_: None)
        assert await pager.collect(1) == []


async def test_error_of_the_callback_is_unchanged_and_loses_nothing(connect) -> None:
    refuse = True

    def callback(_raw: object, _error: DecodeError) -> None:
        if refuse:
            raise KeyError("mine")

    async with FakeRhombus(_spoiled(3)) as fake, connect(fake) as session:
        pager = session.saved_clips(on_decode_error=callback)
        with pytest.raises(KeyError, match="mine"):
            await pager.collect(100)
        refuse = False
        assert len(await pager.collect(100)) == 29


async def test_undecodable_item_out_of_range_is_not_reported(connect) -> None:
    aside: list[Any] = []
    clips = _spoiled(25, 28)
    clips[28]["timestampMs"] = None
    async with FakeRhombus(clips) as fake, connect(fake) as session:
        pager = session.saved_clips(
            since=clips[5]["timestampMs"], on_decode_error=lambda raw, _: aside.append(raw)
        )
        assert len(await pager.collect(100)) == 6
    # A clip without a time may be in the range.
    assert [raw["uuid"] for raw in aside] == [clips[28]["uuid"]]
