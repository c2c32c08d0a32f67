"""Clips with given times, and sharded listings of them."""

from typing import Any

from rhombus_clips import ClipSession
from rhombus_clips.paging import PagerStats


def clips_at(times: list[int], *, created: bool = True) -> list[dict[str, Any]]:
    return [
        {
            "uuid": f"clip-{number}",
            "timestampMs": time,
            "createdAtMs": 5000 + (time * 7919) % 100_003 if created else None,
        }
        for number, time in enumerate(times)
    ]


def created_after(clips: list[dict[str, Any]], *lags: int) -> list[dict[str, Any]]:
    """Set the creation times of *clips* to their recording times plus the *lags*, in turn."""
    for number, clip in enumerate(clips):
        clip["createdAtMs"] = clip["timestampMs"] + lags[number % len(lags)]
    return clips


async def sharded_uuids(session: ClipSession, shards: int = 8, **range_: Any) -> list[Any]:
    return (await sharded_listing(session, shards, **range_))[0]


async def sharded_listing(
    session: ClipSession, shards: int = 8, **range_: Any
) -> tuple[list[Any], PagerStats]:
    """Return the uuids of a sharded listing, and the pager's counters."""
    pager = session.saved_clips(**range_)
    async with pager.sharded(shards) as clips:
        return [clip.uuid async for clip in clips], pager.stats
