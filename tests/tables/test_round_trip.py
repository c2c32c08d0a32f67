"""A table holds every value of its items, and its schema depends on nothing but their class."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipWithProgress,
    MetaDataLocation,
    Model,
    OpenEnum,
    SavedClip,
    SharedClipGroup,
    SplicedClip,
    TimeInterval,
    from_dict,
    to_dict,
)
from rhombus_clips.tables import arrow_schema, to_arrow
from rhombus_clips.testing.clips import make_clips, make_shared_clip_groups
from tests.codec.drawn import ALL_MODELS, drawn
from tests.components import required
from tests.tables.rebuilt import items_of

pa = required("pyarrow")

LAST_MS = 253_402_300_799_999
FIRST_MS = -62_135_596_800_000


# --- all values ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ALL_MODELS)
@given(data=st.data())
def test_table_holds_every_value_of_every_model(model: type[Model], data: st.DataObject) -> None:
    items = data.draw(st.lists(drawn(model), max_size=3))
    table = to_arrow(items, model=model)
    assert table.schema.equals(arrow_schema(model))
    assert list(map(to_dict, items_of(table, model))) == list(map(to_dict, items))


@given(seed=st.integers(0, 10_000))
def test_table_holds_every_value_of_the_clips_of_a_service(seed: int) -> None:
    """With nulls, missing fields, unknown keys and unknown enum members."""
    objects = make_clips(60, seed)
    clips = [from_dict(clip, SavedClip) for clip in objects]
    assert list(map(to_dict, items_of(to_arrow(clips), SavedClip))) == list(map(to_dict, clips))
    groups = [
        from_dict(group, SharedClipGroup) for group in make_shared_clip_groups(objects, 20, seed)
    ]
    rebuilt = items_of(to_arrow(groups), SharedClipGroup)
    assert list(map(to_dict, rebuilt)) == list(map(to_dict, groups))


def test_table_of_more_rows_than_a_batch_holds_all_of_them() -> None:
    clips = (SavedClip(uuid=str(number)) for number in range(25_000))
    uuids = to_arrow(clips).column("uuid").to_pylist()
    assert uuids == [str(number) for number in range(25_000)]


# --- columns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ALL_MODELS)
def test_every_field_is_a_column(model: type[Model]) -> None:
    names = [field.name for field in attrs.fields(model) if field.name != "extra"]
    assert arrow_schema(model).names == [*names, "extra"]


def test_types_of_columns() -> None:
    schema = arrow_schema(ClipWithProgress)
    assert schema.field("created_at_ms").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("timestamp_ms").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("last_updated_sec").type == pa.timestamp("s", tz="UTC")
    assert schema.field("duration_sec").type == pa.int64()
    assert schema.field("analyzed").type == pa.bool_()
    assert schema.field("status").type == pa.string()
    assert schema.field("extra").type == pa.string()
    assert schema.field("device_uuids").type == pa.list_(pa.string())
    location = pa.struct({"region": pa.string(), "extra": pa.string()})
    assert schema.field("clip_location").type == location
    assert schema.field("device_uuid_map").type == pa.map_(pa.string(), location)


def test_numbers_that_may_be_times_or_durations_stay_integers() -> None:
    """The service documents no unit for them, or two meanings."""
    assert arrow_schema(SharedClipGroup).field("expiration_time_secs").type == pa.int64()
    assert arrow_schema(SplicedClip).field("start_time").type == pa.int64()
    assert arrow_schema(SplicedClip).field("duration").type == pa.int64()


def test_model_of_a_user_has_a_table() -> None:
    class Color(OpenEnum):
        RED = "RED"

    @attrs.frozen(kw_only=True)
    class Camera(Model):
        color: Color | None = None
        payload: Any = None
        zoom: float | None = None
        seen_ms: int | None = attrs.field(default=None)

    cameras = [
        from_dict({"color": "BLUE", "payload": {"a": [1, None]}, "zoom": 2}, Camera),
        Camera(seen_ms=5, zoom=0.5),
    ]
    assert to_arrow(cameras).to_pylist() == [
        {"color": "BLUE", "payload": '{"a":[1,null]}', "zoom": 2.0, "seen_ms": None, "extra": None},
        {"color": None, "payload": None, "zoom": 0.5, "seen_ms": 5, "extra": None},
    ]


# --- values that a column cannot hold --------------------------------------------------------


@pytest.mark.parametrize("time", [FIRST_MS, LAST_MS, 0, -1, 1_760_000_000_001])
def test_time_of_the_calendar_is_exact(time: int) -> None:
    table = to_arrow([SavedClip(timestamp_ms=time)])
    assert table.column("timestamp_ms").cast(pa.int64()).to_pylist() == [time]
    assert table.column("extra").to_pylist() == [None]


@pytest.mark.parametrize("time", [FIRST_MS - 1, LAST_MS + 1, 2**63 - 1, -(2**63)])
def test_time_beyond_the_calendar_is_null_and_its_number_is_in_extra(time: int) -> None:
    """As in the properties of the models. The row stays, and so do its other values."""
    clip = from_dict({"uuid": "A", "timestampMs": time, "new": 1}, SavedClip)
    (row,) = to_arrow([clip]).to_pylist()
    assert (row["uuid"], row["timestamp_ms"]) == ("A", None)
    assert row["extra"] == f'{{"new":1,"timestampMs":{time}}}'


def test_seconds_beyond_the_calendar_are_null_and_their_number_is_in_extra() -> None:
    clips = [ClipWithProgress(last_updated_sec=time) for time in (LAST_MS // 1000, LAST_MS)]
    first, second = to_arrow(clips).to_pylist()
    assert (str(first["last_updated_sec"]), first["extra"]) == ("9999-12-31 23:59:59+00:00", None)
    assert (second["last_updated_sec"], second["extra"]) == (
        None,
        f'{{"lastUpdatedSec":{LAST_MS}}}',
    )


def test_text_that_utf8_cannot_encode_is_replaced_and_the_original_is_in_extra() -> None:
    (row,) = to_arrow([SavedClip(title="a\ud800b", description="🎥")]).to_pylist()
    assert (row["title"], row["description"]) == ("a\ufffdb", "🎥")
    assert row["extra"] == r'{"title":"a\ud800b"}'


def test_names_of_a_map_that_are_replaced_are_in_extra() -> None:
    """Each replaced name occurs once, because DuckDB refuses a map that repeats a name."""
    first, second = "a\ud800", "a\udbff"
    devices = {first: MetaDataLocation(region="b"), second: None, "c": None}
    (row,) = to_arrow([SavedClip(device_uuid_map=devices)]).to_pylist()
    assert row["device_uuid_map"] == [("a\ufffd", {"region": "b", "extra": None}), ("c", None)]
    assert json.loads(row["extra"]) == {
        "deviceUuidMap": {first: {"region": "b"}, second: None, "c": None}
    }


def test_unknown_keys_of_a_nested_model_are_in_its_own_extra() -> None:
    clip = from_dict(
        {
            "clipLocation": {"region": "us-west-2", "zone": "b"},
            "deviceIntervalMap": {"D": [{"startMs": 2**62, "endMs": 1}]},
        },
        SavedClip,
    )
    (row,) = to_arrow([clip]).to_pylist()
    assert row["clip_location"] == {"region": "us-west-2", "extra": '{"zone":"b"}'}
    ((device, (interval,)),) = row["device_interval_map"]
    assert (device, interval["start_ms"]) == ("D", None)
    assert interval["extra"] == f'{{"startMs":{2**62}}}'
    assert row["extra"] is None
    assert clip.device_interval_map == {"D": [TimeInterval(start_ms=2**62, end_ms=1)]}
