"""A backend that ASGI servers run as a process: ``uvicorn tests.web.asgi_program:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from rhombus_clips import ClipSession
from rhombus_clips.web import asgi_app
from tests.web.programs import CLOSED, PREFIX, allow


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, ClipSession]]:
    """Open the session, and say when it has been closed."""
    async with ClipSession.for_web() as session:
        yield {"session": session}
    print(CLOSED, flush=True)  # noqa: T201


app = Starlette(lifespan=lifespan)
app.mount(PREFIX, asgi_app(lambda request: request.state.session, authorize=allow))
