"""Every way of listing saved clips that the reference allows, as one pure function.

The reference names the parameters and leaves the rest open: the order, which time the cursor
is, whether it is inclusive, how the last page is marked, what a page size is capped at, and
whether clips that the caller may not see thin a page out.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from attrs import field, frozen, validators

from rhombus_clips.paging.rules.clock import ClipTime


class LastPage(Enum):
    """How the service says that no page follows."""

    NULL = "null"
    """The last page has ``lastEvaluatedTimestampMs: null``."""
    ABSENT = "absent"
    """The last page leaves the field out."""
    ZERO = "zero"
    """The last page has 0."""
    EMPTY = "empty"
    """Every page with clips has a cursor; the page behind them is empty and has none."""
    REPEATED = "repeated"
    """Every page has a cursor; behind the last clip it stays where it was."""


@frozen(kw_only=True)
class Listing:
    """How a service lists saved clips."""

    newest_first: bool = True
    clock: ClipTime = "timestamp_ms"
    """Which time of a clip the cursor is."""
    inclusive: bool = False
    """Whether clips of the cursor's own millisecond are listed."""
    last_page: LastPage = field(default=LastPage.NULL, converter=LastPage)
    largest_page: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """What the page size is capped at, whatever is asked for."""
    is_time: bool = True
    """False for a cursor that only counts when it comes back as it was given."""


@frozen
class Entry:
    """A clip as the service keeps it."""

    time: int
    """The time that the listing goes by, in epoch milliseconds."""
    clip: Any
    visible: bool = True
    """Whether the caller may see it; an invisible one is evaluated and left out of its page."""


@frozen
class ListedPage:
    """One page; *cursor* is None for the end, which `LastPage` puts on the wire."""

    clips: list[Any]
    cursor: int | None


def in_order(entries: Sequence[Entry], listing: Listing) -> list[Entry]:
    """The entries in the order of the listing; those of one millisecond stay as they are."""
    return sorted(entries, key=lambda entry: -entry.time if listing.newest_first else entry.time)


def list_page(
    entries: Sequence[Entry],
    listing: Listing,
    page_timestamp_ms: int | None,
    max_page_size: int | None,
) -> ListedPage:
    """The page that the service lists, from *entries* as `in_order` gives them."""
    rest = [entry for entry in entries if _is_past(entry, listing, page_timestamp_ms)]
    if not listing.is_time and page_timestamp_ms not in {None, *(e.time for e in entries)}:
        rest = []
    size = min(max_page_size or len(rest), listing.largest_page or len(rest))
    evaluated = rest[:size]
    clips = [entry.clip for entry in evaluated if entry.visible]
    if evaluated:
        always = listing.last_page in (LastPage.EMPTY, LastPage.REPEATED)
        goes_on = always or len(evaluated) < len(rest)
        return ListedPage(clips, evaluated[-1].time if goes_on else None)
    stays = listing.last_page is LastPage.REPEATED
    return ListedPage(clips, page_timestamp_ms if stays else None)


def _is_past(entry: Entry, listing: Listing, page_timestamp_ms: int | None) -> bool:
    if page_timestamp_ms is None:
        return True
    distance = entry.time - page_timestamp_ms
    if listing.newest_first:
        distance = -distance
    return distance > 0 or (distance == 0 and listing.inclusive)
