"""The bytes of one file, read over as many requests as necessary."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from attrs import define, field, frozen

from rhombus_clips.calls.envelope import retry_after
from rhombus_clips.calls.retry import RetryPolicy
from rhombus_clips.errors import DisconnectedError, NotFoundError, RateLimitedError, RhombusError
from rhombus_clips.media.host import MediaHost, MediaResponse
from rhombus_clips.media.ranges import FetchState, RestartError
from rhombus_clips.media.refusals import is_passing

logger: logging.Logger = logging.getLogger("rhombus_clips")

# After this many bytes, the attempts are counted from 0 again.
_PROGRESS = 64 * 1024


@frozen
class Piece:
    """Consecutive bytes of a file, from offset `start`; a piece at 0 restarts the file."""

    start: int
    data: bytes = field(repr=False)

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.start + len(self.data)


@define
class MediaReader:
    """Reads the missing bytes of a file or a part, and continues where a response was interrupted.

    The attempts of the retry policy limit consecutive failures without progress, because the
    download of a large file over an unreliable network may be interrupted many times.
    """

    host: MediaHost
    state: FetchState
    retry: RetryPolicy
    secret: str = field(repr=False)
    requests: int = 0
    last_failure: RhombusError | None = None
    """The last failure that was followed by another request."""
    _failures: int = 0
    _furthest: int = 0
    _current: MediaResponse | None = None
    _is_redirected: bool = False
    """True if the target of a redirect sent the last response."""
    _requested_wait: float = 0.0
    """The wait that the last response requested for this file alone, in seconds."""

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """Yield the rest of the file, or all of it if the host ignores the request for a part.

        Raises the last failure when the attempts are used up, and a permanent one at once.
        """
        self._furthest = self.state.offset
        while True:
            wait, failure = 0.0, None
            try:
                await self.host.wait_out_pause()
            except RateLimitedError as error:
                raise self.explained(error) from None
            try:
                async with aclosing(self._pieces_of_one_response()) as pieces:
                    async for piece in pieces:
                        yield piece
                        del piece  # Otherwise a stored error would keep its bytes alive.
                if self._is_whole():
                    return
            except RestartError:
                pass
            except RhombusError as error:
                failure = error
            # Outside of the block, so that no error is the context of a later one.
            if failure is not None:
                wait = self._wait_after(failure)
            await self.host.pause.sleep(wait)

    def _is_whole(self) -> bool:
        """Return whether a response that ended as announced reached the end of the file or part.

        Raises `DisconnectedError` for a part so small that the file would take too many requests.
        """
        state = self.state
        if not state.has_more_parts:
            return True
        end = state.end
        least = _PROGRESS if end is None else min(_PROGRESS, (end - state.start) // 100)
        if state.offset < self._furthest + least:
            raise DisconnectedError("the media host sends very small parts of the file")
        self._failures, self._furthest = 0, state.offset
        return False

    async def _pieces_of_one_response(self) -> AsyncGenerator[Piece, None]:
        state = self.state
        response = self._current = await self._response()
        head = response.head
        self._is_redirected = response.is_redirected
        if head.status == 503:
            self._requested_wait = retry_after(head.headers) or 0.0
        try:
            if head.status == 416 and state.offset:
                if state.confirms_end(head):
                    return
                raise RestartError
            if state.refuses_range(head, is_redirected=response.is_redirected):
                state.restart(trusts_ranges=False)
                raise RestartError
            if head.status not in {200, 206}:
                raise await response.error()
            state.accept(head)
            while data := await response.read():
                start = state.offset
                state.add(len(data))
                yield Piece(start, data)
                if state.has_reached_stop:
                    return
            if state.is_truncated:
                raise DisconnectedError("the connection closed before the end of the file")
        finally:
            response.close()
            self._current = None

    async def _response(self) -> MediaResponse:
        self.requests += 1
        self._is_redirected, self._requested_wait = False, 0.0
        now = asyncio.get_running_loop().time
        started = now()
        outcome: object = "cancelled"
        try:
            response = await self.host.get(self.state.file.path, self.state.headers())
            outcome = response.head.status
            return response
        except RhombusError as error:
            outcome = type(error).__name__
            raise
        finally:
            logger.debug(
                "%s: %s in %.0f ms, from byte %d, request %d",
                self.state.file.path,
                outcome,
                (now() - started) * 1000,
                self.state.offset,
                self.requests,
            )

    def _wait_after(self, error: RhombusError) -> float:
        """Return the seconds to wait before the next request; raise *error* if it was the last."""
        if self.state.offset >= self._furthest + _PROGRESS:
            self._failures = 0
        self._furthest = max(self._furthest, self.state.offset)
        self._failures += 1
        passes = is_passing(error, is_redirected=self._is_redirected)
        wait = self.retry.backoff(self._failures)
        if isinstance(error, RateLimitedError):
            # All downloads of the session share the exhausted rate budget.
            self.host.pause.begin(max(error.retry_after or 0.0, wait))
        longest = max(self._requested_wait, self.host.pause.delay())
        if not passes or self._failures >= self.retry.attempts or longest > self.host.timeout.pause:
            raise self.explained(error)
        self.last_failure = self.explained(error)
        return max(wait, self._requested_wait)

    def close(self) -> None:
        """Release the current response, and wake a task that reads it."""
        if self._current is not None:
            self._current.close()

    def explained(self, error: RhombusError) -> RhombusError:
        """Return *error* with its context, and with the key redacted in case the host quoted it."""
        error.endpoint = self.state.file.path
        error.attempts = self.requests
        if isinstance(error, NotFoundError):
            error.args = (f"{error.args[0]} ({self.state.file.missing_advice})",)
        error.redact(self.secret)
        return error
