"""Every small listing, with one change during each walk: nothing is lost or repeated.

``python -m tests.paging.exhaustive`` walks every case and takes some minutes; ``--every 50`` walks
every fiftieth. The default test run walks a sample, see `tests/paging/test_exhaustive.py`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations_with_replacement, islice, product

from attrs import frozen

from rhombus_clips.errors import CursorStalledError, PagingError
from rhombus_clips.paging.rules.cursor import CursorWalk
from rhombus_clips.testing.listing import LastPage, Listing, StoredClip
from tests.paging.walking import Clip, respond

MOST_CLIPS = 3
MOST_REQUESTS = 60
SPACINGS = ((1000, 1001, 1002), (1000, 1010, 1020))
PAGE_SIZES = (1, 2, 3)
CAPS = (None, 1, 2, 3)
NEW = "new"

LAST_QUESTIONS = 3
"""The requests that confirm the end of a walk. A clip created during them may be missed."""


@frozen
class Change:
    """A clip that is created or deleted before the response to a request."""

    request: int
    created_at: int | None = None
    is_first_of_ties: bool = False
    deleted: str | None = None


@frozen
class Case:
    """A listing, the page size of the walk, and a change during it."""

    times: tuple[int, ...]
    listing: Listing
    page_size: int
    change: Change | None = None


@frozen
class Outcome:
    """The result of a walk."""

    requests: int
    fault: str | None
    has_raised: bool = False


def entry(name: str, time: int) -> StoredClip:
    """Return a clip of that time. Its other time never equals a cursor."""
    return StoredClip(time, Clip(name, time, time + 500, 0))


def listings() -> Iterator[Case]:
    """Yield every listing with every page size, without a change."""
    ways = product(SPACINGS, (True, False), (False, True), LastPage, CAPS, PAGE_SIZES)
    for points, newest_first, inclusive, last_page, cap, page_size in ways:
        listing = Listing(
            newest_first=newest_first, inclusive=inclusive, last_page=last_page, largest_page=cap
        )
        for count in range(MOST_CLIPS + 1):
            for times in combinations_with_replacement(points, count):
                yield Case(tuple(sorted(times, reverse=newest_first)), listing, page_size)


def changes(case: Case, requests: int) -> Iterator[Case]:
    """Yield *case* with each change before each of its requests, and before one more."""
    points = next(points for points in SPACINGS if set(case.times) <= set(points))
    for request in range(2, requests + 2):
        for number in range(len(case.times)):
            yield _changed(case, Change(request, deleted=str(number)))
        for point, is_first in product((*points, points[0] - 1, points[-1] + 1), (False, True)):
            if point in case.times or not is_first:
                yield _changed(case, Change(request, point, is_first))


def cases() -> Iterator[Case]:
    """Yield every case; those with a change follow the same listing without one."""
    for case in listings():
        yield case
        yield from changes(case, check(case).requests)


def check(case: Case) -> Outcome:
    """Walk through a case and check the result."""
    walk: CursorWalk = CursorWalk(page_size=case.page_size, identity=lambda clip: clip.uuid)
    entries = [entry(str(number), time) for number, time in enumerate(case.times)]
    found: Counter[str | None] = Counter()
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
            if page is not None:
                found.update(clip.uuid for clip in page.new_items)
        return Outcome(requests, _fault(case, entries, found, requests))
    except PagingError as error:
        cap = case.listing.largest_page
        is_allowed = cap is not None and max(most_at_once) >= cap
        if isinstance(error, CursorStalledError) and is_allowed:
            return Outcome(requests, None, has_raised=True)
        return Outcome(requests, f"raised {error!r}")


def _fault(
    case: Case, entries: list[StoredClip], found: Counter[str | None], requests: int
) -> str | None:
    if any(count > 1 for count in found.values()):
        return f"repeated: {found}"
    before = [entry(str(number), time) for number, time in enumerate(case.times)]
    lost = {item.clip.uuid for item in before} & {item.clip.uuid for item in entries} - found.keys()
    seen = [entries]
    if case.change is not None and case.change.request > requests - LAST_QUESTIONS:
        seen.append(before)
    cap = case.listing.largest_page
    if not lost or (cap and any(_is_ambiguous(there, cap, lost) for there in seen)):
        return None
    return f"lost {lost}"


def _is_ambiguous(entries: list[StoredClip], cap: int, lost: set[str]) -> bool:
    """Return whether the service only returns one page, truncated in its last millisecond."""
    listed = {item.clip.uuid for item in entries[:cap]}
    last = {item.clip.uuid for item in entries if item.time == entries[-1].time}
    return len(last) > cap and listed <= last and lost <= last


def _after(entries: list[StoredClip], change: Change, listing: Listing) -> list[StoredClip]:
    if change.created_at is None:
        return [entry for entry in entries if entry.clip.uuid != change.deleted]
    sign = -1 if listing.newest_first else 1
    key = change.created_at * sign
    before = sum(
        entry.time * sign < key or (entry.time * sign == key and not change.is_first_of_ties)
        for entry in entries
    )
    return [*entries[:before], entry(NEW, change.created_at), *entries[before:]]


def _most_in_one_ms(entries: list[StoredClip]) -> int:
    return max(Counter(entry.time for entry in entries).values(), default=0)


def _changed(case: Case, change: Change) -> Case:
    return Case(case.times, case.listing, case.page_size, change)


def main() -> int:
    """Walk every case, print the failures, and count the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="walk every n-th listing")
    parser.add_argument("--failures", type=int, default=20, help="the number of failures to print")
    arguments = parser.parse_args()
    passed = raised = failed = 0
    for case in islice(listings(), 0, None, arguments.every):
        plain = check(case)
        for one in (case, *changes(case, plain.requests)):
            outcome = check(one)
            passed += outcome.fault is None
            raised += outcome.has_raised
            if outcome.fault is not None:
                failed += 1
                if failed <= arguments.failures:
                    sys.stdout.write(f"{one}\n  {outcome}\n")
    sys.stdout.write(
        f"{passed} cases passed, {raised} of them with an error that is allowed; {failed} failed\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
