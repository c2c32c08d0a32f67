"""Measure verified downloads, compared with bare aiohttp that reads and writes."""

import asyncio
import hashlib
import random
import tempfile
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.calls import API_KEY
from benchmarks.elsewhere import Lifetime, service_elsewhere
from benchmarks.measuring import Row, at_least, at_most, compare, side_by_side
from benchmarks.soak import memory_mib
from rhombus_clips import ClipSession, MetaDataLocation, SavedClip

_MIB = 2**20
_BLOCK = random.Random(0).randbytes(_MIB)
BARE_CHUNK = 64 * 1024
_MOST_HELD = 16


def clip_of(mib: int) -> SavedClip:
    """Return a clip of *mib* equal blocks, whose uuid contains their number."""
    running = hashlib.sha256()
    for _ in range(mib):
        running.update(_BLOCK)
    return SavedClip(
        uuid=f"{mib}-MiB",
        byte_count=mib * _MIB,
        sha256_hex=running.hexdigest(),
        clip_location=MetaDataLocation(region="us-west-2"),
    )


def source_of(url: str, clip: SavedClip) -> str:
    """Return the URL of the clip on the media host at *url*."""
    return f"{url}/media/metadata/us-west-2/{clip.uuid}.mp4"


async def serve_blocks(lifetime: Lifetime) -> None:
    """Respond to every request with the number of blocks that its path names.

    Reports the CPU time in seconds and the number of blocks sent.
    """
    started, served = time.process_time(), 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while head := await reader.readline():
            while (await reader.readline()).strip():
                pass
            mib = int(head.rpartition(b"/")[0].rpartition(b"/")[2].partition(b"-")[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (mib * _MIB))
            for _ in range(mib):
                writer.write(_BLOCK)
                await writer.drain()
                served += 1
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    lifetime.ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await lifetime.over()
    server.close()
    lifetime.report((time.process_time() - started, served))


@asynccontextmanager
async def _clients(url: str) -> AsyncGenerator[tuple[ClipSession, aiohttp.ClientSession]]:
    async with ClipSession(API_KEY, media_url=url) as session, aiohttp.ClientSession() as raw:
        yield session, raw


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for speed and for memory."""
    mib = 64 if quick else 512
    with (
        service_elsewhere(serve_blocks) as service,
        tempfile.TemporaryDirectory(dir=memory_folder()) as folder,
    ):
        async with _clients(service.address) as (session, raw):
            speed = await _speed(session, raw, service.address, Path(folder), mib, quick=quick)
        memory = await _memory(service.address, Path(folder), mib)
    return [*speed, memory]


def memory_folder() -> str | None:
    """Return a folder in memory, so that the speed of a disk does not hide that of the client."""
    shared = "/dev/shm"  # noqa: S108  # a temporary folder is created in it
    return shared if Path(shared).is_dir() else None


async def _speed(
    session: ClipSession,
    raw: aiohttp.ClientSession,
    url: str,
    folder: Path,
    mib: int,
    *,
    quick: bool,
) -> list[Row]:
    clip = clip_of(mib)
    ours, theirs = folder / "ours.mp4", folder / "theirs.mp4"
    source = source_of(url, clip)

    async def with_session(_: int) -> None:
        await session.download_clip(clip, ours)
        ours.unlink()

    def bare(
        digest: Callable[[], Any] | None = None, *, chunked: bool = True
    ) -> Callable[[int], Any]:
        async def fetch(_: int) -> None:
            running = digest and digest()
            async with raw.get(source) as response:
                content = response.content  # as most programs do
                chunks = content.iter_chunked(BARE_CHUNK) if chunked else content.iter_any()
                with theirs.open("wb") as file:
                    async for chunk in chunks:
                        file.write(chunk)
                        if running:
                            running.update(chunk)
            theirs.unlink()

        return fetch

    samples = await side_by_side(
        {
            "ours": with_session,
            "bare aiohttp, read and write": bare(),
            "bare aiohttp, with SHA-256": bare(hashlib.sha256),
            "bare aiohttp, chunks as received (`iter_any`)": bare(chunked=False),
        },
        rounds=3 if quick else 15,
    )
    # At least 0.85 of the speed, with and without a hash on the other side.
    targets = {
        "bare aiohttp, with SHA-256": at_least(0.85),
        "bare aiohttp, read and write": at_least(0.85),
        "bare aiohttp, chunks as received (`iter_any`)": None,
    }
    section = f"download of {mib} MiB, verified"
    return compare(section, samples, targets, scale=1000 / mib, unit="ms/MiB")


async def _memory(url: str, folder: Path, mib: int) -> Row:
    """Return a row for the peak of allocated memory; its title states the growth of the process."""
    clip = clip_of(mib)
    async with ClipSession(API_KEY, media_url=url) as session:
        await session.download_clip(clip_of(8), folder / "first.mp4")
        before = memory_mib()
        tracemalloc.start()
        await session.download_clip(clip, folder / "memory.mp4")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        grown = memory_mib() - before
    most = peak / _MIB
    return Row(
        section=f"download of {mib} MiB, memory in use (process growth: {max(grown, 0):.0f} MiB)",
        peer=f"{_MOST_HELD} MiB",
        ours=most,
        theirs=_MOST_HELD,
        unit="MiB",
        ratio=most / _MOST_HELD,
        spread=(most / _MOST_HELD, most / _MOST_HELD),
        target=at_most(1),
    )
