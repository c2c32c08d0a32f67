"""Every way of listing saved clips that the reference allows, as a pure function.

The reference names the parameters and does not specify the order, the time to which the cursor
refers, whether it is inclusive, how the last page is marked, the largest page size, or whether
clips that the caller may not see make a page shorter.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from attrs import field, frozen, validators

from rhombus_clips.paging.rules.clock import ClipTime


class LastPage(Enum):
    """How the service marks the end of a listing."""

    NULL = "null"
    """The last page has ``lastEvaluatedTimestampMs: null``."""
    ABSENT = "absent"
    """The last page omits the field."""
    ZERO = "zero"
    """The last page has 0."""
    EMPTY = "empty"
    """Every page with clips has a cursor. An empty page without a cursor follows."""
    REPEATED = "repeated"
    """Every page has a cursor. After the last clip, the cursor no longer changes."""


@frozen(kw_only=True)
class Listing:
    """How the service lists saved clips."""

    newest_first: bool = True
    clock: ClipTime = "timestamp_ms"
    """The time of a clip to which the cursor refers."""
    inclusive: bool = False
    """True if a page includes clips with exactly the time of the cursor."""
    last_page: LastPage = field(default=LastPage.NULL, converter=LastPage)
    largest_page: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """The largest page size; larger requests are capped."""
    is_time: bool = True
    """True if any time is a valid cursor. Otherwise only cursors that the service returned are."""


@frozen
class StoredClip:
    """A clip in the storage of the service."""

    time: int
    """The time by which the listing is ordered, in epoch milliseconds."""
    clip: Any
    visible: bool = True
    """True if the caller may see the clip. An invisible clip counts towards its page."""


@frozen
class ListedPage:
    """A page of clips, and its cursor, which is None at the end of the listing."""

    clips: list[Any]
    cursor: int | None


def in_order(clips: Sequence[StoredClip], listing: Listing) -> list[StoredClip]:
    """Return *clips* in the order of the listing. The sort is stable."""
    return sorted(clips, key=lambda clip: -clip.time if listing.newest_first else clip.time)


def list_page(
    clips: Sequence[StoredClip],
    listing: Listing,
    page_timestamp_ms: int | None,
    max_page_size: int | None,
) -> ListedPage:
    """Return a page of *clips*, which must be in the order of the listing."""
    rest = [clip for clip in clips if _is_past(clip, listing, page_timestamp_ms)]
    if not listing.is_time and page_timestamp_ms not in {None, *(clip.time for clip in clips)}:
        rest = []
    size = min(max_page_size or len(rest), listing.largest_page or len(rest))
    evaluated = rest[:size]
    listed = [stored.clip for stored in evaluated if stored.visible]
    if evaluated:
        always_has_cursor = listing.last_page in (LastPage.EMPTY, LastPage.REPEATED)
        has_cursor = always_has_cursor or len(evaluated) < len(rest)
        return ListedPage(listed, evaluated[-1].time if has_cursor else None)
    keeps_cursor = listing.last_page is LastPage.REPEATED
    return ListedPage(listed, page_timestamp_ms if keeps_cursor else None)


def _is_past(clip: StoredClip, listing: Listing, page_timestamp_ms: int | None) -> bool:
    if page_timestamp_ms is None:
        return True
    distance = clip.time - page_timestamp_ms
    if listing.newest_first:
        distance = -distance
    return distance > 0 or (distance == 0 and listing.inclusive)
