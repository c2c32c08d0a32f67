"""Small listings that change during the walk; `tests.paging.exhaustive` contains all of them."""

from itertools import islice, product

import pytest

from rhombus_clips.testing.listing import LastPage, Listing
from tests.paging import exhaustive
from tests.paging.exhaustive import Case, Change, changes, check, handovers

EVERY_WAY = [
    Listing(newest_first=newest_first, inclusive=inclusive, last_page=last_page)
    for newest_first, inclusive, last_page in product((True, False), (True, False), LastPage)
]


def test_changes_and_handovers_of_a_small_listing_lose_and_repeat_nothing() -> None:
    """This walks a sample of all cases. The step is prime, so that every setting occurs."""
    walked = 0
    for case in islice(exhaustive.listings(), 0, None, 61):
        for handed_over in islice(handovers(case), 0, None, 5):
            for one in (handed_over, *changes(handed_over, check(handed_over).requests)):
                assert check(one).fault is None, one
                walked += 1
    assert walked > 5000


@pytest.mark.parametrize("listing", EVERY_WAY, ids=str)
@pytest.mark.parametrize("page_size", [1, 2, 3])
@pytest.mark.parametrize(
    ("times", "change"),
    [
        ((1000,), Change(3, deleted=0)),
        ((1000, 1000, 1000), Change(2, deleted=0)),
        ((1000,), Change(6, created_at=1001)),
        ((1000, 1000, 1000), Change(11, created_at=1000)),
        ((1000, 1000, 1000), Change(11, created_at=1000, is_first_of_ties=True)),
    ],
)
def test_clip_created_or_deleted_while_the_end_is_checked_is_not_a_stall(
    times, change, page_size, listing
) -> None:
    """Each of these once raised a false `CursorStalledError`, or could in a race."""
    outcome = check(Case(times, listing, page_size, change))
    assert outcome.fault is None
    assert not outcome.has_raised


@pytest.mark.parametrize("last_page", LastPage)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_clip_hidden_by_a_page_cap_is_not_lost(page_size, inclusive, last_page) -> None:
    """This holds even if the walk has already seen every clip at the start of the listing."""
    listing = Listing(largest_page=2, inclusive=inclusive, last_page=last_page)
    outcome = check(Case((1001, 1000, 1000, 1000), listing, page_size))
    assert outcome.fault is None
    assert outcome.has_raised
