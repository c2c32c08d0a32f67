"""Every small listing, with a change and a handover during each walk: nothing is lost or repeated.

``python -m tests.paging.exhaustive`` walks every listing of up to three clips at three points in
time, takes some minutes and prints the number of cases. ``--every 50`` walks every fiftieth one,
``--clips 4`` and ``--all-services`` cover more and take hours. The default test run walks a sample,
see `tests/paging/test_exhaustive.py`.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations_with_replacement, islice, product

from attrs import evolve, frozen

from rhombus_clips.errors import CursorStalledError, PagingError
from rhombus_clips.paging.rules.cursor_text import Kind, Listed
from rhombus_clips.paging.rules.position import Position, TakenPage
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip
from tests.paging.walking import Clip, new_items, respond, walk_of

MOST_CLIPS = 3
MOST_REQUESTS = 100
POINTS = (1000, 1001, 1010)
MORE_POINTS = ((1000, 1001, 1002), (1000, 1010, 1020))
PAGE_SIZES = (1, 2, 3)
CAPS = (None, 2)
MORE_CAPS = (None, 1, 2, 3)
NEW = -1

EVERY_ITEM = 0
"""A handover after every item, rather than after the item of that number."""

LAST_QUESTIONS = 3
"""The requests that confirm the end of a walk. A clip created during them may be missed."""

LISTED = Listed(Kind.SAVED_CLIPS)


@frozen
class Change:
    """A clip that is created or deleted before the response to a request."""

    request: int
    created_at: int | None = None
    is_first_of_ties: bool = False
    deleted: int | None = None


@frozen
class Case:
    """A listing, the page size of the walk, and a change and a handover during it."""

    times: tuple[int, ...]
    listing: Listing
    page_size: int
    change: Change | None = None
    handover: int | None = None
    """The walk is continued by another, from its cursor, after that many items."""
    nameless: int | None = None
    """The number of the clip that has no uuid."""
    points: tuple[int, ...] = POINTS


@frozen
class Outcome:
    """The result of a walk."""

    requests: int
    fault: str | None
    has_raised: bool = False


def entry(number: int, time: int, nameless: int | None = None) -> StoredClip:
    """Return a clip of that time. Its other time never equals a cursor."""
    uuid = None if number == nameless else str(number)
    return StoredClip(time, Clip(uuid, time, time + 500, number))


def listings(most_clips: int = MOST_CLIPS, *, all_services: bool = False) -> Iterator[Case]:
    """Yield every listing with every page size, without a change or a handover."""
    spacings = (POINTS, *MORE_POINTS) if all_services else (POINTS,)
    caps = MORE_CAPS if all_services else CAPS
    ways = product(spacings, (True, False), (False, True), LastPage, caps, PAGE_SIZES)
    for points, newest_first, inclusive, last_page, cap, page_size in ways:
        listing = Listing(
            newest_first=newest_first, inclusive=inclusive, last_page=last_page, largest_page=cap
        )
        for count in range(most_clips + 1):
            for times in combinations_with_replacement(points, count):
                ordered = tuple(sorted(times, reverse=newest_first))
                yield Case(ordered, listing, page_size, points=points)


def handovers(case: Case) -> Iterator[Case]:
    """Yield *case* with each handover, and with each clip without a uuid."""
    count = len(case.times)
    for handover in (None, EVERY_ITEM, *range(1, count + 1)):
        yield evolve(case, handover=handover)
    for nameless, handover in product(range(count), (None, EVERY_ITEM)):
        yield evolve(case, handover=handover, nameless=nameless)


def changes(case: Case, requests: int) -> Iterator[Case]:
    """Yield *case* with each change before each of its requests, and before one more."""
    points = case.points
    for request in range(2, requests + 2):
        for number in range(len(case.times)):
            yield evolve(case, change=Change(request, deleted=number))
        for point, is_first in product((*points, points[0] - 1, points[-1] + 1), (False, True)):
            if point in case.times or not is_first:
                yield evolve(case, change=Change(request, point, is_first))


def check(case: Case) -> Outcome:
    """Walk through a case and check the result."""
    walk = walk_of(case.page_size, largest_page=1)
    before = entries = [
        entry(number, time, case.nameless) for number, time in enumerate(case.times)
    ]
    found: Counter[int] = Counter()
    requests = 0
    most_at_once = [_most_in_one_ms(entries)]
    try:
        while (request := walk.request) is not None:
            requests += 1
            if requests > MOST_REQUESTS:
                return Outcome(requests, "the walk does not end")
            if case.change is not None and case.change.request == requests:
                entries = _after(entries, case.change, case.listing)
                most_at_once.append(_most_in_one_ms(entries))
            page = walk.take(respond(entries, case.listing, request))
            if page is None:
                continue
            number = _handed_over(case, found, len(page.new_indexes))
            found.update(clip.serial for clip in new_items(page)[:number])
            if number is not None:
                position = _resumed(page, number)
                if position is None:
                    break
                walk = walk_of(case.page_size, start=position, largest_page=1)
        return Outcome(requests, _fault(case, before, entries, found, requests))
    except PagingError as error:
        cap = case.listing.largest_page
        is_allowed = cap is not None and max(most_at_once) >= cap
        if isinstance(error, CursorStalledError) and is_allowed:
            return Outcome(requests, None, has_raised=True)
        return Outcome(requests, f"raised {error!r}")


def _handed_over(case: Case, found: Counter[int], new: int) -> int | None:
    """Return after how many of the *new* items the walk is handed over, if it is."""
    if case.handover is None or not new:
        return None
    number = 1 if case.handover == EVERY_ITEM else case.handover - found.total()
    return number if 1 <= number <= new else None


def _resumed(page: TakenPage, number: int) -> Position | None:
    """Return the position after *number* items, through the text of its cursor."""
    position = page.position(number)
    if position is None:
        return None
    text = position.to_cursor(LISTED)
    resumed = Position.from_cursor(LISTED, text)
    assert resumed.to_cursor(LISTED) == text
    return resumed


def _fault(
    case: Case,
    before: list[StoredClip],
    entries: list[StoredClip],
    found: Counter[int],
    requests: int,
) -> str | None:
    if any(count > 1 for count in found.values()):
        return f"repeated: {found}"
    lost = {item.clip.serial for item in before} & {item.clip.serial for item in entries}
    lost -= found.keys()
    seen = [entries]
    if case.change is not None and case.change.request > requests - LAST_QUESTIONS:
        seen.append(before)
    cap = case.listing.largest_page
    if not lost or (cap and any(_is_ambiguous(there, cap, lost) for there in seen)):
        return None
    return f"lost {lost}"


def _is_ambiguous(entries: list[StoredClip], cap: int, lost: set[int]) -> bool:
    """Return whether the service only returns one page, truncated in its last millisecond."""
    listed = {item.clip.serial for item in entries[:cap]}
    last = {item.clip.serial for item in entries if item.time == entries[-1].time}
    return len(last) > cap and listed <= last and lost <= last


def _after(entries: list[StoredClip], change: Change, listing: Listing) -> list[StoredClip]:
    if change.created_at is None:
        return [entry for entry in entries if entry.clip.serial != change.deleted]
    sign = -1 if listing.newest_first else 1
    key = change.created_at * sign
    before = sum(
        entry.time * sign < key or (entry.time * sign == key and not change.is_first_of_ties)
        for entry in entries
    )
    return [*entries[:before], entry(NEW, change.created_at), *entries[before:]]


def _most_in_one_ms(entries: list[StoredClip]) -> int:
    return max(Counter(entry.time for entry in entries).values(), default=0)


def _walk_all(case: Case) -> tuple[Counter[str], list[str]]:
    """Walk *case* with each handover and each change; return the counts and the failures."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for handed_over in handovers(case):
        plain = check(handed_over)
        for one in (handed_over, *changes(handed_over, plain.requests)):
            outcome = check(one)
            counts["cases"] += 1
            counts["raised"] += outcome.has_raised
            if outcome.fault is not None:
                counts["failed"] += 1
                failures.append(f"{one}\n  {outcome}\n")
    return counts, failures


def main() -> int:
    """Walk every case, print the failures, and count the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="walk every n-th listing")
    parser.add_argument("--clips", type=int, default=MOST_CLIPS, help="the most clips of a listing")
    parser.add_argument("--all-services", action="store_true", help="more spacings and page caps")
    parser.add_argument("--failures", type=int, default=20, help="the number of failures to print")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    every = listings(arguments.clips, all_services=arguments.all_services)
    total: Counter[str] = Counter()
    printed = 0
    with ProcessPoolExecutor(arguments.processes) as processes:
        chosen = islice(every, 0, None, arguments.every)
        for counts, failures in processes.map(_walk_all, chosen, chunksize=20):
            total.update(counts)
            for failure in failures[: arguments.failures - printed]:
                sys.stdout.write(failure)
                printed += 1
    sys.stdout.write(
        f"{total['cases']} cases: {total['failed']} failed, {total['raised']} raised an error that"
        " is allowed, the others yielded every clip once\n"
    )
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
