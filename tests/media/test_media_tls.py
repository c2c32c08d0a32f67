"""TLS verification of the media host: by the system, or by an authority for that host only."""

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
    """A host with a certificate of the authority."""
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


async def test_host_with_an_unknown_authority_is_rejected(tmp_path) -> None:
    async with host(file) as url, session_with(url, None) as session:
        with pytest.raises(ConnectError, match="certificate"):
            await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert [*tmp_path.iterdir()] == []


async def test_untrusted_certificate_is_not_retried(tmp_path) -> None:
    """This applies to the media host and to the target of a redirect."""
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


async def test_redirect_back_to_the_media_host_is_verified_like_it(tmp_path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/there":
            return web.Response(body=b"bytes")
        return web.Response(status=302, headers={"Location": "/there"})

    async with host(answer) as url, session_with(url, trusting()) as session:
        await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"bytes"


async def test_tls_settings_of_a_borrowed_session_apply_to_the_media_host_only(tmp_path) -> None:
    """The target of a redirect does not receive the caller's certificate."""
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
            # Trust it here, so that a request arrives there.
            bare.connector._ssl = trusting()
            await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert len(seen) == 3
    assert not seen[2]


async def test_media_ssl_verifies_the_media_host(tmp_path) -> None:
    async with host(file) as url, session_with(url, trusting()) as session:
        await session.download_clip(CLIP, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"bytes"


async def test_media_ssl_does_not_verify_redirect_targets(tmp_path) -> None:
    async with host(file) as elsewhere:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{elsewhere}/signed"})

        async with host(redirect) as url, session_with(url, trusting()) as session:
            with pytest.raises(ConnectError, match="certificate"):
                await session.download_clip(CLIP, tmp_path / "clip.mp4")
