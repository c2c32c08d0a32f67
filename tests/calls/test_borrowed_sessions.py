"""Client sessions of the caller: calls work with any settings and change none of them."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from rhombus_clips import BadRequestError, ClipSession, DisconnectedError
from rhombus_clips.testing import FakeRhombus, faults
from tests.conftest import IMPATIENT


async def _pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    return await handler(request)


def _fail_to_serialize(_value: object) -> str:
    raise AssertionError("request bodies are bytes and need no serializer")


SETTINGS: list[Mapping[str, Any]] = [
    {"auto_decompress": False},
    {"raise_for_status": True},
    {"json_serialize": _fail_to_serialize},
    {"cookies": {"crumb": "1"}},
    {"cookie_jar": "a new one that accepts cookies from IP addresses"},
    {"base_url": "https://elsewhere.example/api/"},
    {"timeout": aiohttp.ClientTimeout(total=1e-9, sock_read=1e-9)},
    {"requote_redirect_url": False},
    {"read_bufsize": 1},
    {"version": aiohttp.HttpVersion10},
    {"skip_auto_headers": ["User-Agent", "Content-Type", "Accept", "Accept-Encoding"]},
    {"max_line_size": 5, "max_field_size": 5},
    {"headers": {"Content-Type": "text/plain", "Accept": "text/html", "User-Agent": "x"}},
    {"headers": {"x-auth-apikey": "another", "x-auth-scheme": "another"}},
    {"headers": {"Accept-Encoding": "identity"}},
    {"middlewares": [_pass_on]},
    {"trust_env": True},
    {"trace_configs": [aiohttp.TraceConfig()]},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: next(iter(settings)))
async def test_calls_work_on_client_sessions_with_any_settings(fake, settings) -> None:
    """Compressed responses, errors and retries work as with an owned client session."""
    if "cookie_jar" in settings:
        settings = {"cookie_jar": aiohttp.CookieJar(unsafe=True)}
    async with (
        aiohttp.ClientSession(**settings) as http,
        ClipSession(fake.api_key, base_url=fake.url, http=http, retry=IMPATIENT) as session,
    ):
        before = dict(http.headers)
        fake.faults = [faults.Ok(), faults.Compressed(), faults.UNAVAILABLE]
        for _ in range(3):
            assert len((await session.get_saved_clips(max_page_size=20)).saved_clips) == 20
        fake.faults = [faults.BAD_STRUCTURE]
        with pytest.raises(BadRequestError, match="expected object structure"):
            await session.get_saved_clips()
        assert dict(http.headers) == before
        assert not http.closed
    assert len(fake.requests) == 5
    for request in fake.requests:
        assert request.header("x-auth-apikey") == fake.api_key
        assert request.header("Content-Type") == "application/json"


@pytest.mark.parametrize("replaces", [False, True])
async def test_change_that_a_middleware_sent_may_have_been_applied(fake, replaces) -> None:
    """A middleware can replace the body, so the library cannot tell whether it was sent."""

    async def send_and_fail(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if replaces:
            await request.update_body(b"{}")
        await handler(request)
        raise KeyError("odd")

    async with (
        aiohttp.ClientSession(middlewares=[send_and_fail]) as http,
        ClipSession(fake.api_key, base_url=fake.url, http=http, retry=IMPATIENT) as session,
    ):
        with pytest.raises(DisconnectedError, match="KeyError") as caught:
            await session.delete_saved_clip(fake.clips[0]["uuid"])
    assert caught.value.maybe_applied
    assert len(fake.requests) == 1


async def test_limit_applies_to_the_decompressed_response(connect) -> None:
    async with (
        FakeRhombus(100) as fake,
        aiohttp.ClientSession(auto_decompress=False) as http,
        connect(fake, http=http, max_response_bytes=10_000) as session,
    ):
        fake.faults = [faults.Compressed()]
        with pytest.raises(Exception, match="larger than max_response_bytes"):
            await session.get_saved_clips(max_page_size=100)
    assert len(fake.requests) == 1
