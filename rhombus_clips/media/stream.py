"""A clip's bytes as they come, for whoever passes them on."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from rhombus_clips.errors import DownloadError, IntegrityError
from rhombus_clips.media.fetching import Fetching, Piece


class ClipStream:
    """A clip's video, as an async iterable of chunks; see `ClipSession.stream_clip`."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._pieces = fetching.pieces()
        self._first: Piece | None = None
        self._chunks = self._verified_chunks()

    @property
    def total(self) -> int | None:
        """How many bytes there will be altogether; None when nothing says so."""
        fetch = self._fetching.fetch
        return fetch.total if fetch.total is not None else fetch.file.byte_count

    async def begin(self) -> None:
        """Wait for the first bytes, so that a file that is not there is known at once."""
        self._first = await anext(self._pieces, None)

    async def aclose(self) -> None:
        """Let go of the connection."""
        self._fetching.close()
        for generator in (self._chunks, self._pieces):
            # Another task may still be reading; it was woken up just now, and ends by itself.
            with suppress(RuntimeError):
                await generator.aclose()

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._chunks

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def _verified_chunks(self) -> AsyncGenerator[bytes, None]:
        running, size = hashlib.sha256(), 0
        async with aclosing(self._all_pieces()) as pieces:
            async for piece in pieces:
                # A host that began anew sends what was handed out once more.
                chunk = piece.data[max(0, size - piece.start) :]
                running.update(chunk)
                size += len(chunk)
                if chunk:
                    yield chunk
        try:
            self._fetching.fetch.check_whole(size, running.hexdigest())
        except IntegrityError as error:
            raise self._fetching.explained(error) from None

    async def _all_pieces(self) -> AsyncGenerator[Piece, None]:
        etag = self._fetching.fetch.etag
        if self._first is not None:
            yield self._first
        async for piece in self._pieces:
            if piece.start == 0 and (etag is None or self._fetching.fetch.etag != etag):
                error = DownloadError(
                    "the stream broke off, and the media host does not let it go on where it was"
                )
                raise self._fetching.explained(error) from self._fetching.last_failure
            yield piece
