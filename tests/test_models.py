"""The models: immutable, picklable, with conveniences beside the wire fields."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipStatus,
    ClipWithProgress,
    SavedClip,
    SharedClip,
    SharedClipGroup,
    SplicedClip,
    TimeInterval,
)
from rhombus_clips.models import Extra
from rhombus_clips.models.moments import from_epoch_ms, to_epoch_ms

MOMENT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
MS = 1_760_000_000_000


def test_models_cannot_be_changed() -> None:
    clip = SavedClip(uuid="a")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        clip.uuid = "b"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        clip.extra["new"] = 1  # type: ignore[index]
    assert attrs.evolve(clip, uuid="b").uuid == "b"


def test_models_take_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        SavedClip("a")  # type: ignore[arg-type, call-arg, unused-ignore]


def test_extra_does_not_count_for_equality_nor_show() -> None:
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


def test_progress_is_stamped_in_seconds() -> None:
    """``lastUpdatedSec`` counts seconds in an object whose other times are milliseconds."""
    assert ClipWithProgress(last_updated_sec=MS // 1000).last_updated_at == MOMENT
    assert ClipWithProgress().last_updated_at is None


@pytest.mark.parametrize("start_time", [MS, MS // 1000])
def test_start_of_unstated_unit_is_told_by_its_size(start_time: int) -> None:
    assert SplicedClip(start_time=start_time).starts_at == MOMENT
    assert SharedClip(start_time=start_time).starts_at == MOMENT
    assert SharedClip().starts_at is None


def test_lengths_are_seconds() -> None:
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
def test_expiry_is_a_date_or_a_length(
    seconds: int | None, created: int | None, expires: datetime | None
) -> None:
    group = SharedClipGroup(expiration_time_secs=seconds, created_at_millis=created)
    assert group.expires_at == expires


def test_number_beyond_the_calendar_overflows() -> None:
    with pytest.raises(OverflowError):
        from_epoch_ms(2**62)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_milliseconds_survive_as_datetimes(milliseconds: int) -> None:
    moment = from_epoch_ms(milliseconds)
    assert moment is not None
    assert to_epoch_ms(moment) == milliseconds


@given(
    st.datetimes(
        min_value=datetime(1800, 1, 1),
        timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14))),
    )
)
def test_half_open_bounds_stay_exact_below_the_millisecond(moment: datetime) -> None:
    """A whole millisecond is at or after a datetime exactly when it is at or after its number."""
    bound = to_epoch_ms(moment)
    below, at = from_epoch_ms(bound - 1), from_epoch_ms(bound)
    assert below is not None and below < moment
    assert at is not None and at >= moment


def test_naive_datetimes_and_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="since is a datetime without a time zone"):
        to_epoch_ms(datetime(2025, 1, 1), "since")
    for wrong in (True, 1.5, "1640995200000", None):
        with pytest.raises(TypeError):
            to_epoch_ms(wrong)  # type: ignore[arg-type]
