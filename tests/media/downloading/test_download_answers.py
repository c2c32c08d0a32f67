"""Any response of the media host becomes the file or a library error."""

import gzip
import hashlib
from http.cookies import CookieError

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import ConnectError, DisconnectedError, IntegrityError, RhombusError
from rhombus_clips.testing import faults
from tests.examples import a_few
from tests.media.downloading.downloads import (
    DATA,
    HALF,
    NOTHING_KNOWN,
    PATIENT,
    ranges_of,
    the_clip,
)

WHOLE = f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
ETAG = {"ETag": f'"{hashlib.sha256(DATA).hexdigest()[:32]}"'}
CUT = faults.Disconnect(after_body_bytes=HALF)


# --- whole files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("content_range", [WHOLE, WHOLE.replace("bytes", "BYTES")])
@pytest.mark.parametrize("status", [200, 206])
async def test_part_with_the_whole_file_is_downloaded(
    status: int, content_range: str, *, known: bool, fake, session, path
) -> None:
    fake.media_faults = [faults.Respond(status, DATA, headers={"Content-Range": content_range})]
    clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
    file = await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert file.requests == 1


EMPTY = {
    "length": b"Content-Length: 0\r\n\r\n",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "close": b"Connection: close\r\n\r\n",
}


@pytest.mark.parametrize("changes", [{}, NOTHING_KNOWN, {"byte_count": 0}, {"sha256_hex": None}])
@pytest.mark.parametrize("framing", EMPTY)
async def test_empty_file_is_rejected_and_fetched_later(
    changes, framing: str, fake, session, path
) -> None:
    """A response without a body is not stored as a complete file, which would be skipped later."""
    clip = await the_clip(session, **changes)
    fake.media_faults = [faults.Raw(b"HTTP/1.1 200 OK\r\n" + EMPTY[framing], times=None)]
    for download in (session.download_clip, session.download_thumbnail):
        with pytest.raises((IntegrityError, DisconnectedError)):
            await download(clip, path)
        assert not path.exists()
    summary = await session.download_clips([clip], path.parent)
    assert len(summary.failures) == 1
    fake.media_faults = []
    summary = await session.download_clips([clip], path.parent)
    assert summary.downloaded == 1


async def test_empty_file_is_accepted_without_verification(fake, session, path) -> None:
    fake.media_faults = [faults.Respond(200)]
    await session.download_clip(await the_clip(session), path, verify=False)
    assert path.read_bytes() == b""


async def test_empty_file_raises_on_entering_a_stream(fake, session) -> None:
    fake.media_faults = [faults.Respond(200, times=None)]
    clip = await the_clip(session, **NOTHING_KNOWN)
    with pytest.raises(IntegrityError, match="empty"):
        async with session.stream_clip(clip):
            pytest.fail("the block started")
    async with session.stream_clip(clip, verify=False) as stream:
        assert [chunk async for chunk in stream] == []
        assert stream.total == 0


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (204, {}, b""),
        (205, {}, b""),
        (203, {}, DATA),
        (202, {}, b""),
        (304, {}, b""),
        (300, {"Location": "/x"}, b""),
        (302, {}, b""),
        (200, {"Content-Type": "TEXT/HTML;charset=utf-8"}, b"<html>Sign in"),
        (200, {"Content-Type": "application/json"}, b'{"error": true}'),
        (200, {"Content-Type": "application/problem+json"}, b"{}"),
        (200, {"Content-Encoding": "br"}, b"\x0b\x02\x80hello\x03"),
        (200, {"Content-Encoding": "zstd"}, b"x"),
        (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        (200, {"Content-Encoding": "nonsense"}, DATA),
        (200, {"Content-Range": "bytes 0-9/10"}, DATA),
        (200, {"Content-Range": "bytes 5-9/10"}, b"12345"),
        (206, {}, DATA),
        (206, {"Content-Range": "bytes 0-9/10"}, DATA),
        (206, {"Content-Range": "bytes 0-4/10"}, b"12345"),
        (206, {"Content-Range": "bytes 1-5/6"}, b"12345"),
        (206, {"Content-Range": "bytes 0-4/*"}, b"12345"),
        (206, {"Content-Range": "items 0-4/5"}, b"12345"),
        (206, {"Content-Range": "bytes 0-4/5", "Content-Encoding": "gzip"}, b"12345"),
        (206, {"Content-Type": "multipart/byteranges; boundary=x"}, b"--x\r\n\r\nabc\r\n--x--"),
        (416, {"Content-Range": "bytes */0"}, b""),
    ],
)
async def test_response_without_a_file_is_rejected(
    status, headers, body, fake, session, path
) -> None:
    """The record has no length or hash that would reveal it."""
    fake.media_faults = [faults.Respond(status, body, headers=headers, times=None)]
    clip = await the_clip(session, **NOTHING_KNOWN)
    with pytest.raises(RhombusError):
        await session.download_clip(clip, path)
    assert [*path.parent.iterdir()] == []


