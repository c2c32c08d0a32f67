"""Cursors that travel: from one pager to another, through JSON and a URL, and damaged ones."""

import json
import random
import string
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipSession,
    CursorStalledError,
    InvalidArgumentError,
    RetryPolicy,
    ServerError,
)
from rhombus_clips.paging.rules.cursor_text import LONGEST_CURSOR, Kind, Listed, write_cursor
from rhombus_clips.paging.rules.cycles import CycleCheck
from rhombus_clips.testing import FakeRhombus, LastPage, Listing, faults
from tests.examples import examples

START = 1_700_000_000_000


def travelled(cursor: str) -> str:
    """Return *cursor* after a trip to a browser and back."""
    assert quote(cursor, safe="") == cursor
    sent = json.loads(json.dumps({"cursor": cursor}))["cursor"]
    return parse_qs(urlencode({"cursor": sent}))["cursor"][0]


def stored(number: int, time: int, lag: int) -> dict[str, Any]:
    return {"uuid": f"clip {number}", "timestampMs": time, "createdAtMs": time + lag}


@examples(60)
@given(st.data())
async def test_web_requests_together_list_each_clip_once(data) -> None:
    """Each request has a new pager, and clips are created and deleted between two requests."""
    listing = Listing(
        newest_first=data.draw(st.booleans()),
        clock=data.draw(st.sampled_from(("timestamp_ms", "created_at_ms"))),
        inclusive=data.draw(st.booleans()),
        last_page=data.draw(st.sampled_from(LastPage)),
    )
    spread = data.draw(st.sampled_from((30, 300, 100_000)))
    times = data.draw(st.lists(st.integers(0, spread), max_size=300))
    # Equal times, parallel times, or times in another order.
    lag = data.draw(st.sampled_from((lambda _: 0, lambda _: 5000, lambda n: n * 7919 % 10_000)))
    clips = [stored(number, START + time, lag(number)) for number, time in enumerate(times)]
    hides = data.draw(st.booleans())
    hidden = {clip["uuid"] for clip in clips[:: data.draw(st.integers(2, 5))]} if hides else set()
    steps = data.draw(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 120)), min_size=1))
    events = iter(data.draw(st.lists(st.integers(-spread, spread), max_size=30)))
    lasting = {clip["uuid"] for clip in clips} - hidden
    found: Counter[str | None] = Counter()
    cursor: str | None = None
    async with (
        FakeRhombus(clips, shared_clip_groups=[], listing=listing, hidden=hidden) as fake,
        ClipSession(fake.api_key, base_url=fake.url) as session,
    ):
        for number, (amount, page_size) in enumerate(cycle(steps)):
            pager = session.saved_clips(cursor=cursor, page_size=page_size)
            try:
                page = await pager.collect(amount)
            except CursorStalledError:
                assert len(clips) > spread  # More clips in a millisecond than fit into a cursor.
                return
            found.update(clip.uuid for clip in page)
            cursor = pager.cursor
            if cursor is None:
                assert pager.is_exhausted
                break
            assert len(page) == amount
            cursor = travelled(cursor)
            event = next(events, 0)
            if event > 0:
                fake.clips.append(stored(1000 + number, START + event, lag(number)))
            elif event < 0 and fake.clips:
                lasting.discard(fake.clips.pop(-event % len(fake.clips))["uuid"])
    assert lasting <= found.keys()
    assert max(found.values(), default=1) == 1


@pytest.mark.parametrize(("amount", "page_size"), [(25, 25), (10, 25), (25, 50), (50, 25)])
async def test_page_of_a_web_application_costs_one_request(connect, amount, page_size) -> None:
    cursor: str | None = None
    total = 0
    async with FakeRhombus(1000) as fake, connect(fake) as session:
        while True:
            pager = session.saved_clips(cursor=cursor, page_size=page_size)
            total += len(await pager.collect(amount))
            cursor = pager.cursor
            if cursor is None:
                break
        assert total == 1000
        needed = 1000 / amount * max(1, amount / page_size)
        assert len(fake.requests) <= 1.1 * needed + 5


