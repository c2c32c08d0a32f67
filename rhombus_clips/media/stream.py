"""The bytes of a clip as they arrive, to be passed on."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime

from rhombus_clips.errors import DownloadError, IntegrityError
from rhombus_clips.media.head import Head
from rhombus_clips.media.reader import MediaReader


class ClipStream:
    """A clip's video, or a part of it, as an async iterable of chunks; see `stream_clip`.

    Its properties are known before the first chunk is read, so that a web backend can send its
    headers first.
    """

    def __init__(self, reader: MediaReader) -> None:
        self._reader = reader
        self._head: Head | None = None
        self._total: int | None = None
        self._part_end: int | None = None
        self._pieces = reader.pieces()
        self._chunks = self._verified_chunks()

    @property
    def total(self) -> int | None:
        """The length of the whole video in bytes.

        None if neither the media host nor the clip states it. It is then known at the latest after
        the last chunk of a stream that reaches the end of the video.
        """
        return self._reader.state.expected_length if self._total is None else self._total

    @property
    def start(self) -> int:
        """The offset of the first byte of the stream in the video."""
        return self._reader.state.start

    @property
    def stop(self) -> int | None:
        """The offset after the last byte of the stream: the given one, or `total` if less.

        None as long as the length of the video is unknown, unless the media host has confirmed the
        given one.
        """
        stop, total = self._reader.state.stop, self.total
        if total is not None:
            return total if stop is None else min(stop, total)
        is_confirmed = stop is not None and self._part_end is not None and self._part_end >= stop
        return stop if is_confirmed else None

    @property
    def etag(self) -> str | None:
        """The ``ETag`` of the whole video, strong or weak; None if the media host sent none."""
        return None if self._head is None else self._head.file_etag

    @property
    def content_type(self) -> str | None:
        """The ``Content-Type`` of the video; None if the media host sent none."""
        return None if self._head is None else self._head.headers.get("Content-Type")

    @property
    def last_modified(self) -> datetime | None:
        """The ``Last-Modified`` time of the video, in UTC; None if the media host sent none."""
        return None if self._head is None else self._head.last_modified

    async def open(self) -> None:
        """Wait for the first bytes of the stream, so that a missing file raises at once."""
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
        """Yield each byte of the stream once, after an empty chunk for `open`."""
        state, running, etag, is_open = self._reader.state, hashlib.sha256(), None, False
        position = state.start
        is_hashed = state.file.sha256_hex is not None and not state.start
        while (piece := await anext(self._pieces, None)) is not None:
            # A host that ignores ranges or restarts the file sends bytes that are not wanted.
            first, last = max(0, position - piece.start), _length_until(state.stop, piece.start)
            is_restarted, chunk = piece.start < position, piece.data[first:last]
            piece = None  # Otherwise a stored error would keep its bytes alive.
            if is_open and is_restarted and (etag is None or state.etag != etag):
                chunk = b""
                error = DownloadError(
                    "the stream was interrupted, and the media host cannot resume it from"
                    " where it stopped"
                )
                raise self._reader.explained(error) from self._reader.last_failure
            if not chunk:
                continue
            if not is_open:
                etag, is_open = state.etag, True
                self._keep_head()
                yield b""
            if is_hashed:
                running.update(chunk)
            position += len(chunk)
            yield chunk
            chunk = b""
        self._verify(position, running.hexdigest())
        if not is_open:
            self._keep_head()
            yield b""

    def _keep_head(self) -> None:
        """Keep the properties, which a retry would reset until its response starts."""
        state = self._reader.state
        self._head, self._total, self._part_end = state.head, state.expected_length, state.part_end

    def _verify(self, position: int, sha256_hex: str) -> None:
        """Raise an error unless the stream, which ended at *position*, is complete."""
        state = self._reader.state
        try:
            if state.is_part and (state.start or position != state.expected_length):
                state.verify_part(position)
            else:
                state.verify(position, sha256_hex)
        except IntegrityError as error:
            raise self._reader.explained(error) from None


def _length_until(stop: int | None, start: int) -> int | None:
    return None if stop is None else max(0, stop - start)
