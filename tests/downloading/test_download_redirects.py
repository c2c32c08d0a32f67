"""Redirects of the media host: signed URLs byte for byte, and nothing of the caller's."""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    ConnectError,
    DownloadError,
    MetaDataLocation,
    NotFoundError,
    PermissionDeniedError,
    RhombusError,
    SavedClip,
    StatusError,
)
from rhombus_clips.testing import Media, faults
from tests.downloading.downloads import DATA, HALF, NOTHING_KNOWN, SOURCE, ranges_of, the_clip

FOUND = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
SIGNED = f"/0{SOURCE}"


def redirect(location: str, path: str = SOURCE) -> faults.Respond:
    return faults.Respond(302, headers={"Location": location}, path=path)


@pytest.mark.parametrize("redirects", [1, 3])
@pytest.mark.parametrize("is_borrowed", [True, False])
async def test_signed_url_is_valid_however_it_is_written(
    redirects: int, is_borrowed: bool, fake, connect, path
) -> None:
    fake.media = Media(redirects=redirects)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession()) if is_borrowed else None
        session = await stack.enter_async_context(connect(fake, http=http))
        await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert len(fake.media_requests) == redirects + 1
    assert "%7e" in fake.media_requests[-1].target


@pytest.mark.parametrize(
    "target",
    [
        "/a?",
        "/?",
        "/",
        "/a/../b/./c//d",
        "/a%2fb%2Fc%7E%7e?x=%2b+%20%zz&;y=%41#fragment",
        "/a;p=1;q?sig=a%2Fb%3d%3D&scheme=api-token",
        "/a?x=?&y=/#",
        "/[]|\\^`{}\"<>'*?[]|\\^`{}\"<>'*",
        "?x=y",
        "",
    ],
)
@pytest.mark.parametrize("is_elsewhere", [True, False])
async def test_location_is_sent_as_it_is(target: str, is_elsewhere: bool, fake, session, path):
    """On another host and on the media host; only what has no path gets the root as one."""
    place = fake.storage_url if is_elsewhere else fake.media_url
    fake.media_faults = [redirect(place + target), faults.Respond(200, b"bytes")]
    clip = await the_clip(session, **NOTHING_KNOWN)
    await session.download_clip(clip, path)
    written = target.partition("#")[0]
    asked = fake.media_requests[-1]
    assert asked.target == (written if written.startswith("/") else f"/{written}")
    assert asked.header("x-auth-apikey") is None


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?c=%7E", "/b?c=%7E"),
        ("/b/../c", "/b/../c"),
        ("b", "/media/metadata/us-west-2/b"),
        ("../b/./c?d/../e", "/media/metadata/b/c?d/../e"),
        ("../../../../../b", "/b"),
        ("..", "/media/metadata/"),
        ("?c=%7e", f"{SOURCE}?c=%7e"),
        ("b:c/../d", None),
        ("./b:c", "/media/metadata/us-west-2/b:c"),
    ],
)
async def test_relative_location_is_resolved(location: str, target, fake, session, path) -> None:
    fake.media_faults = [redirect(location), faults.Respond(200, b"bytes")]
    clip = await the_clip(session, **NOTHING_KNOWN)
    if target is None:
        with pytest.raises(DownloadError):
            await session.download_clip(clip, path)
        return
    await session.download_clip(clip, path)
    assert fake.media_requests[-1].target == target


async def test_location_may_leave_out_the_scheme(fake, session, path) -> None:
    fake.media_faults = [
        redirect(fake.storage_url.partition(":")[2] + "/b?c"),
        faults.Respond(200, b"bytes"),
    ]
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert fake.media_requests[-1].target == "/b?c"


@pytest.mark.parametrize(
    "location",
    [
        "https://[::1",
        "https://h:99999/",
        "https://h:x/",
        "https://h:0/",
        "https:/h",
        "https://",
        "https:///a",
        "ftp://h/",
        "http://192.168.0.1/",
        "http://localhost.example/",
        "https://user:password@h/",
        "https://@h/",
        "/a b",
        "/a\tb",
        "/ä",
        "https://bücher.example/",
        "//[::1",
        "javascript:alert(1)",
        "data:,x",
    ],
)
async def test_location_that_is_not_to_be_followed_is_an_error(location, fake, session, path):
    fake.media_faults = [redirect(location)]
    with pytest.raises(DownloadError, match="redirects"):
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 1
    assert [*path.parent.iterdir()] == []


