"""FakeRhombus: a real HTTP server on the loopback that speaks the clip API."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from attrs import evolve, field, frozen

from rhombus_clips.codec import to_dict
from rhombus_clips.models import Model
from rhombus_clips.protocol.auth import AuthScheme
from rhombus_clips.protocol.retry import RateLimit
from rhombus_clips.testing.bucket import TokenBucket
from rhombus_clips.testing.clips import NEWEST_MS, Wire, make_clips, make_shared_clip_groups
from rhombus_clips.testing.faults import (
    ACCESS_DENIED,
    BAD_STRUCTURE,
    UNAUTHENTICATED,
    Fault,
    Respond,
)
from rhombus_clips.testing.listing import Entry, LastPage, Listing, in_order, list_page
from rhombus_clips.testing.renders import Render

_LISTING_TIMES = {"timestamp_ms": "timestampMs", "created_at_ms": "createdAtMs"}


class UnknownClip(Enum):
    """How the service answers for a clip that it does not have; the reference does not say."""

    NULL = "null"
    """200 with ``clip: null``."""
    REFUSED = "refused"
    """200 with ``error: true``."""
    NOT_FOUND = "not found"
    """404."""


@frozen
class ReceivedRequest:
    """A request as the server got it."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: float
    """When, on `time.monotonic`."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class FakeRhombus:
    """A stand-in for the clip API, for tests: ``async with FakeRhombus() as fake: ...``.

    It serves on a free port of the loopback and behaves as told, in every way that the reference
    allows. Point a session at it with ``ClipSession(fake.api_key, base_url=fake.url)``.

    :param clips: How many clips to make up, or the clips themselves, as models or JSON objects.
    :param seed: Another seed gives other clips; one seed always the same.
    :param shared_clip_groups: How many groups to make up, or the groups themselves.
    :param listing: How saved clips are listed.
    :param hidden: Uuids of clips that are evaluated but left out of pages, as a service does that
        filters what the caller may see.
    :param unknown_clip: The answer for a clip that is not there.
    :param bounds_are_inclusive: Whether a group created at a bound of the filter is listed.
    :param api_key: The key that is let in.
    :param auth_scheme: The scheme that the key is for.
    :param org_uuid: For the partner schemes: the client organization that must be named.
    :param rate: The rate limit; None for none.
    :param gone: Paths that the service has taken away; they answer 410.
    :param warning_msg: A warning to put into every answer.
    :param port: The port to serve on; 0 takes a free one.
    :param now: The clock of renders, in seconds; tests may move their own.
    """

    def __init__(
        self,
        clips: int | Iterable[Model | Wire] = 100,
        *,
        seed: int = 0,
        shared_clip_groups: int | Iterable[Model | Wire] = 20,
        listing: Listing = Listing(),
        hidden: Collection[str] = (),
        unknown_clip: UnknownClip = UnknownClip.NULL,
        bounds_are_inclusive: bool = False,
        api_key: str = "FAKEfakeFAKEfakeFAKE00",
        auth_scheme: AuthScheme = AuthScheme.API_TOKEN,
        org_uuid: str | None = None,
        rate: RateLimit | None = None,
        gone: Collection[str] = (),
        warning_msg: str | None = None,
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.clips = make_clips(clips, seed) if isinstance(clips, int) else _as_wire(clips)
        self.shared_clip_groups = (
            make_shared_clip_groups(self.clips, shared_clip_groups, seed)
            if isinstance(shared_clip_groups, int)
            else _as_wire(shared_clip_groups)
        )
        self.listing = listing
        self.hidden = frozenset(hidden)
        self.unknown_clip = unknown_clip
        self.bounds_are_inclusive = bounds_are_inclusive
        self.api_key = api_key
        self.auth_scheme = auth_scheme
        self.org_uuid = org_uuid
        self.gone = frozenset(gone)
        self.warning_msg = warning_msg
        self.faults: list[Fault] = []
        self.requests: list[ReceivedRequest] = []
        self._arrival = asyncio.Condition()
        self._bucket = rate and TokenBucket(rate)
        self._renders: dict[str, Render] = {}
        self._port = port
        self._now = now
        self._runner: web.AppRunner | None = None

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL to give to a session."""
        return f"http://127.0.0.1:{self._port}"

    # --- what tests do to it -----------------------------------------------------------------

    async def wait_for_requests(self, count: int) -> None:
        """Wait until *count* requests have come altogether."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    def start_render(self, *, seconds: float = 2.0, fails: bool = False) -> str:
        """Begin a splice that is done after *seconds*; returns its clip's uuid."""
        number = len(self._renders)
        clip = make_clips(1, seed=1_000_000 + number)[0]
        moment = NEWEST_MS + 1000 * number
        clip |= {"timestampMs": moment, "createdAtMs": moment, "status": "INITIATING"}
        uuid: str = clip["uuid"]
        self._renders[uuid] = Render(
            clip=clip, started_at=self._now(), seconds=seconds, fails=fails
        )
        return uuid

    # --- answering ---------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        received = ReceivedRequest(request.path, dict(request.headers), body, time.monotonic())
        self.requests.append(received)
        async with self._arrival:
            self._arrival.notify_all()

        async def answer() -> web.Response:
            return self._answer(received, request.method)

        fault = self._next_fault(request.path)
        return await (fault.befall(request, answer) if fault else answer())

    def _next_fault(self, path: str) -> Fault | None:
        for index, fault in enumerate(self.faults):
            if fault.path in (None, path):
                if fault.times == 1:
                    del self.faults[index]
                elif fault.times is not None:
                    self.faults[index] = evolve(fault, times=fault.times - 1)
                return fault
        return None

    def _answer(self, request: ReceivedRequest, method: str) -> web.Response:
        wait = self._bucket and self._bucket.take(time.monotonic())
        if wait:
            return web.Response(
                status=429,
                text="Too many api requests. Enhance your calm.",
                headers={"Retry-After": str(wait)},
            )
        refusal = self._refusal(request)
        if refusal is not None:
            return _response(refusal)
        handler = self._handlers().get(request.path)
        if request.path in self.gone:
            return web.Response(status=410)
        if handler is None or method != "POST":
            return web.Response(status=404 if handler is None else 405)
        try:
            parameters = json.loads(request.body or b"{}")
            answer = handler(parameters)
        except (ValueError, TypeError, AttributeError):
            return _response(BAD_STRUCTURE)
        if isinstance(answer, web.Response):
            return answer
        return web.json_response({"error": False, "warningMsg": self.warning_msg, **answer})

    def _refusal(self, request: ReceivedRequest) -> Respond | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        scheme = headers.get("x-auth-scheme")
        if scheme not in set(AuthScheme) or "x-auth-apikey" not in headers:
            return UNAUTHENTICATED
        admitted = (
            headers["x-auth-apikey"] == self.api_key
            and scheme == self.auth_scheme
            and headers.get("x-auth-org") == self.org_uuid
        )
        return None if admitted else ACCESS_DENIED

    def _handlers(self) -> dict[str, Callable[[Any], Wire | web.Response]]:
        return {
            "/api/event/getSavedClipsV2": self._get_saved_clips,
            "/api/event/getClipWithProgress": self._get_clip_with_progress,
            "/api/event/getSharedClipGroupsV2": self._get_shared_clip_groups,
            "/api/event/getSplicedClipsInProgress": self._get_spliced_clips_in_progress,
            "/api/video/getSplicedClipsInProgress": self._get_spliced_clips_in_progress,
        }

    def _get_saved_clips(self, parameters: Wire) -> Wire:
        page = list_page(
            self._in_order(),
            self.listing,
            _integer(parameters.get("pageTimestampMs")),
            _integer(parameters.get("maxPageSize")),
        )
        answer: Wire = {"savedClips": page.clips, "lastEvaluatedTimestampMs": page.cursor}
        if page.cursor is None and self.listing.last_page is LastPage.ABSENT:
            del answer["lastEvaluatedTimestampMs"]
        if page.cursor is None and self.listing.last_page is LastPage.ZERO:
            answer["lastEvaluatedTimestampMs"] = 0
        return answer

    def _in_order(self) -> list[Entry]:
        return in_order([self._entry(clip) for clip in self.clips], self.listing)

    def _entry(self, clip: Wire) -> Entry:
        # A clip whose time is null on the wire still has its place in the service's order.
        names = [_LISTING_TIMES[self.listing.clock], "timestampMs", "createdAtMs"]
        time_ms = next((clip[name] for name in names if clip.get(name) is not None), NEWEST_MS)
        return Entry(time_ms, clip, visible=clip.get("uuid") not in self.hidden)

    def _get_clip_with_progress(self, parameters: Wire) -> Wire | web.Response:
        uuid = parameters.get("clipUuid")
        if not isinstance(uuid, str):
            raise TypeError("clipUuid is required")
        render = self._renders.get(uuid)
        if render is not None:
            return {"clip": render.as_clip_with_progress(self._now())}
        for clip in self.clips:
            if clip.get("uuid") == uuid:
                done = clip.get("status") == "COMPLETE"
                operation = "Complete" if done else None
                progress = {"percentComplete": 100 if done else 0, "currentOperation": operation}
                return {"clip": {**clip, **progress}}
        if self.unknown_clip is UnknownClip.NOT_FOUND:
            return web.Response(status=404)
        if self.unknown_clip is UnknownClip.REFUSED:
            return {"error": True, "errorMsg": "clip not found"}
        return {"clip": None}

    def _get_shared_clip_groups(self, parameters: Wire) -> Wire:
        after = _integer(parameters.get("createdAfterMs"))
        before = _integer(parameters.get("createdBeforeMs"))
        slack = 1 if self.bounds_are_inclusive else 0

        def is_listed(group: Wire) -> bool:
            created = group.get("createdAtMillis")
            if created is None:
                return True
            return (after is None or created > after - slack) and (
                before is None or created < before + slack
            )

        return {
            "sharedClipGroups": [group for group in self.shared_clip_groups if is_listed(group)]
        }

    def _get_spliced_clips_in_progress(self, parameters: Wire) -> Wire:
        now = self._now()
        renders = [render for render in self._renders.values() if not render.is_over(now)]
        return {"splicedClips": [render.as_spliced_clip(now) for render in renders]}


def _as_wire(objects: Iterable[Model | Wire]) -> list[Wire]:
    return [to_dict(item) if isinstance(item, Model) else dict(item) for item in objects]


def _integer(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError("not an integer")


def _response(answer: Respond) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
