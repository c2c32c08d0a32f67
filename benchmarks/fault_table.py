"""What a caller sees of each fault, how often the service hears of it, and how long it takes.

    python -m benchmarks.fault_table

It prints the table of the README: every fault of `FakeRhombus` against an endpoint that only reads
and one that changes something, befalling one request or all of them. Waits and limits are scaled
down (5 attempts, 20 ms at the most between them, 0.5 s of silence, 3 s altogether), so that a run
takes a minute; what is done is the same as with the defaults.
"""

# pyright: reportPrivateUsage=false
# A look inside of the session is what this is for.
import asyncio
import sys
import time
from collections.abc import Sequence

from attrs import evolve

from rhombus_clips import ClipSession, RetryPolicy, RhombusError, Timeout
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.testing import FakeRhombus, faults

READS = GET_SAVED_CLIPS
# No endpoint of this release changes anything: a listing that is declared to takes the place.
CHANGES = evolve(GET_SAVED_CLIPS, safe=False)


def _too_many(retry_after: str | None) -> faults.Fault:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return faults.Respond(429, b"Too many api requests. Enhance your calm.", headers=headers)


FAULTS: Sequence[tuple[str, faults.Fault]] = [
    ("none", faults.Ok()),
    ("latency of 0.2 s", faults.Latency(0.2)),
    ("slow drip of the body", faults.Drip(200, pause=0.02)),
    ("closed before the answer", faults.Disconnect()),
    ("closed amid the headers", faults.Disconnect(after_bytes=30)),
    ("closed amid the body", faults.Disconnect(after_bytes=300)),
    ("reset before the answer", faults.Reset()),
    ("reset amid the headers", faults.Reset(after_bytes=30)),
    ("reset amid the body", faults.Reset(after_bytes=300)),
    ("chunked body cut off", faults.TruncatedChunks()),
    ("garbled chunk, hangs the parser", faults.GarbledChunks()),
    ("silence", faults.Silence(10)),
    ("body that never ends", faults.EndlessBody()),
    ("429, Retry-After: 1", _too_many("1")),
    ("429, Retry-After as a date long past", _too_many("Wed, 21 Oct 2015 07:28:00 GMT")),
    ("429 without Retry-After", _too_many(None)),
    ("429, Retry-After: -5", _too_many("-5")),
    ("429, Retry-After: soon", _too_many("soon")),
    ("429, Retry-After: a year", _too_many("31536000")),
    ("500", faults.INTERNAL_ERROR),
    ("502 with html", faults.BAD_GATEWAY),
    ("503", faults.UNAVAILABLE),
    ("504 with html", evolve(faults.BAD_GATEWAY, status=504)),
    ("200 with html", faults.HTML_INSTEAD),
    ("200 with an empty body", faults.Respond(200)),
    ("200 with half of a JSON", faults.Respond(200, b'{"savedClips": [')),
    ("200 with error: true", faults.REFUSED),
    ("gzip that is none", faults.GZIP_GARBAGE),
    ("redirect to another host", faults.Respond(307, headers={"Location": "https://x.example"})),
    ("400", faults.BAD_STRUCTURE),
    ("401", faults.UNAUTHENTICATED),
    ("403", faults.ACCESS_DENIED),
]


async def cell(fault: faults.Fault, endpoint: object, times: int | None) -> str:
    """What one call comes to."""
    async with FakeRhombus(3) as fake:
        fake.faults = [evolve(fault, times=times)]
        async with ClipSession(
            fake.api_key,
            base_url=fake.url,
            retry=RetryPolicy(base=0.01, cap=0.02),
            timeout=Timeout(total=3.0, connect=1.0, read=0.5),
            max_response_bytes=1_000_000,
        ) as session:
            begun = time.perf_counter()
            try:
                await session._call(endpoint, {"max_page_size": 1})  # type: ignore[arg-type]  # noqa: SLF001
                seen = "the answer"
            except RhombusError as error:
                seen = f"`{type(error).__name__}`" + ("*" if error.maybe_applied else "")
            seconds = time.perf_counter() - begun
        return f"{seen}, {len(fake.requests)}, {seconds:.1f} s"


async def table() -> list[str]:
    """The table, line by line."""
    lines = [
        "| fault | reads, one request | reads, every request | changes, one request |",
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