async def test_compressed_file_without_length_or_hash_is_decompressed(fake, connect, path) -> None:
    """This includes a session that does not decompress bodies."""
    packed = faults.Respond(200, gzip.compress(DATA, 1), headers={"Content-Encoding": "gzip"})
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        connect(fake) as session,
        connect(fake, http=http) as lent,
    ):
        clip = await the_clip(session, **NOTHING_KNOWN)
        for each in (session, lent):
            fake.media_faults = [packed]
            await each.download_clip(clip, path)
            assert path.read_bytes() == DATA
            path.unlink()


# --- parts ---------------------------------------------------------------------------------------


def part(first: int, last: int, total: object = len(DATA), **changes: str) -> faults.Respond:
    headers = {**ETAG, "Content-Range": f"bytes {first}-{last}/{total}", **changes}
    return faults.Respond(206, DATA[first : last + 1], headers=headers)


@pytest.mark.parametrize("total", [len(DATA), "*"])
@pytest.mark.parametrize("known", [True, False])
async def test_next_part_is_requested_from_a_host_that_sends_small_parts(
    total, *, known: bool, fake, connect, path
) -> None:
    """There is no wait, because this is not a failure."""
    ends = [*range(100_000, len(DATA), 100_000), len(DATA)]
    fake.media_faults = [part(end - 100_000, end - 1, total) for end in ends]
    async with connect(fake) as session:
        clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    asks_for_the_end = total == "*" and not known
    assert len(fake.media_requests) == len(ends) + asks_for_the_end
    assert ranges_of(fake)[1] == "bytes=100000-"


async def test_part_without_the_last_byte_is_followed_by_it(fake, session, path) -> None:
    fake.media_faults = [CUT, part(HALF, len(DATA) - 2)]
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, f"bytes={HALF}-", f"bytes={len(DATA) - 1}-"]


async def test_host_that_sends_single_bytes_is_an_error(fake, session, path) -> None:
    fake.media_faults = [part(at, at) for at in range(100)]
    with pytest.raises(DisconnectedError, match="small parts"):
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 5


BAD_PARTS = {
    "no Content-Range": faults.Respond(206, DATA[HALF:], headers=ETAG),
    "another unit": part(HALF, len(DATA) - 1, **{"Content-Range": f"items {HALF}-{HALF}/9999999"}),
    "multipart": part(HALF, len(DATA) - 1, **{"Content-Type": "multipart/byteranges;boundary=x"}),
    "no bytes": part(HALF, HALF - 1),
    "compressed": part(HALF, len(DATA) - 1, **{"Content-Encoding": "gzip"}),
    "longer": evolve(part(HALF, len(DATA) - 1), body=DATA[HALF:] + b"x"),
    "a 200": evolve(part(HALF, len(DATA) - 1), status=200),
    "huge": part(HALF, 10**30, 10**31),
    "beyond the end": part(HALF, len(DATA), len(DATA)),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("case", a_few(BAD_PARTS))
async def test_contradictory_part_restarts_the_file(
    case: str, *, known: bool, fake, session, path
) -> None:
    fake.media_faults = [CUT, BAD_PARTS[case]]
    clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, f"bytes={HALF}-", None]


