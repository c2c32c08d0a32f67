"""The Range header of a backend's request, compared with an independent reading of RFC 9110."""

import pickle
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    InvalidArgumentError,
    RangeNotSatisfiableError,
    RequestedRange,
    parse_range,
)

CHANGED = datetime(2026, 5, 7, 12, 30, 15, tzinfo=UTC)


def answer(header: str | None, total: int, **more: Any) -> tuple[int, int] | int:
    """Return start and stop of a part, 200 for the whole file, or 416."""
    try:
        wanted = parse_range(header, total, **more)
    except RangeNotSatisfiableError as error:
        assert error.total == total
        return 416
    assert wanted.total == total
    if wanted.is_partial:
        assert wanted.http_status == 206
        assert wanted.stop is not None
        return wanted.start, wanted.stop
    assert (wanted.http_status, wanted.start, wanted.stop) == (200, 0, total)
    return 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, 200),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=99-", (99, 100)),
        ("bytes=10-99999", (10, 100)),
        ("bytes=00010-0019", (10, 20)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-101", (0, 100)),
        ("BYTES=1-2", (1, 3)),
        (" bytes=1-2\t", (1, 3)),
        ("bytes= 1-2 ", (1, 3)),
        ("bytes=,1-2, ,", (1, 3)),
        # Unsatisfiable.
        ("bytes=100-", 416),
        ("bytes=100-200", 416),
        ("bytes=-0", 416),
        ("bytes=-000", 416),
        # Several ranges, other units and invalid syntax are ignored.
        ("bytes=0-1,5-6", 200),
        ("bytes=500-600,700-", 200),
        ("items=0-1", 200),
        ("bytes", 200),
        ("bytes=", 200),
        ("bytes=-", 200),
        ("bytes=,", 200),
        ("bytes=5", 200),
        ("bytes=9-5", 200),
        ("bytes=1 - 2", 200),
        ("bytes =1-2", 200),
        ("bytes:1-2", 200),
        ("bytes=a-b", 200),
        ("bytes=0x1-0x2", 200),
        ("bytes=+1-2", 200),
        ("bytes=1_0-20", 200),
        ("bytes=--1", 200),
        ("bytes=1-2-3", 200),
        ("bytes=1.5-2", 200),
        ("bytes=١-٢", 200),
        ("bytes=²-", 200),
        ("bytes=1-2\n", 200),
        ("bytes=1-2\x00", 200),
        ("", 200),
    ],
)
def test_range_of_a_file_of_100_bytes(header: str | None, expected: tuple[int, int] | int) -> None:
    assert answer(header, 100) == expected


def test_numbers_of_more_digits_than_python_converts() -> None:
    nines, zeros = "9" * 5000, "0" * 5000
    assert answer(f"bytes=1-{nines}", 100) == (1, 100)
    assert answer(f"bytes=-{nines}", 100) == (0, 100)
    assert answer(f"bytes={nines}-", 100) == 416
    assert answer(f"bytes={nines}-{nines}", 100) == 416
    assert answer(f"bytes={nines}-1", 100) == 200
    assert answer(f"bytes={zeros}7-{zeros}8", 100) == (7, 9)


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, 200), ("bytes=0-", 416), ("bytes=0-0", 416), ("bytes=-0", 416), ("bytes=-5", 200)],
)
def test_range_of_an_empty_file(header: str | None, expected: int) -> None:
    assert answer(header, 0) == expected


def _modelled(text: str, total: int) -> tuple[int, int] | int:
    """A slow second reading of the specification: the set of positions that a range selects."""
    unit, equals, ranges = text.partition("=")
    listed = [element.strip(" \t") for element in ranges.split(",")]
    listed = [element for element in listed if element != ""]
    if unit.lower() != "bytes" or not equals or len(listed) != 1:
        return 200
    first, minus, last = listed[0].partition("-")
    if not minus or any(char not in "0123456789" for char in first + last) or not first + last:
        return 200
    if first and last and int(last) < int(first):
        return 200
    positions = list(range(total))
    if first:
        until = int(last) if last else total
        selected = [position for position in positions if int(first) <= position <= until]
    else:
        if total == 0 and int(last) > 0:
            return 200
        selected = positions[-int(last) :] if int(last) else []
    return (selected[0], selected[-1] + 1) if selected else 416


NUMBERS = st.integers(0, 60).map(str) | st.sampled_from(["", "007", "9" * 30, "-1", "x"])
SPECS = st.builds("{}-{}".format, NUMBERS, NUMBERS) | st.text(
    alphabet="0123456789-, \tb=", max_size=8
)
HEADERS = st.builds(
    lambda unit, specs: f"{unit}={','.join(specs)}",
    st.sampled_from(["bytes", "Bytes", "byte", ""]),
    st.lists(SPECS, min_size=1, max_size=2),
)


