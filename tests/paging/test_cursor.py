"""The walk by a timestamp cursor: every clip once, for every kind of listing."""

import pytest
from attrs import evolve
from hypothesis import given

from rhombus_clips import CursorCycleError, CursorStalledError, DecodeError, PagingError
from rhombus_clips.paging.rules.cursor import MOST_PAGES_WITHOUT_NEWS, CursorWalk
from rhombus_clips.paging.rules.page_search import LARGEST_PAGE_SIZE
from rhombus_clips.paging.rules.pages import NEWEST_FIRST, OLDEST_FIRST, ListedPage
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order
from tests.examples import examples
from tests.paging.walking import (
    Clip,
    Walked,
    listings,
    most_near_one_ms,
    new_items,
    respond,
    spaced,
    visible,
    walk_of,
    walk_through,
)


@examples(1500)
@given(listings())
def test_each_clip_is_found_once_or_a_stall_is_raised(drawn) -> None:
    """The listings have ties, either order, either clock, inclusive or exclusive cursors, any mark
    of the end, hidden clips, truncated pages, and clips without a uuid or time.
    """
    entries, listing, page_size = drawn
    try:
        walked = walk_through(entries, listing, page_size)
    except PagingError as error:
        # Only a service that truncates pages can have more clips in one millisecond than it
        # returns. One that also hides clips can look the same.
        assert isinstance(error, CursorStalledError)
        assert listing.largest_page is not None
        hides = not all(entry.visible for entry in entries)
        assert most_near_one_ms(entries) >= listing.largest_page or hides
        return
    if not _looks_like_the_end(entries, listing, walked):
        assert walked.serials == visible(entries)


