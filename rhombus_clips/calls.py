"""One call of an endpoint: attempts and pauses until it is answered, refused or out of time."""

import logging
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from rhombus_clips import codec
from rhombus_clips.codec import Document
from rhombus_clips.errors import (
    RateLimitedError,
    RhombusError,
    StatusError,
    redacted,
)
from rhombus_clips.models import Answer
from rhombus_clips.pacing import Pacing
from rhombus_clips.protocol.endpoints import Endpoint
from rhombus_clips.protocol.envelope import (
    Reply,
    is_success,
    open_envelope,
    status_error,
    warning_of,
)
from rhombus_clips.protocol.retry import (
    RetryPolicy,
    Timeout,
    may_have_been_applied,
    may_retry,
)
from rhombus_clips.transport import Transport
from rhombus_clips.turns import DecodingTurns

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

logger = logging.getLogger("rhombus_clips")

AnswerT = TypeVar("AnswerT", bound=Answer)
ResultT = TypeVar("ResultT")

_GONE = frozenset({404, 410})


class Caller:
    """Calls endpoints; the one callable that pagers and other jobs need of a session."""

    def __init__(
        self,
        transport: Transport,
        pacing: Pacing,
        retry: RetryPolicy,
        timeout: Timeout,
        *,
        secret: str,
    ) -> None:
        self._transport = transport
        self._secret = secret
        self._pacing = pacing
        self._retry = retry
        self._timeout = timeout
        self._turns = DecodingTurns()
        self._taken_over: dict[str, Endpoint[Any]] = {}

    @property
    def budget_is_spent(self) -> bool:
        """Whether more calls at once would only be refused, or wait."""
        return self._pacing.is_short

    def service_time_ms(self) -> int | None:
        """What the service's clock says now, in epoch milliseconds.

        By the ``Date`` of its most recent response, which is cut to a second, so that it may be a
        second behind. None before any response, and for a service that sends no such header.
        """
        if self._transport.last_date is None:
            return None
        header, came_at = self._transport.last_date
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return round(1000 * (date.timestamp() + time.monotonic() - came_at))

    async def aclose(self) -> None:
        """End the calls that wait, and close the connections."""
        self._pacing.close()
        await self._transport.aclose()

    def __call__(
        self, endpoint: Endpoint[AnswerT], parameters: Mapping[str, object]
    ) -> Awaitable[AnswerT]:
        """Call *endpoint* and decode its answer."""
        return self.decoded_by(
            lambda document: codec.structure(document, endpoint.answer), endpoint, parameters
        )

    async def decoded_by(
        self,
        decode: Callable[[Document], Generator[None, None, ResultT]],
        endpoint: Endpoint[Any],
        parameters: Mapping[str, object],
    ) -> ResultT:
        """As a call, with *decode* making the result of the answer, step by step."""
        call = _Call(
            self._taken_over.get(endpoint.path, endpoint),
            codec.encode_request(parameters),
            self._transport,
            self._pacing,
            deadline=time.monotonic() + self._timeout.total,
        )
        try:
            reply = await call.attempt_or_failure()
            if isinstance(reply, RhombusError):
                # A call that succeeds at once never comes here, and so pays nothing for retries.
                reply = await self._after_failure(call, reply)
            return await self._taking_turns(self._opened(reply, decode, call.endpoint))
        except RhombusError as error:
            safe = call.endpoint.safe
            # A service or a proxy may quote the key that it refuses.
            error.redact(self._secret)
            error.endpoint = call.endpoint.path
            error.attempts = call.attempts
            error.maybe_applied = call.was_admitted and may_have_been_applied(error, safe=safe)
            raise

    def _opened(
        self,
        reply: Reply,
        decode: Callable[[Document], Generator[None, None, ResultT]],
        endpoint: Endpoint[Any],
    ) -> Generator[None, None, ResultT]:
        """What *decode* makes of an answer that is no failure."""
        document = Document.of(reply.body)
        warning = warning_of(open_envelope(document.tree))
        if warning is not None:
            logger.warning("%s: %s", endpoint.path, redacted(warning, self._secret))
        return (yield from decode(document))

    async def _taking_turns(self, steps: Generator[None, None, ResultT]) -> ResultT:
        while True:
            if not self._turns.has_room:
                await self._turns.turn()
            try:
                with self._turns:
                    next(steps)
            except StopIteration as end:
                result: ResultT = end.value
                return result

    async def _after_failure(self, call: "_Call", failure: RhombusError) -> Reply:
        """The answer of more attempts, or of the endpoint that took over."""
        endpoint = call.endpoint
        attempts = self._retry.attempts
        try:
            return await self._retrying(call, attempts)(call.attempts_after(failure))
        except StatusError as error:
            if endpoint.successor is None or error.status not in _GONE:
                raise
        call.endpoint = endpoint.successor
        left = max(1, attempts - call.attempts)
        reply: Reply = await self._retrying(call, left)(call.attempt)
        logger.warning("%s is gone; %s takes over", endpoint.path, call.endpoint.path)
        self._taken_over[endpoint.path] = call.endpoint
        return reply

    def _retrying(self, call: "_Call", attempts: int) -> "AsyncRetrying":
        # Most programs start and end without one, and importing it takes as long as cattrs.
        import tenacity  # noqa: PLC0415

        base, cap = self._retry.base, self._retry.cap
        backoff = tenacity.wait_random_exponential(multiplier=base, max=cap)

        def wait(state: "RetryCallState") -> float:
            # What changes something is sent again only where it was certainly not carried out.
            call.was_admitted = False
            seconds = backoff(state)
            error = state.outcome and state.outcome.exception()
            if isinstance(error, RateLimitedError):
                # One pause for all tasks: the budget is the organization's, not the call's.
                self._pacing.begin_pause(max(error.retry_after or 0.0, seconds))
                return self._pacing.delay()
            return seconds

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(call.may_go_on),
            wait=wait,
            stop=tenacity.stop_after_attempt(attempts)
            | tenacity.stop_before_delay(call.seconds_left()),
            sleep=self._pacing.sleep,
            reraise=True,
        )


