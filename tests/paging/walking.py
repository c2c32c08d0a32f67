"""Walks through listings, without I/O."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.paging.rules.cursor_text import digest_of
from rhombus_clips.paging.rules.pages import ListedPage, PageRequest
from rhombus_clips.paging.rules.position import Position, TakenPage
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order, list_page

MOST_REQUESTS = 500


@frozen
class Clip:
    """The fields of a clip that a walk reads; *serial* distinguishes clips that look alike."""

    uuid: str | None
    timestamp_ms: int | None
    created_at_ms: int | None
    serial: int


@frozen
class Walked:
    """The clips that a walk found, and its requests."""

    clips: list[Any] = field(factory=list[Any])
    requests: list[PageRequest] = field(factory=list[PageRequest])
    walk: CursorWalk | None = None

    @property
    def serials(self) -> Counter[int]:
        return Counter(clip.serial for clip in self.clips)


def walk_through(
    entries: Sequence[StoredClip],
    listing: Listing,
    page_size: int,
    *,
    refused_above: int | None = None,
    appears: tuple[int, StoredClip] | None = None,
    **settings: Any,
) -> Walked:
    """Walk until the end or an exception. Raises `AssertionError` if the walk does not end.

    The service refuses page sizes above *refused_above*. The entry of *appears* exists only from
    that request onwards.
    """
    walk = walk_of(page_size, **settings)
    walked = Walked(walk=walk)
    while (request := walk.request) is not None:
        walked.requests.append(request)
        assert len(walked.requests) < MOST_REQUESTS, "the walk does not end"
        if refused_above is not None and request.max_page_size > refused_above:
            assert request.is_probe, "the walk insists on a page that the service refuses"
            response: ListedPage = ListedPage((), request.page_timestamp_ms, is_refused=True)
        else:
            existing = entries
            if appears is not None and len(walked.requests) < appears[0]:
                existing = [entry for entry in entries if entry is not appears[1]]
            response = respond(existing, listing, request)
        page = walk.take(response)
        if page is not None:
            walked.clips.extend(new_items(page))
    return walked


def walk_of(page_size: int, *, cursor: int | None = None, **settings: Any) -> CursorWalk:
    """Return a walk that starts at the beginning, or at *cursor*, with nothing learned."""
    settings.setdefault("start", Position(boundary=cursor))
    return CursorWalk(page_size=page_size, digest=digest, **settings)


def digest(clip: Any) -> int:
    """Return the digest of a clip as the client does: of its uuid, or of its value."""
    value = [clip.timestamp_ms, clip.created_at_ms, clip.serial]
    return digest_of(json.dumps(value) if clip.uuid is None else clip.uuid)


def new_items(page: TakenPage) -> list[Any]:
    """Return the items of a page that no earlier page had."""
    return [page.page.items[index] for index in page.new_indexes]


def respond(entries: Sequence[StoredClip], listing: Listing, request: PageRequest) -> ListedPage:
    """Return the page that a service returns for *request*."""
    page = list_page(entries, listing, request.page_timestamp_ms, request.max_page_size)
    return ListedPage(page.clips, page.cursor, requested_from=request.page_timestamp_ms)


@st.composite
def listings(draw: st.DrawFn) -> tuple[list[StoredClip], Listing, int]:
    """Draw clips in the order of a listing, the kind of listing, and a page size."""
    listing = Listing(
        newest_first=draw(st.booleans()),
        clock=draw(st.sampled_from(("timestamp_ms", "created_at_ms"))),
        inclusive=draw(st.booleans()),
        last_page=draw(st.sampled_from(LastPage)),
        largest_page=draw(st.none() | st.integers(1, 6)),
    )
    spread = draw(st.sampled_from((0, 1, 3, 12, 60, 1000)))
    hides = draw(st.booleans())
    entries: list[StoredClip] = []
    for serial in range(draw(st.integers(0, 25))):
        timestamp, created = (1000 + draw(st.integers(0, spread)) for _ in range(2))
        if draw(st.integers(0, 4)) == 0:
            created = timestamp
        clip = Clip(
            f"clip {serial}" if draw(st.integers(0, 9)) else None,
            timestamp if draw(st.integers(0, 9)) else None,
            created if draw(st.integers(0, 9)) else None,
            serial,
        )
        time = timestamp if listing.clock == "timestamp_ms" else created
        entries.append(StoredClip(time, clip, visible=not hides or draw(st.integers(0, 2)) > 0))
    if hides and listing.largest_page is not None:
        # If pages are truncated and also have hidden clips, both look the same, so a page must have
        # room for the clips of a millisecond.
        listing = evolve(listing, largest_page=listing.largest_page + most_in_one_ms(entries))
    return in_order(entries, listing), listing, draw(st.integers(1, 7))


def most_in_one_ms(entries: Sequence[StoredClip]) -> int:
    """Return the number of clips in the fullest millisecond."""
    return max(Counter(entry.time for entry in entries).values(), default=0)


def most_near_one_ms(entries: Sequence[StoredClip]) -> int:
    """Return the most clips in two adjacent milliseconds, which an overlap must list at once."""
    counts = Counter(entry.time for entry in entries)
    return max((counts[time] + counts[time + 1] for time in [*counts]), default=0)


def visible(entries: Sequence[StoredClip]) -> Counter[int]:
    """Return the serials of the clips that are not hidden."""
    return Counter(entry.clip.serial for entry in entries if entry.visible)


def spaced(count: int, *, apart: int = 10, ties: int = 1) -> list[StoredClip]:
    """Return *count* clips, newest first: *ties* per millisecond, *apart* milliseconds apart."""
    entries: list[StoredClip] = []
    for serial in range(count):
        time = 1_000_000 - serial // ties * apart
        entries.append(StoredClip(time, Clip(f"clip {serial}", time, time + 7, serial)))
    return entries
