"""Measure the routes for web backends: event streams and proxied downloads in one process."""

import asyncio
import gc
import json
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
from aiohttp import web
from attrs import define, frozen

from benchmarks.calls import API_KEY
from benchmarks.downloading import BARE_CHUNK
from benchmarks.elsewhere import Lifetime, service_elsewhere
from benchmarks.measuring import Row, at_least, at_most, compare, side_by_side
from benchmarks.soak import memory_mib
from rhombus_clips import ClipSession
from rhombus_clips.web import aiohttp_routes

_MIB = 2**20
_BLOCK = bytes(_MIB)
_MOST_GROWN_MIB = 60
_LONGEST_STALL = 0.1
_STALL_STEP = 0.01
_REGION = "us-west-2"


@frozen
class Load:
    """What the backend has to bear at the same time."""

    streams: int
    """The number of event streams, each of its own render."""
    downloads: int
    mib: int
    """The size of each download."""


# --- the service -----------------------------------------------------------------------------


async def serve_renders_and_videos(lifetime: Lifetime, mib: int) -> None:
    """Serve renders that make progress at each poll, and videos of *mib* with ranges."""
    total = mib * _MIB
    polls: Counter[str] = Counter()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            if head.startswith(b"POST"):
                clip_uuid = json.loads(body)["clipUuid"]
                polls[clip_uuid] += 1
                writer.write(_progress(clip_uuid, polls[clip_uuid]))
                await writer.drain()
            else:
                await _send_video(writer, head, total)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    lifetime.ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await lifetime.over()
    server.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _progress(clip_uuid: str, polls: int) -> bytes:
    clip = {
        "uuid": clip_uuid,
        "status": "RENDERING" if clip_uuid.startswith("render") else "COMPLETE",
        "percentComplete": polls % 100,
        "clipLocation": {"region": _REGION},
    }
    body = json.dumps({"clip": clip}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _send_video(writer: asyncio.StreamWriter, head: bytes, total: int) -> None:
    wanted = re.search(rb"(?i)range: bytes=(\d+)-(\d*)", head)
    start = int(wanted[1]) if wanted else 0
    stop = min(total, int(wanted[2]) + 1) if wanted and wanted[2] else total
    status = b"206 Partial Content" if wanted else b"200 OK"
    writer.write(
        b'HTTP/1.1 %b\r\nETag: "1"\r\nContent-Length: %d\r\n' % (status, stop - start)
        + (b"Content-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, total) if wanted else b"")
        + b"\r\n"
    )
    try:
        while start < stop:
            size = min(_MIB, stop - start)
            writer.write(_BLOCK[:size])
            await writer.drain()
            start += size
    except ConnectionError:
        pass  # The client has what it wanted.


# --- the backend -----------------------------------------------------------------------------


@define
class _Watch:
    """The longest stalls of the event loop, and the growth of the process, since the start.

    While it is preempted by the service and the clients, which need more than the other core, the
    loop stalls without using the processor.
    """

    stall: float = 0.0
    processor: float = 0.0
    """The longest stall in processor time of the loop's thread, in seconds."""
    memory: float = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due, used = time.perf_counter() + _STALL_STEP, time.thread_time()
            await asyncio.sleep(_STALL_STEP)
            late = time.perf_counter() - due
            self.stall = max(self.stall, late)
            self.processor = max(self.processor, min(late, time.thread_time() - used))


async def serve_backend(lifetime: Lifetime, service: str) -> None:
    """Serve the routes at ``/api``, and the same proxy written on aiohttp at ``/bare``."""
    watch = _Watch()

    async def allow(*_: object) -> None:
        return None

    async def bare(request: web.Request) -> web.StreamResponse:
        url = f"{service}/media/metadata/{_REGION}/{request.match_info['clip_uuid']}.mp4"
        headers = {"Range": request.headers["Range"]}
        async with raw.get(url, headers=headers) as source:
            response = web.StreamResponse(status=source.status)
            response.content_length = source.content_length
            await response.prepare(request)
            async for chunk in source.content.iter_any():
                await response.write(chunk)
        return response

    async def measured(request: web.Request) -> web.Response:
        found = {
            "stall": watch.stall,
            "processor": watch.processor,
            "memory": memory_mib() - watch.memory,
        }
        if "start" in request.query:
            watch.memory = memory_mib()
            await asyncio.sleep(10 * _STALL_STEP)  # The collection of garbage was a stall.
            watch.stall = watch.processor = 0.0
        return web.json_response(found)

    async with (
        ClipSession.for_web(API_KEY, base_url=service, media_url=service) as session,
        aiohttp.ClientSession() as raw,
    ):
        app = web.Application()
        app.add_routes(aiohttp_routes(session, authorize=allow))
        app.add_routes([web.get("/bare/{clip_uuid}", bare), web.get("/measured", measured)])
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        # As the guide recommends for many streams.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        watching = asyncio.create_task(watch.run())
        lifetime.ready("http://{}:{}".format(*runner.addresses[0]))
        await lifetime.over()
        watching.cancel()
        await runner.cleanup()


# --- the clients -----------------------------------------------------------------------------


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for the speed of a proxied download, and for memory and stalls under load."""
    load = Load(50, 5, 10) if quick else Load(500, 50, 100)
    with (
        service_elsewhere(serve_renders_and_videos, load.mib) as service,
        service_elsewhere(serve_backend, service.address) as backend,
    ):
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            backend.address, connector=connector, timeout=timeout
        ) as http:
            speed = await _speed(http, load.mib, rounds=3 if quick else 11)
            under_load = await _under_load(http, load)
    return [*speed, *under_load]


async def _speed(http: aiohttp.ClientSession, mib: int, *, rounds: int) -> list[Row]:
    samples = await side_by_side(
        {
            "ours": lambda _: _download(http, "/api/clips/video/video", mib),
            "the same proxy on aiohttp": lambda _: _download(http, "/bare/video", mib),
        },
        rounds=rounds,
    )
    targets = {"the same proxy on aiohttp": at_least(0.8)}
    return compare(
        f"proxied download of {mib} MiB", samples, targets, scale=1000 / mib, unit="ms/MiB"
    )


async def _download(http: aiohttp.ClientSession, path: str, mib: int) -> None:
    """Download all but the first byte. Raises an error if a byte is missing."""
    received = 0
    async with http.get(path, headers={"Range": "bytes=1-"}) as response:
        if response.status != 206:
            raise RuntimeError(f"{path}: status {response.status}")
        async for chunk in response.content.iter_chunked(BARE_CHUNK):
            received += len(chunk)
    if received != mib * _MIB - 1:
        raise RuntimeError(f"{path}: received {received} bytes")


async def _under_load(http: aiohttp.ClientSession, load: Load) -> list[Row]:
    async with http.get("/measured?start=1") as response:
        await response.read()
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(_events(http, f"render-{number}"))
            for number in range(load.streams)
        ]
        download = partial(_download, http, mib=load.mib)
        async with asyncio.TaskGroup() as group:
            for number in range(load.downloads):
                group.create_task(download(f"/api/clips/video-{number}/video"))
        # All streams are alive: each gets another event.
        for events in streams:
            while not (await events.content.readline()).startswith(b"data: "):
                pass
        async with http.get("/measured") as response:
            found = await response.json()
    stall = found["stall"] * 1e3
    section = f"{load.streams} event streams and {load.downloads} downloads of {load.mib} MiB"
    return [
        _bound(f"{section}, growth", found["memory"], _MOST_GROWN_MIB, "MiB"),
        _bound(
            f"{section}, longest stall in processor time (of the clock: {stall:.0f} ms)",
            found["processor"] * 1e3,
            _LONGEST_STALL * 1e3,
            "ms",
        ),
    ]


@asynccontextmanager
async def _events(
    http: aiohttp.ClientSession, clip_uuid: str
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """Open an event stream, and wait for its first event."""
    async with http.get(f"/api/clips/{clip_uuid}/events") as response:
        while not (await response.content.readline()).startswith(b"data: "):
            pass
        yield response


def _bound(section: str, ours: float, most: float, unit: str) -> Row:
    ratio = ours / most
    return Row(
        section=section,
        peer=f"{most:g} {unit}",
        ours=ours,
        theirs=most,
        unit=unit,
        ratio=ratio,
        spread=(ratio, ratio),
        target=at_most(1),
    )
