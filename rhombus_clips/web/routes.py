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
    clip_field: str | None = None
    """The field of the body that names the clips, if neither the path nor the query does."""

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
        if "clipUuid" in request.path_parameters:
            return (checked_uuid(request.path_parameters["clipUuid"], "clipUuid"),)
        if "clipUuid" in self.parameters:
            # The query itself is parsed later, with the other parameters.
            given = [value for name, value in request.query if name == "clipUuid"]
            return (checked_uuid(given[0] if given else None, "clipUuid"),)
        if self.clip_field is None:
            return ()
        named: object = body.get(self.clip_field)
        if self.clip_field == "clipUuids":
            return checked_uuids(named, self.clip_field)
        return (checked_uuid(named, self.clip_field),)

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


def _route(method: str, path: str, action: Action, handle: Handler, **rest: Any) -> Route:
    return Route(method=method, path=path, action=action, handle=handle, **rest)


_CLIP = "/clips/{clipUuid}"
_GROUPS = "/shared-clip-groups"
_LAST_ID, _VIDEO = ("lastEventId",), ("clipUuid", "region")

ROUTES: tuple[Route, ...] = (
    _route(
        "GET",
        "/clips",
        Action.LIST,
        clips.list_clips,
        parameters=clips.LISTING_PARAMETERS,
        lists=clips.LISTING_LISTS,
    ),
    _route("POST", "/clips", Action.MAKE, _plain(clips.make_clip)),
    _route(
        "GET",
        "/clips/calendar",
        Action.LIST,
        _plain(clips.count_days),
        parameters=("since", "until", "timeZone"),
    ),
    _route("GET", _CLIP, Action.READ, _plain(clips.read_clip)),
    _route("PATCH", _CLIP, Action.CHANGE, _plain(clips.change_clip)),
    _route("DELETE", _CLIP, Action.DELETE, _plain(clips.delete_clip)),
    _route("GET", f"{_CLIP}/events", Action.READ, events.watch_clip, parameters=_LAST_ID),
    _route("GET", f"{_CLIP}/video", Action.DOWNLOAD, files.play_video, answers_head=True),
    _route(
        "GET", f"{_CLIP}/thumbnail", Action.READ, _plain(files.read_thumbnail), answers_head=True
    ),
    _route(
        "GET", _GROUPS, Action.SHARE, _plain(sharing.list_groups), parameters=("cursor", "limit")
    ),
    _route("POST", _GROUPS, Action.SHARE, _plain(sharing.share_clips), clip_field="clipUuids"),
    _route("DELETE", f"{_GROUPS}/{{groupUuid}}", Action.SHARE, _plain(sharing.delete_group)),
    _route("GET", "/events", Action.LIST, events.follow_clips, parameters=_LAST_ID),
    _route("POST", "/save-clip", Action.MAKE, _plain(sdk.save_clip)),
    _route(
        "POST", "/clip-progress", Action.READ, _plain(sdk.report_progress), clip_field="clipUuid"
    ),
    _route(
        "GET",
        "/clip-download",
        Action.DOWNLOAD,
        files.download_video,
        parameters=_VIDEO,
        answers_head=True,
    ),
    _route("POST", "/presence-windows", Action.MAKE, _plain(sdk.find_presence_windows)),
    _route("GET", "/openapi.json", Action.LIST, _plain(_read_document)),
)
"""All routes. Those with fixed paths come before those with variable ones."""


def methods_by_path() -> dict[str, str]:
    """Return the methods of each path, as in an ``Allow`` header."""
    methods: dict[str, list[str]] = {}
    for route in ROUTES:
        methods.setdefault(route.path, []).extend(route.methods)
    return {path: ", ".join(names) for path, names in methods.items()}