async def test_location_of_bytes_beyond_ascii_is_an_error(fake, session, path) -> None:
    for value in (b"/\xff\xfe", "/é".encode(), b"/\x80"):
        fake.media_faults = [
            faults.Raw(
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + value + b"\r\n\r\n"
            )
        ]
        with pytest.raises(DownloadError, match="characters"):
            await session.download_clip(await the_clip(session), path)


@pytest.mark.parametrize(
    "name",
    [
        "a..b",
        ".a",
        "x" * 64,
        ".".join(["x" * 60] * 5),
        "a,b",
        "a%41",
        "[v1.a]",
        "[fe80::1%25eth0]",
        "[::1::2]",
        "a\\b",
        "*",
    ],
)
async def test_host_name_that_cannot_exist_is_not_looked_up(name, fake, session, path) -> None:
    """Some resolvers raise UnicodeError for it, and some ask the network."""
    fake.media_faults = [redirect(f"https://{name}/")]
    with pytest.raises((ConnectError, DownloadError)) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 1
    async with aiohttp.ClientSession() as http:
        assert await outcome_of_media_url(fake, f"https://{name}", http) is not None


@pytest.mark.parametrize("name", ["xn--a", "xn--zzzz999", "xn--strae-oqa", "nowhere.invalid"])
async def test_host_name_that_nobody_knows_is_a_connection_that_failed(
    name, fake, session, path
) -> None:
    """Also one that cannot be decoded; what can be depends on the version of the standard."""
    fake.media_faults = [redirect(f"https://{name}/")] * 5
    with pytest.raises(ConnectError) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 5


@pytest.mark.parametrize("written", ["{}", "%46{}"])
async def test_key_goes_along_in_no_location(written, fake, session, path) -> None:
    key = written.format(fake.api_key[written != "{}" :])
    fake.media_faults = [redirect(f"{fake.storage_url}/x?key={key}")]
    with pytest.raises(DownloadError, match="API key in it"):
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 1


async def outcome_of_media_url(fake, url: str, http: aiohttp.ClientSession) -> RhombusError | None:
    clip = SavedClip(uuid="A" * 22, clip_location=MetaDataLocation(region="us-west-2"))
    try:
        async with (
            ClipSession("k" * 22, base_url=fake.url, media_url=url, http=http) as session,
            session.stream_clip(clip),
        ):
            return None
    except RhombusError as error:
        return error


# --- what does not go along --------------------------------------------------------------------

CREDENTIALS = {
    "Authorization": "Bearer caller",
    "X-Caller": "secret",
    "Referer": "https://caller.example/",
    "Cookie": "a=b",
    "User-Agent": "caller",
}
OURS = {"host", "accept", "accept-encoding", "user-agent", "range", "if-range"}


@pytest.fixture
async def lent(tmp_path, monkeypatch):
    """A session full of what is the caller's: headers, cookies, netrc, middlewares, traces."""
    netrc = tmp_path / "elsewhere" / "netrc"
    netrc.parent.mkdir()
    netrc.write_text("machine 127.0.0.1 login caller password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []

    async def middleware(
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        request.headers["X-Middleware"] = "secret"
        seen.append(str(request.url))
        return await handler(request)

    trace = aiohttp.TraceConfig()

    async def note(session, context, params) -> None:
        seen.append(str(params.url))

    trace.on_request_start.append(note)
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"caller": "secret"})
    headers = {name: CREDENTIALS[name] for name in ("X-Caller", "Referer", "User-Agent")}
    async with aiohttp.ClientSession(
        headers=headers,
        cookie_jar=jar,
        trust_env=True,
        middlewares=[middleware],
        trace_configs=[trace],
    ) as http:
        yield http, seen


