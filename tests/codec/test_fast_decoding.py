"""The fast converter accepts all usual responses and decodes like the strict converter."""

import json
from collections.abc import Generator
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipStatus,
    DecodeError,
    RhombusError,
    SavedClip,
    SavedClipPage,
    SharedClipGroup,
    SharedClipGroupPage,
    SplicedClip,
    dumps,
    loads,
)
from rhombus_clips.codec import bodies
from rhombus_clips.codec.bodies import decode_in_steps, decode_item_by_item
from rhombus_clips.codec.fast import _MOST_SHARED, StepAside, fast
from rhombus_clips.codec.strict import MismatchError, strict, wire_fields
from rhombus_clips.codec.text import parse
from rhombus_clips.models.saved_clip import ClipWithProgressAnswer
from rhombus_clips.testing import faults
from rhombus_clips.testing.clips import make_clips, make_shared_clip_groups
from tests.examples import examples

T = TypeVar("T")

KINDS = [SavedClip, SavedClipPage, SharedClipGroup, SplicedClip, ClipWithProgressAnswer]


def _fast(tree: Any, kind: Any) -> Any:
    return fast.get_structure_hook(kind)(json.loads(json.dumps(tree)), kind)


def _strict(tree: Any, kind: Any) -> Any:
    return strict.get_structure_hook(kind)(tree, kind)


def _values(model: Any) -> Any:
    """Return the contents of a model with their types, which distinguish 1, 1.0 and True."""
    if attrs.has(type(model)):
        names = [field.name for field in attrs.fields(type(model))]
        return type(model), {name: _values(getattr(model, name)) for name in names}
    if isinstance(model, list):
        return [_values(item) for item in model]
    if isinstance(model, dict):
        return {key: _values(item) for key, item in model.items()}
    return type(model), repr(model)


@pytest.mark.parametrize("seed", range(10))
def test_usual_responses_are_accepted_and_equal_those_of_the_strict_converter(seed) -> None:
    """It also accepts nulls, missing or unknown keys, and unknown members."""
    clips = make_clips(60, seed)
    page = {"savedClips": clips, "lastEvaluatedTimestampMs": clips[-1]["timestampMs"], "new": [1]}
    assert _values(_fast(page, SavedClipPage)) == _values(_strict(page, SavedClipPage))
    groups = {"sharedClipGroups": make_shared_clip_groups(clips, 20, seed)}
    assert _values(_fast(groups, SharedClipGroupPage)) == _values(
        _strict(groups, SharedClipGroupPage)
    )


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.sampled_from(["COMPLETE", "us-west-2", "PRIVATE"]),
)
_trees = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "region", "startMs", "crop", "x"]), inner),
    ),
    max_leaves=6,
)


@examples(600)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_accepted_trees_equal_those_of_the_strict_converter(kind, data) -> None:
    wire = [wire for _, wire, _ in wire_fields(kind)]
    tree = data.draw(st.dictionaries(st.sampled_from([*wire, "unknown"]), _trees, max_size=6))
    try:
        decoded = _fast(tree, kind)
    except Exception:  # noqa: BLE001  # it stepped aside
        return
    assert _values(decoded) == _values(_strict(tree, kind))


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_strict_converter_decides_about_rejected_trees(kind, data) -> None:
    wire = [wire for _, wire, _ in wire_fields(kind)]
    tree = data.draw(st.dictionaries(st.sampled_from([*wire, "unknown"]), _trees, max_size=6))
    try:
        expected = _strict(tree, kind)
    except MismatchError as mismatch:
        with pytest.raises(DecodeError) as caught:
            loads(json.dumps(tree), kind)
        assert caught.value.path == mismatch.as_decode_error().path
    else:
        assert _values(loads(json.dumps(tree), kind)) == _values(expected)


@pytest.mark.parametrize(
    ("number", "accepted"),
    [
        (2**63 - 1, True),
        (-(2**63), True),
        (2**63, False),
        (-(2**63) - 1, False),
        (1.0, False),
        (True, False),
    ],
)
def test_only_integers_of_64_bits_are_accepted(number, accepted) -> None:
    if accepted:
        assert _fast({"byteCount": number}, SavedClip).byte_count == number
    else:
        with pytest.raises(StepAside):
            _fast({"byteCount": number}, SavedClip)


def test_decoded_models_are_complete_and_immutable() -> None:
    clip: Any = _fast({"uuid": "a", "clipLocation": {"region": "us-west-2"}}, SavedClip)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        clip.title = "mine"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del clip.clip_location.region
    assert attrs.evolve(clip, title="new").title == "new"
    assert type(clip) is SavedClip


def test_repeated_strings_and_locations_are_shared() -> None:
    body: dict[str, Any] = {"orgUuid": "o" * 22, "deviceUuid": "d" * 22, "userUuid": "u" * 22}
    body |= {"clipLocation": {"region": "us-west-2"}, "thumbnailLocation": {"region": "us-west-2"}}
    page = loads(json.dumps({"savedClips": [body, body]}), SavedClipPage)
    one, other = page.saved_clips
    for name in ("org_uuid", "device_uuid", "user_uuid", "clip_location"):
        assert getattr(one, name) is getattr(other, name)


