"""The number of clips per day, for a calendar."""

import asyncio
from array import array
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from rhombus_clips.concurrency import wait_until_done
from rhombus_clips.models.moments import from_epoch_ms, to_epoch_ms
from rhombus_clips.session import ClipSession

_DAYS = timedelta(days=366)
_FRESH_SECONDS = 900.0
_PAGE_SIZE = 100
_MOST_CLIPS = 100_000


@frozen
class Times:
    """The times at which the footage of the clips of the last 366 days starts, in order."""

    milliseconds: "array[int]"
    is_complete: bool
    """False if there are more clips than can be counted."""

    def per_day(self, zone: ZoneInfo, since: int | None, until: int | None) -> dict[str, int]:
        """Return the number of clips of each day in the time zone, from *since* to *until*."""
        times = self.milliseconds
        start = 0 if since is None else bisect_left(times, since)
        stop = len(times) if until is None else bisect_left(times, until)
        days: Counter[str] = Counter()
        for milliseconds in times[start:stop]:
            time = from_epoch_ms(milliseconds)
            if time is not None:
                with suppress(OverflowError):  # The local day may be after the year 9999.
                    days[time.astimezone(zone).date().isoformat()] += 1
        return days


class RecordedTimes:
    """The times of a session's clips. One listing serves all requests of a quarter of an hour.

    The listing runs in a task while a request waits for it.
    """

    def __init__(self, session: ClipSession) -> None:
        self._session = session
        self._task: asyncio.Task[Times] | None = None
        self._waiting = 0
        self._expires = 0.0

    async def get(self) -> Times:
        """Return the times, from a listing that may be under way already."""
        now = asyncio.get_running_loop().time()
        task = self._task
        if task is None or (task.done() and (now >= self._expires or _has_failed(task))):
            task = self._task = asyncio.create_task(self._list())
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting -= 1
            if not self._waiting and not task.done():
                self._task = None  # Another request must not wait for a listing that is cancelled.
                task.cancel()
                await wait_until_done(task)

    async def _list(self) -> Times:
        since = datetime.now(UTC) - _DAYS
        pager = self._session.saved_clips(since=since, page_size=_PAGE_SIZE, limit=_MOST_CLIPS)
        first, times = to_epoch_ms(since), array("q")
        async for clip in pager:
            if clip.timestamp_ms is not None and clip.timestamp_ms >= first:
                times.append(clip.timestamp_ms)
        self._expires = asyncio.get_running_loop().time() + _FRESH_SECONDS
        return Times(array("q", sorted(times)), pager.cursor is None)


def _has_failed(task: "asyncio.Task[Times]") -> bool:
    return task.cancelled() or task.exception() is not None