def _part_that_announces(last: int) -> faults.Fault:
    """Send a thousand bytes from the middle, in a part that should end with the byte *last*."""
    head = (
        f"HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: {ETAG['ETag']}\r\n"
        f"Content-Range: bytes {HALF}-{last}/{len(DATA)}\r\n\r\n"
    )
    return faults.Raw(head.encode() + DATA[HALF : HALF + 1000])


async def test_part_shorter_than_announced_is_continued(fake, session, path) -> None:
    fake.media_faults = [CUT, _part_that_announces(len(DATA) - 1)]
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]


async def test_part_longer_than_announced_restarts_the_file(fake, session, path) -> None:
    fake.media_faults = [CUT, _part_that_announces(HALF + 9)]
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, f"bytes={HALF}-", None]


# --- responses that are not HTTP -----------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\nContent-Length: 5\r\n\r\nbytes"
RAW = {
    "nothing": b"",
    "noise": bytes(range(256)),
    "another protocol": b"SSH-2.0-OpenSSH\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status beyond 999": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "a negative status": b"HTTP/1.1 -20 OK\r\n\r\n",
    "a status 101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a status 999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "HTTP 0.9": b"bytes",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a long status line": b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    "a long header": OK + b"X: " + b"x" * 100_000 + END,
    "a long name": OK + b"x" * 100_000 + b": x" + END,
    "many headers": OK + b"".join(b"X-%d: x\r\n" % n for n in range(20_000)) + END,
    "a header without a colon": OK + b"nonsense" + END,
    "a header with a zero": OK + b"X: a\0b" + END,
    "a folded header": OK + b"X: a\r\n b" + END,
    "a length with a sign": OK + b"Content-Length: +5\r\n\r\nbytes",
    "a negative length": OK + b"Content-Length: -5\r\n\r\nbytes",
    "a length of wide digits": OK + "Content-Length: ５\r\n\r\nbytes".encode(),
    "a huge length": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nbytes",
    "a length beyond 64 bits": OK + b"Content-Length: 99999999999999999999\r\n\r\nbytes",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nbytes",
    "a length and chunks": OK + b"Transfer-Encoding: chunked" + END,
    "a hex length": OK + b"Content-Length: 0x5\r\n\r\nbytes",
    "an unknown transfer coding": OK + b"Transfer-Encoding: nonsense\r\n\r\nbytes",
    "a chunk of no size": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk of huge size": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n",
    "a cookie without end": OK + b"Set-Cookie: a=b; Max-Age=" + b"9" * 5000 + END,
    "a cookie of large age": OK + b"Set-Cookie: a=b; Max-Age=" + b"9" * 400 + END,
    "a cookie of an odd date": OK
    + b"Set-Cookie: a=b; Expires=Fri, 99 Foo 99999 99:99:99 GMT"
    + END,
    "a cookie of odd bytes": OK + b"Set-Cookie: \xff=\xfe;\x80; Domain=\xff; Path=\xff" + END,
    "a cookie of control characters": OK + b"Set-Cookie: a=\x01\x7f; Path=/\x02" + END,
    "a cookie of no name": OK + b"Set-Cookie: =;;;=; Domain=..; Secure=" + END,
    "a cookie of odd text": OK + b'Set-Cookie: "\\377\\"; a[]{}=(",; Domain=[::1' + END,
    "a type of odd bytes": OK + b"Content-Type: \xff\xfe; charset=\xff" + END,
    "a tag of odd bytes": OK + b'ETag: "\xff\x80"' + END,
    "a link of odd bytes": OK + b"Link: <\xff://[>; rel=\xff, <http://[::1>; rel=x" + END,
    "a coding of odd bytes": OK + b"Content-Encoding: \xff" + END,
    "a location that is empty": b"HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n",
    "a wait without end": b"HTTP/1.1 404 No\r\nRetry-After: " + b"9" * 5000 + END,
    "a wait until a date that no clock has": b"HTTP/1.1 429 No\r\nRetry-After: "
    b"Fri, 31 Dec 99999999999 23:59:59 GMT" + END,
    "a wait in a zone that no clock has": b"HTTP/1.1 503 No\r\nRetry-After: "
    b"Mon, 01 Jan 2024 00:00:00 +999999999999999" + END,
    "a body of odd bytes": b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n\xff\xfe\0\x80\xff",
    "a refusal of bad gzip": b"HTTP/1.1 403 No\r\nContent-Encoding: gzip" + END,
    "a refusal that is cut": b"HTTP/1.1 403 No\r\nContent-Length: 50\r\n\r\nno",
    "a deflate bomb's beginning": OK + b"Content-Encoding: deflate" + END,
    "an informational answer": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + END[2:],
}


