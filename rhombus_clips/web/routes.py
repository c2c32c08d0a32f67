"""The table of routes: method, path, action, and handler."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from typing import Any

from attrs import frozen

from rhombus_clips.web import clips, events, files, sdk, sharing
from rhombus_clips.web.authorization import Action
from rhombus_clips.web.call import Call, checked_uuid, checked_uuids
from rhombus_clips.web.document import describe
from rhombus_clips.web.messages import Request, Response, json_response
from rhombus_clips.web.query import Query

Handler = Callable[[Call], AbstractAsyncContextManager[Response]]
"""A function whose context holds what the body of the response needs, such as a connection."""


@frozen(kw_only=True)
class Route:
    """A route: which requests it matches, what they do, and what responds to them."""

    method: str
    path: str
    """The path after the prefix. Names in braces stand for a segment."""
    action: Action
    handle: Handler
    answers_head: bool = False
    """True if the handler responds to HEAD as well."""
    parameters: tuple[str, ...] = ()
    """The query parameters."""
    lists: tuple[str, ...] = ()
    """The query parameters that may be repeated."""
    clip_in: str | None = None
    """Where a request names its clips: ``path``, ``query``, or a field of the body."""

    @property
    def has_body(self) -> bool:
        """True if the body of a request is read."""
        return self.method in {"POST", "PATCH"}

    @property
    def changes_state(self) -> bool:
        """True for methods that a form of another site must not be able to use."""
        return self.method != "GET"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the route."""
        return (self.method, "HEAD") if self.answers_head else (self.method,)

    def clip_uuids(self, request: Request, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the clips that a request is about. Raises `InvalidArgumentError`."""
        match self.clip_in:
            case None:
                return ()
            case "path":
                return (checked_uuid(request.path_parameters["clipUuid"], "clipUuid"),)
            case "query":
                # The query itself is parsed later, with the other parameters.
                given = [value for name, value in request.query if name == "clipUuid"]
                return (checked_uuid(given[0] if given else None, "clipUuid"),)
            case "clipUuids":
                return checked_uuids(body.get("clipUuids"), "clipUuids")
            case name:
                return (checked_uuid(body.get(name), name),)

    def parsed_query(self, request: Request) -> Query:
        """Return the query of a request. Raises `InvalidArgumentError`."""
        return Query(request.query, self.parameters, self.lists)


def _plain(handle: Callable[[Call], Awaitable[Response]]) -> Handler:
    """Return a handler from a function that holds nothing once it has returned."""

    @wraps(handle)
    @asynccontextmanager
    async def handler(call: Call) -> AsyncGenerator[Response, None]:
        yield await handle(call)

    return handler


async def _read_document(_call: Call) -> Response:
    return json_response(describe(ROUTES))


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/clips",
        action=Action.LIST,
        handle=clips.list_clips,
        parameters=clips.LISTING_PARAMETERS,
        lists=clips.LISTING_LISTS,
    ),
    Route(method="POST", path="/clips", action=Action.MAKE, handle=_plain(clips.make_clip)),
    Route(
        method="GET",
        path="/clips/calendar",
        action=Action.LIST,
        handle=_plain(clips.count_days),
        parameters=("since", "until", "timeZone"),
    ),
    Route(
        method="GET",
        path="/clips/{clipUuid}",
        action=Action.READ,
        handle=_plain(clips.read_clip),
        clip_in="path",
    ),
    Route(
        method="PATCH",
        path="/clips/{clipUuid}",
        action=Action.CHANGE,
        handle=_plain(clips.change_clip),
        clip_in="path",
    ),
    Route(
        method="DELETE",
        path="/clips/{clipUuid}",
        action=Action.DELETE,
        handle=_plain(clips.delete_clip),
        clip_in="path",
    ),
    Route(
        method="GET",
        path="/clips/{clipUuid}/events",
        action=Action.READ,
        handle=events.watch_clip,
        parameters=("lastEventId",),
        clip_in="path",
    ),
    Route(
        method="GET",
        path="/clips/{clipUuid}/video",
        action=Action.DOWNLOAD,
        handle=files.play_video,
        answers_head=True,
        clip_in="path",
    ),
    Route(
        method="GET",
        path="/clips/{clipUuid}/thumbnail",
        action=Action.READ,
        handle=_plain(files.read_thumbnail),
        answers_head=True,
        clip_in="path",
    ),
    Route(
        method="GET",
        path="/shared-clip-groups",
        action=Action.SHARE,
        handle=_plain(sharing.list_groups),
        parameters=("cursor", "limit"),
    ),
    Route(
        method="POST",
        path="/shared-clip-groups",
        action=Action.SHARE,
        handle=_plain(sharing.share_clips),
        clip_in="clipUuids",
    ),
    Route(
        method="DELETE",
        path="/shared-clip-groups/{groupUuid}",
        action=Action.SHARE,
        handle=_plain(sharing.delete_group),
    ),
    Route(
        method="GET",
        path="/events",
        action=Action.LIST,
        handle=events.follow_clips,
        parameters=("lastEventId",),
    ),
    Route(method="POST", path="/save-clip", action=Action.MAKE, handle=_plain(sdk.save_clip)),
    Route(
        method="POST",
        path="/clip-progress",
        action=Action.READ,
        handle=_plain(sdk.report_progress),
        clip_in="clipUuid",
    ),
    Route(
        method="GET",
        path="/clip-download",
        action=Action.DOWNLOAD,
        handle=files.download_video,
        answers_head=True,
        parameters=("clipUuid", "region"),
        clip_in="query",
    ),
    Route(
        method="POST",
        path="/presence-windows",
        action=Action.MAKE,
        handle=_plain(sdk.find_presence_windows),
    ),
    Route(method="GET", path="/openapi.json", action=Action.LIST, handle=_plain(_read_document)),
)
"""All routes. Those with fixed paths come before those with variable ones."""


def methods_by_path() -> dict[str, str]:
    """Return the methods of each path, as in an ``Allow`` header."""
    methods: dict[str, list[str]] = {}
    for route in ROUTES:
        methods.setdefault(route.path, []).extend(route.methods)
    return {path: ", ".join(names) for path, names in methods.items()}
