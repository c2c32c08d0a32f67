"""FakeRhombus: a real HTTP service on the loopback that speaks the clip API and serves media."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.calls.retry import RateLimit
from rhombus_clips.models.base import Model
from rhombus_clips.testing.api import HANDLERS
from rhombus_clips.testing.bucket import TokenBucket
from rhombus_clips.testing.clips import Wire
from rhombus_clips.testing.delivery import Media
from rhombus_clips.testing.faults import (
    ACCESS_DENIED,
    BAD_STRUCTURE,
    UNAUTHENTICATED,
    Fault,
    Respond,
    next_fault,
)
from rhombus_clips.testing.hosts import Host
from rhombus_clips.testing.listing import Listing
from rhombus_clips.testing.media import answer_media, answer_storage
from rhombus_clips.testing.organization import Organization, UnknownClip, Updates
from rhombus_clips.testing.parameters import RefusedError
from rhombus_clips.testing.received import ReceivedRequest

_USUAL_MEDIA = Media()


class FakeRhombus(Organization):
    """A stand-in for the clip API, for tests: ``async with FakeRhombus() as fake: ...``.

    It serves on free ports of the loopback and behaves as told, in every way that the reference
    allows. Point a session at it with ``ClipSession(fake.api_key, base_url=fake.url)``. Whatever
    is made, changed or deleted stays so. All of these are attributes too, and may be changed at
    any time; only the clips and groups are kept as lists of JSON objects.

    :param clips: How many clips to make up, or the clips themselves, as models or JSON objects.
    :param seed: Another seed gives other clips; one seed always the same.
    :param created_after: How many seconds after its footage begins each of the clips made up is
        created, as by a camera that saves every alert: 5.0 makes the two times run parallel, 0.0
        makes them equal. None, the default, is anything up to two days.
    :param created_jitter: By how many seconds more or less, at most.
    :param shared_clip_groups: How many groups to make up, or the groups themselves.
    :param listing: How saved clips are listed.
    :param hidden: Uuids of clips that are evaluated but left out of pages, as a service does that
        filters what the caller may see.
    :param unknown_clip: The answer for a clip that is not there.
    :param bounds_are_inclusive: Whether a clip or group of a filter's very bound is listed.
    :param updates: Whether an update blanks what it leaves out.
    :param render_seconds: How long a splice takes to become a clip, in seconds.
    :param appears_after: For how many seconds the service does not know a clip yet that it has
        just begun to make.
    :param renders_fail: Whether the splices that are begun from now on fail halfway.
    :param clip_per_device: Whether a splice of several devices makes a clip of each.
    :param max_splice_duration: The longest clip that can be made, in seconds; None for any.
    :param media: How the media host delivers files.
    :param api_key: The key that is let in.
    :param auth_scheme: The scheme that the key is for.
    :param org_uuid: For the partner schemes: the client organization that must be named.
    :param rate: The rate limit; None for none.
    :param gone: Paths that the service has taken away; they answer 410.
    :param warning_msg: A warning to put into every answer.
    :param port: The port to serve the API on; 0 takes a free one.
    :param media_port: The port to serve media on; 0 takes a free one.
    :param now: The clock of renders and of what is created, in epoch seconds; tests may move
        their own. The ``Date`` of a response shows it too.
    :param clock_skew: By how many seconds the service's clock is ahead of *now*.
    :param sends_date: Whether responses have a ``Date``.
    """

    def __init__(
        self,
        clips: int | Iterable[Model | Wire] = 100,
        *,
        seed: int = 0,
        created_after: float | None = None,
        created_jitter: float = 0.0,
        shared_clip_groups: int | Iterable[Model | Wire] = 20,
        listing: Listing = Listing(),
        hidden: Collection[str] = (),
        unknown_clip: UnknownClip = UnknownClip.NULL,
        bounds_are_inclusive: bool = False,
        updates: Updates = Updates.WHOLE,
        render_seconds: float = 2.0,
        appears_after: float = 0.0,
        renders_fail: bool = False,
        clip_per_device: bool = False,
        max_splice_duration: int | None = 3600,
        media: Media = _USUAL_MEDIA,
        api_key: str = "FAKEfakeFAKEfakeFAKE00",
        auth_scheme: AuthScheme = AuthScheme.API_TOKEN,
        org_uuid: str | None = None,
        rate: RateLimit | None = None,
        gone: Collection[str] = (),
        warning_msg: str | None = None,
        port: int = 0,
        media_port: int = 0,
        now: Callable[[], float] = time.time,
        clock_skew: float = 0.0,
        sends_date: bool = True,
    ) -> None:
        super().__init__(
            clips,
            seed=seed,
            created_after=created_after,
            created_jitter=created_jitter,
            shared_clip_groups=shared_clip_groups,
            listing=listing,
            hidden=hidden,
            unknown_clip=unknown_clip,
            bounds_are_inclusive=bounds_are_inclusive,
            updates=updates,
            render_seconds=render_seconds,
            appears_after=appears_after,
            renders_fail=renders_fail,
            clip_per_device=clip_per_device,
            max_splice_duration=max_splice_duration,
            now=now,
            clock_skew=clock_skew,
        )
        self.sends_date = sends_date
        self.media = media
        self.api_key = api_key
        self.auth_scheme = auth_scheme
        self.org_uuid = org_uuid
        self.gone = frozenset(gone)
        self.warning_msg = warning_msg
        self.faults: list[Fault] = []
        """What befalls requests to the API, in turn."""
        self.requests: list[ReceivedRequest] = []
        """The requests to the API, as they came."""
        self.media_faults: list[Fault] = []
        """What befalls requests for media, redirected ones included, in turn."""
        self.media_requests: list[ReceivedRequest] = []
        """The requests for media, redirected ones included, as they came."""
        self._arrival = asyncio.Condition()
        self._bucket = rate and TokenBucket(rate)
        self._api_host = Host(self._serve_api, port, lambda: self.sends_date)
        self._media_host = Host(self._serve_media, media_port, lambda: self.sends_date)
        self._storage_host = Host(self._serve_storage, sends_date=lambda: self.sends_date)
        self._lifetime = AsyncExitStack()

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            for host in (self._api_host, self._media_host, self._storage_host):
                await starting.enter_async_context(host)
            self._lifetime = starting.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._lifetime.aclose()

    @property
    def url(self) -> str:
        """The base URL of the API, to give to a session."""
        return self._api_host.url

    @property
    def media_url(self) -> str:
        """The base URL of the media host, without a path."""
        return self._media_host.url

    @property
    def storage_url(self) -> str:
        """The base URL of the host that redirects of the media host lead to."""
        return self._storage_host.url

    async def wait_for_requests(self, count: int) -> None:
        """Wait until *count* requests to the API have come altogether."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    # --- receiving ---------------------------------------------------------------------------

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        async def answer(received: ReceivedRequest) -> web.StreamResponse:
            return self._answer(received, received.method)

        return await self._serve(request, self.requests, self.faults, answer)

    async def _serve_media(self, request: web.Request) -> web.StreamResponse:
        async def answer(received: ReceivedRequest) -> web.StreamResponse:
            refusal = self._refusal(received, org_may_be_left_out=True)
            if refusal is not None:
                return _response(refusal)
            return answer_media(self, self.media, self.storage_url, received)

        return await self._serve(request, self.media_requests, self.media_faults, answer)

    async def _serve_storage(self, request: web.Request) -> web.StreamResponse:
        async def answer(received: ReceivedRequest) -> web.StreamResponse:
            return answer_storage(self, self.media, self.storage_url, received)

        return await self._serve(request, self.media_requests, self.media_faults, answer)

    async def _serve(
        self,
        request: web.Request,
        requests: list[ReceivedRequest],
        faults: list[Fault],
        answer: Callable[[ReceivedRequest], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Take down a request, and answer it or let a fault befall it."""
        received = ReceivedRequest(
            request.path,
            dict(request.headers),
            await request.read(),
            asyncio.get_running_loop().time(),
            request.method,
            dict(request.query),
            request.raw_path,
        )
        requests.append(received)
        async with self._arrival:
            self._arrival.notify_all()

        def answering() -> Awaitable[web.StreamResponse]:
            return answer(received)

        fault = next_fault(faults, request.path)
        response = await (fault.befall(request, answering) if fault else answering())
        if not response.prepared:
            response.headers.setdefault("Date", formatdate(self.now(), usegmt=True))
        return response

    # --- answering ---------------------------------------------------------------------------

    def _answer(self, request: ReceivedRequest, method: str) -> web.Response:
        wait = self._bucket and self._bucket.take(asyncio.get_running_loop().time())
        if wait:
            return web.Response(
                status=429,
                text="Too many api requests. Enhance your calm.",
                headers={"Retry-After": str(wait)},
            )
        refusal = self._refusal(request)
        if refusal is not None:
            return _response(refusal)
        if request.path in self.gone:
            return web.Response(status=HTTPStatus.GONE)
        handler = HANDLERS.get(request.path)
        if handler is None or method != "POST":
            return web.Response(status=404 if handler is None else 405)
        try:
            answer = handler(self, _parameters(request))
        except RefusedError as refused:
            return _response(refused.answer)
        return web.json_response({"error": False, "warningMsg": self.warning_msg, **answer})

    def _refusal(
        self, request: ReceivedRequest, *, org_may_be_left_out: bool = False
    ) -> Respond | None:
        """Why the request is not let in; None where it is.

        On media requests the official clients name no organization, so it may be left out there.
        """
        scheme, key = request.header("x-auth-scheme"), request.header("x-auth-apikey")
        if scheme not in set(AuthScheme) or key is None:
            return UNAUTHENTICATED
        organizations = {self.org_uuid, None} if org_may_be_left_out else {self.org_uuid}
        admitted = (
            key == self.api_key
            and scheme == self.auth_scheme
            and request.header("x-auth-org") in organizations
        )
        return None if admitted else ACCESS_DENIED


def _parameters(request: ReceivedRequest) -> Wire:
    try:
        parameters: Any = json.loads(request.body or b"{}")
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict):
        raise RefusedError(BAD_STRUCTURE)
    return cast("Wire", parameters)


def _response(answer: Respond) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
