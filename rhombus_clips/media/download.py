"""One file, from the media host to a path: whole and verified, or not there."""

import hashlib
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from attrs import define, frozen

from rhombus_clips.concurrency import in_thread
from rhombus_clips.errors import IntegrityError, RhombusError
from rhombus_clips.media.fetching import Fetching
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.media.storing import Storing
from rhombus_clips.protocol.media import MediaFile

Progress = Callable[[int, int | None], None]
"""Takes how many bytes are there, and how many there will be, None while that is not known."""

_HASHED_AT_ONCE = 16 * 1024 * 1024


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

    async def run(self) -> Downloaded:
        """Fetch what is missing, verify the whole, put it in its place.

        Raises `IntegrityError` when it is not what the clip's record says, `OSError` when it
        cannot be written, and what `Fetching.pieces` does. Then nothing is at the path that was
        not there before, and a part is kept to go on from, unless it was wrong.
        """
        there = await self._whole_file()
        if there is not None:
            return there
        file = self.fetching.fetch.file
        part = PartFile(self.path, file.path, replaces=self.replaces)
        try:
            await in_thread(part.open)
            await self._recall(part)
            await self._complete(part)
            await in_thread(part.put_in_place)
        finally:
            part.close()
        return Downloaded(
            path=self.path,
            byte_count=part.size,
            sha256_hex=part.sha256_hex,
            requests=self.fetching.requests,
        )

    async def _whole_file(self) -> Downloaded | None:
        """What is at the path already, if it is provably the file."""
        file = self.fetching.fetch.file
        if file.sha256_hex is None or not await in_thread(_is_file, self.path, file):
            return None
        running, size = hashlib.sha256(), 0
        # Slice by slice: who cancels does not wait for the hash of a large file.
        while data := await in_thread(_read_slice, self.path, size):
            await in_thread(running.update, data)
            size += len(data)
        digest = running.hexdigest()
        if digest != file.sha256_hex:
            return None
        return Downloaded(path=self.path, byte_count=size, sha256_hex=digest, requests=0)

    async def _recall(self, part: PartFile) -> None:
        """Take up what an earlier download left, if the whole can be trusted afterwards."""
        fetch = self.fetching.fetch
        left = await in_thread(part.recall)
        too_long = fetch.file.byte_count is not None and left > fetch.file.byte_count
        fetch.offset, fetch.etag = left, part.etag
        if too_long or not fetch.can_resume:
            fetch.start_over()
        fetch.was_resumed = fetch.offset > 0
        while fetch.offset and await in_thread(part.hash_more, _HASHED_AT_ONCE):
            pass

    async def _complete(self, part: PartFile) -> None:
        while True:
            try:
                if not self._is_complete(part):
                    await self._write_pieces(part)
                self.fetching.fetch.check_whole(part.size, part.sha256_hex)
            except IntegrityError as error:
                # What was put together from several answers may be wrong where it was; what
                # came by one is what the host has.
                if not self.fetching.fetch.was_resumed:
                    part.discard()
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
            try:
                async for piece in pieces:
                    await storing.add(piece, self.fetching.fetch.etag)
                    if self.progress is not None:
                        self.progress(piece.end, self._total)
            except RhombusError:
                # A disk that is full, of which nothing was heard yet, is the greater trouble.
                await storing.finish()
                raise
            await storing.finish()

    @property
    def _total(self) -> int | None:
        fetch = self.fetching.fetch
        return fetch.total if fetch.total is not None else fetch.file.byte_count


def _read_slice(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_HASHED_AT_ONCE)


def _is_file(path: Path, file: MediaFile) -> bool:
    return path.is_file() and file.byte_count in {None, path.stat().st_size}
