"""A call returns a result or raises a `RhombusError`, whatever a service or a resolver does."""

import asyncio
import gzip
import pickle
import socket
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    MetaDataLocation,
    RetryPolicy,
    RhombusError,
    SavedClip,
    Timeout,
)
from rhombus_clips.calls.endpoints import GET_SAVED_CLIPS
from rhombus_clips.testing import faults

ONCE = RetryPolicy(attempts=1)
UNSAFE = evolve(GET_SAVED_CLIPS, safe=False)


async def _change(session: ClipSession) -> Any:
    """Call an endpoint that is declared as a change."""
    return await session._call(UNSAFE, {"max_page_size": 1})


# --- responses -----------------------------------------------------------------------------------


def _response(head: bytes, body: bytes = b"{}", status: bytes = b"200 OK") -> faults.Raw:
    length = b"Content-Length: %d\r\n" % len(body)
    return faults.Raw(b"HTTP/1.1 " + status + b"\r\n" + head + length + b"\r\n" + body)


def _refusal(**headers: str) -> faults.Respond:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return faults.Respond(429, headers=named)


RESPONSES: list[faults.Fault] = [
    _refusal(Retry_After="Wed, 21 Oct 99999999999 07:28:00 GMT"),
    _refusal(Retry_After="Wed, 21 Oct 10000 07:28:00 GMT"),
    _refusal(Retry_After="Wed, 21 Oct 0000 07:28:00 GMT"),
    _refusal(Retry_After="Wed, 21 Oct 2026 07:28:00 -9999"),
    _refusal(Retry_After="1e400"),
    _refusal(Retry_After="nan"),
    _refusal(Retry_After="١٢"),
    _refusal(Retry_After="Wed"),
    _refusal(Retry_After="Wed, 21 Oct 2026 07:28:00 GMT", Date="nonsense"),
    _response(b"Retry-After: \xed\xa0\x80\xff\r\nDate: \xff\xfe\r\n", status=b"429 No"),
    _response(b"Date: Wed, 21 Oct 99999999999 07:28:00 GMT\r\n"),
    _response(b"Location: \xed\xa0\x80\xff\r\n", status=b"301 Moved"),
    _response(b"Set-Cookie: \xff=;;;=; Max-Age=99999999999999999999999999\r\n"),
    _response(b"Set-Cookie: a=b; Expires=Wed, 21 Oct 99999999999 07:28:00 GMT\r\n"),
    _response(b"Content-Encoding: br\r\n"),
    _response(b"Content-Encoding: zstd\r\n"),
    _response(b"Content-Encoding: klingon\r\n"),
    _response(b"Content-Encoding: deflate\r\n"),
    _response(b"Content-Encoding: gzip\r\n"),
    _response(b"Content-Encoding: gzip\r\n", gzip.compress(b'{"savedClips": []}')[:14]),
    _response(b"Content-Type: text/html; charset=klingon\r\n"),
    _response(b"Content-Type: \xff/;;charset=\r\n"),
    _response(b"X: " + b"a" * 100_000 + b"\r\n"),
    _response(b"".join(b"X%d: a\r\n" % number for number in range(20_000))),
    _response(b"WWW-Authenticate: \xff realm=\r\n", status=b"401 No"),
    *[
        _response(b"", status=status)
        for status in (b"99999 OK", b"99 OK", b"000 OK", b"-1 OK", b"999 OK", b"500 \xff\xed")
    ],
    faults.Raw(b""),
    faults.Raw(b"\x00" * 100),
    faults.Raw(b"HTTP/9.9 200 OK\r\n\r\n"),
    faults.Raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
    faults.Raw(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
    faults.Raw(b"HTTP/1.1 204 No\r\n\r\n"),
    faults.Raw(b"HTTP/1.1 304 No\r\n\r\n"),
    *[
        faults.Raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n{}")
        for length in (b"-5", b"9" * 30, b"abc", b"\xd9\xa1", b"5\r\nContent-Length: 6")
    ],
    *[
        faults.Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        for body in (
            b"f" * 30 + b"\r\n{}",
            b"2\r\n{}\r\n0\r\nX: \xff\r\n\r\n",
            b"2\r\n{}",
            b"-1\r\n",
        )
    ],
    *[
        faults.Respond(status, body)
        for status in (200, 500)
        for body in (
            b'{"error": true, "errorMsg": "\\ud800", "message": "\\ud800"}',
            b'{"warningMsg": "\\ud800", "savedClips": "\\ud800"}',
            b'"\\ud800"',
            b'{"error": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}",
            b"[" * 800 + b"]" * 800,
            b"[" * 100_000,
            b'{"x": ' + b"9" * 5000 + b"}",
            b'\xef\xbb\xbf{"x": 1}',
            '{"x": 1}'.encode("utf-16"),
            '{"x": 1}'.encode("utf-32-be"),
            b"\xff\xfe\xfd",
        )
    ],
]


@pytest.mark.parametrize("borrowed", [False, True])
async def test_any_response_is_a_result_or_a_rhombus_error(fake, connect, borrowed) -> None:
    """The error has an endpoint and no context, and can be printed and pickled."""
    failures = 0
    for response in RESPONSES:
        fake.faults = [response]
        http = aiohttp.ClientSession() if borrowed else None
        async with connect(fake, http=http, retry=ONCE) as session:
            try:
                await session.get_saved_clips()
            except RhombusError as error:
                failures += 1
                assert error.__context__ is None, response
                assert error.endpoint == "/api/event/getSavedClipsV2"
                f"{error} {vars(error)}".encode()  # A log could not encode a lone surrogate.
                assert str(pickle.loads(pickle.dumps(error))) == str(error)
        if http is not None:
            await http.close()
    assert len(fake.requests) == len(RESPONSES)
    assert failures > 50


def _bomb(mebibytes: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * 2**20
    return b"".join(compressor.compress(blank) for _ in range(mebibytes)) + compressor.flush()


@pytest.mark.parametrize("auto_decompress", [True, False])
async def test_body_that_decompresses_beyond_the_limit_is_rejected_while_it_is_read(
    fake, connect, auto_decompress
) -> None:
    """It is not retried, because it would be as large again."""
    headers = {"Content-Encoding": "gzip"}
    fake.faults = [faults.Respond(200, _bomb(256), headers=headers, times=None)]
    async with (
        aiohttp.ClientSession(auto_decompress=auto_decompress) as http,
        connect(fake, http=http, max_response_bytes=2**20) as session,
    ):
        with pytest.raises(DecodeError, match=r"larger than|expands beyond"):
            await session.get_saved_clips()
    assert len(fake.requests) == 1


# --- resolvers -----------------------------------------------------------------------------------


class Resolver(AbstractResolver):
    """Resolves every name to the loopback address, after awaiting *before*."""

    def __init__(self, before: Callable[[], Any]) -> None:
        self._before = before
        self.lookups = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.lookups += 1
        await self._before()
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "host",
    ["a..b", ".a", f"{'a' * 64}.example", f"{'ü' * 60}.example", f"{'abc.' * 64}example"],
    ids=["empty label", "empty first label", "long label", "long ASCII label", "long name"],
)
async def test_invalid_host_name_is_a_lasting_connect_error(host: str) -> None:
    """This applies to the API and the media host. A change is neither sent nor retried."""
    clip = SavedClip(uuid="A" * 22, clip_location=MetaDataLocation(region="us-west-2"))
    url = f"https://{host}"
    async with ClipSession("k" * 22, base_url=url, media_url=url) as session:
        with pytest.raises(ConnectError, match="host name") as caught:
            await _change(session)
        assert (caught.value.attempts, caught.value.maybe_applied) == (1, False)
        with pytest.raises(ConnectError, match="host name"):
            async with session.stream_clip(clip):
                pass


def _raising(error: Exception) -> Callable[[], Any]:
    async def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        ValueError("odd"),
        KeyError("odd"),
        UnicodeError("label empty or too long"),
        TimeoutError("odd"),
        OSError("odd"),
        OSError(2, "odd"),
        socket.gaierror(-2, "odd"),
        RuntimeError("odd"),
        IndexError(),
        asyncio.IncompleteReadError(b"", 5),
        RecursionError("odd"),
        StopAsyncIteration(),
        aiohttp.InvalidURL("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_change_is_not_sent_if_the_resolver_raises(fake, connect, error) -> None:
    resolver = Resolver(_raising(error))
    url = fake.url.replace("127.0.0.1", "localhost")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as http,
        ClipSession(fake.api_key, base_url=url, http=http, retry=ONCE) as session,
    ):
        with pytest.raises(ConnectError) as caught:
            await _change(session)
    assert resolver.lookups == 1
    assert not caught.value.maybe_applied
    assert caught.value.__context__ is None
    assert fake.requests == []


async def test_resolver_that_cannot_start_is_a_connect_error(fake, connect, monkeypatch) -> None:
    """c-ares needs file descriptors, and a busy process may have none left."""

    def fail(**_: object) -> None:
        raise KeyError("no channel")

    session = connect(fake)
    with monkeypatch.context() as patch:
        patch.setattr("aiohttp.connector.DefaultResolver", fail)
        with pytest.raises(ConnectError, match="cannot set up name resolution") as caught:
            await _change(session)
    assert caught.value.__context__ is None
    assert not caught.value.maybe_applied
    assert (await _change(session)).saved_clips
    await session.aclose()


@pytest.mark.parametrize("borrowed", [False, True])
@pytest.mark.usefixtures("virtual_clock")
async def test_connect_timeout_includes_name_resolution(fake, monkeypatch, borrowed) -> None:
    """A change is retried after it, because nothing was sent."""
    answer = asyncio.Event()
    resolver = Resolver(answer.wait)
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", lambda **_: resolver)
    url = fake.url.replace("127.0.0.1", "localhost")
    http = aiohttp.ClientSession() if borrowed else None
    quick = RetryPolicy(attempts=2, base=0.001, cap=0.001)
    timeout = Timeout(total=30, connect=0.02)
    async with ClipSession(
        fake.api_key, base_url=url, http=http, retry=quick, timeout=timeout
    ) as session:
        with pytest.raises(ConnectError, match=r"established within 0\.02 s") as caught:
            await _change(session)
        assert caught.value.attempts == 2
        assert not caught.value.maybe_applied
        assert resolver.lookups >= 1
        assert fake.requests == []
        answer.set()
    if http is not None:
        await http.close()


async def test_change_was_not_applied_if_the_deadline_passes_before_it_is_sent(fake) -> None:
    resolver = Resolver(asyncio.Event().wait)
    url = fake.url.replace("127.0.0.1", "localhost")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as http,
        ClipSession(fake.api_key, base_url=url, http=http, timeout=Timeout(total=0.05)) as session,
    ):
        with pytest.raises(DeadlineExceededError) as caught:
            await _change(session)
    assert resolver.lookups == 1
    assert not caught.value.maybe_applied
    assert caught.value.attempts == 1


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize("limits", [{"limit": 1}, {"limit": 0, "limit_per_host": 1}])
async def test_connect_timeout_does_not_include_the_wait_for_a_borrowed_connection(
    fake, connect, limits
) -> None:
    """The caller's own request uses the only connection for longer than the connect timeout."""
    release = asyncio.Event()

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) as http,
        connect(fake, http=http, retry=ONCE, timeout=Timeout(total=30, connect=0.02)) as session,
    ):
        fake.faults = [faults.Held(release)]
        holding = asyncio.ensure_future(http.post(f"{fake.url}/request-of-the-caller"))
        await fake.wait_for_requests(1)
        call = asyncio.ensure_future(session.get_saved_clips())
        await asyncio.wait({call}, timeout=0.1)
        assert not call.done()
        release.set()
        await (await holding).read()  # Now its connection is free.
        assert (await call).saved_clips


