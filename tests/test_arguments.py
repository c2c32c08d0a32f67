"""The rules of argument validation, without a session."""

import functools
import inspect
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any, cast

import pytest
from attrs import fields

from rhombus_clips import Polling, RateLimit, RetryPolicy, Timeout
from rhombus_clips.arguments import (
    as_sent,
    bare_device_uuids,
    function,
    function_or_none,
    identifier,
    identifiers,
    milliseconds_of,
    seconds_of,
    text,
    whole_number,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.media.host import MediaTimeout
from rhombus_clips.models import AlteredView, ClipAccessSettings, ClipVisibility, TimeInterval
from rhombus_clips.models.moments import to_epoch_ms
from rhombus_clips.models.views import CroppedPermyriadRect
from rhombus_clips.paging.rules.windows import Window
from rhombus_clips.renders.splice_arguments import interval_map, option_parameters, whole_seconds

LONE_SURROGATE = "\ud800"


class Index:
    """A whole number of another library, such as numpy."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class RealNumber:
    """A real number of another library, such as numpy."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value)


Real.register(RealNumber)


class bool_:  # noqa: N801  # the name of numpy's type
    def __index__(self) -> int:
        return 1


# --- numbers -----------------------------------------------------------------------------------


def test_whole_number_of_another_library_becomes_an_int() -> None:
    number = whole_number(Index(7), "limit", least=0)
    assert (number, type(number)) == (7, int)
    assert type(to_epoch_ms(cast("Any", Index(7)))) is int


@pytest.mark.parametrize("value", [True, bool_(), 1.0, "1", Decimal(1), None, RealNumber(1)])
def test_other_types_are_not_whole_numbers(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="limit must be a whole number"):
        whole_number(value, "limit", least=0)
    with pytest.raises(InvalidArgumentError, match="since must be"):
        to_epoch_ms(value, "since")


@pytest.mark.parametrize(
    "value", [5, 5.0, Index(5), RealNumber(5), Fraction(5), timedelta(seconds=5)]
)
def test_duration_may_be_any_real_number_or_a_timedelta_and_becomes_a_float(value: Any) -> None:
    seconds = seconds_of(value, "timeout")
    assert seconds == 5
    assert type(seconds) is float


@pytest.mark.parametrize("value", [True, bool_(), "5", Decimal(5), None, 5j])
def test_other_types_are_not_durations(value: Any) -> None:
    with pytest.raises(
        InvalidArgumentError, match="timeout must be a number of seconds or a timedelta"
    ):
        seconds_of(value, "timeout")


@pytest.mark.parametrize(
    "value",
    [
        -1,
        0,
        math.inf,
        math.nan,
        10**400,
        10**5000,
        Fraction(10**400),
        RealNumber(math.inf),
        timedelta(0),
        timedelta(seconds=-1),
        timedelta.min,
    ],
    ids=[
        "negative",
        "zero",
        "inf",
        "nan",
        "10**400",
        "10**5000",
        "fraction",
        "real",
        "no time",
        "negative timedelta",
        "smallest timedelta",
    ],
)
def test_duration_out_of_range_is_a_value_error(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout must be greater than 0"):
        seconds_of(value, "timeout")


@pytest.mark.parametrize("kind", [RetryPolicy, Timeout, MediaTimeout, RateLimit, Polling])
def test_settings_convert_numbers_of_other_libraries_to_plain_ones(kind: Any) -> None:
    names = [field.name for field in fields(kind)]
    settings = kind(**dict.fromkeys(names, Index(3)))
    assert {name: type(getattr(settings, name)) for name in names} == {
        name: int if name in {"attempts", "burst"} else float for name in names
    }
    assert settings == kind(**dict.fromkeys(names, 3))
    for value in (True, "3", None):
        with pytest.raises(InvalidArgumentError, match=names[0]):
            kind(**{names[0]: value})


DURATIONS: dict[Any, set[str]] = {
    RetryPolicy: {"base", "cap"},
    RateLimit: set(),
    Timeout: {"total", "connect", "read"},
    MediaTimeout: {"connect", "stall", "pause"},
    Polling: {"interval", "max_interval", "appears_within", "outage"},
}


@pytest.mark.parametrize(("kind", "names"), DURATIONS.items())
def test_settings_accept_timedeltas_for_their_durations_only(kind: Any, names: set[str]) -> None:
    for field in fields(kind):
        if field.name in names:
            seconds = getattr(kind(**{field.name: timedelta(minutes=1.5)}), field.name)
            assert (seconds, type(seconds)) == (90, float)
            for value in (-1, math.nan, timedelta(seconds=-1)):
                with pytest.raises(InvalidArgumentError, match=f"{field.name} must be"):
                    kind(**{field.name: value})
        else:
            with pytest.raises(InvalidArgumentError, match=field.name):
                kind(**{field.name: timedelta(minutes=1)})


@pytest.mark.parametrize("value", [0.25, timedelta(milliseconds=250), Fraction(1, 4)])
def test_duration_in_milliseconds_is_a_whole_number(value: Any) -> None:
    assert milliseconds_of(value, "window") == 250
    assert milliseconds_of(timedelta.max, "window") == timedelta.max // timedelta(milliseconds=1)
    with pytest.raises(InvalidArgumentError, match="window must be at least 0"):
        milliseconds_of(-0.1, "window")


def test_numbers_within_models_lists_and_maps_become_plain_ones() -> None:
    view = AlteredView(crop=CroppedPermyriadRect(x=cast("int", Index(5))))
    sent = option_parameters(
        {"altered_view_map": {"a": (view,)}, "integration_upload_map": {"b": True}}
    )
    (crop,) = [view.crop for view in sent["altered_view_map"]["a"]]
    assert type(crop.x) is int
    assert sent["integration_upload_map"] == {"b": True}
    intervals = interval_map({"a": [cast("Any", (Index(1000), Index(3000)))]})
    assert intervals == {"a": [TimeInterval(start_ms=1000, end_ms=3000)]}
    assert type(intervals["a"][0].start_ms) is int
    sent = as_sent(cast("Any", {"a": [RealNumber(0.5)]}), "map")
    assert sent == {"a": [0.5]}
    settings = ClipAccessSettings(visibility=ClipVisibility.PRIVATE, allowed_roles=["a", None])
    assert as_sent(settings, "access_settings") == settings


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        -math.inf,
        2**63,
        -(2**63) - 1,
        LONE_SURROGATE,
        b"bytes",
        Decimal(1),
        {1},
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
    ids=repr,
)
def test_value_that_json_cannot_represent_is_rejected_by_name(value: Any) -> None:
    for place in (value, [value], {"key": value}, {"key": [{"key": value}]}):
        with pytest.raises(InvalidArgumentError, match="altered_view_map"):
            option_parameters({"altered_view_map": {"device": place}})
    with pytest.raises(InvalidArgumentError, match="allowed_roles"):
        as_sent(ClipAccessSettings(allowed_roles=[value]), "access_settings")


def test_keys_of_a_mapping_are_encodable_strings() -> None:
    with pytest.raises(InvalidArgumentError, match="each key of altered_view_map must be a string"):
        option_parameters({"altered_view_map": {5: []}})
    with pytest.raises(InvalidArgumentError, match="a key of altered_view_map"):
        option_parameters({"altered_view_map": {LONE_SURROGATE: []}})


# --- strings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a", "a b", "Ünïcode", "a" * 22, "\N{VIDEO CAMERA}"])
def test_identifier_may_contain_any_printable_text(value: str) -> None:
    assert identifier(value, "clip_uuid") == value


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\n", "a\tb", "a\0b", "a\x7fb", "a\x85b", 5]
)
def test_message_explains_the_rules_for_identifiers(value: Any) -> None:
    with pytest.raises(
        InvalidArgumentError, match="without control characters or surrounding whitespace"
    ):
        identifier(value, "clip_uuid")
    with pytest.raises(InvalidArgumentError, match="each of clip_uuids"):
        identifiers([value], "clip_uuids")


