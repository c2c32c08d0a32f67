"""Many tasks list, poll and fail for minutes against a service that fails and limits its rate.

    python -m benchmarks.soak --minutes 10 --tasks 200 --faults 0.02

It prints what was asked and answered, what the tasks saw, and what is left at the end; it exits
with 1 when a clip was lost or came twice, when an exception came that is not one of the library's,
or when a request started within a pause. (The service may still refuse some within a pause that it
asked for: those that were on their way when its first refusal arrived.)
"""

# pyright: reportPrivateUsage=false
# A look inside of the session is what this is for.
import argparse
import asyncio
import gc
import json
import logging
import os
import pathlib
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from aiohttp import web
from attrs import Factory, define

from rhombus_clips import (
    ClipNotFoundError,
    ClipSession,
    RateLimit,
    RetryPolicy,
    RhombusError,
    SavedClipPager,
    Timeout,
)
from rhombus_clips.protocol.envelope import Reply
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
    """What the tasks did and saw."""

    listings: int = 0
    clips_seen: int = 0
    clips_there: int = 0
    lost: int = 0
    twice: int = 0
    polls: int = 0
    not_found: int = 0
    pauses: int = 0
    started_in_pause: int = 0
    errors: Counter[str] = Factory(Counter[str])
    unexpected: Counter[str] = Factory(Counter[str])


class Attempts(logging.Handler):
    """Counts the attempts that the library logs."""

    attempts = 0
    retries = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line of one attempt."""
        if record.levelno == logging.DEBUG:
            self.attempts += 1
            self.retries += not record.getMessage().endswith("attempt 1")


class Service(FakeRhombus):
    """The stand-in, watching what it refuses."""

    received = 0
    refused = 0

    def _answer(self, request: ReceivedRequest, method: str) -> web.Response:
        self.received += 1
        del self.requests[:-100]
        response = super()._answer(request, method)
        self.refused += response.status == 429
        return response


@contextmanager
def service_in_thread(options: argparse.Namespace) -> Generator[Service, None, None]:
    """The service on a loop of its own, so that its sockets and tasks are not the client's."""
    ready, stop = threading.Event(), asyncio.Event()
    running: list[tuple[Service, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        limit = RateLimit(per_second=options.rate, burst=int(options.rate))
        async with Service(options.clips, rate=limit) as service:
            service.faults = [faults.Sometimes(_FAULTS, options.faults, times=None)]
            running.append((service, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    service, loop = running[0]
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def work(session: ClipSession, service: Service, tally: Tally, until: float) -> None:
    """One task: list everything, poll a clip, ask for one that is not there; again and again."""
    everything = Counter(clip["uuid"] for clip in service.clips)
    while time.monotonic() < until:
        pager, seen = session.saved_clips(), Counter[str | None]()
        while not await _read_on(pager, seen, tally, until):
            pass
        if time.monotonic() >= until:
            return
        tally.listings += 1
        tally.clips_seen += seen.total()
        tally.clips_there += everything.total()
        tally.lost += (everything - seen).total()
        tally.twice += (seen - everything).total()
        for clip_uuid in (random.choice(service.clips)["uuid"], "A" * 22):
            await _poll(session, clip_uuid, tally)


async def _read_on(
    pager: SavedClipPager, seen: Counter[str | None], tally: Tally, until: float
) -> bool:
    """Read until the end, True, or an error, False."""
    try:
        async for clip in pager:
            seen[clip.uuid] += 1
    except RhombusError as error:
        tally.errors[type(error).__name__] += 1
        return time.monotonic() >= until
    except Exception as error:  # noqa: BLE001  # counting such is what this is for
        tally.unexpected[repr(error)] += 1
    return True


async def _poll(session: ClipSession, clip_uuid: str, tally: Tally) -> None:
    try:
        await session.get_clip_with_progress(clip_uuid)
        tally.polls += 1
    except ClipNotFoundError:
        tally.not_found += 1
    except RhombusError as error:
        tally.errors[type(error).__name__] += 1
    except Exception as error:  # noqa: BLE001  # as above
        tally.unexpected[repr(error)] += 1


def watch_starts(session: ClipSession, tally: Tally) -> None:
    """Count the pauses of the session, and the requests that start within one: none should."""
    transport, pacing = session._transport, session._call._pacing  # noqa: SLF001  # to see inside
    post, pause = transport.post, pacing.pause

    def counted(seconds: float) -> None:
        tally.pauses += pacing.delay() == 0
        pause(seconds)

    async def watched(path: str, body: bytes, *, seconds: float) -> Reply:
        tally.started_in_pause += pacing.delay() > 0
        return await post(path, body, seconds=seconds)

    pacing.pause = counted  # type: ignore[method-assign]
    transport.post = watched  # type: ignore[method-assign]


def memory_mib() -> float:
    """The resident memory of this process."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_sockets() -> int:
    """How many sockets this process holds, the service's among them."""
    count = 0
    for entry in pathlib.Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


async def soak(options: argparse.Namespace, service: Service, attempts: Attempts) -> int:
    """Run the tasks, print the figures, and return the exit code."""
    tally = Tally()
    sockets_before = open_sockets()
    begun = time.monotonic()
    async with (
        ClipSession(
            service.api_key,
            base_url=service.url,
            retry=RetryPolicy(base=0.05, cap=2.0),
            timeout=Timeout(total=30.0, read=5.0),
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        watch_starts(session, tally)
        for _ in range(options.tasks):
            tasks.create_task(work(session, service, tally, begun + 60 * options.minutes))
        # What the first minute fills (pools, caches, the code's own tables) is no leak.
        await asyncio.sleep(min(60.0, 20 * options.minutes))
        memory_begin = memory_mib()
    memory_end = memory_mib()
    await asyncio.sleep(1)
    report = {
        "seconds": round(time.monotonic() - begun),
        "tasks": options.tasks,
        "share of requests with a fault": options.faults,
        "requests received": service.received,
        "attempts": attempts.attempts,
        "of them retries": attempts.retries,
        "answered 429": service.refused,
        "pauses": tally.pauses,
        "started within a pause": tally.started_in_pause,
        "listings": tally.listings,
        "clips seen": tally.clips_seen,
        "clips there": tally.clips_there,
        "clips lost": tally.lost,
        "clips twice": tally.twice,
        "polls": tally.polls,
        "unknown clips": tally.not_found,
        "errors by class": dict(tally.errors.most_common()),
        "unexpected exceptions": dict(tally.unexpected),
        "memory, MiB, begin and end": [round(memory_begin, 1), round(memory_end, 1)],
        "client sockets left": open_sockets() - sockets_before,
    }
    for name, value in report.items():
        print(f"{name:32} {json.dumps(value)}")  # noqa: T201  # this is a command
    bad = tally.lost or tally.twice or tally.unexpected or tally.started_in_pause
    return 1 if bad else 0


def main() -> int:
    """Read the arguments and soak."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.02, help="share of the requests, 0 to 1")
    parser.add_argument("--clips", type=int, default=250)
    parser.add_argument("--rate", type=float, default=40.0, help="the service's requests a second")
    options = parser.parse_args()
    attempts = Attempts()
    logger = logging.getLogger("rhombus_clips")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(attempts)
    with service_in_thread(options) as service:
        return asyncio.run(soak(options, service, attempts))


if __name__ == "__main__":
    sys.exit(main())
