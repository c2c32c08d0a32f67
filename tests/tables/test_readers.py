"""pandas, polars and DuckDB read a table of clips, also with odd values."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rhombus_clips import SavedClip, from_dict
from rhombus_clips.tables import to_arrow
from rhombus_clips.testing.clips import make_clips
from tests.components import required

required("pyarrow")

SURROGATES = ("\ud800", "\ud801")  # Both are replaced by the same character.
ODD = [
    {"title": "a\ud800\x00'\"<b>", "createdAtMs": 2**63 - 1, "timestampMs": -(2**63)},
    {"title": "", "createdAtMs": 253_402_300_799_999, "timestampMs": -62_135_596_800_000},
    {"deviceUuidMap": {key: {"new": [2**70]} for key in SURROGATES}, "status": "NEW"},
    {},
]
CLIPS = [from_dict(clip, SavedClip) for clip in [*make_clips(40), *ODD]]
TITLES = [clip.title and clip.title.replace("\ud800", "\ufffd") for clip in CLIPS]
TIMES = [clip.created_at for clip in CLIPS]


@pytest.fixture(scope="module")
def table() -> Any:
    return to_arrow(CLIPS)


def test_pandas_reads_every_row(table) -> None:
    pandas = required("pandas")
    frame = table.to_pandas()
    assert [None if pandas.isna(title) else title for title in frame["title"]] == TITLES
    times = [
        None if pandas.isna(time) else time.to_pydatetime(warn=False)
        for time in frame["created_at_ms"]
    ]
    assert times == TIMES
    assert str(frame["created_at_ms"].dtype) == "datetime64[ms, UTC]"
    assert frame["clip_location"][0]["region"] == CLIPS[0].clip_location_v2


def test_polars_reads_every_row(table) -> None:
    polars = required("polars")
    frame = polars.from_arrow(table)
    assert frame["title"].to_list() == TITLES
    assert frame["created_at_ms"].to_list() == TIMES
    assert frame["clip_location"].struct.field("region")[0] == CLIPS[0].clip_location_v2
    assert frame.to_arrow().num_rows == len(CLIPS)


def test_duckdb_reads_every_row(table) -> None:
    duckdb = required("duckdb")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("clips", table)
        rows = connection.execute(
            "select title, epoch_ms(created_at_ms), clip_location.region, extra from clips"
        ).fetchall()
        assert [title for title, *_ in rows] == TITLES
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        milliseconds = [
            None if time is None else round((time - epoch).total_seconds() * 1000) for time in TIMES
        ]
        assert [time for _, time, *_ in rows] == milliseconds
        assert rows[0][2] == CLIPS[0].clip_location_v2
        # Every column, also those that the query above does not read.
        everything = connection.execute("create table copy as select * from clips")
        assert everything.execute("select count(*) from copy").fetchall() == [(len(CLIPS),)]