@pytest.mark.parametrize("seed", range(3))
async def test_drawn_amounts_and_page_sizes_cost_one_request_per_page(connect, seed) -> None:
    draw = random.Random(seed)
    cursor: str | None = None
    total = pages = 0
    async with FakeRhombus(1500) as fake, connect(fake) as session:
        while True:
            amount, page_size = draw.randint(1, 200), draw.randint(1, 100)
            pager = session.saved_clips(cursor=cursor, page_size=page_size)
            clips = await pager.collect(amount)
            total, pages = total + len(clips), pages + -(-len(clips) // page_size)
            cursor = pager.cursor
            if cursor is None:
                break
        assert total == 1500
        assert len(fake.requests) <= 1.1 * pages + 5


async def test_another_pager_continues_after_an_error_and_a_cancellation(connect) -> None:
    """``error.cursor`` and `pager.cursor` are exact in the middle of a page as well."""
    async with FakeRhombus(100) as fake, connect(fake, retry=RetryPolicy(attempts=1)) as session:
        seen: list[str | None] = []
        first = session.saved_clips(page_size=10)
        fake.faults = [faults.Ok(times=3), faults.UNAVAILABLE]
        with pytest.raises(ServerError) as caught:
            async for clip in first:
                seen.append(clip.uuid)
        assert caught.value.cursor is not None
        second = session.saved_clips(cursor=caught.value.cursor, page_size=20)
        seen += [clip.uuid for clip in await second.collect(7)]
        fake.faults = [faults.Silence(5)]
        with anyio.move_on_after(0.05) as scope:
            async for clip in second:
                seen.append(clip.uuid)
        assert scope.cancelled_caught
        third = session.saved_clips(cursor=second.cursor)
        async with third.prefetched() as clips:
            async for clip in clips:
                seen.append(clip.uuid)
                if len(seen) == 61:
                    break
        fourth = session.saved_clips(cursor=third.cursor)
        seen += [clip.uuid async for clip in fourth]
    assert sorted(seen, key=str) == sorted(clip["uuid"] for clip in fake.clips)


@examples(30)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60)), min_size=1, max_size=10))
async def test_listings_with_page_tokens_resume_within_a_page(steps) -> None:
    found: list[str | None] = []
    cursor: str | None = None
    async with FakeRhombus(150) as fake, ClipSession(fake.api_key, base_url=fake.url) as session:
        for amount, page_size in cycle(steps):
            pager = session.clips_with_progress(cursor=cursor, page_size=page_size)
            found += [clip.uuid for clip in await pager.collect(amount)]
            cursor = pager.cursor
            if cursor is None:
                break
            cursor = travelled(cursor)
    assert sorted(found, key=str) == sorted(clip["uuid"] for clip in fake.clips)


async def test_bounded_listing_still_stops_early(connect) -> None:
    """Pagers that take one page each learn, together, by which time the service lists."""
    async with FakeRhombus(1000) as fake, connect(fake) as session:
        times = sorted((clip["timestampMs"] for clip in fake.clips), reverse=True)
        since, cursor, total = times[199], None, 0
        while True:
            pager = session.saved_clips(since=since, cursor=cursor, page_size=20)
            total += len(await pager.collect(20))
            cursor = pager.cursor
            if cursor is None:
                break
    assert total == sum(time >= since for time in times)
    assert len(fake.requests) <= 15


async def test_cursor_of_a_sharded_pager_is_an_earlier_position(connect) -> None:
    async with FakeRhombus(400) as fake, connect(fake) as session:
        pager = session.saved_clips(since=0, page_size=20)
        assert pager.is_cursor_exact
        seen: set[str | None] = set()
        async with pager.sharded(4) as clips:
            async for clip in clips:
                seen.add(clip.uuid)
                if len(seen) == 150:
                    break
        assert pager.stats.windows > 0
        assert not pager.is_cursor_exact
        rest = session.saved_clips(since=0, cursor=pager.cursor)
        seen |= {clip.uuid async for clip in rest}
        assert seen == {clip["uuid"] for clip in fake.clips}
        whole = session.saved_clips(since=0, page_size=20)
        async with whole.sharded(4) as clips:
            assert len([clip async for clip in clips]) == 400
        assert whole.cursor is None
        assert whole.is_exhausted


# --- cursors that must be rejected ---------------------------------------------------------------


async def cursors_of_every_kind(fake, session) -> dict[str, tuple[Any, list[str]]]:
    """Return a function that opens each kind of listing, and cursors of it."""
    bounded = {"since": 5, "until": 10**13}
    kinds: dict[str, Any] = {
        "saved": session.saved_clips,
        "bounded": lambda **options: session.saved_clips(**bounded, **options),
        "created": lambda **options: session.saved_clips(**bounded, by="created_at_ms", **options),
        "tokens": session.clips_with_progress,
        "filtered": lambda **options: session.clips_with_progress(sort_order="asc", **options),
        "expiring": session.expiring_clips,
        "groups": session.shared_clip_groups,
        "late groups": lambda **options: session.shared_clip_groups(created_after=5, **options),
    }
    found: dict[str, tuple[Any, list[str]]] = {}
    for name, start in kinds.items():
        pager = start()
        cursors = [pager.cursor]
        for amount in (3, 8, 4):
            await pager.collect(amount)
            cursors.append(pager.cursor)
        found[name] = start, [cursor for cursor in cursors if cursor is not None]
        assert len(found[name][1]) >= 2, name
    return found