async def test_redirect_elsewhere_gets_nothing_of_a_borrowed_session(
    lent, fake, connect, path
) -> None:
    """No header, cookie, netrc entry, middleware or trace; the media host gets them all."""
    http, seen = lent
    fake.media = Media(redirects=2)
    fake.media_faults = [
        faults.Ok(path=SOURCE),
        evolve(
            redirect(f"{fake.storage_url}/stop", path=f"/1{SOURCE}"),
            headers={"Location": f"{fake.storage_url}/next", "Set-Cookie": "track=me"},
        ),
        faults.Respond(200, DATA, path="/next"),
    ]
    async with connect(fake, http=http, user_agent="app/1") as session:
        await session.download_clip(await the_clip(session), path)
        bare = session._media._http
        assert bare is not None
    assert bare.closed
    assert not http.closed
    home, *elsewhere = fake.media_requests
    assert home.header("X-Caller") == home.header("X-Middleware") == "secret"
    assert home.header("Authorization") is not None
    assert len(elsewhere) == 2
    for request in elsewhere:
        assert {name.lower() for name in request.headers} <= OURS
        assert (request.header("User-Agent") or "").startswith("app/1 rhombus_clips/")
    assert all(fake.storage_url not in url for url in seen)
    assert any(fake.media_url in url for url in seen)
    assert all(cookie.key == "caller" for cookie in http.cookie_jar)


async def test_redirect_back_to_the_media_host_gets_nothing_either(
    lent, fake, connect, path
) -> None:
    """It was another host that asked for it."""
    http, _ = lent
    back = f"{fake.media_url}{SOURCE}?back"
    fake.media_faults = [
        redirect(f"{fake.storage_url}/x"),
        redirect(back, path="/x"),
        faults.Respond(200, DATA),
    ]
    async with connect(fake, http=http) as session:
        await session.download_clip(await the_clip(session), path)
    *_, last = fake.media_requests
    assert last.target == f"{SOURCE}?back"
    assert {name.lower() for name in last.headers} <= OURS


async def test_redirect_within_the_media_host_stays_on_a_borrowed_session(
    lent, fake, connect, path
) -> None:
    """The key is sent once only; a name of the host in capitals, with its port, is the same."""
    http, _ = lent
    fake.media_faults = [redirect("/signed?a=%7E"), faults.Respond(200, DATA)]
    async with connect(fake, http=http) as session:
        await session.download_clip(await the_clip(session), path)
        assert session._media._http is None
    first, second = fake.media_requests
    assert first.header("x-auth-apikey") == fake.api_key
    assert second.header("X-Caller") == "secret"
    assert not [name for name in second.headers if name.lower().startswith("x-auth")]


async def test_login_of_a_borrowed_session_stays_with_the_media_host(fake, connect, path) -> None:
    fake.media = Media(redirects=1)
    headers = {"Authorization": aiohttp.encode_basic_auth("caller", "secret")}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        connect(fake, http=http) as session,
    ):
        await session.download_clip(await the_clip(session), path)
    assert [request.header("Authorization") is None for request in fake.media_requests] == [
        False,
        True,
    ]


async def test_session_of_our_own_opens_no_more_connections_than_a_borrowed_one(
    fake, connect, path
) -> None:
    fake.media = Media(redirects=1)
    connector = aiohttp.TCPConnector(limit=3, limit_per_host=2)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        connect(fake, http=http) as session,
    ):
        await session.download_clip(await the_clip(session), path)
        own = session._media._http
        assert own is not None
        assert own.connector is not None
        assert (own.connector.limit, own.connector.limit_per_host) == (3, 2)


async def test_proxy_for_where_a_redirect_leads_is_that_of_the_environment(
    fake, connect, path, monkeypatch
) -> None:
    """It is asked to connect to that host, and told nothing else."""
    heads: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        there = redirect("https://storage.example/x?signature=secret")
        fake.media_faults = [evolve(there, times=None)]
        async with connect(fake) as session:
            with pytest.raises(ConnectError, match="proxy"):
                await session.download_clip(await the_clip(session), path)
    assert len(heads) == 5
    for head in heads:
        first, *named = head.strip().splitlines()
        assert first == "CONNECT storage.example:443 HTTP/1.1"
        assert {line.partition(":")[0].lower() for line in named} <= OURS


