"""Random response bodies, through a real session: a correct result or a clear error."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipSession, DecodeError, RhombusError, to_dict
from rhombus_clips.testing import FakeRhombus, faults
from rhombus_clips.testing.clips import make_clips
from tests.examples import examples

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8)  # lone surrogates included
    | st.sampled_from(["12", "false", "COMPLETE", "UNHEARD_OF", "", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _locations(value: Any) -> list[tuple[Any, Any]]:
    """Return every container within *value* with each of its keys or indices."""
    match value:
        case dict():
            keys: list[Any] = list(value)
        case list():
            keys = list(range(len(value)))
        case _:
            return []
    own = [(value, key) for key in keys]
    return own + [location for key in keys for location in _locations(value[key])]


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A page of clips with a few replaced values and additional keys."""
    page: Any = {"savedClips": make_clips(3, draw(st.integers(0, 50))), "error": False}
    page["lastEvaluatedTimestampMs"] = draw(st.none() | st.integers(0, 2**41))
    for _ in range(draw(st.integers(0, 4))):
        container, key = draw(st.sampled_from(_locations(page)))
        container[key] = copy.deepcopy(draw(JSON))
        if isinstance(container, dict) and draw(st.booleans()):
            container[draw(st.text(max_size=5))] = copy.deepcopy(draw(JSON))
    return page


@examples(400)
@given(bodies())
async def test_any_body_is_a_correct_result_or_a_clear_error(page) -> None:
    """It never raises a foreign exception or returns a value that was not sent."""
    async with FakeRhombus(0) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        fake.faults = [faults.Respond(200, json.dumps(page).encode())]
        try:
            answer = await session.get_saved_clips()
        except DecodeError as error:
            assert error.path.startswith("$")
            assert error.expected
            return
        except RhombusError:
            assert page["error"]
            return
    page["savedClips"] = [clip for clip in page["savedClips"] or [] if clip is not None]
    assert _same(to_dict(answer), page), (to_dict(answer), page)


@examples(300)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
)
async def test_any_bytes_are_a_result_or_a_clear_error(body) -> None:
    async with FakeRhombus(0) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        fake.faults = [faults.Respond(200, body)]
        try:
            await session.get_saved_clips()
        except DecodeError as error:
            assert error.path == "$"


def _same(ours: Any, sent: Any) -> bool:
    """Return whether two JSON values are equivalent, such as 60 and 60.0, or null and absence."""
    if isinstance(ours, dict) and isinstance(sent, dict):
        return all(_same(ours.get(name), sent.get(name)) for name in {**ours, **sent})
    if isinstance(ours, list) and isinstance(sent, list):
        return len(ours) == len(sent) and all(map(_same, ours, sent))
    if isinstance(ours, bool) or isinstance(sent, bool):
        return ours is sent
    return bool(ours == sent)