def service_or_local_time_ms(caller: Caller) -> int:
    """What the service's clock says now; this machine's, where the service's is not known."""
    service_time = caller.service_time_ms()
    return time.time_ns() // 1_000_000 if service_time is None else service_time


@define
class _Call:
    endpoint: Endpoint[Any]
    body: bytes
    transport: Transport
    pacing: Pacing
    deadline: float
    attempts: int = field(default=0, init=False)
    was_admitted: bool = field(default=False, init=False)
    """Whether the last attempt went to the network, and did not only wait for its turn."""
    _server_errors: int = field(default=0, init=False)

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def may_go_on(self, error: BaseException) -> bool:
        # What the session's own pacing refused was not refused by the service, and must not
        # count as one more 429: it would make the pause longer with every call that meets it.
        return (
            self.was_admitted
            and isinstance(error, RhombusError)
            and may_retry(error, safe=self.endpoint.safe, server_errors=self._server_errors)
        )

    async def attempt(self) -> Reply:
        """Send the request once and return the reply to it, whose status is a success."""
        self.was_admitted = False
        if not self.pacing.start_at_once():
            await self.pacing.admit(self.deadline)
        self.transport.open()  # A closed session refuses here, when nothing was sent yet.
        self.was_admitted = True
        self.attempts += 1
        started = time.monotonic()
        outcome: object = "cancelled"
        try:
            reply = await self.transport.post(
                self.endpoint.path, self.body, seconds=self.seconds_left()
            )
            outcome = reply.status
        except RhombusError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.pacing.finished()
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(
                    "%s: %s in %.0f ms, attempt %d",
                    self.endpoint.path,
                    outcome,
                    (time.monotonic() - started) * 1000,
                    self.attempts,
                )
        if not is_success(reply):
            self._server_errors += reply.status == 500
            raise status_error(reply)
        return reply

    async def attempt_or_failure(self) -> Reply | RhombusError:
        """As `attempt`, but return what went wrong, so that it is nobody's context later."""
        try:
            return await self.attempt()
        except RhombusError as error:
            return error

    def attempts_after(self, first_failure: RhombusError) -> Callable[[], Awaitable[Reply]]:
        """What the retry loop runs: the failure that was there already, then attempts."""
        failures = [first_failure]

        async def attempt() -> Reply:
            if failures:
                raise failures.pop()
            return await self.attempt()

        return attempt