@pytest.mark.parametrize(
    "settings",
    [
        {"raise_for_status": True},
        {"auto_decompress": False},
        {"read_bufsize": 2},
        {"requote_redirect_url": False},
        {"max_line_size": 100, "max_field_size": 100},
        {"timeout": aiohttp.ClientTimeout(total=0.000001)},
        {"base_url": "https://elsewhere.example/"},
        {"headers": {"Accept-Encoding": "gzip", "User-Agent": "caller"}},
        {"skip_auto_headers": {"User-Agent", "Accept"}},
    ],
    ids=lambda settings: next(iter(settings)),
)
@pytest.mark.parametrize("redirects", [0, 1])
async def test_settings_of_a_borrowed_session_do_not_break_media(
    settings, redirects, fake, connect, session, path
) -> None:
    """A success, one that is compressed, and a refusal."""
    clip = await the_clip(session)
    fake.media = Media(redirects=redirects)
    async with aiohttp.ClientSession(**settings) as http, connect(fake, http=http) as lent:
        await lent.download_clip(clip, path)
        assert path.read_bytes() == DATA
        path.unlink()
        fake.media_faults = [
            faults.Respond(
                200,
                gzip.compress(DATA, 1),
                headers={"Content-Encoding": "gzip", "X-Long": "x" * 7000},
                path=f"/0{SOURCE}" if redirects else SOURCE,
            )
        ]
        await lent.download_clip(clip, path)
        assert path.read_bytes() == DATA
        path.unlink()
        fake.media_faults = [faults.Respond(403, b"no", path=SOURCE)]
        with pytest.raises(PermissionDeniedError):
            await lent.download_clip(clip, path)


# --- signed URLs that expire -------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_download_goes_on_with_another_signed_url(status, fake, session, path) -> None:
    fake.media = Media(redirects=1)
    fake.media_faults = [
        faults.Disconnect(after_body_bytes=HALF, path=SIGNED),
        faults.Respond(status, path=SIGNED, times=2),
    ]
    file = await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert file.requests == 4
    assert ranges_of(fake)[::2] == [None, *[f"bytes={HALF}-"] * 3]
    assert fake.media_requests[-1].header("If-Range") is not None


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 503, 300])
async def test_refusal_says_which_host_it_is_from_and_keeps_the_signature_secret(
    status, fake, session, path, caplog
) -> None:
    """An `AuthenticationError` would be about the key, which that host never saw."""
    caplog.set_level(logging.DEBUG)
    fake.media = Media(redirects=1)
    said = b"<Error><StringToSign>signature=%7Ev1 expires=1800000000</StringToSign></Error>"
    headers = {"Location": "https://x.example/?signature=%7Ev1", "Retry-After": "0"}
    fake.media_faults = [faults.Respond(status, said, headers=headers, path=SIGNED, times=None)]
    with pytest.raises(StatusError) as caught:
        await session.download_clip(await the_clip(session), path)
    error = caught.value
    assert error.status == status
    assert error.attempts == (1 if status == 300 else 5)
    assert fake.storage_url.partition("//")[2] in str(error)
    assert type(error).__name__ != "AuthenticationError"
    shown = repr((str(error), error.args, vars(error), caplog.text))
    assert not [word for word in ("signature=", "%7E", "1800000000") if word in shown]


@pytest.mark.parametrize(("status", "kind"), [(403, PermissionDeniedError), (404, NotFoundError)])
async def test_refusal_of_the_media_host_itself_is_final(status, kind, fake, session, path) -> None:
    fake.media = Media(redirects=1)
    fake.media_faults = [faults.Respond(status, b"not yours", path=SOURCE, times=None)]
    with pytest.raises(kind, match="not yours") as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 1
    assert fake.media_url.partition("//")[2] in str(caught.value)
