"""The fast converter: what it takes it makes as the strict one does, and it takes what is usual."""

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
    """All that is in a model, with the types of it: 1, 1.0 and True are three things."""
    if attrs.has(type(model)):
        names = [field.name for field in attrs.fields(type(model))]
        return type(model), {name: _values(getattr(model, name)) for name in names}
    if isinstance(model, list):
        return [_values(item) for item in model]
    if isinstance(model, dict):
        return {key: _values(item) for key, item in model.items()}
    return type(model), repr(model)


@pytest.mark.parametrize("seed", range(10))
def test_it_takes_what_a_service_usually_sends_and_makes_equal_models(seed) -> None:
    """It does not step aside for nulls, left-out or unknown keys, or unknown members."""
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
def test_whatever_it_takes_it_makes_as_the_strict_one_does(kind, data) -> None:
    wire = [wire for _, wire, _ in wire_fields(kind)]
    tree = data.draw(st.dictionaries(st.sampled_from([*wire, "unknown"]), _trees, max_size=6))
    try:
        made = _fast(tree, kind)
    except Exception:  # noqa: BLE001  # it stepped aside
        return
    assert _values(made) == _values(_strict(tree, kind))


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_where_it_steps_aside_the_strict_one_decides(kind, data) -> None:
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
    ("number", "takes"),
    [
        (2**63 - 1, True),
        (-(2**63), True),
        (2**63, False),
        (-(2**63) - 1, False),
        (1.0, False),
        (True, False),
    ],
)
def test_it_takes_integers_of_64_bits_and_nothing_else(number, takes) -> None:
    if takes:
        assert _fast({"byteCount": number}, SavedClip).byte_count == number
    else:
        with pytest.raises(StepAside):
            _fast({"byteCount": number}, SavedClip)


def test_models_it_makes_are_whole_and_immutable() -> None:
    clip: Any = _fast({"uuid": "a", "clipLocation": {"region": "us-west-2"}}, SavedClip)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        clip.title = "mine"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del clip.clip_location.region
    assert attrs.evolve(clip, title="new").title == "new"
    assert type(clip) is SavedClip


def test_strings_and_places_that_repeat_are_one() -> None:
    body: dict[str, Any] = {"orgUuid": "o" * 22, "deviceUuid": "d" * 22, "userUuid": "u" * 22}
    body |= {"clipLocation": {"region": "us-west-2"}, "thumbnailLocation": {"region": "us-west-2"}}
    page = loads(json.dumps({"savedClips": [body, body]}), SavedClipPage)
    one, other = page.saved_clips
    for name in ("org_uuid", "device_uuid", "user_uuid", "clip_location"):
        assert getattr(one, name) is getattr(other, name)


def test_shared_strings_are_bounded() -> None:
    hook = fast.get_structure_hook(SavedClip)
    tables = [table for name, table in hook.__globals__.items() if name.startswith("shared_")]
    for number in range(2 * _MOST_SHARED):
        text = f"org {number}"
        clip = hook({"orgUuid": text, "clipLocation": {"region": text}}, SavedClip)
        assert clip.org_uuid == clip.clip_location.region == text
    assert tables
    assert max(len(table) for table in tables) <= _MOST_SHARED


def test_unknown_members_stay_themselves() -> None:
    """A table of members that learns must not turn one value into another."""
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
def test_long_answer_is_made_in_steps_and_equals_the_short_way(odd) -> None:
    """Also where the strict converter has to decide."""
    clips = make_clips(350)
    clips[301] = odd or clips[301]
    body = json.dumps({"savedClips": clips, "warningMsg": "w"})
    steps, page = _all_steps(decode_in_steps(parse(body), body, SavedClipPage))
    assert steps >= 3
    assert _values(page) == _values(_strict(json.loads(body), SavedClipPage))


def test_error_deep_in_a_long_answer_has_its_own_index() -> None:
    clips: list[Any] = make_clips(350)
    clips[301] = {"clipLocation": {"region": 5}}
    with pytest.raises(DecodeError) as caught:
        loads(json.dumps({"savedClips": clips}), SavedClipPage)
    assert caught.value.path == "$.savedClips[301].clipLocation.region"


def test_a_usual_page_never_costs_the_strict_converter(monkeypatch) -> None:
    monkeypatch.setattr(bodies, "parse_exactly", None)
    clips = make_clips(350)
    page = loads(json.dumps({"savedClips": clips}), SavedClipPage)
    assert [clip.uuid for clip in page.saved_clips] == [clip["uuid"] for clip in clips]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
@pytest.mark.parametrize("place", ['"new":{}', '"new":[{{"a":{}}}]', '"clipLocation":{{"new":{}}}'])
def test_no_digit_of_an_unknown_integer_is_lost(number, place) -> None:
    """Orjson makes a float of one beyond 64 bits, without a word."""
    body = "{" + place.format(number) + "}"
    assert json.loads(dumps(loads(body, SavedClip))) == json.loads(body)
    assert str(number).encode() in dumps(loads(body, SavedClip))


@attrs.frozen(kw_only=True)
class OwnClip(SavedClip):
    """A program's own model, which does more than to fill fields."""

    title: str | None = attrs.field(default=None, converter=lambda title: title and title.upper())
    shout: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.shout == "":
            raise ValueError("a shout must say something")


def test_programs_own_models_are_made_by_their_own_init() -> None:
    assert loads('{"title": "a", "shout": "b"}', OwnClip) == OwnClip(title="a", shout="b")
    assert loads('{"title": "a"}', OwnClip).title == "A"
    with pytest.raises(ValueError, match="say something"):
        loads('{"shout": ""}', OwnClip)


def test_document_gives_each_model_lists_of_its_own() -> None:
    body = '{"savedClips":[]}'
    one, other = (loads(body, SavedClipPage) for _ in range(2))
    assert one == other
    assert one.saved_clips is not other.saved_clips


def test_bad_item_of_a_long_page_is_found_in_steps() -> None:
    clips: list[Any] = make_clips(1500)
    clips[700]["durationSec"] = "long"
    body = json.dumps({"savedClips": clips})
    steps, (page, failed) = _all_steps(decode_item_by_item(body, SavedClipPage))
    assert steps >= 15
    assert len(page.saved_clips) == 1500
    assert list(failed) == [700]


@pytest.mark.parametrize("body", ["[]", "null", '{"savedClips": 5}'])
def test_page_without_a_list_is_an_error_of_ours_item_by_item_too(body) -> None:
    with pytest.raises(DecodeError):
        _all_steps(decode_item_by_item(body, SavedClipPage))


async def test_answer_that_is_nested_too_deeply_is_an_error_of_ours(fake, session) -> None:
    """Where Python's own limit allows such depth, it is no error at all."""
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
