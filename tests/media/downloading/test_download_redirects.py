"""Redirects of the media host: signed URLs are sent byte for byte, without the caller's data."""

from contextlib import AsyncExitStack

import aiohttp
import pytest

from rhombus_clips import (
    ClipSession,
    ConnectError,
    DownloadError,
    MetaDataLocation,
    RhombusError,
    SavedClip,
)
from rhombus_clips.testing import Media, faults
from tests.media.downloading.downloads import DATA, NOTHING_KNOWN, SOURCE, the_clip

FOUND = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
SIGNED = f"/0{SOURCE}"


def redirect(location: str, path: str = SOURCE) -> faults.Respond:
    return faults.Respond(302, headers={"Location": location}, path=path)


@pytest.mark.parametrize("redirects", [1, 3])
@pytest.mark.parametrize("is_borrowed", [True, False])
async def test_signed_url_is_sent_byte_for_byte(
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
async def test_location_is_sent_unchanged(target: str, is_elsewhere: bool, fake, session, path):
    """This holds on another host and on the media host. Only a missing path becomes the root."""
    place = fake.storage_url if is_elsewhere else fake.media_url
    fake.media_faults = [redirect(place + target), faults.Respond(200, b"bytes")]
    clip = await the_clip(session, **NOTHING_KNOWN)
    await session.download_clip(clip, path)
    written = target.partition("#")[0]
    request = fake.media_requests[-1]
    assert request.target == (written if written.startswith("/") else f"/{written}")
    assert request.header("x-auth-apikey") is None


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


async def test_location_may_omit_the_scheme(fake, session, path) -> None:
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
async def test_unsafe_location_is_an_error(location, fake, session, path):
    fake.media_faults = [redirect(location)]
    with pytest.raises(DownloadError, match="redirects"):
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 1
    assert [*path.parent.iterdir()] == []


async def test_location_with_bytes_beyond_ascii_is_an_error(fake, session, path) -> None:
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
    """Some resolvers raise UnicodeError for it, and others query the network."""
    fake.media_faults = [redirect(f"https://{name}/")]
    with pytest.raises((ConnectError, DownloadError)) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 1
    async with aiohttp.ClientSession() as http:
        assert await outcome_of_media_url(fake, f"https://{name}", http) is not None


@pytest.mark.parametrize("name", ["xn--a", "xn--zzzz999", "xn--strae-oqa", "nowhere.invalid"])
async def test_unknown_host_name_is_a_connect_error(name, fake, session, path) -> None:
    """This includes a name that cannot be decoded, which depends on the version of the standard."""
    fake.media_faults = [redirect(f"https://{name}/")] * 5
    with pytest.raises(ConnectError) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 5


@pytest.mark.parametrize("written", ["{}", "%46{}"])
async def test_location_with_the_key_is_not_followed(written, fake, session, path) -> None:
    key = written.format(fake.api_key[written != "{}" :])
    fake.media_faults = [redirect(f"{fake.storage_url}/x?key={key}")]
    with pytest.raises(DownloadError, match="contains the API key"):
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
