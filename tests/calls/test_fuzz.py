"""Bodies that nobody would expect, through the real session: a true result, or a clear error."""

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


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container within *value*, with each of its keys or indices."""
    match value:
        case dict():
            keys: list[Any] = list(value)
        case list():
            keys = list(range(len(value)))
        case _:
            return []
    own = [(value, key) for key in keys]
    return own + [place for key in keys for place in _places(value[key])]


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A page of clips in which a few values are others, and a few keys are new."""
    page: Any = {"savedClips": make_clips(3, draw(st.integers(0, 50))), "error": False}
    page["lastEvaluatedTimestampMs"] = draw(st.none() | st.integers(0, 2**41))
    for _ in range(draw(st.integers(0, 4))):
        container, key = draw(st.sampled_from(_places(page)))
        container[key] = copy.deepcopy(draw(JSON))
        if isinstance(container, dict) and draw(st.booleans()):
            container[draw(st.text(max_size=5))] = copy.deepcopy(draw(JSON))
    return page


@examples(400)
@given(bodies())
async def test_any_body_gives_a_true_result_or_a_clear_error(page) -> None:
    """Never another exception than ours, never a value that was not sent."""
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
async def test_any_bytes_give_a_result_or_a_clear_error(body) -> None:
    async with FakeRhombus(0) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        fake.faults = [faults.Respond(200, body)]
        try:
            await session.get_saved_clips()
        except DecodeError as error:
            assert error.path == "$"


def _same(ours: Any, sent: Any) -> bool:
    """Whether two JSON values say the same: null as absence within objects, 60.0 as 60."""
    if isinstance(ours, dict) and isinstance(sent, dict):
        return all(_same(ours.get(name), sent.get(name)) for name in {**ours, **sent})
    if isinstance(ours, list) and isinstance(sent, list):
        return len(ours) == len(sent) and all(map(_same, ours, sent))
    if isinstance(ours, bool) or isinstance(sent, bool):
        return ours is sent
    return bool(ours == sent)
