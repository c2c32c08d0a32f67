"""What has come of a file, on its way to the disk: hashed and written while more is read."""

import asyncio
import contextlib
import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from attrs import define

from rhombus_clips.concurrency import wait_until_done
from rhombus_clips.media.fetching import Piece
from rhombus_clips.media.part_file import PartFile

_BATCH = 3 * 1024 * 1024
_BUFFERS = 3
_LONGEST_WAIT = 0.1


@define
class _Batch:
    """Bytes that are being hashed and written, and the buffer that they lie in."""

    buffer: bytearray
    data: memoryview
    jobs: list[Future[None]]

    async def ended(self) -> bytearray:
        """The buffer, to be filled again. Raises `OSError` when writing failed."""
        for job in self.jobs:
            if not job.done():
                # A caller that is cancelled here cancels no job: the next one would leave a gap.
                await asyncio.shield(asyncio.wrap_future(job))
            job.result()
        self.data.release()
        return self.buffer

    @property
    def has_ended(self) -> bool:
        return all(job.done() for job in self.jobs)

    def drop(self) -> None:
        """Free the memory, after all jobs: a failure that is kept keeps this batch."""
        self.data.release()
        self.buffer = bytearray()


class Storing:
    """Hashes and writes pieces in two threads, in order; those that come soon after are a batch.

    So the first of them is on the disk at once and the others a moment later, though nothing more
    comes. A fast network is not held up by many small writes nor by the hash, and a slow disk
    holds up the network before there is much in memory. The pieces are copied into a few
    buffers that are filled again and again: to keep the pieces themselves would make the process
    take memory from the system and give it back all the time, which costs more than the copy.
    """

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._buffer = bytearray()
        self._filled = 0
        self._end = 0
        self._etag: str | None = None
        self._hashing, self._writing = ThreadPoolExecutor(1), part.thread
        self._under_way: deque[_Batch] = deque()
        self._next_batch_at = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, piece: Piece, etag: str | None) -> None:
        """Hash and write *piece*, of a file with that entity tag, now or a moment later."""
        if piece.start == 0:
            await self.finish()
        self._etag = etag
        self._copy(piece.data)
        self._end = piece.end
        del piece  # A failure below that is kept would keep it.
        if self._filled >= _BATCH or asyncio.get_running_loop().time() >= self._next_batch_at:
            self._begin_batch()
            while len(self._under_way) >= _BUFFERS:
                self._buffer = await self._oldest_ended()
        elif self._timer is None:
            self._begin_later()

    async def finish(self) -> None:
        """Wait until everything is hashed and written. Raises `OSError` when it cannot be."""
        if self._filled:
            self._begin_batch()
        while self._under_way:
            self._buffer = await self._oldest_ended()

    async def aclose(self) -> None:
        """Store what has come, too, and wait for it, whatever comes of it.

        So a download that was cancelled, or broke off, goes on later from where it was.
        """
        # Where no thread is to be had, what is not stored is fetched again.
        with contextlib.suppress(RuntimeError):
            if self._filled:
                self._begin_batch()
        self._stop_timer()
        jobs = [asyncio.wrap_future(job) for batch in self._under_way for job in batch.jobs]
        self._hashing.shutdown(wait=False)
        try:
            # For all of them, also when cancelled meanwhile: the file is closed after this.
            await wait_until_done(asyncio.gather(*jobs, return_exceptions=True))
        finally:
            for batch in self._under_way:
                batch.drop()
            self._under_way.clear()
            self._buffer, self._filled = bytearray(), 0

    def _copy(self, data: bytes) -> None:
        filled = self._filled + len(data)
        if filled > len(self._buffer):
            del self._buffer[self._filled :]
            self._buffer += data
        else:
            # To assign to the bytearray itself would make a copy of the data first.
            with memoryview(self._buffer) as whole:
                whole[self._filled : filled] = data
        self._filled = filled

    def _begin_later(self) -> None:
        """Begin a batch in a moment, should nothing more come until then."""
        self._timer = asyncio.get_running_loop().call_later(_LONGEST_WAIT, self._begin_late)

    def _begin_late(self) -> None:
        self._timer = None
        # A disk that does not keep up would fill the memory otherwise.
        if len(self._under_way) < _BUFFERS - 1 or self._under_way[0].has_ended:
            self._begin_batch()
        else:
            self._begin_later()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_batch(self) -> None:
        self._stop_timer()
        with memoryview(self._buffer) as whole:
            data = whole[: self._filled]
        start = self._end - self._filled
        batch = _Batch(self._buffer, data, [])
        # Before its jobs begin: where no thread is to be had for one, the other is waited for.
        self._under_way.append(batch)
        self._buffer, self._filled = bytearray(), 0
        batch.jobs.append(self._writing.submit(self._part.write, start, data, self._etag))
        batch.jobs.append(self._hashing.submit(self._part.hash, start, data))
        self._next_batch_at = asyncio.get_running_loop().time() + _LONGEST_WAIT

    async def _oldest_ended(self) -> bytearray:
        buffer = await self._under_way[0].ended()
        self._under_way.popleft()
        return buffer
