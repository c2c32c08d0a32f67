"""A listing that is continued from its cursor by one walk after another, as web requests do."""

from collections import Counter
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import CursorStalledError
from rhombus_clips.paging.rules.position import Position, TakenPage
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order
from tests.examples import examples
from tests.paging.exhaustive import EVERY_ITEM, LISTED, Case, Change, check
from tests.paging.walking import Clip, listings, new_items, respond, spaced, visible, walk_of

MOST_REQUESTS = 2000


class Service:
    """A listing that changes: clips are created and deleted between two requests."""

    def __init__(self, entries, listing, events=()) -> None:
        self.entries = list(entries)
        self.listing = listing
        self.lasting = visible(entries)
        """The clips that have existed since the start."""
        self.requests = 0
        self.pages = 0
        self._events = iter(events)
        self._serial = 1000

    def change(self) -> None:
        """Apply the next event: create a clip at a time, or delete one by its number."""
        event = next(self._events, None)
        if event is None:
            return
        kind, number = event
        if kind == "delete" and self.entries:
            gone = self.entries.pop(number % len(self.entries))
            self.lasting -= Counter([gone.clip.serial])
        elif kind == "create":
            time, self._serial = 1000 + number, self._serial + 1
            clip = Clip(f"clip {self._serial}", time, time, self._serial)
            # The listing's order is stable: a new clip follows those of its own millisecond.
            self.entries = in_order([*self.entries, StoredClip(time, clip)], self.listing)

    def answer(self, request):
        self.requests += 1
        assert self.requests < MOST_REQUESTS, "the walk does not end"
        return respond(self.entries, self.listing, request)


def take(
    service: Service, cursor: str | None, amount: int, page_size: int, **settings: Any
) -> tuple[list[Clip], str | None]:
    """Return up to *amount* clips from *cursor*, as a new pager does, and the next cursor."""
    position = Position() if cursor is None else Position.from_cursor(LISTED, cursor)
    walk = walk_of(page_size, start=position, **settings)
    clips: list[Clip] = []
    while len(clips) < amount and (request := walk.request) is not None:
        page = walk.take(service.answer(request))
        if page is not None:
            new = new_items(page)[: amount - len(clips)]
            clips += new
            after = page.position(len(new))
            if len(clips) == amount or after is None:
                return clips, None if after is None else after.to_cursor(LISTED)
    assert walk.request is None
    return clips, None


def walk_in_steps(service: Service, steps, **settings: Any) -> Counter[int]:
    """List everything by new walks, each with its own amount and page size. Return the serials."""
    found: Counter[int] = Counter()
    cursor: str | None = None
    for amount, page_size in steps:
        clips, cursor = take(service, cursor, amount, page_size, **settings)
        found.update(clip.serial for clip in clips)
        if cursor is None:
            return found
        assert len(clips) == amount
        assert len(cursor) <= 4000
        service.change()
    raise AssertionError("the listing does not end")


def test_pages_of_a_short_listing_are_cut(monkeypatch) -> None:
    """The tests with short listings would otherwise not cover that."""
    boundaries: list[int] = []
    position_at = TakenPage._position_at

    def noted(taken: TakenPage, boundary: int, end: int) -> Position:
        boundaries.append(boundary)
        return position_at(taken, boundary, end)

    monkeypatch.setattr(TakenPage, "_position_at", noted)
    service = Service(spaced(24, ties=3), Listing())
    walk_in_steps(service, forever([(1, 4)]), largest_page=1)
    assert len(boundaries) >= 6


def forever(steps):
    while True:
        yield from steps


SIZES = st.integers(1, 7)
STEPS = st.lists(st.tuples(st.integers(1, 9), SIZES), min_size=1, max_size=12)
EVENTS = st.lists(st.tuples(st.sampled_from(("create", "delete")), st.integers(0, 70)), max_size=40)


@examples(1500)
@given(listings(), STEPS, EVENTS, st.sampled_from((1, 5, 100)))
def test_steps_together_yield_each_clip_once(drawn, steps, events, largest_page) -> None:
    """Clips may be created and deleted between two steps. The listings have every reading.

    If no request asks for more than the page size, the order of a short listing is proven as well,
    and its pages are cut.
    """
    entries, listing, _ = drawn
    listing = evolve(listing, largest_page=None)
    service = Service(entries, listing, events)
    found = walk_in_steps(service, forever(steps), largest_page=largest_page)
    assert not service.lasting - found
    assert max(found.values(), default=1) == 1


@examples(500)
@given(listings(), STEPS, EVENTS)
def test_steps_of_a_truncating_service_yield_each_clip_once_or_raise(drawn, steps, events) -> None:
    entries, listing, _ = drawn
    service = Service(entries, listing, events)
    try:
        found = walk_in_steps(service, forever(steps))
    except CursorStalledError:
        assert listing.largest_page is not None
        return
    assert max(found.values(), default=1) == 1


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("amount", "page_size"), [(25, 25), (10, 25), (25, 100), (7, 100), (1, 10), (50, 25)]
)
def test_step_costs_one_request_per_page(
    amount, page_size, newest_first, inclusive, last_page
) -> None:
    """The start of a listing, and an end without a mark, cost a few requests more."""
    listing = Listing(newest_first=newest_first, inclusive=inclusive, last_page=last_page)
    entries = in_order(spaced(1000, ties=3), listing)
    service = Service(entries, listing)
    found = walk_in_steps(service, forever([(amount, page_size)]))
    assert found == visible(entries)
    pages = 1000 / amount * max(1, amount / page_size)
    assert service.requests <= 1.1 * pages + 12


