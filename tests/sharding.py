"""What tests of sharded listings share: clips of given times, and listing them."""

from typing import Any

from rhombus_clips import ClipSession


def clips_at(times: list[int], *, created: bool = True) -> list[dict[str, Any]]:
    return [
        {
            "uuid": f"clip-{number}",
            "timestampMs": time,
            "createdAtMs": 5000 + (time * 7919) % 100_003 if created else None,
        }
        for number, time in enumerate(times)
    ]


async def sharded_uuids(session: ClipSession, shards: int = 8, **range_: Any) -> list[Any]:
    async with session.saved_clips(**range_).sharded(shards) as clips:
        return [clip.uuid async for clip in clips]
