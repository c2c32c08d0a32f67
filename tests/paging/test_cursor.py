"""The walk by a timestamp cursor: nothing lost, nothing twice, under every way of listing."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from rhombus_clips import CursorCycleError, CursorStalledError, DecodeError, PagingError
from rhombus_clips.paging.rules.cursor import LARGEST_PAGE_SIZE, MOST_EMPTY_PAGES, CursorWalk
from rhombus_clips.paging.rules.listed import NEWEST_FIRST, OLDEST_FIRST, Ask, Fresh, Listed
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order
from tests.examples import examples
from tests.paging.walking import (
    Clip,
    Walked,
    listings,
    most_near_one_ms,
    spaced,
    visible,
    walk_through,
)


@examples(1500)
@given(listings())
def test_each_clip_exactly_once_or_an_error_that_says_why(drawn) -> None:
    """Ties, either order, either clock, inclusive or not, every end, hidden clips, cut pages,
    clips without uuid or time: the walk hands out each visible clip once, or raises.
    """
    entries, listing, page_size = drawn
    try:
        walked = walk_through(entries, listing, page_size)
    except PagingError as error:
        # Only a service that cuts pages can leave more in one millisecond than it lists; one
        # that hides clips as well cannot always be told from it.
        assert isinstance(error, CursorStalledError)
        assert listing.largest_page is not None
        hides = not all(entry.visible for entry in entries)
        assert most_near_one_ms(entries) >= listing.largest_page or hides
        return
    if not _cannot_be_told_from_the_end(entries, listing, walked):
        assert walked.serials == visible(entries)


def _cannot_be_told_from_the_end(entries, listing, walked: Walked) -> bool:
    """All that the service ever lists is one page of one millisecond, cut: it answers alike
    whether more lies behind or not.
    """
    last = [entry for entry in entries if entry.time == entries[-1].time] if entries else []
    missing = visible(entries) - walked.serials
    return (
        listing.largest_page is not None
        and len(last) > listing.largest_page >= len(walked.clips)
        and not walked.serials - visible(entries)
        and set(missing) <= set(visible(last))
    )


@examples(300)
@given(listings())
def test_pages_that_are_not_cut_never_raise(drawn) -> None:
    entries, listing, page_size = drawn
    listing = evolve(listing, largest_page=None)
    assert walk_through(entries, listing, page_size).serials == visible(entries)


@examples(300)
@given(listings())
def test_resumed_walk_loses_nothing_behind_its_cursor(drawn) -> None:
    """A second walk from any cursor of the first lists all that the first had not."""
    entries, listing, page_size = drawn
    listing = evolve(listing, largest_page=None)
    walk: CursorWalk[Any] = CursorWalk(page_size=page_size, identity=lambda clip: clip.uuid or clip)
    for cursor, handed_out in _cursors_on_the_way(entries, listing, page_size, walk):
        resumed = walk_through(entries, listing, page_size, cursor=cursor)
        assert not visible(entries) - handed_out - resumed.serials


def _cursors_on_the_way(entries, listing, page_size, walk):
    from rhombus_clips.testing.listing import list_page

    so_far = Walked()
    answer, steps = None, walk.steps()
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        if isinstance(step, Fresh):
            so_far.clips.extend(step.items)
            answer = None
            if step.cursor is not None:
                yield step.cursor, so_far.serials
        else:
            page = list_page(entries, listing, step.page_timestamp_ms, step.max_page_size)
            answer = Listed(page.clips, page.cursor)


@examples(300)
@given(listings())
def test_cursor_that_is_no_time_goes_back_as_it_came(drawn) -> None:
    """A service that knows only the cursors that it gave is walked verbatim."""
    entries, listing, page_size = drawn
    apart = {entry.time: evolve(entry, time=entry.time * 10, visible=True) for entry in entries}
    entries = in_order(list(apart.values()), listing)
    listing = evolve(listing, largest_page=None, is_time=False)
    assert walk_through(entries, listing, page_size).serials == visible(entries)


def test_cursor_that_is_no_time_may_have_a_neighbour() -> None:
    """A millisecond past the first cursor there is a clip, whose cursor the service knows."""
    listing = Listing(newest_first=False, is_time=False)
    entries = [
        StoredClip(time, Clip(f"clip {time}", time, None, time))
        for time in (1000, 1002, 1003, 1005, 1007, 1009)
    ]
    assert walk_through(entries, listing, 2).serials == visible(entries)


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
def test_ordinary_listing_costs_one_page_more(newest_first, inclusive, last_page) -> None:
    """A thousand clips in pages of a hundred: the overlap costs a page, an end without a mark up
    to five small requests, not a request a page.
    """
    listing = Listing(newest_first=newest_first, inclusive=inclusive, last_page=last_page)
    walked = walk_through(in_order(spaced(1000, ties=3), listing), listing, 100)
    assert len(walked.clips) == 1000
    assert len(walked.asked) <= 11 + (5 if last_page in (LastPage.EMPTY, LastPage.REPEATED) else 0)
    assert walked.walk is not None
    assert walked.walk.direction == (NEWEST_FIRST if newest_first else OLDEST_FIRST)


def test_verbatim_exclusive_cursor_loses_ties() -> None:
    """What `overlap` is for, and what the README quotes."""
    entries = spaced(1000, ties=3)
    kept = walk_through(entries, Listing(), 100)
    lossy = walk_through(entries, Listing(), 100, overlap=False)
    assert len(kept.clips) == 1000
    assert len(lossy.clips) == 982


def test_inclusive_cursor_needs_no_overlap() -> None:
    walked = walk_through(spaced(1000, ties=3), Listing(inclusive=True), 100, overlap=False)
    assert len(walked.clips) == 1000


def test_memory_does_not_grow_with_the_listing() -> None:
    """Only the page at the boundary is remembered."""
    walked = walk_through(spaced(20_000), Listing(), 100)
    assert walked.walk is not None
    assert len(walked.clips) == 20_000
    assert len(walked.walk._seen) <= 200
    assert len(walked.walk._used_cursors) == 0


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
def test_hidden_clips_and_cut_pages_are_no_reason_to_raise(inclusive, last_page) -> None:
    """A service that clamps pages at the documented hundred and hides what one may not see."""
    entries = [evolve(entry, visible=n % 7 > 0) for n, entry in enumerate(spaced(1000))]
    listing = Listing(largest_page=100, inclusive=inclusive, last_page=last_page)
    for page_size in (100, 500):
        assert walk_through(entries, listing, page_size).serials == visible(entries)


def test_more_ties_than_a_page_holds_are_listed_by_larger_pages() -> None:
    entries = spaced(500, ties=250)
    walked = walk_through(entries, Listing(), 20)
    assert len(walked.clips) == 500
    assert max(ask.max_page_size for ask in walked.asked) <= LARGEST_PAGE_SIZE


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("newest_first", [False, True])
def test_service_that_refuses_more_than_a_page_is_walked_by_pages(newest_first, last_page) -> None:
    """A larger page is only ever a question: its refusal is nobody's error."""
    listing = Listing(newest_first=newest_first, last_page=last_page)
    entries = in_order(spaced(250, ties=2), listing)
    for hidden in (None, 99):
        seen = [evolve(entry, visible=n != hidden) for n, entry in enumerate(entries)]
        walked = walk_through(seen, listing, 100, refused_above=100)
        assert walked.serials == visible(seen)


