"""The behavior of the media host: framing, redirects and faults."""

import asyncio

import aiohttp
import pytest
from attrs import evolve
from yarl import URL

from rhombus_clips.testing import FakeRhombus, Length, Media, ReceivedRequest, faults
from tests.media.media_requests import DATA, REGION, UUID, fetch, get, headers_of, make_clip, url_of


@pytest.fixture
async def fake():
    async with FakeRhombus([make_clip()], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


# --- framing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("range_", [{}, {"Range": "bytes=100-"}])
@pytest.mark.parametrize(
    ("length", "framing"),
    [
        (Length.GIVEN, {"Content-Length"}),
        (Length.CHUNKED, {"Transfer-Encoding"}),
        (Length.NONE, {"Connection"}),
    ],
)
async def test_framing_follows_the_length_option(fake, length, framing, range_) -> None:
    fake.media = Media(length=length)
    answer = await fetch(fake, **range_)
    assert answer.body == (DATA[100:] if range_ else DATA)
    told = {"Content-Length", "Transfer-Encoding", "Connection"}
    assert {name for name in told if name in answer.headers} == framing
    assert length is not Length.NONE or answer.headers["Connection"] == "close"


@pytest.mark.parametrize("range_", [{}, {"Range": "bytes=100-"}, {"Range": "bytes=99999-"}])
async def test_head_has_the_headers_of_get_and_no_body(fake, range_) -> None:
    got, head = await fetch(fake, **range_), await fetch(fake, method="HEAD", **range_)
    assert (head.status, head.body) == (got.status, b"")
    for name in ("Content-Length", "ETag", "Content-Type"):
        assert head.headers[name] == got.headers[name]
    assert head.headers.get("Content-Range") == got.headers.get("Content-Range")


# --- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("redirects", [1, 2, 3])
async def test_redirects_lead_to_signed_urls_elsewhere(fake, redirects) -> None:
    fake.media = Media(redirects=redirects)
    url, headers = url_of(fake), headers_of(fake)
    for _ in range(redirects):
        answer = await get(url, headers=headers)
        assert (answer.status, answer.body) == (302, b"")
        url, headers = answer.headers["Location"], {}
        assert url.startswith(fake.storage_url)
        assert "?signature=" in url
    assert fake.storage_url not in {fake.media_url, fake.url}
    answer = await get(url, headers={"Range": "bytes=100-"})
    assert (answer.status, answer.body) == (206, DATA[100:])
    assert len(fake.media_requests) == redirects + 1


async def test_signed_url_rejects_keys_and_changed_signatures(fake) -> None:
    fake.media = Media(redirects=1)
    url = (await fetch(fake)).headers["Location"]
    assert (await get(url)).status == 200
    assert (await get(url, "HEAD")).status == 200
    assert (await get(url, headers=headers_of(fake))).status == 400
    assert (await get(url, headers={"X-Auth-Org": "client"})).status == 400
    assert (await get(url, headers={"Authorization": "Basic eDp5"})).status == 400
    assert (await get(f"{url}x")).status == 403
    requoted = str(URL(url))
    assert requoted != url
    assert (await get(requoted)).status == 403
    for old, new in [("%2F", "/"), ("%7E", "~"), ("%3b", "%3B"), ("%20", "+"), ("&?", "&")]:
        assert old in url
        assert (await get(url.replace(old, new))).status == 403
    assert (await get(url.partition("?")[0])).status == 403
    assert (await get(f"{fake.storage_url}/elsewhere")).status == 404


async def test_redirect_needs_the_key_and_the_clip(fake) -> None:
    fake.media = Media(redirects=1)
    assert (await get(url_of(fake))).status == 401
    assert (await get(url_of(fake, "unknown.mp4"), headers=headers_of(fake))).status == 404


# --- faults ------------------------------------------------------------------------------------


async def test_media_requests_are_recorded_separately(fake) -> None:
    await get(url_of(fake) + "?a=b", headers=headers_of(fake))
    await fetch(fake, method="HEAD")
    first, second = fake.media_requests
    assert (first.method, dict(first.query)) == ("GET", {"a": "b"})
    assert first.header("X-AUTH-APIKEY") == fake.api_key
    assert fake.api_key not in repr(first)
    assert second.method == "HEAD"
    assert fake.requests == []
    assert ReceivedRequest("/", {}, b"", 0.0).method == "POST"


async def _partly(fake: FakeRhombus) -> tuple[bytes, Exception | None]:
    """Return the received part of the video, and the error that ended it."""
    body = b""
    async with (
        aiohttp.ClientSession() as http,
        http.get(url_of(fake), headers=headers_of(fake, Range="bytes=0-")) as response,
    ):
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
        assert response.headers["ETag"]
        assert response.headers["Content-Type"] == "video/mp4"
        try:
            async for chunk in response.content.iter_any():
                body += chunk
        except (aiohttp.ClientError, ConnectionError) as error:
            return body, error
    return body, None


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize("cut", [1, 5000, 10_239])
async def test_disconnect_sends_exactly_the_given_part_of_the_body(fake, length, cut) -> None:
    fake.media = Media(length=length)
    fake.media_faults = [faults.Disconnect(after_body_bytes=cut)]
    body, error = await _partly(fake)
    # Without a length, a truncated body looks complete.
    assert (error is None) == (length is Length.NONE)
    assert len(body) == cut
    assert body == DATA[:cut]
    assert (await fetch(fake)).body == DATA


async def test_reset_breaks_the_connection_within_the_body(fake) -> None:
    fake.media_faults = [faults.Reset(after_body_bytes=5000)]
    body, error = await _partly(fake)
    assert isinstance(error, (aiohttp.ClientError, ConnectionError))
    assert DATA.startswith(body)


async def test_disconnect_can_happen_before_the_body(fake) -> None:
    # aiohttp retries a GET once.
    fake.media_faults = [faults.Disconnect(after_bytes=20, times=2)]
    with pytest.raises(aiohttp.ClientError):
        await fetch(fake)


async def test_stall_stops_within_the_body(fake) -> None:
    fake.media_faults = [faults.Stall(after_body_bytes=5000)]
    body = b""
    async with (
        aiohttp.ClientSession() as http,
        http.get(url_of(fake), headers=headers_of(fake)) as response,
    ):
        while len(body) < 5000:
            body += await response.content.readany()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readany(), 0.05)
    assert body == DATA[:5000]