def test_string_that_cannot_be_encoded_is_rejected_and_not_quoted() -> None:
    with pytest.raises(
        InvalidArgumentError, match="title has a lone surrogate at index 5"
    ) as caught:
        text("title" + LONE_SURROGATE, "title")
    assert LONE_SURROGATE not in str(caught.value)
    with pytest.raises(InvalidArgumentError, match="clip_uuid"):
        identifier("a" + LONE_SURROGATE, "clip_uuid")
    assert text("line\nline", "title") == "line\nline"


def test_device_uuid_must_not_be_empty_before_its_facet() -> None:
    assert bare_device_uuids(["a.v0", "a.a0", "b"], "device_filter") == ["a", "b"]
    with pytest.raises(InvalidArgumentError, match="each of device_filter"):
        bare_device_uuids([".v0"], "device_filter")


@pytest.mark.parametrize("value", ["abc", b"abc", 5, None])
def test_single_string_is_not_a_list_of_identifiers(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="clip_uuids must be a list of strings"):
        identifiers(value, "clip_uuids")


def test_too_few_identifiers_are_rejected_with_both_numbers() -> None:
    with pytest.raises(InvalidArgumentError, match="device_uuids must have 1 or more items, not 0"):
        identifiers([], "device_uuids", least=True)


# --- times and durations ---------------------------------------------------------------------


