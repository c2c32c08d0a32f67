"""A walk through a listing without I/O, and the listings to walk through."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.paging.rules.listed import Ask, Fresh, Listed, refused
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip, in_order, list_page

MOST_REQUESTS = 500


@frozen
class Clip:
    """As much of a clip as a walk looks at; *serial* tells those apart that look alike to it."""

    uuid: str | None
    timestamp_ms: int | None
    created_at_ms: int | None
    serial: int


@frozen
class Walked:
    """What a walk handed out, and what it asked for that."""

    clips: list[Any] = field(factory=list[Any])
    asked: list[Ask] = field(factory=list[Ask])
    walk: CursorWalk[Any] | None = None

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
    """Walk to the end, or until it raises; `AssertionError` when it goes on and on.

    The service refuses page sizes above *refused_above*; the entry of *appears* is there only from
    that request on.
    """
    walk: CursorWalk[Any] = CursorWalk(
        page_size=page_size, identity=lambda clip: clip.uuid or clip, **settings
    )
    walked = Walked(walk=walk)
    steps = walk.steps()
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return walked
        if isinstance(step, Fresh):
            walked.clips.extend(step.items)
            answer = None
            continue
        walked.asked.append(step)
        assert len(walked.asked) < MOST_REQUESTS, "the walk does not end"
        if refused_above is not None and step.max_page_size > refused_above:
            assert step.is_probe, "the walk insists on a page that the service refuses"
            answer = refused(step)
            continue
        there = entries
        if appears is not None and len(walked.asked) < appears[0]:
            there = [entry for entry in entries if entry is not appears[1]]
        page = list_page(there, listing, step.page_timestamp_ms, step.max_page_size)
        answer = Listed(page.clips, page.cursor)


@st.composite
def listings(draw: st.DrawFn) -> tuple[list[StoredClip], Listing, int]:
    """Clips in the order of a listing, how it lists them, and a page size to ask for."""
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
        # Pages that are cut and thinned out at once: what is hidden and what is behind the cut
        # look the same, so the cut has to leave room for the clips of a millisecond.
        listing = evolve(listing, largest_page=listing.largest_page + most_in_one_ms(entries))
    return in_order(entries, listing), listing, draw(st.integers(1, 7))


def most_in_one_ms(entries: Sequence[StoredClip]) -> int:
    """How many clips share the fullest millisecond."""
    return max(Counter(entry.time for entry in entries).values(), default=0)


def most_near_one_ms(entries: Sequence[StoredClip]) -> int:
    """How many clips share a millisecond or the next one: what an overlap has to list at once."""
    counts = Counter(entry.time for entry in entries)
    return max((counts[time] + counts[time + 1] for time in [*counts]), default=0)


def visible(entries: Sequence[StoredClip]) -> Counter[int]:
    """The serials of the clips that the caller may see."""
    return Counter(entry.clip.serial for entry in entries if entry.visible)


def spaced(count: int, *, apart: int = 10, ties: int = 1) -> list[StoredClip]:
    """*count* clips newest first, *ties* of them in each millisecond, the milliseconds *apart*."""
    entries: list[StoredClip] = []
    for serial in range(count):
        time = 1_000_000 - serial // ties * apart
        entries.append(StoredClip(time, Clip(f"clip {serial}", time, time + 7, serial)))
    return entries
