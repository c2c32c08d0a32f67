"""One file, from the media host to a path: whole and verified, or not there."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import aclosing
from io import FileIO
from pathlib import Path

from attrs import define, field, frozen

from rhombus_clips.concurrency import in_thread, in_thread_surely
from rhombus_clips.errors import IntegrityError, RhombusError
from rhombus_clips.media.fetching import Fetching
from rhombus_clips.media.files import NotRegularFileError, open_to_read, regular_status
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.media.ranges import MediaFile
from rhombus_clips.media.storing import Storing

Progress = Callable[[int, int | None], None]
"""Takes how many bytes are there, and how many there will be, None while that is not known."""

_HASHED_AT_ONCE = 16 * 1024 * 1024
_CHUNK = 1024 * 1024


@frozen(kw_only=True)
class Downloaded:
    """A file that is there, whole."""

    path: Path
    byte_count: int
    sha256_hex: str
    requests: int
    """How many requests it took; 0 when it was there already."""


@define
class Download:
    """Brings a file to a path.

    What has come is hashed and written by threads while more is read: the loop waits for no disk,
    and for no hash.
    """

    fetching: Fetching
    path: Path
    progress: Progress | None
    replaces: bool = True
    """Whether another file at the path is replaced, or left alone, which is an error."""
    is_listed: bool = False
    """Whether a manifest names the file afterwards, and removes the note that proves it until then.

    A file that is described needs no such note: its own hash proves it.
    """
    _raised: Exception | None = field(default=None, init=False)
    """What *progress* raised: the caller's own, whatever its class."""

    async def run(self) -> Downloaded:
        """Fetch what is missing, verify the whole, put it in its place.

        Raises `IntegrityError` when it is not what the clip's record says, `OSError` when it
        cannot be written, and what `Fetching.pieces` does. Then nothing is at the path that was
        not there before, and a part is kept to go on from, unless it was wrong.
        """
        file = self.fetching.fetch.file
        keeps_note = self.is_listed and file.sha256_hex is None
        part = PartFile(self.path, file.path, replaces=self.replaces, keeps_note=keeps_note)
        try:
            return await self._brought(part)
        finally:
            if part.is_open:
                await in_thread_surely(part.close, executor=part.thread)
            else:
                part.close()

    async def _brought(self, part: PartFile) -> Downloaded:
        there = await self._whole_file(part.thread)
        if there is not None:
            return there
        await in_thread(part.open, executor=part.thread)
        await self._recall(part)
        await self._complete(part)
        await in_thread(part.put_in_place, executor=part.thread)
        return Downloaded(
            path=self.path,
            byte_count=part.size,
            sha256_hex=part.sha256_hex,
            requests=self.fetching.requests,
        )

    async def _whole_file(self, thread: Executor) -> Downloaded | None:
        """What is at the path already, if it is provably the file."""
        file = self.fetching.fetch.file
        if file.sha256_hex is None or not await in_thread(
            _may_be, self.path, file, executor=thread
        ):
            return None
        byte_count, sha256_hex = await hashed(self.path, executor=thread)
        if sha256_hex != file.sha256_hex:
            return None
        return Downloaded(path=self.path, byte_count=byte_count, sha256_hex=sha256_hex, requests=0)

    async def _recall(self, part: PartFile) -> None:
        """Take up what an earlier download left, if the whole can be trusted afterwards."""
        fetch = self.fetching.fetch
        left = await in_thread(part.recall, executor=part.thread)
        too_long = fetch.file.byte_count is not None and left > fetch.file.byte_count
        fetch.offset, fetch.etag = left, part.etag
        if too_long or not fetch.can_resume:
            fetch.start_over()
        fetch.was_resumed = fetch.offset > 0
        while fetch.offset and await in_thread(
            part.hash_more, _HASHED_AT_ONCE, executor=part.thread
        ):
            pass

    async def _complete(self, part: PartFile) -> None:
        while True:
            try:
                if not self._is_complete(part):
                    await self._write_pieces(part)
                self.fetching.fetch.check_whole(part.size, part.sha256_hex)
            except IntegrityError as error:
                if error is self._raised:
                    raise
                # What was put together from several answers may be wrong where it was; what
                # came by one is what the host has.
                if not self.fetching.fetch.was_resumed:
                    await in_thread_surely(part.discard, executor=part.thread)
                    raise self.fetching.explained(error) from None
                self.fetching.fetch.start_over(trusts_ranges=False)
                part.hash(0, b"")
            else:
                return

    def _is_complete(self, part: PartFile) -> bool:
        """Whether a part that was left is all that there is, by the clip's own record."""
        file = self.fetching.fetch.file
        return part.size > 0 and (part.size, part.sha256_hex) == (file.byte_count, file.sha256_hex)

    async def _write_pieces(self, part: PartFile) -> None:
        async with aclosing(Storing(part)) as storing, aclosing(self.fetching.pieces()) as pieces:
            piece = None
            try:
                async for piece in pieces:
                    await storing.add(piece, self.fetching.fetch.etag)
                    self._report(piece.end)
            except RhombusError as error:
                # A disk that is full, of which nothing was heard yet, is the greater trouble.
                if error is not self._raised:
                    await storing.finish()
                raise
            finally:
                piece = None  # A failure that is kept would keep its bytes.
            await storing.finish()

    def _report(self, byte_count: int) -> None:
        if self.progress is None:
            return
        try:
            self.progress(byte_count, self._total)
        except Exception as error:
            self._raised = error
            raise

    @property
    def _total(self) -> int | None:
        fetch = self.fetching.fetch
        return fetch.total if fetch.total is not None else fetch.file.byte_count


async def hashed(path: Path, *, executor: Executor | None = None) -> tuple[int, str]:
    """How long the file at *path* is, and its SHA-256.

    Slice by slice: whoever cancels does not wait for the hash of a large file.
    """
    hashing = _Hashing(path)
    try:
        while await in_thread(hashing.slice, executor=executor):
            pass
    finally:
        # Nothing was written: closing it waits for no disk.
        hashing.close()
    return hashing.size, hashing.running.hexdigest()


class _Hashing:
    """A file that is being hashed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self.running = hashlib.sha256()
        self.size = 0

    def slice(self) -> bool:
        """Hash some more; whether that was not yet the end."""
        if self._file is None:
            self._file = open_to_read(self._path, follows_links=True)
        for _ in range(0, _HASHED_AT_ONCE, _CHUNK):
            data = self._file.read(min(_CHUNK, _HASHED_AT_ONCE))
            if not data:
                return False
            self.running.update(data)
            self.size += len(data)
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _may_be(path: Path, file: MediaFile) -> bool:
    """Whether what is at *path*, also by a link, has the length of *file*; nothing is opened."""
    try:
        status = regular_status(path, follows_links=True)
    except NotRegularFileError:
        return False
    return status is not None and file.byte_count in {None, status.st_size}
