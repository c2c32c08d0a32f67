"""The bytes of one file, over as many requests as it takes."""

import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

from attrs import define, frozen

from rhombus_clips.errors import (
    DisconnectedError,
    NotFoundError,
    RateLimitedError,
    RhombusError,
    ServerError,
    StatusError,
    TransportError,
)
from rhombus_clips.media.host import MediaAnswer, MediaHost
from rhombus_clips.protocol.media import Fetch, StartOverError, missing_advice
from rhombus_clips.protocol.retry import PASSING_REFUSALS, RetryPolicy

logger = logging.getLogger("rhombus_clips")

_FRUITFUL = 64 * 1024


@frozen
class Piece:
    """Bytes of a file that follow one another, from `start` on; at 0 the file starts over."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + len(self.data)


@define
class Fetching:
    """Fetches what is missing of a file, and goes on where an answer broke off.

    A failure in a row without progress is one attempt of the retry policy; whoever makes progress
    begins to count anew, since a large file over a bad line may break off many times.
    """

    host: MediaHost
    fetch: Fetch
    retry: RetryPolicy
    secret: str
    requests: int = 0
    last_failure: RhombusError | None = None
    """What ended an answer last, and was followed by another request."""
    _failures: int = 0
    _furthest: int = 0
    _current: MediaAnswer | None = None

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The rest of the file, piece by piece.

        Raises the last failure when the attempts are used up, and at once what no retry mends.
        """
        self._furthest = self.fetch.offset
        while True:
            try:
                async with aclosing(self._pieces_of_one_answer()) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except StartOverError:
                wait = 0.0
            except RhombusError as error:
                wait = self._wait_after(error)
            await self.host.sleep(wait)

    async def _pieces_of_one_answer(self) -> AsyncGenerator[Piece, None]:
        fetch = self.fetch
        answer = self._current = await self._answer()
        try:
            if answer.head.status == 416 and fetch.offset:
                if fetch.is_behind_end(answer.head):
                    return
                raise StartOverError
            if fetch.refuses_range(answer.head):
                fetch.start_over(trusts_ranges=False)
                raise StartOverError
            if answer.head.status not in {200, 206}:
                raise await answer.error()
            fetch.take(answer.head)
            pace = _Pace(self.host.timeout.stall, self.host.timeout.floor)
            began = monotonic()
            while data := await answer.read():
                pace.came(len(data), monotonic() - began)
                piece = Piece(fetch.offset, data)
                fetch.offset = piece.end
                fetch.check_length()
                yield piece
                # Behind the yield: what is counted as there has to be handed out.
                pace.check()
                began = monotonic()
            if fetch.is_cut_off:
                raise DisconnectedError("the connection closed before the end of the file")
        finally:
            answer.close()
            self._current = None  # An error that is kept would keep what was not read of it.

    async def _answer(self) -> MediaAnswer:
        self.requests += 1
        started = monotonic()
        outcome: object = "cancelled"
        try:
            answer = await self.host.get(self.fetch.file.path, self.fetch.headers())
            outcome = answer.head.status
        except RhombusError as error:
            outcome = type(error).__name__
            raise
        finally:
            milliseconds = (monotonic() - started) * 1000
            logger.debug(
                "%s: %s in %.0f ms, from byte %d, request %d",
                self.fetch.file.path, outcome, milliseconds, self.fetch.offset, self.requests,
            )  # fmt: skip
        return answer

    def _wait_after(self, error: RhombusError) -> float:
        """How long to wait before the next request; raises *error* when there is to be none."""
        if self.fetch.offset >= self._furthest + _FRUITFUL:
            self._failures = 0
        self._furthest = max(self._furthest, self.fetch.offset)
        self._failures += 1
        passes = isinstance(error, TransportError | ServerError | RateLimitedError) or (
            isinstance(error, StatusError) and error.status in PASSING_REFUSALS
        )
        if not passes or self._failures >= self.retry.attempts:
            raise self.explained(error)
        self.last_failure = self.explained(error)
        backoff = min(self.retry.cap, self.retry.base * 2 ** (self._failures - 1))
        wait = random.uniform(0, backoff)
        if isinstance(error, RateLimitedError):
            wait = max(wait, error.retry_after or 0.0)
        return wait

    def close(self) -> None:
        """Let go of the answer that is being read; who reads it is woken up."""
        if self._current is not None:
            self._current.close()

    def explained(self, error: RhombusError) -> RhombusError:
        """*error* with what it is about, and without the key, should the host have quoted it."""
        error.endpoint = self.fetch.file.path
        error.attempts = self.requests
        if isinstance(error, NotFoundError):
            error.args = (f"{error.args[0]} ({missing_advice(self.fetch.file)})",)
        error.redact(self.secret)
        return error


class _Pace:
    """Whether an answer brings enough, over each stretch of waiting for it.

    The time that the caller takes does not count.
    """

    def __init__(self, stretch: float, floor: float) -> None:
        self._stretch = stretch
        self._floor = floor
        self._seconds = 0.0
        self._bytes = 0

    def came(self, byte_count: int, seconds: float) -> None:
        """Note bytes that came, and how long that took."""
        self._bytes += byte_count
        self._seconds += seconds

    def check(self) -> None:
        """Raise `DisconnectedError` when there were too few bytes, and begin another stretch."""
        if self._seconds < self._stretch:
            return
        if self._bytes < self._floor * self._seconds:
            raise DisconnectedError(
                f"only {self._bytes} bytes came in {self._seconds:.0f} s, fewer than the floor"
            )
        self._seconds, self._bytes = 0.0, 0
