"""What has come of a file, on its way to the disk: hashed and written while more is read."""

import asyncio
import io
import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from attrs import frozen

from rhombus_clips.concurrency import settled
from rhombus_clips.media.fetching import Piece
from rhombus_clips.media.part_file import PartFile

_BATCH = 3 * 1024 * 1024
_BUFFERS = 3
_LONGEST_WAIT = 0.1


@frozen
class _Batch:
    """Bytes that are being hashed and written, and the buffer that they lie in."""

    buffer: io.BytesIO
    data: memoryview
    jobs: list[Future[None]]

    async def ended(self) -> io.BytesIO:
        """The buffer, to be filled anew. Raises `OSError` when writing failed."""
        for job in self.jobs:
            if not job.done():
                # Who is cancelled here cancels no job: the next one would go on behind a gap.
                await asyncio.shield(asyncio.wrap_future(job))
            job.result()
        self.data.release()
        self.buffer.seek(0)
        return self.buffer


class Storing:
    """Hashes and writes pieces in two threads, in order; those that come soon after are a batch.

    So the first of them is on the disk at once and the others with one that comes a little later,
    or at the end; a fast network is not held up by many small writes nor by the hash, and a slow
    disk holds up the network before there is much in memory. The pieces are copied into a few
    buffers that are filled again and again: to keep the pieces themselves would make the process
    take memory from the system and give it back all the time, which costs more than the copy.
    """

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._buffer = io.BytesIO()
        self._end = 0
        self._etag: str | None = None
        self._hashing, self._writing = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._under_way: deque[_Batch] = deque()
        self._next_batch_at = -math.inf

    async def add(self, piece: Piece, etag: str | None) -> None:
        """Hash and write *piece*, of a file with that entity tag, now or with one that follows."""
        if piece.start == 0:
            await self.finish()
        self._etag = etag
        self._buffer.write(piece.data)
        self._end = piece.end
        if self._buffer.tell() >= _BATCH or monotonic() >= self._next_batch_at:
            self._begin_batch()
            if len(self._under_way) == _BUFFERS:
                self._buffer = await self._oldest_ended()

    async def finish(self) -> None:
        """Wait until everything is hashed and written. Raises `OSError` when it cannot be."""
        if self._buffer.tell():
            self._begin_batch()
        while self._under_way:
            await self._oldest_ended()

    async def aclose(self) -> None:
        """Store what has come, too, and wait for it, whatever comes of it.

        So a download that was cancelled, or broke off, goes on later from where it was.
        """
        try:
            if self._buffer.tell():
                self._begin_batch()
        finally:
            jobs = [asyncio.wrap_future(job) for batch in self._under_way for job in batch.jobs]
            # For all of them, also when cancelled meanwhile: the file is closed behind this.
            waiting = settled(asyncio.gather(*jobs, return_exceptions=True))
            self._hashing.shutdown(wait=False)
            self._writing.shutdown(wait=False)
            await waiting

    def _begin_batch(self) -> None:
        data = self._buffer.getbuffer()[: self._buffer.tell()]
        start = self._end - len(data)
        batch = _Batch(self._buffer, data, [])
        # Before its jobs begin: where no thread is to be had for one, the other is waited for.
        self._under_way.append(batch)
        self._buffer = io.BytesIO()
        batch.jobs.append(self._writing.submit(self._part.write, start, data, self._etag))
        batch.jobs.append(self._hashing.submit(self._part.hash, start, data))
        self._next_batch_at = monotonic() + _LONGEST_WAIT

    async def _oldest_ended(self) -> io.BytesIO:
        buffer = await self._under_way[0].ended()
        self._under_way.popleft()
        return buffer
