"""Chromium without a window, driven through its debugging protocol."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.components import required_program

# The sandbox does not work for root, nor in many containers.
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
]


@asynccontextmanager
async def chromium(folder: Path) -> AsyncGenerator[aiohttp.ClientWebSocketResponse, None]:
    """Start Chromium, and yield the connection to the debugger of an empty page."""
    process = await asyncio.create_subprocess_exec(
        required_program("chromium", "chromium-browser", "google-chrome"),
        *OPTIONS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        port = await _debugging_port(process)
        async with aiohttp.ClientSession() as http:
            async with http.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
                debugger = (await response.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(debugger) as connection:
                yield connection
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def _debugging_port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    while True:
        line = await process.stderr.readline()
        assert line, "Chromium ended"
        match = re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line)
        if match is not None:
            return int(match[1])


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
