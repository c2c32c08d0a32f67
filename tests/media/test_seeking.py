"""A browser seeks in a video that the example of the guide serves. It needs Chromium."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from rhombus_clips.testing import FakeRhombus, Media
from tests.components import required_program

GUIDE = Path(__file__).parents[2] / "rhombus_clips/media/README.md"
SIZE = 20_000_000

# The color at a point of the picture tells the time of a frame.
SEEK = """
(async () => {
  const video = document.querySelector("video");
  const event = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, {once: true});
    video.addEventListener("error", () => reject(new Error(video.error.message)), {once: true});
  });
  const pixel = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [160, 120];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    return [...context.getImageData(80, 10, 1, 1).data].slice(0, 3);
  };
  const color = async () => {
    // Black until the frame is painted.
    while (pixel().every((part) => part === 0)) await new Promise((r) => setTimeout(r, 20));
    return pixel();
  };
  const seek = async (time) => {
    const done = event("seeked");
    video.currentTime = time;
    await done;
    return await color();
  };
  if (video.readyState < 2) await event("loadeddata");
  const seen = {duration: video.duration, start: await color()};
  seen.late = await seek(110.5);
  seen.early = await seek(40.5);
  await video.play();
  await event("timeupdate");
  return seen;
})()
"""


@asynccontextmanager
async def browser(folder: Path) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
    """Start a browser, and yield the connection to the debugger of an empty page."""
    program = required_program("chromium", "chromium-browser", "google-chrome")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--autoplay-policy=no-user-gesture-required",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
    ]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *options, "about:blank", stdout=quiet, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        port = None
        while port is None:
            line = await process.stderr.readline()
            assert line, "the browser ended"
            match = re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line)
            port = match and int(match[1])
        async with aiohttp.ClientSession() as http:
            async with http.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
                debugger = (await response.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(debugger) as connection:
                yield connection
    finally:
        process.kill()
        await process.communicate()


async def evaluate(connection: aiohttp.ClientWebSocketResponse, url: str, expression: str) -> Any:
    """Open a page, evaluate JavaScript in it, and return the value of its promise."""
    parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    await connection.send_json({"id": 1, "method": "Page.enable"})
    await connection.send_json({"id": 2, "method": "Page.navigate", "params": {"url": url}})
    while (await connection.receive_json()).get("method") != "Page.loadEventFired":
        pass
    await connection.send_json({"id": 3, "method": "Runtime.evaluate", "params": parameters})
    while (message := await connection.receive_json()).get("id") != 3:
        pass
    assert "exceptionDetails" not in message["result"], message
    return message["result"]["result"]["value"]


def close(color: list[int], other: tuple[int, int, int]) -> bool:
    return all(abs(one - two) <= 12 for one, two in zip(color, other, strict=True))


async def test_browser_requests_a_later_part_to_seek(tmp_path, connect) -> None:
    example = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(next(code for code in example if "make_video_app" in code), namespace)
    sent: list[tuple[int, str | None]] = []

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        if request.path.endswith("/video"):
            sent.append((response.status, response.headers.get("Content-Range")))

    async with (
        FakeRhombus(5, media=Media(video_bytes=SIZE)) as fake,
        connect(fake) as session,
        asyncio.timeout(120),
    ):
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        app = namespace["make_video_app"](session)
        app.on_response_prepare.append(note)
        video = f'<video muted preload="metadata" src="/clips/{clip["uuid"]}/video"></video>'

        async def page(_request: web.Request) -> web.Response:
            return web.Response(text=video, content_type="text/html")

        app.router.add_get("/", page)
        async with TestServer(app) as server, browser(tmp_path) as tab:
            seen = await evaluate(tab, str(server.make_url("/")), SEEK)
    assert seen["duration"] == 120
    assert close(seen["start"], (203, 51, 51))
    assert close(seen["late"], (208, 34, 125))
    assert close(seen["early"], (12, 158, 3))
    starts = [
        int(content_range.removeprefix("bytes ").partition("-")[0])
        for status, content_range in sent
        if status == 206 and content_range is not None
    ]
    assert max(starts) > SIZE * 0.8
