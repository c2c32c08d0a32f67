"""What every request goes through: consent, validation, its handler, and the error mapping."""

import inspect
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from attrs import evolve

from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.session import ClipSession
from rhombus_clips.web.authorization import consent
from rhombus_clips.web.body import json_object, refuse_simple_request
from rhombus_clips.web.call import Call
from rhombus_clips.web.messages import ProblemError, Request, Response
from rhombus_clips.web.problems import log_failure, problem_response
from rhombus_clips.web.routes import Route
from rhombus_clips.web.settings import Settings
from rhombus_clips.web.state import SessionState

_EXPOSED = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After"
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Backend:
    """Responds to requests, for any framework."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Settings = settings
        self._states: dict[ClipSession, SessionState] = {}

    @asynccontextmanager
    async def respond(self, route: Route, request: Request) -> AsyncGenerator[Response, None]:
        """Yield the response to a request. Its body must be read within the block.

        An error becomes a response, too. An error while the body is read is raised.
        """
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._handled(route, request))
            except Exception as error:  # noqa: BLE001  # every error becomes a response
                log_failure(f"{request.method} {route.path}", error)
                response = problem_response(error)
            if isinstance(response.body, AsyncGenerator):
                # It may not be read to its end. Otherwise garbage collection would close it, at
                # some time and in another task.
                stack.push_async_callback(response.body.aclose)
            yield self._with_common_headers(request, response)

    @asynccontextmanager
    async def _handled(self, route: Route, request: Request) -> AsyncGenerator[Response, None]:
        settings, native = self.settings, request.native
        body, clip_uuids, mistake = _parsed(route, request)
        # An invalid request is also refused with 403 without consent. It names no clip then.
        for clip_uuid in clip_uuids or (None,):
            await consent(settings.authorize, native, route.action, clip_uuid)
        if mistake is not None:
            raise mistake
        query = route.parsed_query(request)
        session = await self._session_for(native)
        call = Call(
            request=request,
            query=query,
            body=body,
            clip_uuids=clip_uuids,
            session=session,
            state=self._state_of(session),
            settings=settings,
        )
        async with route.handle(call) as response:
            yield response

    async def _session_for(self, native: object) -> ClipSession:
        source = self.settings.session
        if isinstance(source, ClipSession):
            return source
        found = source(native)
        session = await found if inspect.isawaitable(found) else found
        if not isinstance(session, ClipSession):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
            raise TypeError("the function that was passed as session must return a ClipSession")
        return session

    def _state_of(self, session: ClipSession) -> SessionState:
        state = self._states.get(session)
        if state is None:
            for known in [known for known in self._states if known.is_closed]:
                del self._states[known]
            state = self._states[session] = SessionState(session, self.settings)
        return state

    # --- headers -----------------------------------------------------------------------------

    def preflight(self, request: Request, methods: str) -> Response:
        """Return the response to the question whether a script of another site may send a request.

        :param methods: The methods of the path.
        """
        origin = request.headers.get("origin", "")
        if origin not in self.settings.allowed_origins:
            return self._with_common_headers(
                request, problem_response(ProblemError(403, "This origin is not allowed."))
            )
        wanted = request.headers.get("access-control-request-headers", "")
        headers = {"Access-Control-Allow-Methods": methods, "Access-Control-Max-Age": "600"}
        if wanted and wanted.isascii() and wanted.isprintable():
            headers["Access-Control-Allow-Headers"] = wanted
        return self._with_common_headers(request, Response(status=204, headers=headers))

    def _with_common_headers(self, request: Request, response: Response) -> Response:
        headers: dict[str, str] = {**_ALWAYS, **response.headers}
        if self.settings.allowed_origins:
            headers["Vary"] = "Origin"
            origin = request.headers.get("origin", "")
            if origin in self.settings.allowed_origins:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Allow-Credentials"] = "true"
                headers["Access-Control-Expose-Headers"] = _EXPOSED
        if isinstance(response.body, bytes) and response.status != 204:
            headers.setdefault("Content-Length", str(len(response.body)))
        return evolve(response, headers=headers)


def _parsed(
    route: Route, request: Request
) -> tuple[Mapping[str, Any], tuple[str, ...], Exception | None]:
    """Return the body of a request, its clips, and the mistake in them, if any."""
    body: Mapping[str, Any] = {}
    try:
        if route.changes_state:
            refuse_simple_request(request.headers)
        if route.has_body:
            body = json_object(request)
        return body, route.clip_uuids(request, body), None
    except (ProblemError, InvalidArgumentError) as mistake:
        return body, (), mistake
