"""The page in a real browser, served in the event loop of the test."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import web
from attrs import define, field

from rhombus_clips import ClipSession, Polling
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web.page import LocalAccess, page_application
from tests.components import required, required_program
from tests.web_guide.chromium import OPTIONS

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
# A browser on a busy machine may need much longer than usual.
_MOST_SECONDS = 120
_POLLING = Polling(interval=0.05, max_interval=0.05)


@asynccontextmanager
async def serving(service: FakeRhombus) -> AsyncGenerator[LocalAccess, None]:
    """Serve the page of a service on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        access = LocalAccess(listener.getsockname()[1])
        async with ClipSession.for_web(
            service.api_key, base_url=service.url, media_url=service.media_url
        ) as session:
            app = page_application(session, access, interval=0.1, polling=_POLLING)
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
            )
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                yield access
            finally:
                await runner.cleanup()


@define(slots=False)  # Playwright adds attributes to the owner of a listener.
class Visit:
    """A browser that shows the page."""

    page: "Page"
    complaints: list[str] = field(factory=list[str])
    """What the browser wrote to its console, except about responses with an error status."""
    failures: list[str] = field(factory=list[str])
    """What it wrote about responses with an error status."""
    hosts: set[str] = field(factory=set[str])
    """The hosts of all requests."""
    kinds: list[str] = field(factory=list[str])
    """What the requests are for, such as ``eventsource``."""
    ranges: list[str] = field(factory=list[str])
    """The ``Content-Range`` of each response with status 206."""

    def listen(self) -> None:
        """Record what the page does."""
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note_request)
        self.page.on("response", self._note_response)

    def _note(self, kind: str, text: str) -> None:
        if text.startswith("Failed to load resource: the server responded"):
            self.failures.append(text)
        elif kind != "verbose":
            self.complaints.append(f"{kind}: {text}")

    def _note_request(self, request: Any) -> None:
        self.kinds.append(request.resource_type)
        self.hosts.add(request.url.split("/")[2])

    def _note_response(self, response: Any) -> None:
        if response.status == 206:
            self.ranges.append(response.headers["content-range"])

    async def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that match."""
        texts: list[str] = await self.page.locator(selector).all_inner_texts()
        return texts

    async def uuids(self) -> list[str]:
        """Return the clips of the grid, in order."""
        cards = "[...document.querySelectorAll('#grid li')].map((card) => card.dataset.uuid)"
        uuids: list[str] = await self.page.evaluate(cards)
        return uuids

    async def until(self, expression: str, argument: object = None) -> None:
        """Wait until a JavaScript expression, or a function of *argument*, is true.

        The page does not allow Playwright's own function for this to evaluate text.
        """
        with anyio.fail_after(_MOST_SECONDS):
            while not await self.page.evaluate(expression, argument):  # noqa: ASYNC110  # the page has no event
                await asyncio.sleep(0.02)

    async def scroll_to(self, count: int) -> None:
        """Scroll until the grid has at least *count* clips."""
        grid = "document.querySelectorAll('#grid li').length"
        while (shown := await self.page.evaluate(grid)) < count:
            await self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            await self.until(f"{grid} > {shown}")

    async def all_uuids(self, *filters: str) -> set[str]:
        """Scroll to the end of the listing with these values of filters, and return its clips."""
        values = "[...new URLSearchParams(location.search).values()].sort().join()"
        await self.until(f"(wanted) => {values} === wanted", ",".join(sorted(filters)))
        with anyio.fail_after(_MOST_SECONDS):
            while not await self.page.is_visible("#end"):
                await self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        return {*await self.uuids()}

    async def screenshot(self, name: str) -> None:
        """Keep a picture of the page if ``RHOMBUS_SCREENSHOTS`` is a folder."""
        folder = os.environ.get("RHOMBUS_SCREENSHOTS")
        if folder:
            await self.page.screenshot(path=Path(folder, f"{name}.png"), animations="disabled")

    async def barriers(self) -> list[str]:
        """Return what axe finds inaccessible in the page."""
        axe = required("axe_playwright_python.async_playwright").Axe()
        found = (await axe.run(self.page)).response["violations"]
        return [f"{item['id']}: {[node['html'] for node in item['nodes']]}" for item in found]


@asynccontextmanager
async def browsing(**options: Any) -> AsyncGenerator["BrowserContext", None]:
    """Start Chromium, and yield a context with *options*, such as its color scheme."""
    playwright = required("playwright.async_api")
    program = required_program("chromium", "chromium-browser", "google-chrome")
    async with playwright.async_playwright() as driver:
        arguments = [option for option in OPTIONS if not option.startswith("--remote")]
        browser = await driver.chromium.launch(executable_path=program, args=arguments)
        try:
            settings = {"viewport": DESKTOP, "locale": "en-US", "timezone_id": "Europe/Berlin"}
            context = await browser.new_context(**{**settings, **options})
            context.set_default_timeout(1000 * _MOST_SECONDS)
            yield context
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    service: FakeRhombus, *, path: str = "", **options: Any
) -> AsyncGenerator[Visit, None]:
    """Open the page of a service, wait for its clips, and expect a clean console at the end.

    :param path: What to open after the address has granted access, such as a query.
    :param options: Options of the browser's context.
    """
    async with serving(service) as access, browsing(**options) as context:
        visit = Visit(await context.new_page())
        visit.listen()
        await visit.page.goto(access.url)
        if path:
            await visit.page.goto(f"http://127.0.0.1:{access.port}/{path}")
        await visit.until("document.querySelector('#count').textContent")
        yield visit
        assert visit.complaints == []
        assert visit.hosts == {f"127.0.0.1:{access.port}"}
