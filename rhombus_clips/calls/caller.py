"""One call to an endpoint: attempts and waits until it succeeds, fails or runs out of time."""

import asyncio
import logging
import time
from collections.abc import Generator, Mapping
from typing import Any, Generic, TypeVar, cast

from attrs import define

from rhombus_clips.calls.absence import absence_or_same
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.calls.envelope import Reply, open_envelope, status_error, warning_of
from rhombus_clips.calls.pacing import DecodingTurns, Pacing
from rhombus_clips.calls.retry import RetryPolicy, Timeout, may_have_been_applied, may_retry
from rhombus_clips.calls.transport import RequestBody, Transport
from rhombus_clips.codec import bodies
from rhombus_clips.codec.text import parse
from rhombus_clips.errors import DecodeError, RateLimitedError, RhombusError, StatusError
from rhombus_clips.models.moments import from_epoch_ms
from rhombus_clips.redaction import redacted

logger: logging.Logger = logging.getLogger("rhombus_clips")

T = TypeVar("T")
AnswerT = TypeVar("AnswerT")
ErrorT = TypeVar("ErrorT", bound=RhombusError)

_GONE = frozenset({404, 410})


@define
class _Call:
    """The state of one call. Times are on the clock of the event loop, in seconds."""

    endpoint: Endpoint[Any]
    body: bytes
    transport: Transport
    pacing: Pacing
    deadline: float
    attempts: int = 0
    was_admitted: bool = False
    """True if the last attempt used the network, rather than failing while it was queued."""
    was_sent: bool = False
    """True if the service may have received the request of the last attempt."""
    server_errors: int = 0

    async def attempt(self) -> Reply | RhombusError:
        """Send the request once, and return the reply or the failure.

        The failure is returned so that it does not become the context of a later one.
        """
        self.was_admitted = self.was_sent = False
        body = RequestBody(self.body, content_type="application/json")
        try:
            if not self.pacing.try_admit():
                await self.pacing.admit(self.deadline)
        except RhombusError as error:
            return error
        started, result = asyncio.get_running_loop().time(), "cancelled"
        try:
            http = self.transport.client.open()  # Raises if the session is closed.
            self.was_admitted = True
            self.attempts += 1
            reply = await self.transport.post(
                http, self.endpoint.path, body, seconds=self.deadline - started
            )
            result = str(reply.status)
        except RhombusError as error:
            result = type(error).__name__
            # Only the session's own pause raises this here.
            self.was_admitted = not isinstance(error, RateLimitedError)
            return error
        finally:
            self.was_sent = body.was_sent
            self.pacing.finished()
            if logger.isEnabledFor(logging.DEBUG):
                ms, path = (asyncio.get_running_loop().time() - started) * 1000, self.endpoint.path
                logger.debug("%s: %s in %.0f ms, attempt %d", path, result, ms, self.attempts)
        if 200 <= reply.status < 300:
            return reply
        self.server_errors += reply.status == 500
        now = self.transport.clock.epoch_ms(asyncio.get_running_loop().time())
        return status_error(reply, from_epoch_ms(now))


@define(eq=False)
class Response(Generic[AnswerT]):
    """The decoded answer to a call."""

    answer: AnswerT
    failed_items: Mapping[int, bodies.FailedItem]
    """The items in the answer's list that failed to decode, by their index."""
    _call: _Call
    _caller: "Caller"

    def error(self, error: ErrorT) -> ErrorT:
        """Return *error* with the endpoint and the number of attempts of this call."""
        return self._caller.attributed(error, self._call)


