"""Learning which time the cursor refers to, and splitting time into windows."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipSession
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.paging.rules.clock import Clock, TimeRange
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, OLDEST_FIRST, ListedPage
from rhombus_clips.paging.rules.windows import Window
from tests.paging.walking import Clip


def _page(
    times: Sequence[tuple[int | None, int | None]],
    cursor: int | None,
    requested_from: int | None = None,
) -> ListedPage:
    clips: list[Any] = [Clip("x", *pair, serial=0) for pair in times]
    return ListedPage(clips, cursor, requested_from=requested_from)


def test_clock_is_the_only_time_that_the_pages_leave_possible() -> None:
    clock = Clock()
    assert clock.learned is None
    clock = clock.observed(_page([(9, 20), (8, 19), (7, 18)], 7), NEWEST_FIRST)
    assert clock.learned is None  # Both decrease so far.
    clock = clock.observed(_page([(6, 30), (5, 31)], 5), NEWEST_FIRST)
    assert clock.learned == "timestamp_ms"


@pytest.mark.parametrize("created_after", [60_000, None])
def test_clock_is_the_time_that_keeps_equalling_the_cursor(created_after: int | None) -> None:
    """The other time may run in parallel, a minute later, or be missing."""
    clock = Clock()
    for newest in (90, 80):
        assert clock.learned is None
        times: list[tuple[int | None, int | None]] = [
            (time, created_after and time + created_after) for time in (newest, newest - 5)
        ]
        clock = clock.observed(_page(times, newest - 5), NEWEST_FIRST)
    assert clock.learned == "timestamp_ms"


def test_equal_times_do_not_reveal_the_clock() -> None:
    clock = Clock()
    for newest in (90, 80, 70):
        clock = clock.observed(
            _page([(newest, newest), (newest - 5, newest - 5)], newest - 5), NEWEST_FIRST
        )
    assert clock.learned is None


def test_clock_that_contradicts_itself_is_not_used() -> None:
    clock = Clock()
    clock = clock.observed(_page([(1, None), (3, None)], 3), OLDEST_FIRST)
    clock = clock.observed(_page([(5, None), (4, None)], 4), OLDEST_FIRST)
    assert clock.learned is None


def test_time_that_never_matched_a_cursor_is_not_the_clock() -> None:
    clock = Clock()
    clock = clock.observed(_page([(1, 9), (2, 8)], 5), OLDEST_FIRST)
    assert clock.learned is None


def test_page_without_clips_or_cursor_proves_nothing() -> None:
    clock = Clock()
    clock = clock.observed(_page([], 5), OLDEST_FIRST)
    clock = clock.observed(_page([(1, 2)], None), OLDEST_FIRST)
    assert clock.learned is None


def test_range_is_half_open_and_excludes_clips_without_the_time() -> None:
    times: Any = TimeRange(by="timestamp_ms", since=10, until=20)
    assert Clip("a", 10, None, 0) in times
    assert Clip("a", 19, None, 0) in times
    assert Clip("a", 20, None, 0) not in times
    assert Clip("a", 9, None, 0) not in times
    assert Clip("a", None, 15, 0) not in times
    everything: Any = TimeRange(by="timestamp_ms")
    assert Clip("a", None, None, 0) in everything


def test_range_ends_only_after_its_last_millisecond() -> None:
    times = TimeRange(by="timestamp_ms", since=10, until=20)
    assert not times.ends_before(10, NEWEST_FIRST)
    assert times.ends_before(9, NEWEST_FIRST)
    assert not times.ends_before(19, OLDEST_FIRST)
    assert times.ends_before(20, OLDEST_FIRST)
    endless = TimeRange(by="timestamp_ms")
    assert not endless.ends_before(-1, NEWEST_FIRST)
    assert not endless.ends_before(10**15, OLDEST_FIRST)


def test_range_by_another_time_is_refused() -> None:
    session = ClipSession("k" * 22)
    methods: list[Callable[..., Any]] = [session.saved_clips, session.follow_saved_clips]
    for method in methods:
        with pytest.raises(InvalidArgumentError, match="by must be one of timestamp_ms"):
            method(by="updated_at_ms")


@given(
    st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 3_000), st.integers(0, 20_000)
)
def test_windows_cover_each_time_of_the_range_once(
    start: int, span: int, length: int, moment: int
) -> None:
    whole = Window(start, start + span)
    windows = list(whole.split(length, now=20_000))
    assert sum(moment in window for window in windows) == (moment in whole)
    assert all(window.end - window.start <= length for window in windows)  # type: ignore[operator]
    assert windows == sorted(windows, key=lambda window: -window.start)  # type: ignore[operator]


def test_future_of_a_range_belongs_to_the_newest_window() -> None:
    """A group with a future time would otherwise cost a request for each window until then."""
    windows = list(Window(0, 10**9).split(10, now=25))
    assert windows == [Window(15, 10**9), Window(5, 15), Window(0, 5)]
    assert list(Window(50, 10**9).split(10, now=25)) == [Window(50, 10**9)]


@given(st.integers(1, 10_000), st.integers(1, 3_000), st.integers(0, 10_000))
def test_newest_window_of_an_open_range_stays_open(start: int, length: int, now: int) -> None:
    windows = list(Window(start, None).split(length, now=now))
    assert windows[0].end is None
    assert windows[-1].start == start
    assert sum(start + 50_000 in window for window in windows) == 1


def test_range_without_length_or_start_is_one_window() -> None:
    assert list(Window(None, 5).split(10, now=0)) == [Window(None, 5)]
    assert list(Window(1, 5).split(None, now=0)) == [Window(1, 5)]
    assert list(Window(5, 5).split(10, now=0)) == []


def test_window_is_requested_one_millisecond_wider_on_both_sides() -> None:
    names = ("created_after_ms", "created_before_ms")
    assert Window(10, 20).parameters == dict(zip(names, (9, 21), strict=True))
    assert Window(None, None).parameters == dict(zip(names, (None, None), strict=True))
    assert Window(0, 5).parameters == dict(zip(names, (None, 6), strict=True))


def test_two_page_ends_prove_the_clock_if_the_other_time_runs_parallel() -> None:
    for shift in (5000, -5000):
        clock = Clock()
        for newest in (90_000, 80_000):
            page = [(newest, newest + shift), (newest - 5, newest - 5 + shift)]
            clock = clock.observed(_page(page, newest - 5), NEWEST_FIRST)
        assert clock.proven == "timestamp_ms"


def test_one_page_end_rules_out_no_time() -> None:
    clock = Clock()
    for newest in (90, 80):
        assert not clock.rules_out("created_at_ms")
        clock = clock.observed(_page([(newest, newest + 500)], newest), NEWEST_FIRST)
    assert clock.rules_out("created_at_ms")


def test_page_ends_of_clips_that_lack_the_other_time_prove_nothing() -> None:
    """The service may list such a clip by its only time."""
    clock = Clock()
    for newest in (90, 80, 70):
        clock = clock.observed(
            _page([(newest, None), (newest - 5, None)], newest - 5), NEWEST_FIRST
        )
    assert clock.learned == "timestamp_ms"
    assert clock.proven is None


def test_page_that_is_requested_again_counts_once() -> None:
    """Its end would otherwise be two proofs, which may be a coincidence."""
    clock = Clock()
    for _ in range(3):
        clock = clock.observed(_page([(90, 500), (85, 400)], 85), NEWEST_FIRST)
    assert clock.learned is None


def test_page_ends_at_both_times_do_not_contradict_the_clock() -> None:
    """The times may be equal or a few milliseconds apart."""
    clock = Clock()
    for newest, lag in ((90, 0), (80, 2), (70, 0), (60, 1)):
        clock = clock.observed(_page([(newest, newest + lag)], newest), NEWEST_FIRST)
    assert clock.proven == "timestamp_ms"
    assert not clock.may_be_either


def test_time_outside_the_requested_range_is_not_the_clock() -> None:
    """This holds even if it runs in the same direction as the cursor."""
    for direction in (NEWEST_FIRST, OLDEST_FIRST):
        clock = Clock()
        pages = [(100 + direction * step, 100 - direction * (50 - step)) for step in (2, 5, 9)]
        clock = clock.observed(_page(pages, pages[-1][0], 100), direction)
        assert clock.rules_out("created_at_ms")
        assert clock.learned == "timestamp_ms"


def test_clock_of_clips_with_equal_times_stays_undecided() -> None:
    clock = Clock()
    for newest in (90, 80):
        assert not clock.may_be_either
        clock = clock.observed(_page([(newest, newest)], newest), NEWEST_FIRST)
    assert clock.may_be_either
    assert clock.all_are_equal
    clock = clock.observed(_page([(75, 76), (70, 70)], 70), NEWEST_FIRST)
    assert clock.may_be_either
    assert not clock.all_are_equal
