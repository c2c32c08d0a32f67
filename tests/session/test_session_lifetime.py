"""The lifetime of a session: connections, secrets, logging, proxies."""

import asyncio
import logging
import pickle
import socket
import traceback

import aiohttp
import pytest

from rhombus_clips import (
    ClipSession,
    ConfigurationError,
    ConnectError,
    DisconnectedError,
    PermissionDeniedError,
    RetryPolicy,
    RhombusError,
    SessionClosedError,
    StatusError,
    Timeout,
)
from rhombus_clips.testing import FakeRhombus, faults

KEY = "k3y-that-must-not-leave"


async def test_session_without_a_block_opens_at_the_first_call(fake) -> None:
    session = ClipSession(fake.api_key, base_url=fake.url)
    await session.get_saved_clips()
    await session.aclose()
    assert session.is_closed
    assert "closed" in repr(session)


async def test_sessions_and_pagers_cannot_be_pickled() -> None:
    """A pickle would contain the key."""
    session = ClipSession(KEY)
    for secretive in (session, session.saved_clips(), session.shared_clip_groups()):
        with pytest.raises(TypeError):
            pickle.dumps(secretive)


ECHOES = [
    faults.json_answer(403, {"message": f"Invalid api key {KEY}"}),
    faults.Respond(302, headers={"Location": f"https://elsewhere.example/?key={KEY}"}),
    faults.json_answer(200, {"error": True, "errorMsg": KEY, "warningMsg": KEY}),
    faults.json_answer(200, {"savedClips": KEY, "warningMsg": KEY}),
    faults.Respond(200, f"<html>{KEY}</html>".encode()),
]