class Caller:
    """Calls endpoints. Pagers, watches and downloads need nothing else of a session."""

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
        self._successors: dict[str, Endpoint[Any]] = {}

    @property
    def is_budget_spent(self) -> bool:
        """True if further concurrent calls would only be refused or have to wait."""
        return self._pacing.is_budget_spent

    def service_time_ms(self) -> int | None:
        """Return the current time of the service's clock, in epoch milliseconds.

        It is the ``Date`` of the most recent response plus the time elapsed since, accurate to a
        second. The event loop's clock measures the elapsed time. The result is None before the
        first response with a readable ``Date``, and outside an event loop.
        """
        now = loop_time()
        return None if now is None else self._transport.clock.epoch_ms(now)

    async def aclose(self) -> None:
        """End waiting calls, and close the connections."""
        self._pacing.close()
        await self._transport.aclose()

    async def __call__(
        self, endpoint: Endpoint[AnswerT], parameters: Mapping[str, object] | bytes
    ) -> AnswerT:
        """Call *endpoint* and return its decoded answer; see `respond`."""
        return (await self.respond(endpoint, parameters)).answer

    async def respond(
        self,
        endpoint: Endpoint[AnswerT],
        parameters: Mapping[str, object] | bytes,
        *,
        keeps_failed_items: bool = False,
    ) -> Response[AnswerT]:
        """Call *endpoint* and return its answer with the items that failed to decode.

        :param parameters: The parameters in snake case, or the encoded body.
        :param keeps_failed_items: True returns listed items that fail to decode. By default, the
            first one raises `DecodeError`.
        """
        self._transport.client.check()
        call = _Call(
            endpoint
            if endpoint.successor is None
            else self._successors.get(endpoint.path, endpoint),
            parameters if isinstance(parameters, bytes) else bodies.encode_request(parameters),
            self._transport,
            self._pacing,
            asyncio.get_running_loop().time() + self._timeout.total,
        )
        try:
            outcome = await call.attempt()
            if isinstance(outcome, RhombusError):
                # A call that succeeds at once never gets here, so retries cost it nothing.
                outcome = await self._after_failure(call, outcome)
            answer, failed_items = await self._decoded(
                outcome, call.endpoint, keeps_failed_items=keeps_failed_items
            )
            return Response(answer, failed_items, call, self)
        except RhombusError as error:
            # An earlier failure would stay in this frame, with the key.
            named: Mapping[str, object] = {} if isinstance(parameters, bytes) else parameters
            outcome = absence_or_same(error, call.endpoint.item, named)
        self.attributed(outcome, call)
        outcome.maybe_applied = call.was_sent and may_have_been_applied(
            outcome, safe=call.endpoint.safe
        )
        raise outcome

    def attributed(self, error: ErrorT, call: _Call) -> ErrorT:
        """Return *error* with the details of *call*, and without the API key.

        A service or a proxy may quote the key that it rejects. The key is then in the message, and
        in local variables of the traceback's frames.
        """
        error.redact(self._secret)
        error.endpoint, error.attempts = call.endpoint.path, call.attempts
        return error.with_traceback(None)

    async def _decoded(
        self, reply: Reply, endpoint: Endpoint[AnswerT], *, keeps_failed_items: bool
    ) -> tuple[AnswerT, Mapping[int, bodies.FailedItem]]:
        """Return the answer in *reply*, and its items that failed to decode."""
        if not self._turns.has_room:
            await self._turns.turn()
        started = time.perf_counter()
        steps: Generator[None, None, AnswerT] | None = None
        try:
            tree = parse(reply.body)
            if type(tree) is not dict or tree.get("error") or tree.get("warningMsg"):
                self._judge_envelope(cast("object", tree), endpoint)
            if not bodies.is_long(tree, endpoint.answer):
                return bodies.decode(tree, reply.body, endpoint.answer), {}
            steps = bodies.decode_in_steps(tree, reply.body, endpoint.answer)
        except DecodeError:
            if not keeps_failed_items:
                raise
        finally:
            self._turns.spend(time.perf_counter() - started)
        try:
            if steps is not None:
                return await self._in_turns(steps), {}
        except DecodeError:
            if not keeps_failed_items:
                raise
        return await self._in_turns(bodies.decode_item_by_item(reply.body, endpoint.answer))

    async def _in_turns(self, steps: Generator[None, None, T]) -> T:
        """Run each of *steps* in a turn of the event loop that has room; return their result."""
        while True:
            if not self._turns.has_room:
                await self._turns.turn()
            started = time.perf_counter()
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._turns.spend(time.perf_counter() - started)

    def _judge_envelope(self, tree: object, endpoint: Endpoint[Any]) -> None:
        """Raise the error in an answer's envelope, if any, and log its warning."""
        warning = warning_of(open_envelope(tree))
        if warning is not None:
            logger.warning("%s: %s", endpoint.path, redacted(warning, self._secret))

    async def _after_failure(self, call: _Call, failure: RhombusError) -> Reply:
        """Retry after *failure* and return the first reply, or raise the last failure."""
        endpoint, attempts = call.endpoint, self._retry.attempts
        while True:
            successor = call.endpoint.successor
            if successor is not None and _is_gone(failure):
                call.endpoint = successor
                attempts = max(attempts, call.attempts + 1)
            else:
                await self._wait_after(failure, call, attempts)
            outcome = await call.attempt()
            if isinstance(outcome, Reply):
                break
            failure = outcome
        if call.endpoint is not endpoint:
            logger.warning("%s is gone; using %s instead", endpoint.path, call.endpoint.path)
            self._successors[endpoint.path] = call.endpoint
        return outcome

    async def _wait_after(self, failure: RhombusError, call: _Call, attempts: int) -> None:
        """Wait until the next attempt may start; raise *failure* if no attempt may follow."""
        # A refusal by the session's own pacing must not count as another 429 of the service, or the
        # pause would grow with every call that runs into it.
        if not call.was_admitted or not may_retry(
            failure, safe=call.endpoint.safe, server_errors=call.server_errors
        ):
            raise failure
        # A change is retried only if the service certainly did not apply it.
        call.was_sent = False
        wait = self._retry.backoff(call.attempts)
        if isinstance(failure, RateLimitedError):
            # All tasks pause, because the budget belongs to the organization and not to the call.
            self._pacing.begin_pause(max(failure.retry_after or 0.0, wait))
            wait = self._pacing.pause.delay()
        seconds_left = call.deadline - asyncio.get_running_loop().time()
        if call.attempts >= attempts or wait >= seconds_left:
            if isinstance(failure, RateLimitedError) and failure.retry_after is None:
                failure.retry_after = wait
            raise failure
        await self._pacing.pause.sleep(wait)


def _is_gone(failure: RhombusError) -> bool:
    return isinstance(failure, StatusError) and failure.status in _GONE


# --- clocks ----------------------------------------------------------------------------------


def loop_time() -> float | None:
    """Return the time on the running event loop's clock, in seconds; None outside a loop."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return None


def local_time_ms() -> int:
    """Return the time on this machine's clock, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def service_or_local_time_ms(caller: Caller) -> int:
    """Return the time on the service's clock, or on this machine's while that is unknown."""
    service_time = caller.service_time_ms()
    return local_time_ms() if service_time is None else service_time
