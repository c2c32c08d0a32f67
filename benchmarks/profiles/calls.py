"""Profile one call, from bare aiohttp to the session, one step at a time."""

import importlib
import random
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp
import orjson

from benchmarks.calls import API_KEY, HEADERS, SAVED_CLIPS
from benchmarks.decoding import with_pydantic
from benchmarks.elsewhere import service_elsewhere
from benchmarks.service import Setting, serve
from rhombus_clips import ClipSession, SavedClipPage
from rhombus_clips.calls.transport import RequestBody
from rhombus_clips.codec import loads
from rhombus_clips.codec.bodies import encode_request

_ROUNDS = 200


async def one_call() -> dict[str, float]:
    """Return the cost of each step from bare aiohttp to the session, in µs."""
    with service_elsewhere(serve, Setting()) as service:
        async with (
            ClipSession(API_KEY, base_url=service.address) as session,
            aiohttp.ClientSession(headers=HEADERS) as raw,
        ):
            url, body = service.address + SAVED_CLIPS, encode_request({"max_page_size": 1})
            inside: Any = session
            transport = inside._transport  # noqa: SLF001  # a profile inspects internals
            http = transport.client.open()
            headers, timeout = transport._headers, transport._client_timeout  # noqa: SLF001

            async def bare() -> None:
                async with raw.post(url, data=body) as response:
                    await response.read()

            async def with_our_options() -> None:
                async with http.post(
                    url, data=body, headers=headers, timeout=timeout,
                    allow_redirects=False, raise_for_status=False,
                ) as response:  # fmt: skip
                    await response.read()

            async def transported() -> bytes:
                request = RequestBody(body, content_type="application/json")
                reply: bytes = (await transport.post(http, SAVED_CLIPS, request, seconds=120)).body
                return reply

            async def parsed() -> None:
                orjson.loads(await transported())

            async def decoded() -> None:
                loads(await transported(), SavedClipPage)

            async def ours() -> None:
                await session.get_saved_clips(max_page_size=1)

            calls = await _side_by_side(
                {
                    "bare aiohttp": bare,
                    "our timeouts and headers, no redirects": with_our_options,
                    "a size limit for the body, our errors": transported,
                    "orjson.loads": parsed,
                    "the model": decoded,
                    "arguments, pause, rate, envelope, decoding budget, deadline": ours,
                }
            )
    steps = dict(zip(calls, [0.0, *calls.values()], strict=False))
    return {
        **{f"+ {name}": calls[name] - steps[name] for name in calls},
        "= ours": calls[[*calls][-1]],
    }


async def _side_by_side(calls: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in calls}
    order, chance = list(calls), random.Random(0)
    for number in range(-10, _ROUNDS):
        chance.shuffle(order)  # A call pays for the garbage of the one before it.
        for name in order:
            call = calls[name]
            started = time.perf_counter()
            for _ in range(10):
                await call()
            if number >= 0:
                samples[name].append((time.perf_counter() - started) / 10)
    return {name: median(seconds) * 1e6 for name, seconds in samples.items()}


async def other_clients() -> dict[str, float]:
    """Return the cost of a call by clients on aiohttp and on httpx, in µs."""
    httpx: Any = importlib.import_module("httpx")  # an extra, like pydantic
    validate = with_pydantic()
    with service_elsewhere(serve, Setting()) as service:
        async with (
            ClipSession(API_KEY, base_url=service.address) as session,
            aiohttp.ClientSession(headers=HEADERS) as raw,
            httpx.AsyncClient(headers=HEADERS, trust_env=False) as httpx_client,
        ):
            url, body = service.address + SAVED_CLIPS, encode_request({"max_page_size": 1})

            async def with_aiohttp() -> bytes:
                async with raw.post(url, data=body) as response:
                    return await response.read()

            async def with_httpx() -> bytes:
                content: bytes = (await httpx_client.post(url, content=body)).content
                return content

            async def aiohttp_pydantic() -> None:
                validate(await with_aiohttp())

            async def httpx_pydantic() -> None:
                validate(await with_httpx())

            async def ours() -> None:
                await session.get_saved_clips(max_page_size=1)

            return await _side_by_side(
                {
                    "aiohttp, bytes": with_aiohttp,
                    "aiohttp, pydantic": aiohttp_pydantic,
                    "ours": ours,
                    "httpx, bytes": with_httpx,
                    "httpx, pydantic": httpx_pydantic,
                }
            )