@given(HEADERS, st.integers(0, 50))
def test_range_agrees_with_the_model(header: str, total: int) -> None:
    # Blanks around the whole value are not part of a header.
    assert answer(header, total) == _modelled(header.strip(" \t"), total)


def test_range_agrees_with_the_model_for_every_short_range() -> None:
    numbers = ["", *map(str, range(7))]
    for total in range(6):
        for first in numbers:
            for last in numbers:
                header = f"bytes={first}-{last}"
                assert answer(header, total) == _modelled(header, total), (header, total)


@given(st.text(max_size=30) | st.text(max_size=10).map("bytes={}".format), st.integers(0, 10**20))
def test_any_text_is_a_range_or_ignored(header: str, total: int) -> None:
    assert answer(header, total) is not None


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 200))
def test_headers_describe_the_part(first: int, more: int, total: int) -> None:
    header = f"bytes={first}-{first + more}"
    if first >= total:
        with pytest.raises(RangeNotSatisfiableError) as caught:
            parse_range(header, total)
        assert caught.value.headers == {"Content-Range": f"bytes */{total}"}
        return
    wanted = parse_range(header, total)
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", wanted.headers["Content-Range"])
    assert match is not None
    assert wanted.stop is not None
    assert [int(number) for number in match.groups()] == [first, wanted.stop - 1, total]
    assert int(wanted.headers["Content-Length"]) == wanted.length == wanted.stop - first
    assert 0 < wanted.stop - first <= more + 1


def test_whole_file_has_no_content_range() -> None:
    wanted = parse_range(None, 7)
    assert wanted == RequestedRange(start=0, stop=7, total=7, is_partial=False)
    assert wanted.headers == {"Accept-Ranges": "bytes", "Content-Length": "7"}


@pytest.mark.parametrize("header", [None, "bytes=5-", "bytes=-5", "bytes=99999-"])
def test_file_of_unknown_length_is_sent_as_a_whole(header: str | None) -> None:
    wanted = parse_range(header, None)
    assert wanted == RequestedRange(start=0, stop=None, total=None, is_partial=False)
    assert (wanted.http_status, wanted.length, wanted.headers) == (200, None, {})


def test_error_has_what_a_backend_responds_with() -> None:
    with pytest.raises(RangeNotSatisfiableError, match="has 5 bytes") as caught:
        parse_range("bytes=9-", 5)
    error = pickle.loads(pickle.dumps(caught.value))
    assert issubclass(type(error), InvalidArgumentError)
    assert (error.http_status, error.total) == (416, 5)
    assert error.public_message == str(caught.value)
    assert RangeNotSatisfiableError("unknown", None).headers == {}


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (None, (5, 7)),
        ('"a"', (5, 7)),
        (' "a" ', (5, 7)),
        ('"b"', 200),
        ('W/"a"', 200),
        ("a", 200),
        ("*", 200),
        ("", 200),
        (format_datetime(CHANGED, usegmt=True), (5, 7)),
        (format_datetime(CHANGED + timedelta(seconds=1), usegmt=True), 200),
        (format_datetime(CHANGED - timedelta(seconds=1), usegmt=True), 200),
    ],
)
def test_if_range_must_name_the_current_file(if_range: str | None, expected: Any) -> None:
    current = {"etag": '"a"', "last_modified": CHANGED + timedelta(microseconds=5)}
    assert answer("bytes=5-6", 10, if_range=if_range, **current) == expected


def test_if_range_that_fails_has_the_whole_file_instead_of_an_error() -> None:
    assert answer("bytes=500-", 10, if_range='"b"', etag='"a"') == 200
    assert answer("bytes=5-6", 10, if_range='"b"') == 200
    assert answer("bytes=5-6", 10, if_range='W/"a"', etag='W/"a"') == 200
    date = format_datetime(CHANGED, usegmt=True)
    naive = CHANGED.replace(tzinfo=None)
    assert answer("bytes=5-6", 10, if_range=date, last_modified=naive) == 200


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("bytes=1-", -1), {}),
        (("bytes=1-", "9"), {}),
        (("bytes=1-", True), {}),
        ((b"bytes=1-", 9), {}),
        ((["bytes=1-"], 9), {}),
        ((None, 9), {"if_range": b'"a"'}),
        ((None, 9), {"etag": 5}),
        ((None, 9), {"last_modified": "Thu, 07 May 2026 12:30:15 GMT"}),
    ],
)
def test_arguments_of_the_backend_are_checked(arguments: Any, more: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        parse_range(*arguments, **more)
