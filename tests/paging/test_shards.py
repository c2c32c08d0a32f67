"""The rules that divide the time range of a listing among walks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips.paging.rules.pages import NEWEST_FIRST, OLDEST_FIRST
from rhombus_clips.paging.rules.shards import Shard, divide, probe_of, steal


@given(st.integers(0, 1000), st.integers(1, 5000), st.integers(1, 70), st.sampled_from((-1, 1)))
def test_windows_cover_the_range_once(start, length, shards, direction) -> None:
    divided = divide(start, start + length, shards, direction)
    windows = sorted((shard.start, shard.end) for shard in divided)
    assert windows[0][0] == start
    assert windows[-1][1] == start + length
    assert all(one[1] == other[0] for one, other in itertools.pairwise(windows))
    assert all(window[0] < window[1] for window in windows)


@given(
    st.sampled_from((NEWEST_FIRST, OLDEST_FIRST)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 300)), min_size=1, max_size=5),
)
def test_stolen_window_is_ahead_of_the_walk_and_removed_from_it(direction, moves) -> None:
    shard = Shard(0, 10_000, direction)
    for cursor, clips in moves:
        shard.moved_to(cursor)
        shard.met(clips, 100)
    stolen = steal([shard], page_size=1, usual=1.0)
    if stolen is None:
        return
    windows = sorted([(shard.start, shard.end), (stolen.start, stolen.end)])
    assert windows[0][0] == 0
    assert windows[1][1] == 10_000
    assert windows[0][1] == windows[1][0]
    assert shard.start <= shard.position <= shard.end
    assert stolen.left == stolen.end - stolen.start
    assert abs(stolen.left - shard.left) <= 1


def test_busiest_walk_is_stolen_from_and_a_last_page_is_not() -> None:
    sparse, dense = Shard(0, 1000, NEWEST_FIRST), Shard(1000, 2000, NEWEST_FIRST)
    sparse.moved_to(900)
    sparse.met(1, 100)
    dense.moved_to(1900)
    dense.met(300, 100)
    stolen = steal([sparse, dense], page_size=100, usual=None)
    assert stolen is not None
    assert (stolen.start, stolen.end) == (1000, 1450)
    dense.moved_to(1451)
    assert steal([sparse, dense], page_size=100, usual=None) is None


def test_nothing_is_divided_before_a_clip_was_found() -> None:
    """An empty listing is not divided down to milliseconds."""
    assert steal([Shard(0, 10**12, NEWEST_FIRST)], page_size=100, usual=None) is None
    assert steal([Shard(0, 10**12, NEWEST_FIRST)], page_size=100, usual=1e-9) is not None


@pytest.mark.parametrize(
    ("times", "probe"),
    [
        ([900, 890, 880], (895, 890)),
        ([900, 899, 890], (894, 890)),
        ([10, 20], (15, 20)),
        ([900, 899, 898], (901, 900)),
        ([900, 900], (901, 900)),
        ([5, 6, 7], (4, 5)),
        ([0, 1], (0, 0)),
    ],
)
def test_probe_is_a_time_without_a_clip(times: list[int], probe: tuple[int, int]) -> None:
    assert probe_of(times) == probe
