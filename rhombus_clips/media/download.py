"""Downloading one file to a path, where it is complete and verified, or absent."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack, aclosing, suppress
from io import FileIO
from pathlib import Path

from attrs import define, frozen

from rhombus_clips.concurrency import in_thread, in_thread_surely
from rhombus_clips.errors import IntegrityError, RhombusError
from rhombus_clips.media import files
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.media.reader import MediaReader
from rhombus_clips.media.writer import FileWriter

Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far and the total, which is None while it is unknown."""


@frozen(kw_only=True)
class Downloaded:
    """A complete, verified file."""

    path: Path
    byte_count: int
    sha256_hex: str
    requests: int
    """The number of requests; 0 if the file already existed."""


@define
class Download:
    """Downloads a file to a path.

    Threads hash and write the bytes while more are read, so the event loop waits neither for the
    disk nor for the hash.
    """

    reader: MediaReader
    path: Path
    progress: Progress | None
    replaces: bool = True
    """True to replace another file at the path. Otherwise such a file is an error."""
    is_listed: bool = False
    """True if a manifest lists the file afterwards. Until then, a note identifies the file.

    A file with a known hash needs no such note.
    """

    async def run(self) -> Downloaded:
        """Fetch the missing bytes, verify the file and move it to the path.

        Raises `IntegrityError` if it does not match the clip's record, `OSError` if it cannot be
        written, and the errors of `MediaReader.pieces`. On an error, the path is unchanged, and the
        part is kept to resume later, unless it is wrong.
        """
        file = self.reader.state.file
        keeps_note = self.is_listed and file.sha256_hex is None
        part = PartFile(self.path, file.path, replaces=self.replaces, keeps_note=keeps_note)
        try:
            existing = file.sha256_hex and await verified_file(
                self.path, file.sha256_hex, file.byte_count, part.thread
            )
            return existing or await self._downloaded(part)
        finally:
            await in_thread_surely(part.close, executor=part.thread)

    async def _downloaded(self, part: PartFile) -> Downloaded:
        await in_thread(part.open, executor=part.thread)
        await self._resume(part)
        await self._complete(part)
        await in_thread(part.put_in_place, executor=part.thread)
        size, sha256_hex, requests = part.size, part.sha256_hex, self.reader.requests
        return Downloaded(path=self.path, byte_count=size, sha256_hex=sha256_hex, requests=requests)

    async def _resume(self, part: PartFile) -> None:
        """Continue from the bytes of an earlier download if the result can be trusted."""
        state = self.reader.state
        state.offset = await in_thread(part.recall, executor=part.thread)
        state.etag = part.etag
        is_too_long = state.file.byte_count is not None and state.offset > state.file.byte_count
        if is_too_long or not state.can_resume:
            state.restart()
        state.was_resumed = state.offset > 0
        while state.offset and await in_thread(part.hash_more, executor=part.thread):
            pass

    async def _complete(self, part: PartFile) -> None:
        state = self.reader.state
        while (mismatch := await self._write_missing(part)) is not None:
            # Parts from several responses may not belong together. A single response is final.
            if not state.was_resumed:
                await in_thread_surely(part.discard, executor=part.thread)
                raise self.reader.explained(mismatch)
            state.restart(trusts_ranges=False)
            part.hash(0, b"")

    async def _write_missing(self, part: PartFile) -> IntegrityError | None:
        """Write the missing bytes. Return an error if the file does not match the record."""
        state = self.reader.state
        described = (state.file.byte_count, state.file.sha256_hex)
        if part.size > 0 and (part.size, part.sha256_hex) == described:
            return None
        async with aclosing(FileWriter(part)) as writer, aclosing(self.reader.pieces()) as pieces:
            try:
                while True:
                    # *progress* is called outside of this block, because it may raise any error.
                    try:
                        piece = await anext(pieces, None)
                        if piece is None:
                            await writer.finish()
                            state.verify(part.size, part.sha256_hex)
                            return None
                    except RhombusError as error:
                        # If a write has failed as well, such as on a full disk, raise that error
                        # instead.
                        await writer.finish()
                        if isinstance(error, IntegrityError):
                            return error
                        raise
                    await writer.add(piece, state.etag)
                    if self.progress is not None:
                        self.progress(piece.end, state.expected_length)
            finally:
                piece = None  # Otherwise a stored error would keep its bytes alive.


async def verified_file(
    path: Path, sha256_hex: str, byte_count: int | None = None, executor: Executor | None = None
) -> Downloaded | None:
    """Return the file at *path*, which may be a link, if it has that SHA-256 and length.

    It is hashed in slices, so that a cancellation does not wait for the hash of a large file.
    """
    running = hashlib.sha256()
    # Closing a file that was only read does not wait for the disk.
    with ExitStack() as stack:

        def opened() -> FileIO | None:
            with suppress(files.NotRegularFileError):
                status = files.regular_status(path, follows_links=True)
                if status is not None and byte_count in {None, status.st_size}:
                    return stack.enter_context(files.open_to_read(path, follows_links=True))
            return None

        file = await in_thread(opened, executor=executor)
        if file is None:
            return None
        while await in_thread(files.hash_slice, file, running.update, executor=executor):
            pass
        size = file.tell()
    if running.hexdigest() != sha256_hex:
        return None
    return Downloaded(path=path, byte_count=size, sha256_hex=sha256_hex, requests=0)
