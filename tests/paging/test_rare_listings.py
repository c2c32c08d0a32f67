"""Listings in which cursors of earlier designs lost or repeated a clip, or made no progress."""

from collections import Counter

import pytest

from rhombus_clips import ClipSession, CursorStalledError, PagingError
from rhombus_clips.paging.rules.cursor_text import Kind, Listed
from rhombus_clips.paging.rules.tokens import TakenTokenPage, TokenPosition, TokenWalk
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order
from tests.paging.test_handovers import Service, forever, take, walk_in_steps
from tests.paging.walking import Clip, spaced, visible, walk_through


def clip_at(number: int, timestamp: int | None, created: int | None) -> Clip:
    return Clip(f"clip {number}", timestamp, created, number)


def check_steps(service: Service, steps) -> None:
    found = walk_in_steps(service, forever(steps))
    assert not service.lasting - found
    assert max(found.values(), default=1) == 1


@pytest.mark.parametrize("inclusive", [False, True])
def test_times_of_hidden_clips_that_coincide_prove_no_clock(inclusive) -> None:
    """The cursor twice equals the recording time of the last visible clip, by coincidence."""
    entries = [
        StoredClip(
            1190 - 10 * place,
            clip_at(19 - place, 1160 - 10 * place, 1190 - 10 * place),
            visible=19 - place in {18, 12, 7, 6},
        )
        for place in range(20)
    ]
    check_steps(Service(entries, Listing(clock="created_at_ms", inclusive=inclusive)), [(3, 6)])


@pytest.mark.parametrize("step", range(4, 20))
@pytest.mark.parametrize("newest_first", [False, True])
def test_clip_created_before_its_ties_does_not_repeat_them(newest_first, step) -> None:
    """Clips of the boundary's millisecond stay known, although they follow the new one."""
    listing = Listing(newest_first=newest_first)
    service = Service(in_order(spaced(24, ties=3), listing), listing)
    found: Counter[int] = Counter()
    cursor: str | None = None
    for number in range(100):
        clips, cursor = take(service, cursor, 1, 4, largest_page=1)
        found.update(clip.serial for clip in clips)
        if cursor is None:
            break
        if number == step:
            time = clips[0].timestamp_ms or 0
            place = next(n for n, entry in enumerate(service.entries) if entry.time == time)
            service.entries.insert(place, StoredClip(time, clip_at(99, time, time + 7)))
    assert not service.lasting - found
    assert max(found.values()) == 1


def test_steps_without_overlap_lose_no_more_than_one_walk() -> None:
    """A boundary within a page would lose the other clips of its millisecond."""
    entries = spaced(60, ties=3)
    whole = walk_through(entries, Listing(), 5, overlaps=False).serials
    service = Service(entries, Listing())
    steps = walk_in_steps(service, forever([(1, 5)]), overlaps=False, largest_page=1)
    assert steps == whole


def test_direction_that_is_only_guessed_does_not_travel() -> None:
    """Both sides of the first cursor list the same rest of the listing."""
    entries = [
        StoredClip(1000 + 10 * n, clip_at(n, 1000 + 10 * n, 5000 + 10 * n), visible=n != 1)
        for n in range(6)
    ]
    check_steps(Service(entries, Listing(newest_first=False)), [(1, 2), (1, 7), (1, 1)])


def test_hidden_start_is_not_a_truncated_page() -> None:
    entries = [
        StoredClip(2000 - 10 * n, clip_at(n, 2000 - 10 * n, 9000 - 10 * n), visible=n == 40)
        for n in range(41)
    ]
    check_steps(Service(entries, Listing(last_page=LastPage.EMPTY)), [(5, 2)])


def test_handed_out_clips_without_a_time_are_remembered() -> None:
    entries = [
        StoredClip(
            2000 - 10 * n,
            clip_at(n, None if n in {0, 5} else 2000 - 10 * n, 5000 - 10 * n),
            visible=n not in {1, 3, 4},
        )
        for n in range(9)
    ]
    check_steps(Service(entries, Listing(inclusive=True)), [(2, 1), (1, 4), (3, 1)])


def test_many_clips_at_a_boundary_whose_last_clip_is_hidden_are_not_repeated() -> None:
    times = [2_000_000 - 10 * n for n in range(597)]
    tie = times[-1] - 10
    times += [tie] * 300 + [tie - 1] + [tie - 20 - 10 * n for n in range(600)]
    entries = [
        StoredClip(time, clip_at(n, time, time + 7), visible=n != 897)
        for n, time in enumerate(times)
    ]
    walked = walk_through(entries, Listing(inclusive=True), 500)
    assert walked.serials == visible(entries)


def test_filters_in_another_order_are_the_same_listing() -> None:
    session = ClipSession("k" * 22)
    one, other = "a" * 22, "b" * 22
    cursor = session.clips_with_progress(device_uuid_filters=[one, other]).cursor
    again = session.clips_with_progress(device_uuid_filters=[other, one, one], cursor=cursor)
    assert again.cursor == cursor


def test_most_recent_clips_of_a_token_listing_are_recognized_in_order() -> None:
    listed = Listed(Kind.CLIPS_WITH_PROGRESS)
    names = [f"clip {number * 7919 % 104729}" for number in range(100)]

    def page(cursor: str | None, uuids: list[str], token: str | None) -> TakenTokenPage:
        start = TokenPosition() if cursor is None else TokenPosition.from_cursor(listed, cursor)
        return TokenWalk(start).take(uuids, uuids, token)

    cursor: str | None = None
    for amount in (90, 10):
        position = page(cursor, names, "100").position(amount)
        assert position is not None
        cursor = position.to_cursor(listed)
    assert len(page(cursor, [*names[-15:], "new"], None).new_indexes) == 1


async def test_collect_makes_progress_through_pages_without_clips(connect) -> None:
    """Otherwise each request of a web application would read the same pages and fail."""
    clips = [
        {"uuid": f"c{n}", "timestampMs": 10**12 - 10 * n, "createdAtMs": 10**12 - 10 * n + 3}
        for n in range(700)
    ]
    hidden = {f"c{n}" for n in range(20, 680)}
    found: list[str | None] = []
    cursor: str | None = None
    async with (
        FakeRhombus(clips, shared_clip_groups=[], hidden=hidden) as fake,
        connect(fake) as session,
    ):
        for _ in range(6):
            pager = session.saved_clips(cursor=cursor, page_size=5)
            try:
                found += [clip.uuid for clip in await pager.collect(25)]
                cursor = pager.cursor
            except PagingError as error:
                cursor = error.cursor
            if cursor is None:
                break
    assert found == [f"c{n}" for n in range(700) if f"c{n}" not in hidden]


async def test_pager_without_a_cursor_still_has_a_repr(connect) -> None:
    """Among too many clips of one millisecond, only `cursor` raises."""
    clips = [{"uuid": f"c{n}", "timestampMs": 10**12, "createdAtMs": 10**12} for n in range(1200)]
    async with FakeRhombus(clips, shared_clip_groups=[]) as fake, connect(fake) as session:
        pager = session.saved_clips(page_size=300)
        refused = 0
        async for _ in pager:
            assert not pager.is_exhausted or pager.stats.items == 1200
            assert repr(pager)
            try:
                assert pager.cursor or pager.stats.items == 1200
            except CursorStalledError:
                refused += 1
    assert refused