async def test_drip_sends_the_whole_body(fake) -> None:
    fake.media_faults = [faults.Drip(1000, pause=0.001)]
    assert await _partly(fake) == (DATA, None)


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize(("at", "index"), [(0, 0), (5000, 5000), (-1, 10_239), (99_999, None)])
async def test_corrupt_changes_one_byte(fake, length, at, index) -> None:
    fake.media = Media(length=length)
    fake.media_faults = [faults.Corrupt(at)]
    body, _ = await _partly(fake)
    assert [i for i in range(len(DATA)) if body[i] != DATA[i]] == ([] if index is None else [index])
    assert (await fetch(fake)).body == DATA


async def test_corrupt_applies_to_api_responses(fake) -> None:
    fake.faults = [faults.Corrupt(0)]
    url = f"{fake.url}/api/event/getSavedClips"
    answers = [await get(url, "POST", headers=headers_of(fake)) for _ in range(2)]
    assert answers[0].body[1:] == answers[1].body[1:]
    assert answers[0].body[0] != answers[1].body[0]


async def test_media_faults_apply_to_redirected_requests_and_by_path(fake) -> None:
    fake.media = evolve(fake.media, redirects=1)
    path = f"/0/media/metadata/{REGION}/{UUID}.mp4"
    fake.media_faults = [faults.Respond(503, path=path)]
    location = (await fetch(fake)).headers["Location"]
    assert (await get(location)).status == 503
    assert (await get(location)).status == 200


async def test_api_faults_do_not_apply_to_media(fake) -> None:
    fake.faults = [faults.Respond(503)]
    assert (await fetch(fake)).status == 200
    assert len(fake.faults) == 1


async def test_media_port_can_be_chosen() -> None:
    async with FakeRhombus(0) as first:
        port = int(first.media_url.rpartition(":")[2])
    async with FakeRhombus(0, media_port=port) as second:
        assert second.media_url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="address already in use"):
            await FakeRhombus(0, media_port=port).__aenter__()