class Nowhere(tzinfo):
    """A time zone that raises an OverflowError."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise OverflowError("date value out of range")

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> str:
        return "nowhere"


@pytest.mark.parametrize("offset", [timedelta(hours=-23, minutes=-59), timedelta(hours=23)])
def test_ends_of_the_calendar_are_valid_in_any_time_zone(offset: timedelta) -> None:
    for year in (1, 9999):
        moment = datetime(year, 1, 1, tzinfo=timezone(offset))
        assert abs(to_epoch_ms(moment) - to_epoch_ms(moment.replace(tzinfo=UTC))) <= 86_400_000
    latest = datetime.max.replace(tzinfo=timezone(offset))
    assert to_epoch_ms(latest) > 253_402_200_000_000


def test_time_out_of_range_is_a_value_error() -> None:
    with pytest.raises(InvalidArgumentError, match="since must be in the range of its time zone"):
        to_epoch_ms(datetime.max.replace(tzinfo=Nowhere()), "since")
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidArgumentError, match="since must fit into 64 bits"):
            to_epoch_ms(number, "since")


@pytest.mark.parametrize("duration", [timedelta.max, 2**31, 1e14])
def test_duration_beyond_32_bits_is_a_value_error(duration: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="duration must be at most 2147483647 s"):
        whole_seconds(duration, "duration")


@pytest.mark.parametrize("duration", [timedelta.min, timedelta(0), 0.999999])
def test_duration_shorter_than_a_second_is_a_value_error(duration: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="duration must be at least a second"):
        whole_seconds(duration, "duration")


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(1, 1), (1.5, 2), (0.1 + 0.2 + 2.7, 3), (timedelta(seconds=5, microseconds=1), 6)],
)
def test_fraction_of_a_second_is_rounded_up(duration: Any, seconds: int) -> None:
    assert whole_seconds(duration, "duration") == seconds


def test_interval_of_centuries_is_a_value_error() -> None:
    for interval in ((-(2**63), 2**63 - 1), (0, datetime.max.replace(tzinfo=UTC))):
        with pytest.raises(InvalidArgumentError, match="at most 60 minutes"):
            interval_map({"a": [interval]})
    for odd in (5, (1, 2, 3), "ab c"):
        with pytest.raises(
            InvalidArgumentError, match="each interval must be a TimeInterval or a pair"
        ):
            interval_map({"a": [cast("Any", odd)]})


def test_window_requests_no_time_beyond_64_bits() -> None:
    assert Window(None, 2**63 - 1).parameters["created_before_ms"] == 2**63 - 1


# --- functions ---------------------------------------------------------------------------------


async def coroutine_function(*_: object) -> None:
    pass


async def async_generator_function(*_: object) -> Any:
    yield


def generator_function(*_: object) -> Any:
    yield


class AsyncCallable:
    async def __call__(self, *_: object) -> None:
        pass

    async def method(self, *_: object) -> None:
        pass


NEVER_RUN: dict[str, Callable[..., Any]] = {
    "a coroutine function": coroutine_function,
    "a partial of one": functools.partial(coroutine_function, 1),
    "a partial of a partial": functools.partial(functools.partial(coroutine_function, 1), 2),
    "an object with an async __call__": AsyncCallable(),
    "an async method": AsyncCallable().method,
    "an async generator function": async_generator_function,
    "a generator function": generator_function,
}


@pytest.mark.parametrize("kind", NEVER_RUN)
def test_function_that_a_call_does_not_run_is_rejected_at_once(kind: str) -> None:
    with pytest.raises(InvalidArgumentError, match="on_end must be a plain function"):
        function_or_none(NEVER_RUN[kind], "on_end")


@pytest.mark.parametrize("kind", NEVER_RUN)
def test_awaitable_or_generator_that_a_function_returns_is_an_error(kind: str) -> None:
    """A coroutine is closed, so that Python does not warn about it."""
    started: list[Any] = []

    def start(*arguments: object) -> Any:
        started.append(NEVER_RUN[kind](*arguments))
        return started[0]

    with pytest.raises(
        InvalidArgumentError, match="on_end must be a plain function, but it returned"
    ):
        function(start, "on_end")(1)
    if inspect.iscoroutine(started[0]):
        assert inspect.getcoroutinestate(started[0]) == inspect.CORO_CLOSED


def test_plain_function_is_called_unchanged() -> None:
    class Once:
        def __init__(self, value: int) -> None:
            self.value = value

    assert function(max, "name")(1, 2) == 2
    assert function(functools.partial(max, 5), "name")(1) == 5
    assert function(Once, "name")(3).value == 3
    assert function_or_none(None, "name") is None
    with pytest.raises(InvalidArgumentError, match="name must be a function"):
        function(cast("Any", None), "name")
