"""The models: immutable and picklable, with convenience properties next to the wire fields."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipAccessSettings,
    ClipStatus,
    ClipWithProgress,
    SavedClip,
    SharedClip,
    SharedClipGroup,
    SplicedClip,
    TimeInterval,
    loads,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.base import Extra, Model
from rhombus_clips.models.moments import from_epoch_ms, to_epoch_ms
from tests.codec.drawn import ALL_MODELS, conveniences, drawn
from tests.examples import examples

MOMENT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
MS = 1_760_000_000_000


def test_models_are_immutable() -> None:
    clip = SavedClip(uuid="a")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        clip.uuid = "b"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        clip.extra["new"] = 1  # type: ignore[index]
    assert attrs.evolve(clip, uuid="b").uuid == "b"


def test_models_take_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        SavedClip("a")  # type: ignore[arg-type, call-arg, unused-ignore]


def test_extra_is_excluded_from_equality_and_repr() -> None:
    clip = SavedClip(uuid="a", extra=Extra({"x": 1}))
    assert clip == SavedClip(uuid="a")
    assert "extra" not in repr(clip)
    assert pickle.loads(pickle.dumps(clip)).extra == {"x": 1}
    assert copy.deepcopy(clip).extra == {"x": 1}
    assert repr(clip.extra) == "Extra({'x': 1})"
    assert SavedClip().extra == {}


def test_times_of_a_saved_clip_are_aware_datetimes() -> None:
    clip = SavedClip(timestamp_ms=MS, created_at_ms=MS + 1, duration_sec=60)
    assert clip.recorded_at == MOMENT
    assert clip.created_at == MOMENT + timedelta(milliseconds=1)
    assert clip.length == timedelta(minutes=1)
    assert SavedClip().recorded_at is None
    assert SavedClip().created_at is None
    assert SavedClip().length is None


def test_only_a_complete_clip_is_complete() -> None:
    assert SavedClip(status=ClipStatus.COMPLETE).is_complete
    for status in (*set(ClipStatus) - {ClipStatus.COMPLETE}, ClipStatus("COMPLETED"), None):
        assert not SavedClip(status=status).is_complete


def test_time_of_progress_is_in_seconds() -> None:
    """``lastUpdatedSec`` is in seconds, unlike the other times of the clip."""
    assert ClipWithProgress(last_updated_sec=MS // 1000).last_updated_at == MOMENT
    assert ClipWithProgress().last_updated_at is None


@pytest.mark.parametrize("start_time", [MS, MS // 1000])
def test_start_of_undocumented_unit_is_read_by_its_size(start_time: int) -> None:
    assert SplicedClip(start_time=start_time).starts_at == MOMENT
    assert SharedClip(start_time=start_time).starts_at == MOMENT
    assert SharedClip().starts_at is None


def test_lengths_are_in_seconds() -> None:
    assert SplicedClip(duration=90).length == timedelta(seconds=90)
    assert SharedClip(duration_sec=90).length == timedelta(seconds=90)
    assert SplicedClip().length is None
    assert SharedClip().length is None
    assert SplicedClip(status_updated_at_ms=MS).status_updated_at == MOMENT
    interval = TimeInterval(start_ms=MS, end_ms=MS + 1000)
    assert interval.starts_at == MOMENT
    assert interval.ends_at == MOMENT + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seconds", "created", "expires"),
    [
        (None, MS, None),
        (0, MS, None),
        (86_400, MS, MOMENT + timedelta(days=1)),
        (86_400, None, None),
        (MS // 1000, None, MOMENT),
    ],
)
def test_expiration_is_a_date_or_a_duration(
    seconds: int | None, created: int | None, expires: datetime | None
) -> None:
    group = SharedClipGroup(expiration_time_secs=seconds, created_at_millis=created)
    assert group.expires_at == expires


@pytest.mark.parametrize("number", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_number_beyond_the_calendar_is_neither_a_time_nor_a_length(number: int) -> None:
    """A 64-bit number may exceed the range of a datetime and of a timedelta."""
    models: list[Model] = [
        SavedClip(timestamp_ms=number, created_at_ms=number, duration_sec=number),
        ClipWithProgress(last_updated_sec=number),
        SharedClip(start_time=number, duration_sec=number),
        SharedClipGroup(created_at_millis=number, expiration_time_secs=number),
        SharedClipGroup(created_at_millis=MS, expiration_time_secs=-abs(number)),
        SplicedClip(start_time=number, status_updated_at_ms=number, duration=number),
        TimeInterval(start_ms=number, end_ms=number),
    ]
    for model in models:
        told = {name: getattr(model, name) for name in conveniences(type(model))}
        moments = {name: told[name] for name in told if name != "is_complete"}
        if model == models[4]:
            assert moments.pop("created_at") == MOMENT
        assert moments
        assert set(moments.values()) == {None}


def test_last_time_of_the_calendar_is_valid() -> None:
    assert SavedClip(timestamp_ms=253_402_300_799_999).recorded_at is not None
    assert SavedClip(timestamp_ms=253_402_300_800_000).recorded_at is None
    assert SavedClip(timestamp_ms=-62_135_596_800_000).recorded_at == datetime.min.replace(
        tzinfo=UTC
    )
    assert SavedClip(timestamp_ms=-62_135_596_800_001).recorded_at is None
    latest = SharedClipGroup(created_at_millis=253_402_300_799_999, expiration_time_secs=1)
    assert latest.created_at is not None
    assert latest.expires_at is None


@examples(25)
@given(data=st.data())
@pytest.mark.parametrize("kind", ALL_MODELS)
def test_convenience_properties_never_raise(kind: type[Model], data: st.DataObject) -> None:
    """The values are any that the schema allows: 64-bit numbers, text, unknown members, nulls."""
    model = data.draw(drawn(kind))
    for name in conveniences(kind):
        getattr(model, name)
    assert str(model)
    assert repr(model)
    assert format(model)
    assert model == copy.deepcopy(model)


@examples(25)
@given(data=st.data())
@pytest.mark.parametrize("kind", ALL_MODELS)
def test_every_model_is_hashable_and_equal_models_have_equal_hashes(
    kind: type[Model], data: st.DataObject
) -> None:
    one = data.draw(drawn(kind))
    same = pickle.loads(pickle.dumps(one))
    assert same == one
    assert hash(same) == hash(one)
    assert len({one, same}) == 1
    assert {one: "found"}[same] == "found"


def test_hash_depends_on_all_fields_but_arrays_and_maps() -> None:
    clips = {SavedClip(uuid=str(number), device_uuids=["a"]) for number in range(1000)}
    assert len({hash(clip) for clip in clips}) == 1000
    one, other = SavedClip(uuid="a", device_uuids=["b"]), SavedClip(uuid="a", device_uuids=["c"])
    assert hash(one) == hash(other)
    assert one != other
    assert len({one, other}) == 2
    nested = SavedClip(access_settings=ClipAccessSettings(allowed_users=["u"]))
    assert len({nested, SavedClip(access_settings=ClipAccessSettings(allowed_users=["u"]))}) == 1


def test_open_enums_hash_like_their_text() -> None:
    assert hash(SavedClip(status=ClipStatus.COMPLETE)) == hash(
        SavedClip(status="COMPLETE")  # type: ignore[arg-type]  # a program may be as lax as that
    )
    assert len({SavedClip(status=ClipStatus("NEW")), SavedClip(status=ClipStatus("NEW"))}) == 1


def test_decoded_model_hashes_like_a_constructed_one() -> None:
    decoded = loads('{"uuid": "a", "deviceUuids": ["b"], "new": [1]}', SavedClip)
    assert hash(decoded) == hash(SavedClip(uuid="a", device_uuids=["b"]))


def test_model_of_a_program_is_hashable() -> None:
    @attrs.frozen(kw_only=True)
    class OwnClip(SavedClip):
        note: str | None = None

    assert len({OwnClip(device_uuids=["a"], note="b"), OwnClip(device_uuids=["a"], note="b")}) == 1


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_milliseconds_survive_conversion_to_datetimes(milliseconds: int) -> None:
    moment = from_epoch_ms(milliseconds)
    assert moment is not None
    assert to_epoch_ms(moment) == milliseconds


@given(
    st.datetimes(
        min_value=datetime(1800, 1, 1),
        timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14))),
    )
)
def test_half_open_bounds_are_exact_below_a_millisecond(moment: datetime) -> None:
    """A whole millisecond is at or after a datetime if and only if it is at or after its number."""
    bound = to_epoch_ms(moment)
    below, at = from_epoch_ms(bound - 1), from_epoch_ms(bound)
    assert below is not None and below < moment
    assert at is not None and at >= moment


def test_naive_datetimes_and_other_types_are_rejected() -> None:
    with pytest.raises(
        InvalidArgumentError, match="since must not be a datetime without a time zone"
    ):
        to_epoch_ms(datetime(2025, 1, 1), "since")
    for wrong in (True, 1.5, "1640995200000", None):
        with pytest.raises(InvalidArgumentError):
            to_epoch_ms(wrong)  # type: ignore[arg-type]