def test_ties_that_only_a_refused_page_would_hold_raise() -> None:
    with pytest.raises(CursorStalledError):
        walk_through(spaced(240, ties=120), Listing(), 100, refused_above=100)


def test_clip_made_while_the_end_is_settled_is_listed() -> None:
    """It is no sign of hidden ties."""
    listing = Listing(newest_first=False, last_page=LastPage.REPEATED)
    entries = in_order(spaced(250), listing)
    newer = evolve(
        entries[-1], time=2_000_000, clip=evolve(entries[-1].clip, uuid="new", serial=250)
    )
    for late in range(3, 9):
        walked = walk_through([*entries, newer], listing, 100, appears=(late, newer))
        assert walked.serials == visible([*entries, newer]), late


def test_hidden_clip_among_more_ties_than_a_page_holds_is_no_end() -> None:
    """The page of ties is a clip short of the longest, and still cut."""
    ties = [evolve(entry, time=5, visible=n != 300) for n, entry in enumerate(spaced(400))]
    entries = [*spaced(250), *ties[250:]]
    with pytest.raises(CursorStalledError):
        walk_through(entries, Listing(largest_page=100), 100)


@pytest.mark.parametrize("last_page", LastPage)
def test_more_ties_than_the_service_lists_raise(last_page: LastPage) -> None:
    """With other clips behind them, whatever the end looks like."""
    entries = spaced(40, ties=20)
    listing = Listing(largest_page=10, last_page=last_page)
    with pytest.raises(CursorStalledError, match=r"millisecond, at 1000000, .* at once \(10\)"):
        walk_through(entries, listing, 100)


