"""A host with an invalid certificate is rejected immediately and receives nothing."""

import asyncio
import ssl

import aiohttp
import pytest
import trustme

from rhombus_clips import ClipSession, ConnectError, RetryPolicy, Timeout

QUICK = RetryPolicy(attempts=3, base=0.001, cap=0.001)


@pytest.mark.parametrize("name", ["127.0.0.1", "another.example"])
async def test_invalid_certificate_is_not_retried(monkeypatch, name) -> None:
    """Cases: issued by an unknown authority, and issued for another host."""
    monkeypatch.setenv("no_proxy", "*")
    authority = trustme.CA()
    tls, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(tls)
    if name != "127.0.0.1":
        authority.configure_trust(trust)
    received = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http,
        ClipSession("k" * 22, base_url=url, http=http, retry=QUICK) as session,
    ):
        with pytest.raises(ConnectError, match="certificate") as caught:
            await session.delete_saved_clip("A" * 22)
    assert caught.value.attempts == 1
    assert caught.value.is_lasting
    assert not caught.value.maybe_applied
    assert received == []


async def test_host_without_tls_is_retried() -> None:
    """The host may be starting up, and nothing was sent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    timeout = Timeout(total=30)
    async with server, ClipSession("k" * 22, base_url=url, retry=QUICK, timeout=timeout) as session:
        with pytest.raises(ConnectError) as caught:
            await session.delete_saved_clip("A" * 22)
    assert caught.value.attempts == 3
    assert not caught.value.is_lasting
    assert not caught.value.maybe_applied
