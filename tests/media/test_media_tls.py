"""Who vouches for the media host: the system, or one authority for that host and no other."""

import pickle
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import trustme
from aiohttp import web

from rhombus_clips import ClipSession, ConnectError, MetaDataLocation, RetryPolicy, SavedClip

CLIP = SavedClip(uuid="A" * 22, clip_location=MetaDataLocation(region="us-west-2"))
AUTHORITY = trustme.CA()


@asynccontextmanager
async def host(serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A host with a certificate of the authority's."""
    if tls is None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(tls)
    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def file(request: web.Request) -> web.Response:
    return web.Response(body=b"bytes")


def trusting() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    AUTHORITY.configure_trust(tls)
    return tls


def session_with(url: str, tls: ssl.SSLContext | None) -> ClipSession:
    return ClipSession("k" * 22, media_url=url, media_ssl=tls, retry=RetryPolicy(attempts=1))


async def test_host_that_nobody_vouches_for_is_refused(tmp_path) -> None:
    async with host(file) as url, session_with(url, None) as session:
        with pytest.raises(ConnectError, match="certificate"):
            await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert [*tmp_path.iterdir()] == []


async def test_certificate_that_is_not_trusted_is_not_tried_again(tmp_path) -> None:
    """Not that of the media host, nor that of a host that it redirects to."""
    async with host(file) as elsewhere:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{elsewhere}/signed"})

        async with host(redirect) as url:
            for tls in (None, trusting()):
                async with ClipSession("k" * 22, media_url=url, media_ssl=tls) as session:
                    with pytest.raises(ConnectError, match="certificate") as caught:
                        await session.download_clip(CLIP, tmp_path / "clip.mp4")
                assert caught.value.attempts == 1
                assert pickle.loads(pickle.dumps(caught.value)).is_lasting


async def test_redirect_back_to_the_media_host_is_verified_as_it_is(tmp_path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/there":
            return web.Response(body=b"bytes")
        return web.Response(status=302, headers={"Location": "/there"})

    async with host(answer) as url, session_with(url, trusting()) as session:
        await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"bytes"


async def test_certificate_and_trust_of_a_borrowed_session_stay_with_the_media_host(
    tmp_path,
) -> None:
    """The place that a redirect leads to sees no certificate of the caller's."""
    seen: list[object] = []

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peercert"))
        return web.Response(body=b"bytes")

    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asking.verify_mode = ssl.CERT_OPTIONAL
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(asking)
    AUTHORITY.configure_trust(asking)
    lent = trusting()
    AUTHORITY.issue_cert("caller.example").configure_cert(lent)
    async with host(note, asking) as elsewhere:

        async def redirect(request: web.Request) -> web.Response:
            await note(request)
            return web.Response(status=302, headers={"Location": f"{elsewhere}/signed"})

        connector = aiohttp.TCPConnector(ssl=lent)
        async with (
            host(redirect, asking) as url,
            aiohttp.ClientSession(connector=connector) as http,
            ClipSession("k" * 22, media_url=url, http=http) as session,
        ):
            with pytest.raises(ConnectError, match="certificate"):
                await session.download_clip(CLIP, tmp_path / "clip.mp4")
            assert len(seen) == 1
            assert seen[0]
            bare = session._media._own._http
            assert bare is not None
            assert isinstance(bare.connector, aiohttp.TCPConnector)
            # Trust it, for once, so that a request arrives there.
            bare.connector._ssl = trusting()
            await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert len(seen) == 3
    assert not seen[2]


async def test_authority_of_one_s_own_lets_the_media_host_in(tmp_path) -> None:
    async with host(file) as url, session_with(url, trusting()) as session:
        await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"bytes"


async def test_authority_of_one_s_own_does_not_vouch_for_where_redirects_lead(tmp_path) -> None:
    async with host(file) as elsewhere:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{elsewhere}/signed"})

        async with host(redirect) as url, session_with(url, trusting()) as session:
            with pytest.raises(ConnectError, match="certificate"):
                await session.download_clip(CLIP, tmp_path / "clip.mp4")