def test_cut_pages_within_an_inclusive_listing_are_walked() -> None:
    """An inclusive cursor cannot skip a tie, so it may be followed past a cut."""
    entries = in_order([*spaced(5, apart=1, ties=2)], Listing())
    walked = walk_through(entries, Listing(inclusive=True, largest_page=3), 100)
    assert len(walked.clips) == 5
    # Nor one that refuses a larger page instead of cutting it.
    walked = walk_through(entries, Listing(inclusive=True), 3, refused_above=3)
    assert len(walked.clips) == 5


def test_walk_without_overlap_past_cut_ties_raises_too() -> None:
    entries = spaced(40, ties=20)
    with pytest.raises(CursorStalledError):
        walk_through(entries, Listing(inclusive=True, largest_page=10), 100, overlap=False)


# --- answers that no sane listing gives --------------------------------------------------------


def _answered(walk: CursorWalk, answers) -> list[object]:
    """Feed *answers* to the walk, whatever it asks; returns what it handed out."""
    steps, answer = walk.steps(), None
    handed_out: list[object] = []
    answers = iter(answers)
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return handed_out
        if isinstance(step, Ask):
            answer = next(answers)
        else:
            handed_out.extend(step.items)
            answer = None


def _walk(**settings) -> CursorWalk:
    return CursorWalk(page_size=2, identity=lambda clip: clip.uuid or clip, **settings)


def _page(*serials: int, cursor: int | None) -> Listed:
    """Clips whose time is 1000 less their number."""
    entries = spaced(100, apart=1)
    return Listed([entries[serial].clip for serial in serials], cursor)


def test_cursor_that_runs_back_raises() -> None:
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(2, 3, cursor=newest + 5),
    ]
    with pytest.raises(CursorCycleError, match="went back from 999998 to 1000005"):
        _answered(_walk(), pages)


def test_verbatim_cursor_that_comes_again_raises() -> None:
    pages = [
        _page(0, 1, cursor=500),
        _page(2, 3, cursor=900),
        _page(4, 5, cursor=500),
    ]
    with pytest.raises(CursorCycleError, match="runs in a circle"):
        _answered(_walk(overlap=False), pages)


def test_fruitless_pages_are_bounded_and_may_be_gone_past() -> None:
    """An endless row of empty pages raises; the walk can then be taken up where it was."""
    walk = _walk()
    pages = (_page(cursor=1_000_000 - number) for number in range(10_000))
    with pytest.raises(PagingError, match=f"{MOST_EMPTY_PAGES} pages in a row"):
        _answered(walk, pages)
    before = walk.cursor
    assert before is not None
    assert _answered(walk, [_page(50, cursor=before - 5), _page(51, cursor=None)]) != []


def test_service_that_forgets_to_read_the_cursor_as_a_time_is_walked_verbatim() -> None:
    """The overlap is checked at every boundary, not at the first alone."""
    walk = _walk()
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(cursor=None),  # Asked from a millisecond before: nothing, not even clip 2.
        _page(3, 4, cursor=newest - 4),  # Asked from the bare cursor.
        _page(5, cursor=None),
    ]
    assert len(_answered(walk, pages)) == 6


def test_clip_deleted_at_the_boundary_is_no_reason_to_distrust_the_cursor() -> None:
    walk = _walk()
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(3, 4, cursor=newest - 4),  # Clip 2 is gone; its page goes on without it.
        _page(4, 5, cursor=newest - 5),
        _page(5, cursor=None),
    ]
    assert len(_answered(walk, pages)) == 6
    assert walk.direction == NEWEST_FIRST


def test_clip_that_comes_twice_on_a_page_is_handed_out_once() -> None:
    walk = _walk()
    assert len(_answered(walk, [_page(0, 0, cursor=None)])) == 1
    assert walk.duplicates == 1


def test_twins_without_uuid_are_handed_out_both() -> None:
    """Two clips that say the same and have no uuid are two clips."""
    twin = evolve(spaced(1)[0].clip, uuid=None)
    assert len(_answered(_walk(), [Listed([twin, twin], None)])) == 2


def test_only_null_and_zero_end_the_listing() -> None:
    for cursor in (0, None):
        assert len(_answered(_walk(), [_page(0, 1, cursor=cursor)])) == 2


@pytest.mark.parametrize("cursor", [-1, -(2**63), 2**63 - 1, 2**63])
def test_cursor_that_is_no_time_is_no_end(cursor: int) -> None:
    """It raises, with its place, before anything of its page is handed out."""
    with pytest.raises(DecodeError) as caught:
        _answered(_walk(), [_page(0, 1, cursor=cursor)])
    assert caught.value.path == "$.lastEvaluatedTimestampMs"
    assert str(cursor) in str(caught.value)
