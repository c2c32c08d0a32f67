"""One call of an endpoint: attempts and pauses until it is answered, refused or out of time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar

from attrs import define, field

from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.calls.envelope import (
    Reply,
    is_success,
    open_envelope,
    status_error,
    warning_of,
)
from rhombus_clips.calls.pacing import Pacing
from rhombus_clips.calls.retry import (
    RetryPolicy,
    Timeout,
    may_have_been_applied,
    may_retry,
)
from rhombus_clips.calls.transport import RequestBody, Transport
from rhombus_clips.calls.turns import DecodingTurns
from rhombus_clips.codec.document import Document, structure
from rhombus_clips.codec.requests import encode_request
from rhombus_clips.errors import (
    RateLimitedError,
    RhombusError,
    StatusError,
    redacted,
)
from rhombus_clips.models.base import Answer
from rhombus_clips.models.moments import from_epoch_ms

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
        """The service's clock now, in epoch milliseconds, to the second.

        It is the ``Date`` of the most recent response plus the time since. None before any
        response with a readable ``Date``, and outside of the event loop, whose clock measures that
        time.
        """
        now = loop_time()
        return None if now is None else self._transport.clock.epoch_ms(now)

    async def aclose(self) -> None:
        """End the calls that wait, and close the connections."""
        self._pacing.close()
        await self._transport.aclose()

    def __call__(
        self, endpoint: Endpoint[AnswerT], parameters: Mapping[str, object]
    ) -> Awaitable[AnswerT]:
        """Call *endpoint* and decode its answer."""
        return self.decoded_by(
            lambda document: structure(document, endpoint.answer), endpoint, parameters
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
            encode_request(parameters),
            self._transport,
            self._pacing,
            deadline=asyncio.get_running_loop().time() + self._timeout.total,
        )
        try:
            outcome = await call.attempt_or_failure()
            if isinstance(outcome, RhombusError):
                # A call that succeeds at once never comes here, and so pays nothing for retries.
                outcome = await self._after_failure(call, outcome)
            return await self._decoded(outcome, decode, call.endpoint)
        except RhombusError as error:
            # A service or a proxy may quote the key that it refuses: in what the error says, and
            # in the variables of the frames that it went through.
            error.redact(self._secret)
            outcome = error.with_traceback(None)
        outcome.endpoint = call.endpoint.path
        outcome.attempts = call.attempts
        outcome.maybe_applied = call.was_sent and may_have_been_applied(
            outcome, safe=call.endpoint.safe
        )
        raise outcome

    async def _decoded(
        self,
        reply: Reply,
        decode: Callable[[Document], Generator[None, None, ResultT]],
        endpoint: Endpoint[Any],
    ) -> ResultT:
        """What *decode* makes of a reply, a step in each turn of the loop that has room for it."""
        steps: Generator[None, None, ResultT] | None = None
        while True:
            if not self._turns.has_room:
                await self._turns.turn()
            try:
                with self._turns:
                    if steps is None:
                        steps = decode(self._opened(reply, endpoint))
                    next(steps)
            except StopIteration as end:
                result: ResultT = end.value
                return result

    def _opened(self, reply: Reply, endpoint: Endpoint[Any]) -> Document:
        """The document that a reply carries, unless its envelope says that the call failed."""
        document = Document.of(reply.body)
        tree = document.tree
        if type(tree) is not dict or tree.get("error") or tree.get("warningMsg"):
            warning = warning_of(open_envelope(document.tree))
            if warning is not None:
                logger.warning("%s: %s", endpoint.path, redacted(warning, self._secret))
        return document

    async def _after_failure(self, call: "_Call", failure: RhombusError) -> Reply:
        """The reply of a later attempt. Raises the failure after which none may follow."""
        endpoint, attempts = call.endpoint, self._retry.attempts
        while True:
            successor = call.endpoint.successor
            if successor is not None and _is_gone(failure):
                call.endpoint = successor
                attempts = max(attempts, call.attempts + 1)
            else:
                await self._wait_after(failure, call, attempts)
            outcome = await call.attempt_or_failure()
            if isinstance(outcome, Reply):
                break
            failure = outcome
        if call.endpoint is not endpoint:
            logger.warning("%s is gone; %s takes over", endpoint.path, call.endpoint.path)
            self._taken_over[endpoint.path] = call.endpoint
        return outcome

    async def _wait_after(self, failure: RhombusError, call: "_Call", attempts: int) -> None:
        """Wait until the next attempt may begin; raise *failure* if there must be none."""
        if not call.may_go_on(failure):
            raise failure
        # A change comes here only if the service certainly did not carry it out.
        call.was_sent = False
        wait = self._retry.backoff(call.attempts)
        if isinstance(failure, RateLimitedError):
            # One pause for all tasks: the budget is the organization's, not the call's.
            self._pacing.begin_pause(max(failure.retry_after or 0.0, wait))
            wait = self._pacing.delay()
        if call.attempts >= attempts or wait >= call.seconds_left():
            raise failure
        await self._pacing.sleep(wait)


def loop_time() -> float | None:
    """The clock of the running event loop, in seconds; None where no loop runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return None