def test_number_of_shared_strings_is_limited() -> None:
    hook = fast.get_structure_hook(SavedClip)
    tables = [table for name, table in hook.__globals__.items() if name.startswith("shared_")]
    for number in range(2 * _MOST_SHARED):
        text = f"org {number}"
        clip = hook({"orgUuid": text, "clipLocation": {"region": text}}, SavedClip)
        assert clip.org_uuid == clip.clip_location.region == text
    assert tables
    assert max(len(table) for table in tables) <= _MOST_SHARED


def test_unknown_members_keep_their_values() -> None:
    """The cache of members must not confuse two values."""
    statuses = [_fast({"status": text}, SavedClip).status for text in ("NEW", "COMPLETE", "NEW")]
    assert statuses == ["NEW", ClipStatus.COMPLETE, "NEW"]
    assert [status.is_known for status in statuses] == [False, True, False]


def _all_steps(steps: Generator[None, None, T]) -> tuple[int, T]:
    """Take all *steps*; return their number and their result."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return count, end.value
        count += 1


@pytest.mark.parametrize("odd", [None, {"uuid": "a", "durationSec": 60.0}])
def test_decoding_in_steps_returns_the_same_page(odd) -> None:
    """This is true even if the strict converter has to decode a clip."""
    clips = make_clips(350)
    clips[301] = odd or clips[301]
    body = json.dumps({"savedClips": clips, "warningMsg": "w"})
    steps, page = _all_steps(decode_in_steps(parse(body), body, SavedClipPage))
    assert steps >= 3
    assert _values(page) == _values(_strict(json.loads(body), SavedClipPage))


def test_error_in_a_long_page_has_the_index_of_its_item() -> None:
    clips: list[Any] = make_clips(350)
    clips[301] = {"clipLocation": {"region": 5}}
    with pytest.raises(DecodeError) as caught:
        loads(json.dumps({"savedClips": clips}), SavedClipPage)
    assert caught.value.path == "$.savedClips[301].clipLocation.region"


def test_usual_page_does_not_need_the_strict_converter(monkeypatch) -> None:
    monkeypatch.setattr(bodies, "parse_exactly", None)
    clips = make_clips(350)
    page = loads(json.dumps({"savedClips": clips}), SavedClipPage)
    assert [clip.uuid for clip in page.saved_clips] == [clip["uuid"] for clip in clips]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
@pytest.mark.parametrize("place", ['"new":{}', '"new":[{{"a":{}}}]', '"clipLocation":{{"new":{}}}'])
def test_unknown_integers_are_exact(number, place) -> None:
    """Orjson silently converts integers beyond 64 bits to floats."""
    body = "{" + place.format(number) + "}"
    assert json.loads(dumps(loads(body, SavedClip))) == json.loads(body)
    assert str(number).encode() in dumps(loads(body, SavedClip))


@attrs.frozen(kw_only=True)
class OwnClip(SavedClip):
    """A model defined by a program, with a converter and its own validation."""

    title: str | None = attrs.field(default=None, converter=lambda title: title and title.upper())
    shout: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.shout == "":
            raise ValueError("shout must not be empty")


def test_models_of_a_program_are_created_by_their_init() -> None:
    assert loads('{"title": "a", "shout": "b"}', OwnClip) == OwnClip(title="a", shout="b")
    assert loads('{"title": "a"}', OwnClip).title == "A"
    with pytest.raises(ValueError, match="must not be empty"):
        loads('{"shout": ""}', OwnClip)


def test_models_do_not_share_lists() -> None:
    body = '{"savedClips":[]}'
    one, other = (loads(body, SavedClipPage) for _ in range(2))
    assert one == other
    assert one.saved_clips is not other.saved_clips


def test_invalid_item_of_a_long_page_is_found_in_steps() -> None:
    clips: list[Any] = make_clips(1500)
    clips[700]["durationSec"] = "long"
    body = json.dumps({"savedClips": clips})
    steps, (page, failed) = _all_steps(decode_item_by_item(body, SavedClipPage))
    assert steps >= 15
    assert len(page.saved_clips) == 1500
    assert list(failed) == [700]


@pytest.mark.parametrize("body", ["[]", "null", '{"savedClips": 5}'])
def test_page_without_a_list_is_a_decode_error_item_by_item(body) -> None:
    with pytest.raises(DecodeError):
        _all_steps(decode_item_by_item(body, SavedClipPage))


async def test_deeply_nested_response_is_decoded_or_a_rhombus_error(fake, session) -> None:
    """The outcome depends on Python's recursion limit."""
    deep = "[" * 1000 + "]" * 1000
    body = '{"savedClips": [{"title": "x", "new": ' + deep + "}]}"
    fake.faults = [faults.Respond(200, body.encode(), times=None)]
    try:
        (clip,) = await session.saved_clips().collect(1)
    except RhombusError:
        pass
    else:
        assert clip.title == "x"
    fake.faults = [faults.Respond(200, deep.encode(), times=None)]
    with pytest.raises(DecodeError):
        await session.get_saved_clips()
