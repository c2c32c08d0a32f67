"""Run many tasks against a failing, rate-limited service for some minutes.

    python -m benchmarks.soak --minutes 10 --tasks 200 --faults 0.02

Prints how many requests were sent and refused, what the tasks received, and the memory and sockets
in use at the end. Exits with 1 if a clip was lost or repeated, if an exception was raised that is
not one of the library's, or if a request was sent during a pause. The service runs in another
process; aiohttp's tracing shows when a request is sent. Requests that were in flight when a pause
started may still be refused during it; they are counted separately.
"""

# pyright: reportPrivateUsage=false
# This program inspects the internals of a session.
import argparse
import asyncio
import gc
import json
import logging
import os
import pathlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from attrs import Factory, define

from benchmarks.elsewhere import Elsewhere, Lifetime, service_elsewhere
from rhombus_clips import (
    ClipSession,
    NotFoundError,
    RateLimit,
    RetryPolicy,
    RhombusError,
    SavedClipPager,
    Timeout,
)
from rhombus_clips.testing import FakeRhombus, ReceivedRequest, faults

_FAULTS = [
    faults.Disconnect(),
    faults.Disconnect(after_bytes=200),
    faults.Reset(),
    faults.Reset(after_bytes=200),
    faults.TruncatedChunks(),
    faults.GarbledChunks(),
    faults.GZIP_GARBAGE,
    faults.HTML_INSTEAD,
    faults.REFUSED,
    faults.INTERNAL_ERROR,
    faults.BAD_GATEWAY,
    faults.UNAVAILABLE,
    faults.Latency(0.3),
    faults.Drip(2000, pause=0.02),
]


@define
class Tally:
    """Counters of what the tasks did and received."""

    listings: int = 0
    clips_seen: int = 0
    clips_expected: int = 0
    lost: int = 0
    repeated: int = 0
    polls: int = 0
    not_found: int = 0
    pauses: int = 0
    is_pause_on: Callable[[], bool] = bool
    sent_in_pause: int = 0
    refused_sent_in_pause: int = 0
    refused_in_flight: int = 0
    sockets_before: int = 0
    sockets_after: int = 0
    memory_start: float = 0.0
    memory_end: float = 0.0
    errors: Counter[str] = Factory(Counter[str])
    unexpected: Counter[str] = Factory(Counter[str])


class Attempts(logging.Handler):
    """Count the attempts that the library logs."""

    attempts = 0
    retries = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record of one attempt."""
        if record.levelno == logging.DEBUG:
            self.attempts += 1
            self.retries += not record.getMessage().endswith("attempt 1")


class Service(FakeRhombus):
    """A fake service that counts the requests it receives and refuses."""

    received = 0
    refused = 0

    async def _answer(self, request: ReceivedRequest) -> web.StreamResponse:
        self.received += 1
        del self.requests[:-100]
        response = await super()._answer(request)
        self.refused += response.status == 429
        return response


def rate_limit(per_second: float) -> RateLimit:
    """Return the service's limit, with a burst of one second."""
    return RateLimit(per_second=per_second, burst=int(per_second))


async def serve(lifetime: Lifetime, clips: int, rate: float, share_of_faults: float) -> None:
    """Run the service, in its own process."""
    async with Service(clips, rate=rate_limit(rate)) as service:
        service.faults = [faults.Sometimes(_FAULTS, share_of_faults, times=None)]
        lifetime.ready((service.url, service.api_key))
        await lifetime.over()
        lifetime.report((service.received, service.refused))


async def work(session: ClipSession, uuids: list[str], tally: Tally, until: float) -> None:
    """List everything, poll one clip and request a missing one, repeatedly."""
    everything = Counter[str | None](uuids)
    while time.monotonic() < until:
        pager, seen = session.saved_clips(), Counter[str | None]()
        while not await _read(pager, seen, tally, until):
            pass
        if time.monotonic() >= until:
            return
        tally.listings += 1
        tally.clips_seen += seen.total()
        tally.clips_expected += everything.total()
        tally.lost += (everything - seen).total()
        tally.repeated += (seen - everything).total()
        for clip_uuid in (random.choice(uuids), "A" * 22):
            await _poll(session, clip_uuid, tally)


async def _read(
    pager: SavedClipPager, seen: Counter[str | None], tally: Tally, until: float
) -> bool:
    """Read the listing; return False if it stopped with an error and has to be resumed."""
    try:
        async for clip in pager:
            seen[clip.uuid] += 1
    except RhombusError as error:
        tally.errors[type(error).__name__] += 1
        return time.monotonic() >= until
    except Exception as error:  # noqa: BLE001  # unexpected exceptions are counted
        tally.unexpected[repr(error)] += 1
    return True


