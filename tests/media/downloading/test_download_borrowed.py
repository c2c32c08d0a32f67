"""A borrowed client session is used for the media host, and never for the target of a redirect."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import ConnectError, PermissionDeniedError
from rhombus_clips.testing import Media, faults
from tests.media.downloading.downloads import DATA, SOURCE, the_clip


def redirect(location: str, path: str = SOURCE) -> faults.Respond:
    return faults.Respond(302, headers={"Location": location}, path=path)


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
    """A session with the caller's headers, cookies, netrc, middlewares and traces."""
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


async def test_redirect_to_another_host_does_not_use_a_borrowed_session(
    lent, fake, connect, path
) -> None:
    """No header, cookie, netrc entry, middleware or trace is used; the media host gets them all."""
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
        bare = session._media._own._http
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


async def test_redirect_back_to_the_media_host_does_not_use_it_either(
    lent, fake, connect, path
) -> None:
    """Another host chose the URL."""
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


async def test_redirect_within_the_media_host_uses_a_borrowed_session(
    lent, fake, connect, path
) -> None:
    """The key is sent only once. The host name in upper case, with its port, is the same host."""
    http, _ = lent
    fake.media_faults = [redirect("/signed?a=%7E"), faults.Respond(200, DATA)]
    async with connect(fake, http=http) as session:
        await session.download_clip(await the_clip(session), path)
        assert session._media._own._http is None
    first, second = fake.media_requests
    assert first.header("x-auth-apikey") == fake.api_key
    assert second.header("X-Caller") == "secret"
    assert not [name for name in second.headers if name.lower().startswith("x-auth")]


async def test_credentials_of_a_borrowed_session_are_sent_to_the_media_host_only(
    fake, connect, path
) -> None:
    fake.media = Media(redirects=1)
    headers = {"Authorization": "Basic Y2FsbGVyOnNlY3JldA=="}
    async with aiohttp.ClientSession(headers=headers) as http, connect(fake, http=http) as session:
        await session.download_clip(await the_clip(session), path)
    assert [request.header("Authorization") is None for request in fake.media_requests] == [
        False,
        True,
    ]


async def test_owned_session_has_the_connection_limits_of_a_borrowed_one(
    fake, connect, path
) -> None:
    fake.media = Media(redirects=1)
    connector = aiohttp.TCPConnector(limit=3, limit_per_host=2)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        connect(fake, http=http) as session,
    ):
        await session.download_clip(await the_clip(session), path)
        own = session._media._own._http
        assert own is not None
        assert own.connector is not None
        assert (own.connector.limit, own.connector.limit_per_host) == (3, 2)


async def test_redirect_target_uses_the_proxy_of_the_environment(
    fake, connect, path, monkeypatch
) -> None:
    """The proxy is asked to connect to that host and receives nothing else."""
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
async def test_settings_of_a_borrowed_session_do_not_break_downloads(
    settings, redirects, fake, connect, session, path
) -> None:
    """A success, a compressed success and an error status."""
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


# --- errors of a borrowed session ----------------------------------------------------------------


@pytest.mark.parametrize("raised", [ValueError("mine"), KeyError("mine"), LookupError("mine")])
async def test_any_exception_of_a_borrowed_session_s_resolver_is_translated(
    raised: Exception, fake, connect, path
) -> None:
    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=0):
            raise raised

        async def close(self) -> None:
            pass

    connector = aiohttp.TCPConnector(resolver=Resolver())
    async with (
        connect(fake) as session,
        aiohttp.ClientSession(connector=connector) as http,
        connect(fake, http=http, media_url="https://media.example") as lent,
    ):
        clip = await the_clip(session)
        with pytest.raises(ConnectError, match="mine") as caught:
            await lent.download_clip(clip, path)
    assert caught.value.__context__ is None


async def test_contradictory_settings_of_a_borrowed_session_are_a_connect_error(
    fake, connect, tmp_path, path, monkeypatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login caller password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        connect(fake) as session,
        aiohttp.ClientSession(headers={"Authorization": "a"}, trust_env=True) as http,
        connect(fake, http=http) as lent,
    ):
        clip = await the_clip(session)
        with pytest.raises(ConnectError, match="AUTHORIZATION"):
            await lent.download_clip(clip, path)
    assert fake.media_requests == []
