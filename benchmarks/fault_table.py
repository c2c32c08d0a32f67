"""Print the effect of each fault on a call: its result, the number of requests and the duration.

    python -m benchmarks.fault_table

Prints the table in README.md: every fault of `FakeRhombus` against an endpoint that only reads and
one that changes something, affecting one request or all of them. Waits and limits are scaled down
(5 attempts, at most 20 ms between them, 0.5 s of silence, 3 s in total), so that a run takes a
minute.
"""

# pyright: reportPrivateUsage=false
# This program calls endpoints without the methods of a session.
import asyncio
import sys
import time
from collections.abc import Sequence

from attrs import evolve

from rhombus_clips import ClipSession, RetryPolicy, RhombusError, Timeout
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.testing import FakeRhombus, faults

READS = GET_SAVED_CLIPS
# A listing that is declared as a change has the same response as one that is declared as a read.
CHANGES = evolve(GET_SAVED_CLIPS, safe=False)


def _too_many(retry_after: str | None) -> faults.Fault:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return faults.Respond(429, b"Too many api requests. Enhance your calm.", headers=headers)


FAULTS: Sequence[tuple[str, faults.Fault]] = [
    ("none", faults.Ok()),
    ("latency of 0.2 s", faults.Latency(0.2)),
    ("slow drip of the body", faults.Drip(200, pause=0.02)),
    ("closed before the response", faults.Disconnect()),
    ("closed within the headers", faults.Disconnect(after_bytes=30)),
    ("closed within the body", faults.Disconnect(after_bytes=300)),
    ("reset before the response", faults.Reset()),
    ("reset within the headers", faults.Reset(after_bytes=30)),
    ("reset within the body", faults.Reset(after_bytes=300)),
    ("truncated chunked body", faults.TruncatedChunks()),
    ("invalid chunk, hangs the parser", faults.GarbledChunks()),
    ("silence", faults.Silence(10)),
    ("endless body", faults.EndlessBody()),
    ("429, Retry-After: 1", _too_many("1")),
    ("429, Retry-After: a date in the past", _too_many("Wed, 21 Oct 2015 07:28:00 GMT")),
    ("429 without Retry-After", _too_many(None)),
    ("429, Retry-After: -5", _too_many("-5")),
    ("429, Retry-After: soon", _too_many("soon")),
    ("429, Retry-After: a year", _too_many("31536000")),
    ("500", faults.INTERNAL_ERROR),
    ("502 with HTML", faults.BAD_GATEWAY),
    ("503", faults.UNAVAILABLE),
    ("504 with HTML", evolve(faults.BAD_GATEWAY, status=504)),
    ("200 with HTML", faults.HTML_INSTEAD),
    ("200 with an empty body", faults.Respond(200)),
    ("200 with truncated JSON", faults.Respond(200, b'{"savedClips": [')),
    ("200 with error: true", faults.REFUSED),
    ("invalid gzip", faults.GZIP_GARBAGE),
    ("redirect to another host", faults.Respond(307, headers={"Location": "https://x.example"})),
    ("400", faults.BAD_STRUCTURE),
    ("401", faults.UNAUTHENTICATED),
    ("403", faults.ACCESS_DENIED),
]


async def cell(fault: faults.Fault, endpoint: object, times: int | None) -> str:
    """Return the result of one call, the number of requests and the duration."""
    async with FakeRhombus(3) as fake:
        fake.faults = [evolve(fault, times=times)]
        async with ClipSession(
            fake.api_key,
            base_url=fake.url,
            retry=RetryPolicy(base=0.01, cap=0.02),
            timeout=Timeout(total=3.0, connect=1.0, read=0.5),
            max_response_bytes=1_000_000,
        ) as session:
            started = time.perf_counter()
            try:
                await session._call(endpoint, {"max_page_size": 1})  # type: ignore[arg-type]  # noqa: SLF001
                result = "success"
            except RhombusError as error:
                result = f"`{type(error).__name__}`" + ("*" if error.maybe_applied else "")
            seconds = time.perf_counter() - started
        return f"{result}, {len(fake.requests)}, {seconds:.1f} s"


async def table() -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| fault | read, one request | read, every request | change, one request |",
        "|---|---|---|---|",
    ]
    for name, fault in FAULTS:
        cells = [
            await cell(fault, READS, 1),
            await cell(fault, READS, None),
            await cell(fault, CHANGES, 1),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr)  # noqa: T201  # this is a command
    return lines


if __name__ == "__main__":
    print("\n".join(asyncio.run(table())))  # noqa: T201  # this is a command