def local_time_ms() -> int:
    """What this machine's clock says now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def service_or_local_time_ms(caller: Caller) -> int:
    """What the service's clock says now; this machine's, where the service's is not known."""
    service_time = caller.service_time_ms()
    return local_time_ms() if service_time is None else service_time


@define
class _Call:
    endpoint: Endpoint[Any]
    body: bytes
    transport: Transport
    pacing: Pacing
    deadline: float
    """On the clock of the event loop, as all times here."""
    attempts: int = field(default=0, init=False)
    was_admitted: bool = field(default=False, init=False)
    """Whether the last attempt went to the network, and did not only wait for its turn."""
    was_sent: bool = field(default=False, init=False)
    """Whether the service may have received the request of the last attempt."""
    _server_errors: int = field(default=0, init=False)

    def seconds_left(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()

    def may_go_on(self, failure: RhombusError) -> bool:
        # What the session's own pacing refused was not refused by the service, and must not
        # count as one more 429: it would make the pause longer with every call that meets it.
        return self.was_admitted and may_retry(
            failure, safe=self.endpoint.safe, server_errors=self._server_errors
        )

    async def attempt(self) -> Reply:
        """Send the request once and return the reply to it, whose status is a success."""
        self.was_admitted = self.was_sent = False
        body = RequestBody(self.body)
        if not self.pacing.start_at_once():
            await self.pacing.admit(self.deadline)
        try:
            self.transport.open()  # A closed session refuses here, when nothing was sent yet.
        except RhombusError:
            self.pacing.finished()
            raise
        self.was_admitted = True
        self.attempts += 1
        left = self.seconds_left()
        outcome: object = "cancelled"
        try:
            reply = await self.transport.post(self.endpoint.path, body, seconds=left)
            outcome = reply.status
        except RhombusError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.was_sent = body.was_sent
            self.pacing.finished()
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(
                    "%s: %s in %.0f ms, attempt %d",
                    self.endpoint.path,
                    outcome,
                    (left - self.seconds_left()) * 1000,
                    self.attempts,
                )
        if not is_success(reply):
            self._server_errors += reply.status == 500
            now = self.transport.clock.epoch_ms(asyncio.get_running_loop().time())
            raise status_error(reply, from_epoch_ms(now))
        return reply

    async def attempt_or_failure(self) -> Reply | RhombusError:
        """As `attempt`, but return what went wrong, so that it is nobody's context later."""
        try:
            return await self.attempt()
        except RhombusError as error:
            return error


def _is_gone(failure: RhombusError) -> bool:
    return isinstance(failure, StatusError) and failure.status in _GONE