async def test_change_is_retried_if_its_connection_closed_before_it_was_written(
    fake, session, monkeypatch
) -> None:
    """Nothing was sent on that connection."""
    await session.get_saved_clips()
    send, closed = aiohttp.ClientRequest.send, 0

    async def send_on_a_closing_connection(request: Any, connection: Any) -> Any:
        nonlocal closed
        if not closed:
            closed += 1
            connection.protocol.transport.close()
        return await send(request, connection)

    monkeypatch.setattr(aiohttp.ClientRequest, "send", send_on_a_closing_connection)
    assert (await _change(session)).saved_clips
    assert closed == 1
    assert len(fake.requests) == 2


async def test_change_may_have_been_applied_if_its_connection_broke_after_it_was_written(
    fake, session
) -> None:
    fake.faults = [faults.Disconnect()]
    with pytest.raises(DisconnectedError) as caught:
        await _change(session)
    assert caught.value.maybe_applied
    assert len(fake.requests) == 1


async def test_call_that_fails_on_invalid_settings_releases_its_slot(monkeypatch) -> None:
    """Each call raises the error, instead of waiting for the slots of earlier calls."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    session = ClipSession("k" * 22, base_url="https://localhost:1")
    for _ in range(150):
        with pytest.raises(RhombusError, match="only http proxies"):
            await session.get_saved_clips()
    await session.aclose()
