"""The codec reads, writes and rejects the same values with and without orjson."""

import json
import sys
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipStatus,
    DecodeError,
    SavedClip,
    SplicedClip,
    dumps,
    from_dict,
    loads,
    to_dict,
)
from rhombus_clips.codec import text
from rhombus_clips.codec.bodies import encode_request
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Extra, Model
from tests.codec.drawn import ALL_MODELS, drawn
from tests.examples import examples


class Colour(Enum):
    RED = "red"


@pytest.fixture(scope="module")
def both_parsers() -> list[Any]:
    """The values of `text.orjson` with and without the extra; see `by_each`."""
    return [pytest.importorskip("orjson", reason="the extra speedups is not installed"), None]


def by_each(parsers: list[Any], work: Callable[[], Any]) -> list[Any]:
    """Return the result of *work* with each parser, or the class and message of its error."""
    outcomes: list[Any] = []
    for parser in parsers:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text, "orjson", parser)
            try:
                outcomes.append(work())
            except (DecodeError, ValueError) as error:
                outcomes.append((type(error), str(error)))
    return outcomes


def exact(model: Any) -> tuple[Any, str, str]:
    """Return a form of a model that includes unknown keys and distinguishes 1, 1.0 and -0.0."""
    return model, repr(model), repr(model.extra)


@examples(30)
@given(data=st.data())
@pytest.mark.parametrize("kind", ALL_MODELS)
def test_every_model_survives_a_round_trip_with_either_parser(
    kind: type[Model], both_parsers: list[Any], data: st.DataObject
) -> None:
    """The values include 64-bit integers, lone surrogates, control characters and nulls."""
    model = data.draw(drawn(kind))
    fast, exactly = by_each(both_parsers, lambda: dumps(model))
    # The parsers format the exponent of a small float with one digit or two.
    assert repr(json.loads(fast)) == repr(json.loads(exactly))
    assert from_dict(to_dict(model), kind) == model
    for outcome in by_each(both_parsers, lambda: exact(loads(fast, kind))):
        assert outcome == exact(model)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [-float("inf")],
        {"a": float("nan")},
        b"bytes",
        datetime(2025, 10, 9),
        object(),
        {(1, 2): "a"},
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_without_a_json_form_is_a_value_error(value: Any) -> None:
    """It is neither silently written as null nor an error of the JSON library."""
    with pytest.raises(InvalidArgumentError, match="cannot be written as JSON"):
        dumps(SavedClip(extra=Extra({"new": value})))
    with pytest.raises(InvalidArgumentError, match="cannot be written as JSON"):
        encode_request({"new": value})


@pytest.mark.usefixtures("parser")
def test_nesting_beyond_the_recursion_limit_is_a_value_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for write in (dumps, lambda clip: encode_request({"new": clip.extra["new"]})):
        with pytest.raises(InvalidArgumentError, match="nested too deeply"):
            write(SavedClip(extra=Extra({"new": deep})))


@pytest.mark.usefixtures("parser")
def test_float_that_is_not_finite_is_a_value_error() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(InvalidArgumentError, match="cannot be written as JSON"):
            dumps(SplicedClip(thumbnail_relative_second=number))


@pytest.mark.parametrize(
    "value",
    [None, [None], "null", 2**64, -(2**80), "\ud800", {"\udfff": 1}, {1: 2}, (1, 2), 1.5, -0.0,
     uuid.UUID(int=5), Colour.RED, ClipStatus("NEW"), "ü\x7f\x80\u2028\u202e🎥"],
    ids=ascii,
)  # fmt: skip
def test_both_parsers_write_the_same_bytes(value: Any, both_parsers: list[Any]) -> None:
    clip = SavedClip(title="ü", extra=Extra({"new": value}))
    fast, exactly = by_each(both_parsers, lambda: dumps(clip))
    assert type(fast) is bytes
    assert fast == exactly
    assert json.loads(fast)["title"] == "ü"


@pytest.mark.parametrize(
    "body",
    [
        b'{"n":-0}', b'{"n":-0.0}', b'{"n":1E+2}', b'{"n":18446744073709551615}',
        b'{"n":18446744073709551616}', b'{"n":-9223372036854775809}', b'{"n":1e400}', b'{"n":NaN}',
        b'{"n":-Infinity}', b'{"n":9007199254740993.0}', b'{"n":1,"n":2}', b'{"n":"\x01"}',
        b'{"n":"\x7f"}', b'{"n":"\\ud800"}', b'{"n":"\xed\xa0\x80"}', b'{"n":"\xff"}',
        b'{"n":1}\x00',
        b"\xef\xbb\xbf{}", b'{"n":01}', b'{"n":.5}', b'{"n":"\\x"}', b"{'n':1}", b'{"n":1,}',
        b'{"thumbnailRelativeSecond":1.7976931348623157e308}', b'{"duration":-0}',
        b'{"duration":9223372036854775808}', b'{"duration":-9223372036854775808}',
        b'{"n":' + b"[" * 900 + b"]" * 900 + b"}", b'{"n":' + b"[" * 2000 + b"]" * 2000 + b"}",
        '{"title":"x"}'.encode("utf-16"),
    ],
    ids=lambda body: ascii(body[:30]),
)  # fmt: skip
def test_both_parsers_read_the_same_values(body: bytes, both_parsers: list[Any]) -> None:
    fast, exactly = by_each(both_parsers, lambda: exact(loads(body, SplicedClip)))
    assert fast == exactly


@pytest.mark.usefixtures("parser")
def test_largest_number_of_the_schema_is_decoded() -> None:
    clip = loads('{"thumbnailRelativeSecond": 1.7976931348623157e308}', SplicedClip)
    assert clip.thumbnail_relative_second == sys.float_info.max
    assert loads(dumps(clip), SplicedClip) == clip


def test_key_that_is_not_a_string_appears_in_the_path() -> None:
    with pytest.raises(DecodeError, match=r"\$\.deviceUuidMap\[null\]\.region"):
        from_dict({"deviceUuidMap": {None: {"region": 5}}}, SavedClip)
