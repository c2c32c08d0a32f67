"""The bytes of a clip as they arrive, to be passed on."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import suppress

from rhombus_clips.errors import DownloadError, IntegrityError
from rhombus_clips.media.reader import MediaReader


class ClipStream:
    """A clip's video as an async iterable of chunks, see `ClipSession.stream_clip`."""

    def __init__(self, reader: MediaReader) -> None:
        self._reader = reader
        self._pieces = reader.pieces()
        self._chunks = self._verified_chunks()

    @property
    def total(self) -> int | None:
        """The length of the video in bytes; None if it is unknown."""
        return self._reader.state.expected_length

    async def open(self) -> None:
        """Wait for the first bytes, so that a missing file raises at once."""
        await anext(self._chunks)

    async def aclose(self) -> None:
        """Release the connection."""
        self._reader.close()
        for generator in (self._chunks, self._pieces):
            # Another task may still be reading; closing the response has woken it, and it ends.
            with suppress(RuntimeError):
                await generator.aclose()

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._chunks

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def _verified_chunks(self) -> AsyncGenerator[bytes, None]:
        state, size, running = self._reader.state, 0, hashlib.sha256()
        piece = await anext(self._pieces, None)
        etag = state.etag
        yield b""  # for `open`
        while piece is not None:
            # A host that restarts the file repeats bytes that were yielded.
            start, chunk = piece.start, piece.data[max(0, size - piece.start) :]
            piece = None  # Otherwise a stored error would keep its bytes alive.
            if start == 0 and size and (etag is None or state.etag != etag):
                chunk = b""
                error = DownloadError(
                    "the stream was interrupted, and the media host cannot resume it from"
                    " where it stopped"
                )
                raise self._reader.explained(error) from self._reader.last_failure
            running.update(chunk)
            size += len(chunk)
            if chunk:
                yield chunk
            chunk = b""
            piece = await anext(self._pieces, None)
        try:
            state.verify(size, running.hexdigest())
        except IntegrityError as error:
            raise self._reader.explained(error) from None
