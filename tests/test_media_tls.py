"""Who vouches for the media host: the system, or one authority for that host and no other."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web

from rhombus_clips import ClipSession, ConnectError, MetaDataLocation, RetryPolicy, SavedClip

CLIP = SavedClip(uuid="A" * 22, clip_location=MetaDataLocation(region="us-west-2"))
AUTHORITY = trustme.CA()


@asynccontextmanager
async def host(serve) -> AsyncIterator[str]:
    """A host with a certificate of the authority's."""
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