async def _poll(session: ClipSession, clip_uuid: str, tally: Tally) -> None:
    try:
        await session.get_clip_with_progress(clip_uuid)
        tally.polls += 1
    except NotFoundError:
        tally.not_found += 1
    except RhombusError as error:
        tally.errors[type(error).__name__] += 1
    except Exception as error:  # noqa: BLE001  # as above
        tally.unexpected[repr(error)] += 1


def watch_pauses(session: ClipSession, tally: Tally) -> None:
    """Count the session's pauses, and the requests that were sent during one."""
    # ruff: noqa: SLF001  # inspects internals
    pacing = session._call._pacing
    session._transport.client.open()._trace_configs.append(tracing(tally))
    pause = pacing.begin_pause

    def counted(seconds: float) -> None:
        tally.pauses += pacing.pause.delay() == 0
        pause(seconds)

    pacing.begin_pause = counted  # type: ignore[method-assign]
    tally.is_pause_on = lambda: pacing.pause.delay() > 0


def tracing(tally: Tally) -> aiohttp.TraceConfig:
    """Return a trace that records when each request was sent and how it was answered."""
    trace = aiohttp.TraceConfig()

    async def sent(_: object, context: SimpleNamespace, __: object) -> None:
        context.late = tally.is_pause_on()
        tally.sent_in_pause += context.late

    async def answered(
        _: object, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        if end.response.status == 429:
            tally.refused_sent_in_pause += context.late
            tally.refused_in_flight += not context.late and tally.is_pause_on()

    trace.on_request_headers_sent.append(sent)
    trace.on_request_end.append(answered)
    trace.freeze()
    return trace


def memory_mib() -> float:
    """Return the resident memory of this process, in MiB."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_sockets() -> int:
    """Return how many sockets this process has open."""
    count = 0
    for entry in pathlib.Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


async def soak(options: argparse.Namespace, service: Elsewhere) -> Tally:
    """Run the tasks and return their counters."""
    tally = Tally()
    url, api_key = service.address
    uuids = [clip["uuid"] for clip in FakeRhombus(options.clips).clips]
    until = time.monotonic() + 60 * options.minutes
    tally.sockets_before = open_sockets()
    async with (
        ClipSession(
            api_key,
            base_url=url,
            retry=RetryPolicy(base=0.05, cap=2.0),
            timeout=Timeout(total=30.0, read=5.0),
            rate=rate_limit(options.rate) if options.keep_below else None,
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        watch_pauses(session, tally)
        for _ in range(options.tasks):
            tasks.create_task(work(session, uuids, tally, until))
        # The first minute fills pools and caches, which is not a leak.
        await asyncio.sleep(min(60.0, 20 * options.minutes))
        tally.memory_start = memory_mib()
    tally.memory_end = memory_mib()
    await asyncio.sleep(1)
    tally.sockets_after = open_sockets()
    return tally


def print_report(
    options: argparse.Namespace, service: Elsewhere, attempts: Attempts, tally: Tally
) -> None:
    """Print the counters."""
    received, refused = service.report
    report = {
        "minutes": options.minutes,
        "tasks": options.tasks,
        "share of requests with a fault": options.faults,
        "requests received": received,
        "attempts": attempts.attempts,
        "of these retries": attempts.retries,
        "answered 429": refused,
        "pauses": tally.pauses,
        "sent during a pause": tally.sent_in_pause,
        "of these answered 429": tally.refused_sent_in_pause,
        "in flight when a pause started, then answered 429": tally.refused_in_flight,
        "listings": tally.listings,
        "clips yielded": tally.clips_seen,
        "clips expected": tally.clips_expected,
        "clips lost": tally.lost,
        "clips repeated": tally.repeated,
        "polls": tally.polls,
        "unknown clips": tally.not_found,
        "errors by class": dict(tally.errors.most_common()),
        "unexpected exceptions": dict(tally.unexpected),
        "memory in MiB, after the first minute and at the end": [
            round(tally.memory_start, 1),
            round(tally.memory_end, 1),
        ],
        "client sockets, before and after": [tally.sockets_before, tally.sockets_after],
    }
    for name, value in report.items():
        print(f"{name:52} {json.dumps(value)}")  # noqa: T201  # this is a command


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument(
        "--faults", type=float, default=0.02, help="share of requests with a fault, 0 to 1"
    )
    parser.add_argument("--clips", type=int, default=250)
    parser.add_argument(
        "--rate", type=float, default=40.0, help="requests per second that the service accepts"
    )
    parser.add_argument(
        "--keep-below", action="store_true", help="give the session a rate limit of the same size"
    )
    options = parser.parse_args()
    attempts = Attempts()
    logger = logging.getLogger("rhombus_clips")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(attempts)
    with service_elsewhere(serve, options.clips, options.rate, options.faults) as service:
        tally = asyncio.run(soak(options, service))
    print_report(options, service, attempts, tally)
    return 1 if tally.lost or tally.repeated or tally.unexpected or tally.sent_in_pause else 0


if __name__ == "__main__":
    sys.exit(main())