async def test_cursor_of_another_listing_is_rejected(connect) -> None:
    async with FakeRhombus(60) as fake, connect(fake) as session:
        found = await cursors_of_every_kind(fake, session)
        sent = len(fake.requests)
        for name, (start, _) in found.items():
            for other, (_, cursors) in found.items():
                for cursor in cursors:
                    if name == other:
                        start(cursor=cursor)
                        continue
                    with pytest.raises(InvalidArgumentError, match="cursor belongs to"):
                        start(cursor=cursor)
        assert len(fake.requests) == sent


async def test_damaged_cursors_are_rejected_or_unchanged(connect) -> None:
    """A thousand of them: changed, truncated, extended, swapped and mixed."""
    draw = random.Random(0)
    alphabet = string.ascii_letters + string.digits + "-_=+/ %\n\u00e9\0"
    async with FakeRhombus(60) as fake, connect(fake) as session:
        found = await cursors_of_every_kind(fake, session)
        sent = len(fake.requests)
        every = [cursor for _, cursors in found.values() for cursor in cursors]
        for _ in range(1000):
            start, cursors = draw.choice([*found.values()])
            damaged = _damaged(draw.choice(cursors), draw.choice(every), draw, alphabet)
            if damaged in cursors:
                continue
            with pytest.raises(InvalidArgumentError, match="cursor") as caught:
                start(cursor=damaged)
            assert caught.value.http_status == 400
        assert len(fake.requests) == sent


def _damaged(cursor: str, other: str, draw: random.Random, alphabet: str) -> str:
    at = draw.randrange(len(cursor))
    match draw.randrange(7):
        case 0:
            return cursor[:at] + draw.choice(alphabet) + cursor[at + 1 :]
        case 1:
            return cursor[:at]
        case 2:
            return cursor + draw.choice(alphabet)
        case 3:
            to = draw.randrange(len(cursor))
            swapped = list(cursor)
            swapped[at], swapped[to] = swapped[to], swapped[at]
            return "".join(swapped)
        case 4:
            return cursor[:at] + other[at:] if other[at:] != cursor[at:] else cursor
        case 5:
            return cursor[at:] + cursor[:at]
        case _:
            return cursor.swapcase()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "5",
        "A" * 4000,
        "A" * 4001,
        "null",
        "None",
        "../../etc",
        b"bytes",
        [],
        {},
        1.5,
        True,
    ],
)
@pytest.mark.parametrize("listing", ["saved_clips", "clips_with_progress", "shared_clip_groups"])
def test_anything_else_is_rejected(cursor, listing) -> None:
    with pytest.raises(InvalidArgumentError, match="cursor"):
        getattr(ClipSession("k" * 22), listing)(cursor=cursor)


@given(st.binary(max_size=60), st.sampled_from([*Kind]))
def test_payload_that_this_library_did_not_write_is_rejected(payload, kind) -> None:
    """The checksum is no protection against forgery, which must not raise another error."""
    session = ClipSession("k" * 22)
    text = write_cursor(Listed(kind), payload)
    for start in (session.saved_clips, session.clips_with_progress, session.shared_clip_groups):
        try:
            pager: Any = start(cursor=text)
        except InvalidArgumentError:
            continue
        assert pager.cursor == text


def test_cursor_of_another_version_says_so() -> None:
    class Later(Listed):
        @property
        def header(self) -> bytes:
            return bytes([2 << 4 | 1]) + super().header[1:]

    text = write_cursor(Later(Kind.SAVED_CLIPS), b"123")
    with pytest.raises(InvalidArgumentError, match="another version"):
        ClipSession("k" * 22).saved_clips(cursor=text)


def test_time_is_still_a_cursor_of_saved_clips() -> None:
    session = ClipSession("k" * 22)
    by_number = session.saved_clips(cursor=START).cursor
    aware = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=START)
    assert session.saved_clips(cursor=aware).cursor == by_number
    assert by_number is not None
    assert len(by_number) < LONGEST_CURSOR


@given(st.integers(0, 20), st.integers(1, 50))
def test_cycle_is_detected_soon(before, length) -> None:
    check = CycleCheck()
    for step in range(1000):
        value = step if step < before else before + (step - before) % length
        if check.has_returned_to(value):
            assert step >= before + length
            assert step <= 3 * (before + length) + 3
            return
        check = CycleCheck.of(check.moved_to(value).state)
    raise AssertionError("the cycle was not detected")
