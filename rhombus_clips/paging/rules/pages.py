"""A page of a listing, as the paging rules see it, and the request for it."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from attrs import define, field, frozen

from rhombus_clips.codec.bodies import FailedItem
from rhombus_clips.models import SavedClip, SavedClipPage

NEWEST_FIRST, OLDEST_FIRST = -1, 1

times_of: Callable[[SavedClip], tuple[int | None, int | None]] = attrgetter(
    "timestamp_ms", "created_at_ms"
)
"""Returns both times of a clip. The cursor may refer to either of them."""


@frozen
class PageRequest:
    """A page to request."""

    page_timestamp_ms: int | None
    max_page_size: int
    is_probe: bool = False
    """True if the service may refuse the request; see `ListedPage.is_refused`."""


@define
class ListedPage:
    """A page that the service returned, with the facts that the rules need."""

    items: Sequence[SavedClip]
    cursor: int | None
    """The service's cursor; None or 0 on the last page."""
    page: SavedClipPage = field(factory=SavedClipPage)
    """The decoded response, for the caller of the rules."""
    requested_from: int | None = None
    """The cursor that the page was requested with."""
    failed_items: Mapping[int, FailedItem] = {}
    """The items that failed to decode, by index."""
    is_refused: bool = False
    """True if the service refused a probe. The page then has no items, and the requested cursor."""
