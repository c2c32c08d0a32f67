"""Chromium without a window, driven through its debugging protocol."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field

from tests.components import required_program
from tests.web_guide.watched import until

# The sandbox does not work for root, nor in many containers.
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
]


@define
class Tab:
    """A page, through the connection to its debugger."""

    _connection: aiohttp.ClientWebSocketResponse
    _calls: int = 0
    _loaded: set[str] = field(factory=set)

    async def evaluate(self, url: str, expression: str) -> Any:
        """Open a page, evaluate JavaScript in it, and return the value of its promise."""
        await self._call("Page.enable")
        await self._call("Page.setLifecycleEventsEnabled", enabled=True)
        document = (await self._call("Page.navigate", url=url))["loaderId"]
        # The empty page may be loaded later than this call.
        while document not in self._loaded:
            await self._receive()
        answer = await self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"]["value"]

    async def _call(self, method: str, **parameters: Any) -> Any:
        self._calls += 1
        await self._connection.send_json(
            {"id": self._calls, "method": method, "params": parameters}
        )
        while (message := await self._receive()).get("id") != self._calls:
            pass
        return message["result"]

    async def _receive(self) -> Any:
        message = await self._connection.receive_json()
        if message.get("method") == "Page.lifecycleEvent" and message["params"]["name"] == "load":
            self._loaded.add(message["params"]["loaderId"])
        return message


@asynccontextmanager
async def chromium(folder: Path) -> AsyncGenerator[Tab, None]:
    """Start Chromium with its files in *folder*, and yield an empty page."""
    process = await asyncio.create_subprocess_exec(
        required_program("chromium", "chromium-browser", "google-chrome"),
        *OPTIONS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port_file = folder / "DevToolsActivePort"
        await until(lambda: process.returncode is not None or _has_lines(port_file))
        assert process.returncode is None, "Chromium ended"
        port = port_file.read_text(encoding="ascii").split()[0]
        async with aiohttp.ClientSession() as http:
            async with http.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
                debugger = (await response.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(debugger) as connection:
                yield Tab(connection)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _has_lines(path: Path) -> bool:
    return path.exists() and path.read_text(encoding="ascii").count("\n") > 0
