"""README's backends, as a user copies them, under the servers that run them."""

import asyncio
import base64
import gc
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import asgi_app
from tests.components import required
from tests.web.servers import SERVERS, accepting, allow, open_events

README = Path(__file__).parents[2] / "README.md"
BLOCKS: list[str] = [
    block
    for block in re.findall(
        r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    if "async def authorize" in block
]
FRAMEWORKS = ("aiohttp", "fastapi", "litestar")
MOST_LINES = 15
PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"ada:secret").decode()}


def backend(framework: str) -> Any:
    """Return the application that README's block for *framework* defines."""
    module = ModuleType("backend")
    exec(compile(_block(framework), "README.md", "exec"), vars(module))
    return module.app


def _block(framework: str) -> str:
    (code,) = [block for block in BLOCKS if f"from {framework} import" in block]
    return code


def test_readme_has_a_short_backend_for_each_framework() -> None:
    assert [len(block.splitlines()) <= MOST_LINES for block in BLOCKS] == [True] * len(FRAMEWORKS)


@pytest.fixture
async def fake(monkeypatch) -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(60) as fake:
        monkeypatch.setenv("RHOMBUS_API_KEY", fake.api_key)
        monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", fake.url)
        monkeypatch.setenv("RHOMBUS_MEDIA_URL", fake.media_url)
        yield fake


@pytest.mark.parametrize(
    ("framework", "server"),
    [
        ("aiohttp", "aiohttp-cancelling"),
        ("fastapi", "uvicorn"),
        ("fastapi", "hypercorn"),
        ("litestar", "uvicorn"),
        ("litestar", "hypercorn"),
    ],
)
async def test_backend_serves_clips_and_ends_with_an_open_stream(
    framework: str, server: str, fake: FakeRhombus
) -> None:
    """Nothing is left unclosed: a warning would be an error."""
    required(framework)
    options = {"handler_cancellation": True} if framework == "aiohttp" else {}
    async with aiohttp.ClientSession(headers=PASSWORD) as http:
        async with SERVERS[server](backend(framework), **options) as url:
            await _use(http, url, fake)
            events = await open_events(http, url, fake)
        events.close()
    gc.collect()


@pytest.mark.parametrize("framework", ["fastapi", "litestar"])
async def test_backend_runs_under_the_command_of_granian(
    framework: str, fake: FakeRhombus, tmp_path: Path
) -> None:
    """Embedded in another program, granian would wait for open streams without limit."""
    required(framework)
    required("granian")
    (tmp_path / "backend.py").write_text(_block(framework), encoding="utf-8")
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        host, port = reserved.getsockname()
        address = ("--interface", "asgi", "--host", host, "--port", str(port))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "granian", *address),
            *("--workers-kill-timeout", "1", "backend:app"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = asyncio.create_task(process.communicate())
        try:
            await accepting(host, port, output)
            async with aiohttp.ClientSession(headers=PASSWORD) as http:
                url = f"http://{host}:{port}/api"
                await _use(http, url, fake)
                events = await open_events(http, url, fake)
                process.terminate()
                printed, _ = await output
                events.close()
        finally:
            if process.returncode is None:
                process.kill()
                await output
    assert not re.search("Traceback|Warning|Unclosed|never awaited", printed.decode())


async def _use(http: aiohttp.ClientSession, url: str, fake: FakeRhombus) -> None:
    seen, query = list[str](), {"limit": "25"}
    while query.get("cursor") != "None":
        async with http.get(f"{url}/clips", params=query) as response:
            assert response.status == 200, await response.text()
            page = await response.json()
        seen += [clip["uuid"] for clip in page["clips"]]
        query = {"limit": "25", "cursor": str(page["cursor"])}
    assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
    clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
    path = f"{url}/clips/{clip['uuid']}/video"
    async with http.get(path, headers={"Range": "bytes=4-7"}) as response:
        assert (response.status, await response.read()) == (206, b"ftyp")


def test_missing_starlette_is_explained(monkeypatch) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "starlette" or name == "rhombus_clips.web.starlette_app":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("rhombus_clips.web.starlette_app", raising=False)
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(ImportError, match=r"pip install 'rhombus-clips\[web\]'"):
        asgi_app(ClipSession("key"), authorize=allow)


async def test_backend_of_fastapi_requires_its_password(fake: FakeRhombus) -> None:
    required("fastapi")
    wrong = {"Authorization": "Basic " + base64.b64encode(b"ada:wrong").decode()}
    async with aiohttp.ClientSession() as http, SERVERS["uvicorn"](backend("fastapi")) as url:
        async with http.get(f"{url}/clips") as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Basic")
        async with http.get(f"{url}/clips", headers=wrong) as response:
            assert response.status == 403
    assert fake.requests == []
