"""The bytes of one file, over as many requests as it takes."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from attrs import define, field, frozen

from rhombus_clips.calls.envelope import retry_after
from rhombus_clips.calls.retry import RetryPolicy
from rhombus_clips.errors import (
    DisconnectedError,
    NotFoundError,
    RateLimitedError,
    RhombusError,
)
from rhombus_clips.media.host import MediaAnswer, MediaHost
from rhombus_clips.media.ranges import Fetch, StartOverError, missing_advice
from rhombus_clips.media.refusals import is_passing

logger = logging.getLogger("rhombus_clips")

_FRUITFUL = 64 * 1024


@frozen
class Piece:
    """Bytes of a file that follow one another, from `start` on; at 0 the file starts over."""

    start: int
    data: bytes = field(repr=False)

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
    secret: str = field(repr=False)
    requests: int = 0
    last_failure: RhombusError | None = None
    """What ended an answer last, and was followed by another request."""
    _failures: int = 0
    _furthest: int = 0
    _current: MediaAnswer | None = None
    _is_redirected: bool = False
    """Whether the last answer came from a host that the media host redirected to."""
    _asked_wait: float = 0.0
    """How long the last answer asked to wait, in seconds, if that is for this file alone."""

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The rest of the file, piece by piece.

        Raises the last failure when the attempts are used up, and at once what no retry mends.
        """
        self._furthest = self.fetch.offset
        while True:
            wait, failure = 0.0, None
            try:
                async with aclosing(self._pieces_of_one_answer()) as pieces:
                    async for piece in pieces:
                        yield piece
                        del piece  # A failure that is kept would keep its bytes.
                if self._is_whole():
                    return
            except StartOverError:
                pass
            except RhombusError as error:
                failure = error
            # Outside of the block, so that no error of an answer is the context of a later one.
            if failure is not None:
                wait = self._wait_after(failure)
            await self.host.pause.sleep(wait)

    def _is_whole(self) -> bool:
        """Whether an answer that ended as announced brought the end of the file.

        Raises `DisconnectedError` when it brought so little that going on would take for ever.
        """
        fetch = self.fetch
        if not fetch.has_more_than(fetch.part_end):
            return True
        least = _FRUITFUL if fetch.total is None else min(_FRUITFUL, fetch.total // 100)
        if fetch.offset < self._furthest + least:
            raise DisconnectedError("the media host sends very small parts of the file")
        self._failures, self._furthest = 0, fetch.offset
        return False

    async def _pieces_of_one_answer(self) -> AsyncGenerator[Piece, None]:
        fetch = self.fetch
        answer = self._current = await self._answer()
        self._is_redirected = answer.is_redirected
        if answer.head.status == 503:
            self._asked_wait = retry_after(answer.head.headers) or 0.0
        data, piece = b"", None
        try:
            if answer.head.status == 416 and fetch.offset:
                if fetch.is_behind_end(answer.head):
                    return
                raise StartOverError
            if fetch.refuses_range(answer.head, is_redirected=answer.is_redirected):
                fetch.start_over(trusts_ranges=False)
                raise StartOverError
            if answer.head.status not in {200, 206}:
                raise await answer.error()
            fetch.take(answer.head)
            now = asyncio.get_running_loop().time
            pace = _Pace(self.host.timeout.stall, self.host.timeout.floor)
            began = now()
            while data := await answer.read():
                pace.came(len(data), now() - began)
                piece = Piece(fetch.offset, data)
                fetch.came(len(data))
                yield piece
                # After the yield: what is counted as there has to be handed out.
                pace.check()
                began = now()
            if fetch.is_cut_off:
                raise DisconnectedError("the connection closed before the end of the file")
        finally:
            answer.close()
            # A failure that is kept would keep their bytes.
            self._current = piece = None
            data = b""

    async def _answer(self) -> MediaAnswer:
        await self.host.pause.wait()
        self.requests += 1
        self._is_redirected, self._asked_wait = False, 0.0
        now = asyncio.get_running_loop().time
        started = now()
        outcome: object = "cancelled"
        try:
            answer = await self.host.get(self.fetch.file.path, self.fetch.headers())
            outcome = answer.head.status
        except RhombusError as error:
            outcome = type(error).__name__
            raise
        finally:
            milliseconds = (now() - started) * 1000
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
        passes = is_passing(error, is_redirected=self._is_redirected)
        wait = self.retry.backoff(self._failures)
        if isinstance(error, RateLimitedError):
            # For all downloads of the session: they share the budget that is spent.
            self.host.pause.begin(max(error.retry_after or 0.0, wait))
        if not passes or self._failures >= self.retry.attempts:
            raise self.explained(error)
        self.last_failure = self.explained(error)
        return max(wait, self._asked_wait)

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
