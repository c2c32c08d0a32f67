"""Writing a file: its bytes are hashed and written in threads while more are read."""

import asyncio
import contextlib
import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from attrs import define

from rhombus_clips.concurrency import wait_until_done
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.media.reader import Piece

_BLOCK = 3 * 1024 * 1024
_BUFFERS = 3
_LONGEST_WAIT = 0.1


@define
class _Block:
    """Bytes that are being hashed and written, and the buffer that holds them."""

    buffer: bytearray
    data: memoryview
    jobs: list[Future[None]]


class FileWriter:
    """Hashes and writes pieces in two threads, in order, joining small ones into blocks.

    The first piece is written at once, and later ones when a block is full or after a tenth of a
    second. Many small writes and the hash do not slow down a fast network, and a slow disk stops
    the network before much memory is used. The pieces are copied into a few buffers that are
    reused. Keeping the pieces instead would make the process allocate and free system memory
    constantly, which costs more than the copies.
    """

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._buffer = bytearray()
        self._filled = 0
        self._end = 0
        self._etag: str | None = None
        self._hashing, self._writing = ThreadPoolExecutor(1), part.thread
        self._under_way: deque[_Block] = deque()
        self._next_block_at = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, piece: Piece, etag: str | None) -> None:
        """Hash and write *piece*, of a file with that entity tag, now or soon."""
        if piece.start == 0:
            await self.finish()
        self._etag = etag
        self._copy(piece.data)
        self._end = piece.end
        del piece  # Otherwise a stored error from below would keep it alive.
        if self._filled >= _BLOCK or asyncio.get_running_loop().time() >= self._next_block_at:
            self._start_block()
            while len(self._under_way) >= _BUFFERS:
                await self._finish_oldest()
        elif self._timer is None:
            self._start_timer()

    async def finish(self) -> None:
        """Wait until everything is hashed and written. Raises `OSError` if writing failed."""
        if self._filled:
            self._start_block()
        while self._under_way:
            await self._finish_oldest()

    async def aclose(self) -> None:
        """Write the remaining bytes, wait for all jobs, ignore their errors and free the buffers.

        A later download then continues after the last byte received.
        """
        # If no thread can be started, the bytes are fetched again.
        with contextlib.suppress(RuntimeError):
            if self._filled:
                self._start_block()
        self._stop_timer()
        jobs = [asyncio.wrap_future(job) for block in self._under_way for job in block.jobs]
        self._hashing.shutdown(wait=False)
        try:
            # Wait for all of them, even when cancelled, because the file is closed afterwards.
            await wait_until_done(asyncio.gather(*jobs, return_exceptions=True))
        finally:
            for block in self._under_way:
                # Free the memory now: a stored exception may hold the block.
                block.data.release()
                block.buffer = bytearray()
            self._under_way.clear()
            self._buffer, self._filled = bytearray(), 0

    def _copy(self, data: bytes) -> None:
        filled = self._filled + len(data)
        if filled > len(self._buffer):
            del self._buffer[self._filled :]
            self._buffer += data
        else:
            # Assigning to the bytearray itself would copy the data first.
            with memoryview(self._buffer) as whole:
                whole[self._filled : filled] = data
        self._filled = filled

    def _start_timer(self) -> None:
        """Schedule the start of a block, in case no more bytes arrive."""
        self._timer = asyncio.get_running_loop().call_later(_LONGEST_WAIT, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        # If the disk does not keep up, more blocks would fill the memory.
        under_way = self._under_way
        if len(under_way) < _BUFFERS - 1 or all(job.done() for job in under_way[0].jobs):
            self._start_block()
        else:
            self._start_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_block(self) -> None:
        self._stop_timer()
        with memoryview(self._buffer) as whole:
            data = whole[: self._filled]
        start = self._end - self._filled
        block = _Block(self._buffer, data, [])
        # Appended first, so that the first job is awaited even if no thread can start for the
        # second.
        self._under_way.append(block)
        self._buffer, self._filled = bytearray(), 0
        block.jobs.append(self._writing.submit(self._part.write, start, data, self._etag))
        block.jobs.append(self._hashing.submit(self._part.hash, start, data))
        self._next_block_at = asyncio.get_running_loop().time() + _LONGEST_WAIT

    async def _finish_oldest(self) -> None:
        """Reuse the buffer of the oldest block. Raises `OSError` if writing failed."""
        block = self._under_way[0]
        for job in block.jobs:
            if not job.done():
                # Cancelling the caller cancels no job, as that would leave a gap in the file.
                await asyncio.shield(asyncio.wrap_future(job))
            job.result()
        block.data.release()
        self._buffer = block.buffer
        self._under_way.popleft()