def test_cursors_are_short() -> None:
    """They are about 50 characters long once the order of the listing is known."""
    service = Service(spaced(1000), Listing())
    cursor: str | None = None
    lengths: list[int] = []
    for _ in range(39):
        _, cursor = take(service, cursor, 25, 25)
        assert cursor is not None
        lengths.append(len(cursor))
    assert max(lengths) < 700
    assert sum(lengths[3:]) / len(lengths[3:]) < 100


@pytest.mark.parametrize("newest_first", [False, True])
def test_clips_created_at_the_start_of_the_first_page_do_not_repeat_others(newest_first) -> None:
    """They push clips that were handed out onto later pages."""
    listing = Listing(newest_first=newest_first)
    entries = in_order(spaced(40), listing)
    first = entries[0].time
    service = Service(entries, listing, [])
    clips, cursor = take(service, None, 10, 25)
    for number in range(60):
        time = first + (1 if newest_first else -1) * (number + 1) * 10
        clip = Clip(f"new {number}", time, time + 7, 2000 + number)
        service.entries = in_order([*service.entries, StoredClip(time, clip)], listing)
    found = Counter(clip.serial for clip in clips)
    while cursor is not None:
        clips, cursor = take(service, cursor, 10, 25)
        found.update(clip.serial for clip in clips)
    assert max(found.values()) == 1
    assert not service.lasting - found


# --- counterexamples of earlier designs -----------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        # Twice, unless the digests of the boundary before are kept while it is within 2 ms.
        Case((1001, 1000, 1000), Listing(), 1, Change(2, 1000, is_first_of_ties=True), EVERY_ITEM),
        Case((1001, 1000, 1000), Listing(), 1, Change(3, 1000, is_first_of_ties=True), EVERY_ITEM),
        # Lost, if a direction that is only guessed moves the boundary.
        Case((1000, 1011, 1011), Listing(newest_first=False), 1, Change(2, deleted=0), EVERY_ITEM),
        # A false stall, if numbers of clips are compared instead of the clips.
        Case((1000,), Listing(last_page=LastPage.REPEATED), 1, Change(3, deleted=0), EVERY_ITEM),
        Case((1000, 1000, 1000), Listing(), 1, Change(2, deleted=0), EVERY_ITEM),
        Case((1000,), Listing(newest_first=False), 1, Change(6, 1001), EVERY_ITEM),
        Case(
            (1000, 1000, 1000),
            Listing(inclusive=True, last_page=LastPage.REPEATED),
            1,
            Change(11, 1000),
            EVERY_ITEM,
        ),
    ],
    ids=str,
)
def test_counterexamples_yield_each_clip_once(case) -> None:
    outcome = check(case)
    assert outcome.fault is None
    assert not outcome.has_raised


def test_clip_beyond_a_capped_page_of_ties_is_not_lost() -> None:
    """It is, if the clips are only compared with those at the start of the listing."""
    outcome = check(Case((1001, 1000, 1000, 1000), Listing(largest_page=2), 2, None, EVERY_ITEM))
    assert outcome.fault is None
    assert outcome.has_raised


@pytest.mark.parametrize("page_size", [50, 600, 1000])
def test_steps_through_large_pages_make_progress(page_size) -> None:
    """An earlier position, in place of a cursor that is too long, would repeat the step forever."""
    listing = Listing()
    for entries in (spaced(1300), spaced(1200, ties=40)):
        service = Service(entries, listing, [("delete", number) for number in range(0, 70, 7)])
        found = walk_in_steps(service, forever([(50, page_size)]))
        assert not service.lasting - found
        assert max(found.values()) == 1


def test_too_many_clips_in_one_millisecond_raise_rather_than_repeat() -> None:
    """A cursor within them would be too long."""
    service = Service(spaced(1000, ties=600), Listing())
    with pytest.raises(CursorStalledError, match="too many items share one time"):
        walk_in_steps(service, forever([(50, 50)]))


def test_time_that_equals_the_cursor_by_coincidence_is_not_the_clock() -> None:
    """The clip without a creation time is at the boundary only by its recording time."""
    entries = [
        StoredClip(time, Clip(f"clip {number}", timestamp, created, number))
        for number, (time, timestamp, created) in enumerate(
            [(1009, 1002, 1009), (1008, 1008, None), (1008, 1003, 1008), (1002, 1008, 1002)]
        )
    ]
    for page_size in (1, 2, 3):
        service = Service(entries, Listing(clock="created_at_ms"), [])
        assert walk_in_steps(service, forever([(1, page_size)])) == visible(entries)


@examples(500)
@given(listings(), STEPS)
def test_steps_through_a_service_whose_cursor_is_not_a_time_yield_each_clip_once(
    drawn, steps
) -> None:
    entries, listing, _ = drawn
    apart = {entry.time: evolve(entry, time=entry.time * 10, visible=True) for entry in entries}
    entries = in_order(list(apart.values()), listing)
    service = Service(entries, evolve(listing, largest_page=None, is_time=False))
    assert walk_in_steps(service, forever(steps)) == visible(entries)


@examples(300)
@given(listings(), STEPS)
def test_steps_without_overlap_make_progress_and_repeat_nothing(drawn, steps) -> None:
    entries, listing, _ = drawn
    service = Service(entries, evolve(listing, largest_page=None))
    found: Counter[int] = Counter()
    cursor: str | None = None
    for amount, page_size in forever(steps):
        try:
            clips, cursor = take(service, cursor, amount, page_size, overlaps=False)
        except CursorStalledError:
            return  # Without an overlap, clips without a time can look like hidden ones.
        found.update(clip.serial for clip in clips)
        if cursor is None:
            break
    assert max(found.values(), default=1) == 1
