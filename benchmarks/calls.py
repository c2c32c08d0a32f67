"""Measure sequential calls without latency: the cost of the client itself."""

import importlib
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import orjson

from benchmarks import generated
from benchmarks.decoding import with_pydantic
from benchmarks.elsewhere import service_elsewhere
from benchmarks.measuring import Row, at_least, at_most, compare, side_by_side
from benchmarks.service import Setting, serve
from rhombus_clips import ClipSession

API_KEY = "A" * 22
HEADERS = {"x-auth-scheme": "api-token", "x-auth-apikey": API_KEY}
SAVED_CLIPS = "/api/event/getSavedClipsV2"


async def measure(*, quick: bool) -> list[Row]:
    """Return rows for responses with one clip and with a hundred."""
    with generated.generated() as makes, service_elsewhere(serve, Setting()) as service:
        url = service.address
        return [
            *await _calls(url, makes, 1, calls=50, rounds=15 if quick else 100),
            *await _calls(url, makes, 100, calls=5, rounds=20 if quick else 150),
        ]


async def _calls(
    url: str, makes: Mapping[str, generated.Make], clips: int, *, calls: int, rounds: int
) -> list[Row]:
    body = {"maxPageSize": clips}
    async with (
        ClipSession(API_KEY, base_url=url) as session,
        aiohttp.ClientSession(headers=HEADERS) as raw,
        _httpx_and_pydantic(url) as httpx_pydantic,
        generated.clients(makes, url, HEADERS) as others,
    ):

        async def ours() -> None:
            await session.get_saved_clips(max_page_size=clips)

        async def raw_aiohttp() -> None:
            async with raw.post(url + SAVED_CLIPS, json=body) as response:
                orjson.loads(await response.read())

        async def raw_aiohttp_json() -> None:
            async with raw.post(url + SAVED_CLIPS, json=body) as response:
                json.loads(await response.read())

        def repeated(call: Callable[[], Any]) -> Callable[[int], Any]:
            async def repeat(_: int) -> None:
                for _ in range(calls):
                    await call()

            return repeat

        candidates: dict[str, Callable[[], Any]] = {
            "ours": ours,
            "aiohttp + orjson": raw_aiohttp,
            "aiohttp + json": raw_aiohttp_json,
            **{name: partial(list_, clips) for name, list_ in httpx_pydantic.items()},
            **{name: partial(list_, clips) for name, list_ in others.items()},
        }
        samples = await side_by_side(
            {name: repeated(call) for name, call in candidates.items()}, rounds
        )
    one = clips == 1
    targets = {
        "aiohttp + orjson": at_most(1.10) if one else None,
        "aiohttp + json": None,
        "httpx + pydantic": at_least(4) if one else None,
        **{name: at_least(2) for name in others},
    }
    section = f"one call, {clips} clip{'s' if clips > 1 else ''}"
    return compare(section, samples, targets, scale=1e6 / calls, unit="µs/call")


@asynccontextmanager
async def _httpx_and_pydantic(url: str) -> AsyncGenerator[dict[str, generated.List], None]:
    try:
        httpx: Any = importlib.import_module("httpx")
        validate = with_pydantic()
    except ImportError as error:
        print(f"skipped: httpx + pydantic: {error}", file=sys.stderr)  # noqa: T201
        yield {}
        return
    async with httpx.AsyncClient(headers=HEADERS, trust_env=False) as client:

        async def list_(clips: int) -> object:
            response = await client.post(url + SAVED_CLIPS, json={"maxPageSize": clips})
            return validate(response.content)

        yield {"httpx + pydantic": list_}
