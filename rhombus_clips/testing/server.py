"""FakeRhombus: a real HTTP server on loopback that implements the clip API and serves media."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any, Self, cast

from aiohttp import web
from attrs import define, field

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.testing.api import HANDLERS
from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.faults import (
    ACCESS_DENIED,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    Fault,
    Respond,
    next_fault,
)
from rhombus_clips.testing.handlers import answer_of
from rhombus_clips.testing.hosts import serving
from rhombus_clips.testing.media import answer_media, answer_storage
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.rate_limiter import RateLimiter
from rhombus_clips.testing.received import ReceivedRequest
from rhombus_clips.testing.refusals import RefusedError

_Answer = Callable[[ReceivedRequest], Awaitable[web.StreamResponse]]


@define(eq=False, slots=False, repr=False)
class FakeRhombus(Organization):
    """A local server that implements the clip API, for tests.

    Use it as an async context manager, and connect a session to it::

        async with (
            FakeRhombus(250, seed=7) as fake,
            ClipSession(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        ):
            assert len(await session.saved_clips().collect(1000)) == 250

    It keeps state: requests create, change and delete clips and groups. `FakeOptions` describes its
    other arguments.

    :param clips: The number of clips to generate, or the clips as models or JSON objects.
    :param shared_clip_groups: The number of shared clip groups to generate, or the groups.
    """

    faults: list[Fault] = field(factory=list[Fault], init=False)
    """The faults to apply to requests to the API; see `rhombus_clips.testing.faults`."""
    requests: list[ReceivedRequest] = field(factory=list[ReceivedRequest], init=False)
    """The requests to the API, in the order of their arrival."""
    media_faults: list[Fault] = field(factory=list[Fault], init=False)
    """The faults to apply to requests for media, including redirected ones."""
    media_requests: list[ReceivedRequest] = field(factory=list[ReceivedRequest], init=False)
    """The requests for media, including redirected ones, in the order of their arrival."""
    _arrival: asyncio.Condition = field(factory=asyncio.Condition, init=False)
    _limiter: RateLimiter | None = field(default=None, init=False)
    _storage_port: int = field(default=0, init=False)
    _hosts: AsyncExitStack = field(factory=AsyncExitStack, init=False)

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as hosts:
            enter, prepare = hosts.enter_async_context, self._prepare
            api = partial(self._serve, answer=self._answer, is_media=False)
            media = partial(self._serve, answer=self._answer_media, is_media=True)
            storage = partial(self._serve, answer=self._answer_storage, is_media=True)
            options: Organization = self  # the class that declares them
            options.port = await enter(serving(api, prepare, self.port))
            options.media_port = await enter(serving(media, prepare, self.media_port))
            self._storage_port = await enter(serving(storage, prepare))
            self._hosts = hosts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hosts.aclose()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def media_url(self) -> str:
        """The base URL of the media host."""
        return f"http://127.0.0.1:{self.media_port}"

    @property
    def storage_url(self) -> str:
        """The base URL of the host to which the media host redirects."""
        return f"http://127.0.0.1:{self._storage_port}"

    async def wait_for_requests(self, count: int) -> None:
        """Wait until the API has received *count* requests in total."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    # --- receiving ---------------------------------------------------------------------------

    async def _serve(
        self, request: web.Request, *, answer: _Answer, is_media: bool
    ) -> web.StreamResponse:
        """Record a request and respond to it, through the first fault that matches."""
        received = ReceivedRequest(
            request.path,
            dict(request.headers),
            await request.read(),
            asyncio.get_running_loop().time(),
            request.method,
            dict(request.query),
            request.raw_path,
        )
        (self.media_requests if is_media else self.requests).append(received)
        async with self._arrival:
            self._arrival.notify_all()

        async def answering() -> web.StreamResponse:
            return await answer(received)

        fault = next_fault(self.media_faults if is_media else self.faults, request.path)
        response = await (fault.apply(request, answering) if fault else answering())
        if not response.prepared:
            response.headers.setdefault("Date", formatdate(self.now(), usegmt=True))
        return response

    async def _prepare(self, _request: web.Request, response: web.StreamResponse) -> None:
        if not self.sends_date:
            response.headers.popall("Date", None)  # aiohttp adds it to every response.

    # --- answering ---------------------------------------------------------------------------

    async def _answer(self, request: ReceivedRequest) -> web.StreamResponse:
        retry_after = self._seconds_to_wait(request)
        if retry_after is not None:
            refusal = TOO_MANY_REQUESTS.response()
            refusal.headers["Retry-After"] = str(retry_after)
            return refusal
        if (refused := self._refusal(request)) is not None:
            return refused.response()
        if request.path in self.gone:
            return web.Response(status=HTTPStatus.GONE)
        if request.path not in {*HANDLERS, *self.handlers}:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if request.method != "POST":
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            parameters = _parameters(request)
            if request.path in self.handlers:
                return await answer_of(self.handlers[request.path], request)
            answer = HANDLERS[request.path](self, parameters)
        except RefusedError as error:
            return error.answer.response()
        return web.json_response({"error": False, "warningMsg": self.warning_msg, **answer})

    async def _answer_media(self, request: ReceivedRequest) -> web.StreamResponse:
        refusal = self._refusal(request, org_may_be_omitted=True)
        return refusal.response() if refusal else answer_media(self, self.storage_url, request)

    async def _answer_storage(self, request: ReceivedRequest) -> web.StreamResponse:
        return answer_storage(self, self.storage_url, request)

    def _seconds_to_wait(self, request: ReceivedRequest) -> int | None:
        """Return the ``Retry-After`` for a request that exceeds the rate limit, or None."""
        if self.rate is None:
            return None
        if self._limiter is None or self._limiter.limit != self.rate:
            self._limiter = RateLimiter(self.rate)
        return self._limiter.take(request.received_at)

    def _refusal(
        self, request: ReceivedRequest, *, org_may_be_omitted: bool = False
    ) -> Respond | None:
        """Return the response to a request with wrong credentials, or None.

        The official clients do not name the organization in media requests.
        """
        scheme, key = request.header("x-auth-scheme"), request.header("x-auth-apikey")
        if scheme not in set(AuthScheme) or key is None:
            return UNAUTHENTICATED
        organizations = {self.org_uuid, None} if org_may_be_omitted else {self.org_uuid}
        is_admitted = (
            key == self.api_key
            and scheme == self.auth_scheme
            and request.header("x-auth-org") in organizations
        )
        return None if is_admitted else ACCESS_DENIED


def _parameters(request: ReceivedRequest) -> JsonObject:
    try:
        parameters: Any = json.loads(request.body or b"{}")
    except ValueError:
        raise RefusedError from None
    if not isinstance(parameters, dict):
        raise RefusedError
    return cast("JsonObject", parameters)