@pytest.mark.parametrize("echo", ECHOES)
async def test_key_that_the_service_quotes_is_redacted(echo, fake, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    fake.faults = [echo]
    async with ClipSession(KEY, base_url=fake.url) as session:
        with pytest.raises(RhombusError) as caught:
            await session.get_saved_clips()
    error = caught.value
    shown = [str(error), repr(error), repr(vars(error)), caplog.text]
    shown += [pickle.dumps(error).decode("latin-1"), *traceback.format_exception(error)]
    assert KEY not in "".join(shown)


async def test_closed_session_refuses_calls(fake, session) -> None:
    await session.get_saved_clips()
    await session.aclose()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await session.get_saved_clips()
    with pytest.raises(SessionClosedError):
        async with session:
            pass
    assert len(fake.requests) == 1


async def test_closing_ends_a_call_whose_answer_is_being_read(fake, session) -> None:
    """The call ends at once, although aiohttp does not wake a task that reads a body."""
    fake.faults = [faults.Stall(after_body_bytes=100, seconds=30)]
    call = asyncio.create_task(session.get_saved_clips())
    await fake.wait_for_requests(1)
    await asyncio.sleep(0.05)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await asyncio.wait_for(call, 5)


async def test_borrowed_client_session_is_neither_closed_nor_changed(fake) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        before = dict(http.headers)
        async with ClipSession(fake.api_key, base_url=fake.url, http=http) as session:
            assert (await session.get_saved_clips()).saved_clips
            fake.faults = [faults.ACCESS_DENIED]
            with pytest.raises(PermissionDeniedError):
                await session.get_saved_clips()
        assert not http.closed
        assert dict(http.headers) == before
        async with http.get(fake.url, raise_for_status=False) as response:
            assert response.status == 401


async def test_closed_borrowed_client_session_is_an_error(fake) -> None:
    async with aiohttp.ClientSession() as http:
        session = ClipSession(fake.api_key, base_url=fake.url, http=http)
    with pytest.raises(SessionClosedError):
        await session.get_saved_clips()


async def test_redirect_is_an_error_and_not_followed(fake, session) -> None:
    async with FakeRhombus(1) as elsewhere:
        fake.faults = [faults.Respond(307, headers={"Location": f"{elsewhere.url}/api/x"})]
        with pytest.raises(StatusError, match="not followed"):
            await session.get_saved_clips()
        assert elsewhere.requests == []


async def test_refused_connection() -> None:
    quick = RetryPolicy(attempts=2, base=0.001, cap=0.001)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with ClipSession(KEY, base_url=url, retry=quick) as session:
            with pytest.raises(ConnectError, match=r"after 2 attempts") as caught:
                await session.get_saved_clips()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_error_for_an_answer_other_than_http_has_no_request_headers() -> None:
    """The repr of aiohttp's own error contains the request with the key."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    once = RetryPolicy(attempts=1)
    async with server, ClipSession(KEY, base_url=url, retry=once) as session:
        with pytest.raises(DisconnectedError, match="not valid HTTP") as caught:
            await session.get_saved_clips()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_owned_client_session_keeps_no_cookies(fake) -> None:
    fake.faults = [faults.Respond(200, b"{}", headers={"Set-Cookie": "crumb=1"})]
    # By name: no jar keeps cookies of an address.
    by_name = fake.url.replace("127.0.0.1", "localhost")
    async with ClipSession(fake.api_key, base_url=by_name) as session:
        await session.get_saved_clips()
        await session.get_saved_clips()
        assert "Cookie" not in fake.requests[1].headers


async def test_plain_http_on_the_loopback_bypasses_every_proxy(fake, monkeypatch) -> None:
    """A proxy would see the key in plain text."""
    monkeypatch.delenv("no_proxy", raising=False)
    async with FakeRhombus(0) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with ClipSession(fake.api_key, base_url=fake.url) as session:
            assert (await session.get_saved_clips()).saved_clips
        assert proxy.requests == []


async def test_proxy_of_the_environment_is_used_and_may_refuse(monkeypatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    async with FakeRhombus(0) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        once = RetryPolicy(attempts=1)
        async with ClipSession(KEY, base_url="https://127.0.0.1:1", retry=once) as session:
            with pytest.raises(ConnectError, match="the proxy refused"):
                await session.get_saved_clips()


async def test_debug_log_has_one_line_per_attempt_and_no_key(fake, session, caplog) -> None:
    caplog.set_level(logging.DEBUG, "rhombus_clips")
    fake.faults = [faults.UNAVAILABLE]
    await session.get_saved_clips()
    lines = [record.getMessage() for record in caplog.records if record.name == "rhombus_clips"]
    assert [line.partition(" in ")[0] for line in lines] == [
        "/api/event/getSavedClipsV2: 503",
        "/api/event/getSavedClipsV2: 200",
    ]
    assert lines[1].endswith("attempt 2")
    assert fake.api_key not in caplog.text


async def _proxy(received: list[bytes]) -> asyncio.Server:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(receive, "127.0.0.1", 0)


@pytest.mark.parametrize("passed_by", ["", "api2.rhombussystems.com"])
async def test_proxy_of_the_environment_is_used_and_never_sees_the_key(
    monkeypatch, passed_by
) -> None:
    received = list[bytes]()
    async with await _proxy(received) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:secret@127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", passed_by)
        session = ClipSession("K" * 22, retry=RetryPolicy(attempts=1), timeout=Timeout(total=2))
        async with session:
            http = session._transport.client.open()
            assert http._default_proxy is None if passed_by else http._default_proxy is not None
            if passed_by:
                return
            with pytest.raises(ConnectError, match="403"):
                await session.get_saved_clips()
    assert b"CONNECT api2.rhombussystems.com:443" in received[0]
    assert b"Proxy-Authorization: Basic" in received[0]
    assert b"KKKK" not in received[0]


@pytest.mark.parametrize("proxy", ["http://[::1", "http://host:abc", "ftp://host", "https://host"])
async def test_invalid_proxy_is_rejected_before_anything_is_sent(monkeypatch, proxy) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    async with ClipSession("K" * 22, base_url="http://127.0.0.1:1"):
        pass  # Plain http does not use this proxy.
    with pytest.raises(ConfigurationError, match="proxy"):
        async with ClipSession("K" * 22):
            pass