@pytest.mark.parametrize("is_borrowed", [True, False])
@pytest.mark.parametrize("case", a_few(RAW))
async def test_any_response_becomes_a_file_or_a_library_error(
    case: str, is_borrowed: bool, fake, connect, path
) -> None:
    """This includes a session with a cookie jar, and a bulk download."""
    fake.media_faults = [faults.Raw(RAW[case], times=None)]
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        connect(fake, http=http if is_borrowed else None, media_timeout=PATIENT) as session,
    ):
        clip = await the_clip(session, **NOTHING_KNOWN)
        ended = []
        for _ in range(2):
            try:
                await session.download_clip(clip, path)
            except RhombusError as error:
                ended.append(error)
                assert not path.exists()
            else:
                assert path.read_bytes() == b"bytes"
        summary = await session.download_clips([clip], path.parent / "many")
        assert summary.downloaded + len(summary.failures) == 1
    if case.startswith("a refusal"):
        assert [getattr(error, "status", None) for error in ended] == [403, 403]


# --- names, ports and certificates ---------------------------------------------------------------


@pytest.mark.parametrize("is_borrowed", [True, False])
async def test_unicode_error_of_a_resolver_is_translated(
    is_borrowed: bool, fake, connect, path, monkeypatch
) -> None:
    """Python's own resolver raises it for some names."""

    async def resolve(*arguments: object, **more: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(aiohttp.resolver.DefaultResolver, "resolve", resolve)
    async with (
        aiohttp.ClientSession() as http,
        connect(
            fake, http=http if is_borrowed else None, media_url="https://media.example"
        ) as session,
    ):
        clip = await the_clip(session)
        with pytest.raises(ConnectError, match="not valid"):
            await session.download_clip(clip, path)
        summary = await session.download_clips([clip], path.parent)
        assert len(summary.failures) == 1


async def test_cookie_rejected_by_a_borrowed_session_s_jar_is_translated(
    fake, connect, path
) -> None:
    """Jars raise for an age beyond any float, or for an invalid name."""
    raised = [OverflowError("int too large"), CookieError("illegal")]

    class Jar(aiohttp.CookieJar):
        def update_cookies_from_headers(self, headers, response_url) -> None:
            raise raised[0]

    async with aiohttp.ClientSession(cookie_jar=Jar()) as http, connect(fake) as session:
        clip = await the_clip(session)
        answer = faults.Respond(200, headers={"Set-Cookie": "a=b"}, times=None)
        while raised:
            fake.media_faults = [answer]
            async with connect(fake, http=http) as lent:
                with pytest.raises(DisconnectedError, match="cookie"):
                    await lent.download_clip(clip, path)
            raised.pop(0)