def _looks_like_the_end(entries, listing, walked: Walked) -> bool:
    """Return whether the service only returns one truncated page of a single millisecond.

    It returns that page even if more clips follow, so the walk cannot detect them.
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
def test_untruncated_pages_never_raise(drawn) -> None:
    entries, listing, page_size = drawn
    listing = evolve(listing, largest_page=None)
    assert walk_through(entries, listing, page_size).serials == visible(entries)


@examples(300)
@given(listings())
def test_resumed_walk_loses_nothing_after_its_cursor(drawn) -> None:
    """A second walk from any cursor of the first finds every clip that the first had not."""
    entries, listing, page_size = drawn
    listing = evolve(listing, largest_page=None)
    walk = walk_of(page_size)
    for cursor, handed_out in _cursors_on_the_way(entries, listing, page_size, walk):
        resumed = walk_through(entries, listing, page_size, cursor=cursor)
        assert not visible(entries) - handed_out - resumed.serials


def _cursors_on_the_way(entries, listing, page_size, walk):
    so_far = Walked()
    while (request := walk.request) is not None:
        page = walk.take(respond(entries, listing, request))
        if page is not None:
            so_far.clips.extend(new_items(page))
            if walk.position.boundary is not None:
                yield walk.position.boundary, so_far.serials


@examples(300)
@given(listings())
def test_cursor_that_is_not_a_time_is_sent_back_unchanged(drawn) -> None:
    """A service that accepts only its own cursors is walked verbatim."""
    entries, listing, page_size = drawn
    apart = {entry.time: evolve(entry, time=entry.time * 10, visible=True) for entry in entries}
    entries = in_order(list(apart.values()), listing)
    listing = evolve(listing, largest_page=None, is_time=False)
    assert walk_through(entries, listing, page_size).serials == visible(entries)


def test_cursor_that_is_not_a_time_may_have_a_neighbour() -> None:
    """A clip one millisecond after the first cursor has a cursor that the service accepts."""
    listing = Listing(newest_first=False, is_time=False)
    entries = [
        StoredClip(time, Clip(f"clip {time}", time, None, time))
        for time in (1000, 1002, 1003, 1005, 1007, 1009)
    ]
    assert walk_through(entries, listing, 2).serials == visible(entries)


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
def test_ordinary_listing_costs_one_extra_page(newest_first, inclusive, last_page) -> None:
    """For a thousand clips in pages of a hundred, the overlap costs one page, and an end without a
    mark costs up to five small requests.
    """
    listing = Listing(newest_first=newest_first, inclusive=inclusive, last_page=last_page)
    walked = walk_through(in_order(spaced(1000, ties=3), listing), listing, 100)
    assert len(walked.clips) == 1000
    assert len(walked.requests) <= 11 + (
        5 if last_page in (LastPage.EMPTY, LastPage.REPEATED) else 0
    )
    assert walked.walk is not None
    assert walked.walk.position.direction == (NEWEST_FIRST if newest_first else OLDEST_FIRST)


def test_verbatim_exclusive_cursor_loses_ties() -> None:
    """This is the purpose of the overlap. The README quotes the numbers."""
    entries = spaced(1000, ties=3)
    kept = walk_through(entries, Listing(), 100)
    lossy = walk_through(entries, Listing(), 100, overlaps=False)
    assert len(kept.clips) == 1000
    assert len(lossy.clips) == 982


def test_inclusive_cursor_needs_no_overlap() -> None:
    walked = walk_through(spaced(1000, ties=3), Listing(inclusive=True), 100, overlaps=False)
    assert len(walked.clips) == 1000


def test_memory_does_not_grow_with_the_listing() -> None:
    """Only the page at the boundary is kept."""
    walked = walk_through(spaced(20_000), Listing(), 100)
    assert walked.walk is not None
    assert len(walked.clips) == 20_000
    assert len(walked.walk.position.seen) <= 3


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
def test_hidden_clips_in_truncated_pages_do_not_raise(inclusive, last_page) -> None:
    """The service limits pages to the documented hundred and hides some clips."""
    entries = [evolve(entry, visible=n % 7 > 0) for n, entry in enumerate(spaced(1000))]
    listing = Listing(largest_page=100, inclusive=inclusive, last_page=last_page)
    for page_size in (100, 500):
        assert walk_through(entries, listing, page_size).serials == visible(entries)


def test_ties_that_exceed_a_page_are_listed_with_larger_pages() -> None:
    entries = spaced(500, ties=250)
    walked = walk_through(entries, Listing(), 20)
    assert len(walked.clips) == 500
    assert max(request.max_page_size for request in walked.requests) <= LARGEST_PAGE_SIZE


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("newest_first", [False, True])
def test_service_that_refuses_larger_pages_is_listed_completely(newest_first, last_page) -> None:
    """A larger page is only a probe: its refusal is not an error."""
    listing = Listing(newest_first=newest_first, last_page=last_page)
    entries = in_order(spaced(250, ties=2), listing)
    for hidden in (None, 99):
        seen = [evolve(entry, visible=n != hidden) for n, entry in enumerate(entries)]
        walked = walk_through(seen, listing, 100, refused_above=100)
        assert walked.serials == visible(seen)
        assert sum(request.max_page_size > 100 for request in walked.requests) <= 1


def test_ties_that_exceed_the_largest_accepted_page_raise() -> None:
    with pytest.raises(CursorStalledError):
        walk_through(spaced(240, ties=120), Listing(), 100, refused_above=100)


def test_clip_created_while_the_end_is_checked_is_listed() -> None:
    """It does not count as a sign of hidden ties."""
    listing = Listing(newest_first=False, last_page=LastPage.REPEATED)
    entries = in_order(spaced(250), listing)
    newer = evolve(
        entries[-1], time=2_000_000, clip=evolve(entries[-1].clip, uuid="new", serial=250)
    )
    for late in range(3, 9):
        walked = walk_through([*entries, newer], listing, 100, appears=(late, newer))
        assert walked.serials == visible([*entries, newer]), late


def test_hidden_clip_among_too_many_ties_is_not_the_end() -> None:
    """The page of ties is one clip shorter than the longest, and still truncated."""
    ties = [evolve(entry, time=5, visible=n != 300) for n, entry in enumerate(spaced(400))]
    entries = [*spaced(250), *ties[250:]]
    with pytest.raises(CursorStalledError):
        walk_through(entries, Listing(largest_page=100), 100)


@pytest.mark.parametrize("last_page", LastPage)
def test_more_ties_than_the_service_returns_raise(last_page: LastPage) -> None:
    """Other clips follow them, for every way of marking the end."""
    entries = spaced(40, ties=20)
    listing = Listing(largest_page=10, last_page=last_page)
    with pytest.raises(CursorStalledError, match=r"millisecond 1000000 than .* at once \(10\)"):
        walk_through(entries, listing, 100)


def test_truncated_pages_of_an_inclusive_listing_are_followed() -> None:
    """An inclusive cursor cannot skip a tie, so it can be followed past a truncated page."""
    entries = in_order([*spaced(5, apart=1, ties=2)], Listing())
    walked = walk_through(entries, Listing(inclusive=True, largest_page=3), 100)
    assert len(walked.clips) == 5
    # The same applies to a service that refuses a larger page instead of truncating it.
    walked = walk_through(entries, Listing(inclusive=True), 3, refused_above=3)
    assert len(walked.clips) == 5


def test_truncated_ties_raise_without_overlap_as_well() -> None:
    entries = spaced(40, ties=20)
    with pytest.raises(CursorStalledError):
        walk_through(entries, Listing(inclusive=True, largest_page=10), 100, overlaps=False)


# --- responses that contradict themselves ------------------------------------------------------


def _answered(walk: CursorWalk, answers) -> list[object]:
    """Pass *answers* to the walk, whatever it requests; return the items it found."""
    found: list[object] = []
    answers = iter(answers)
    while walk.request is not None:
        page = walk.take(next(answers))
        if page is not None:
            found.extend(new_items(page))
    return found


def _walk(**settings) -> CursorWalk:
    return walk_of(2, **settings)


def _page(*serials: int, cursor: int | None) -> ListedPage:
    """Return a page of clips whose times decrease with their numbers."""
    entries = spaced(100, apart=1)
    return ListedPage([entries[serial].clip for serial in serials], cursor)


def test_cursor_that_moves_backwards_raises() -> None:
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(2, 3, cursor=newest + 5),
    ]
    with pytest.raises(CursorCycleError, match="moved backwards from 999998 to 1000005"):
        _answered(_walk(), pages)


def test_repeated_verbatim_cursor_raises() -> None:
    pages = [_page(0, 1, cursor=500), _page(2, 3, cursor=900), _page(4, 5, cursor=500)]
    with pytest.raises(CursorCycleError, match="cursor 500 for a second time"):
        _answered(_walk(overlaps=False), pages)


def test_empty_pages_are_bounded_and_the_walk_can_continue() -> None:
    """Endless empty pages raise. The walk can then be resumed where it was."""
    walk = _walk()
    pages = (_page(cursor=1_000_000 - number) for number in range(10_000))
    with pytest.raises(PagingError, match=f"{MOST_PAGES_WITHOUT_NEWS} consecutive pages"):
        _answered(walk, pages)
    before = walk.position.boundary
    assert before is not None
    assert _answered(walk, [_page(50, cursor=before - 5), _page(51, cursor=None)]) != []


def test_service_that_stops_treating_the_cursor_as_a_time_is_walked_verbatim() -> None:
    """The overlap is verified at every boundary, not only at the first."""
    walk = _walk()
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(cursor=None),  # Requested with the overlap: no clips, not even clip 2.
        _page(3, 4, cursor=newest - 4),  # Requested from the unchanged cursor.
        _page(5, cursor=None),
    ]
    assert len(_answered(walk, pages)) == 6


def test_clip_deleted_at_the_boundary_does_not_discredit_the_cursor() -> None:
    walk = _walk()
    newest = 1_000_000
    pages = [
        _page(0, 1, cursor=newest - 1),
        _page(1, 2, cursor=newest - 2),
        _page(3, 4, cursor=newest - 4),  # Clip 2 was deleted; the page continues without it.
        _page(4, 5, cursor=newest - 5),
        _page(5, cursor=None),
    ]
    assert len(_answered(walk, pages)) == 6
    assert walk.position.direction == NEWEST_FIRST


def test_clip_repeated_on_a_page_is_found_once() -> None:
    assert len(_answered(_walk(), [_page(0, 0, cursor=None)])) == 1


def test_both_twins_without_uuid_are_found() -> None:
    """Two equal clips without a uuid are two clips."""
    twin = evolve(spaced(1)[0].clip, uuid=None)
    assert len(_answered(_walk(), [ListedPage([twin, twin], None)])) == 2


def test_only_null_and_zero_end_the_listing() -> None:
    for cursor in (0, None):
        assert len(_answered(_walk(), [_page(0, 1, cursor=cursor)])) == 2


@pytest.mark.parametrize("cursor", [-1, -(2**63), 2**63 - 1, 2**63])
def test_cursor_that_is_not_a_time_is_not_the_end(cursor: int) -> None:
    """It raises with its path before any clip of its page is yielded."""
    with pytest.raises(DecodeError) as caught:
        _answered(_walk(), [_page(0, 1, cursor=cursor)])
    assert caught.value.path == "$.lastEvaluatedTimestampMs"
    assert str(cursor) in str(caught.value)
