"""Clients that OpenAPI generators create from the service's document, if they are installed.

They are generated into a temporary folder from the document that `RHOMBUS_OPENAPI` names:
``openapi-generator-cli`` (which needs Java) creates one on aiohttp and pydantic,
``openapi-python-client`` one on httpx and attrs.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

List = Callable[[int], Awaitable[Any]]
"""Requests a page with that many clips."""

Make = Callable[[AsyncExitStack, str, Mapping[str, str]], Awaitable[List]]

ON_AIOHTTP, ON_HTTPX = "openapi-generator, aiohttp", "openapi-python-client, httpx"


@contextmanager
def generated() -> Generator[dict[str, Make], None, None]:
    """Generate the clients and yield them by name; print why any of them is missing."""
    document = os.environ.get("RHOMBUS_OPENAPI")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        made: dict[str, Make] = {}
        try:
            for name, (command, make) in _GENERATORS.items():
                problem = _generate([*command], document, folder)
                if problem is None:
                    made[name] = make
                else:
                    print(f"skipped: {name}: {problem}", file=sys.stderr)  # noqa: T201
            yield made
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.startswith("made_by_openapi_")]:
                del sys.modules[name]


@asynccontextmanager
async def clients(
    makes: Mapping[str, Make], url: str, headers: Mapping[str, str]
) -> AsyncGenerator[dict[str, List], None]:
    """Yield the listing function of each client."""
    async with AsyncExitStack() as stack:
        yield {name: await make(stack, url, headers) for name, make in makes.items()}


def decoders(makes: Mapping[str, Make]) -> dict[str, Callable[[bytes], Any]]:
    """Return the function of each client that decodes a page."""
    made: dict[str, Callable[[bytes], Any]] = {}
    if ON_AIOHTTP in makes:
        models: Any = importlib.import_module("made_by_openapi_generator.models")
        made[ON_AIOHTTP] = models.EventGetSavedClipsV2WSResponse.from_json
    if ON_HTTPX in makes:
        classes: Any = importlib.import_module("made_by_openapi_python_client.models")
        from_dict = classes.EventGetSavedClipsV2WSResponse.from_dict
        made[ON_HTTPX] = lambda body: from_dict(json.loads(body))
    return made


def _generate(command: list[str], document: str | None, folder: str) -> str | None:
    """Run a generator; return the reason if it failed."""
    if document is None:
        return "set RHOMBUS_OPENAPI to the path of the service's document"
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    command = [part.format(document=document, folder=folder) for part in command]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return None if run.returncode == 0 else f"{command[0]} failed: {run.stderr[-300:]}"


async def _on_aiohttp(stack: AsyncExitStack, url: str, headers: Mapping[str, str]) -> List:
    package: Any = importlib.import_module("made_by_openapi_generator")
    models: Any = importlib.import_module("made_by_openapi_generator.models")
    client = await stack.enter_async_context(package.ApiClient(package.Configuration(host=url)))
    client.default_headers.update(headers)
    api = package.EventWebserviceApi(client)

    async def list_(clips: int) -> object:
        request = models.EventGetSavedClipsV2WSRequest(maxPageSize=clips)
        return await api.get_saved_clips_v2(headers["x-auth-scheme"], request)

    return list_


async def _on_httpx(stack: AsyncExitStack, url: str, headers: Mapping[str, str]) -> List:
    package: Any = importlib.import_module("made_by_openapi_python_client")
    models: Any = importlib.import_module("made_by_openapi_python_client.models")
    endpoint: Any = importlib.import_module(
        "made_by_openapi_python_client.api.event_webservice.get_saved_clips_v2"
    )
    client = package.Client(base_url=url, headers=dict(headers), httpx_args={"trust_env": False})
    await stack.enter_async_context(client)

    async def list_(clips: int) -> object:
        request = models.EventGetSavedClipsV2WSRequest(max_page_size=clips)
        return await endpoint.asyncio(client=client, body=request)

    return list_


_GENERATORS: dict[str, tuple[list[str], Make]] = {
    ON_AIOHTTP: (
        [
            "openapi-generator-cli",
            "generate",
            "--input-spec={document}",
            "--generator-name=python",
            "--library=asyncio",
            "--package-name=made_by_openapi_generator",
            "--output={folder}",
        ],
        _on_aiohttp,
    ),
    ON_HTTPX: (
        [
            "openapi-python-client",
            "generate",
            "--path={document}",
            "--meta=none",
            "--output-path={folder}/made_by_openapi_python_client",
        ],
        _on_httpx,
    ),
}
