"""FakeRhombus as the media host: the bytes of clips, ranges, redirects, and what befalls them."""

import asyncio
import hashlib
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips.protocol.auth import AuthScheme
from rhombus_clips.testing import FakeRhombus, Length, Media, ReceivedRequest, faults
from rhombus_clips.testing.clips import make_clips, make_uuid
from rhombus_clips.testing.footage import make_mp4, usual_size

REGION = "us-west-2"
UUID = make_uuid("media", 1)
DATA = bytes(range(256)) * 40


@pytest.fixture
async def fake():
    async with FakeRhombus([_clip()], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


def _clip(**fields: Any) -> dict[str, Any]:
    usual = {
        "uuid": UUID,
        "status": "COMPLETE",
        "clipLocation": {"region": REGION},
        "thumbnailLocation": {"region": "us-east-1"},
    }
    return {**usual, **fields}


def _headers(fake: FakeRhombus, **more: str) -> dict[str, str]:
    return {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key, **more}


def _url(fake: FakeRhombus, name: str = f"{UUID}.mp4", region: str = REGION) -> str:
    return f"{fake.media_url}/media/metadata/{region}/{name}"


class Answer:
    """A response, read to its end."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body


async def _get(url: str, method: str = "GET", **settings: Any) -> Answer:
    settings.setdefault("allow_redirects", False)
    async with aiohttp.ClientSession() as http, http.request(method, url, **settings) as response:
        return Answer(response, await response.read())


async def _fetch(fake: FakeRhombus, *, method: str = "GET", **headers: str) -> Answer:
    """The video, with headers written with underscores."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await _get(_url(fake), method, headers=_headers(fake, **more))


# --- the bytes ---------------------------------------------------------------------------------


async def test_bytes_are_what_the_record_says_of_them() -> None:
    checked = 0
    async with FakeRhombus(40) as fake:
        for clip in fake.clips:
            url = _url(fake, f"{clip['uuid']}.mp4", clip["clipLocation"]["region"])
            answer = await _get(url, headers=_headers(fake))
            assert answer.status == (200 if clip["status"] == "COMPLETE" else 404)
            if answer.status == 404:
                continue
            assert clip["byteCount"] in {len(answer.body), None}
            digest = hashlib.sha256(answer.body).hexdigest()
            assert clip.get("sha256Hex", digest) == digest
            assert answer.body[4:8] == b"ftyp"
            checked += 1
    assert checked > 20


def test_clips_without_a_size_have_a_hash_that_fits() -> None:
    clips = [clip for clip in make_clips(400) if clip["byteCount"] is None and "sha256Hex" in clip]
    assert clips
    for clip in clips:
        data = make_mp4(clip["uuid"], usual_size(clip))
        assert clip["sha256Hex"] == hashlib.sha256(data).hexdigest()


async def test_thumbnail_is_a_picture_in_a_region_of_its_own(fake) -> None:
    name = f"{UUID}.jpeg"
    answer = await _get(_url(fake, name, "us-east-1"), headers=_headers(fake))
    assert answer.status == 200
    assert answer.body.startswith(b"\xff\xd8\xff")
    assert 1000 < len(answer.body) < 10_000
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert (await _get(_url(fake, name), headers=_headers(fake))).status == 404


async def test_put_media_is_served_and_recorded(fake) -> None:
    answer = await _fetch(fake)
    assert answer.body == DATA
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert fake.clips[0]["byteCount"] == len(DATA)
    assert fake.clips[0]["sha256Hex"] == hashlib.sha256(DATA).hexdigest()
    with pytest.raises(KeyError):
        fake.put_media("unknown", b"")


async def test_large_media_come_whole(fake) -> None:
    data = bytes(1000) * 3000
    fake.put_media(UUID, data)
    for length in Length:
        fake.media = Media(length=length)
        assert (await _fetch(fake)).body == data


async def test_record_may_be_made_to_lie() -> None:
    async with FakeRhombus([_clip(byteCount=100)], shared_clip_groups=0) as fake:
        fake.clips[0]["byteCount"] = 150
        assert len((await _fetch(fake)).body) == 100


async def test_changed_media_have_the_same_size_and_another_hash(fake) -> None:
    before, record = await _fetch(fake), dict(fake.clips[0])
    fake.change_media(UUID)
    after = await _fetch(fake)
    fake.change_media(UUID)
    assert len({before.body, after.body, (await _fetch(fake)).body}) == 3
    assert len(after.body) == len(before.body)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert fake.clips[0] == record


async def test_render_has_media_once_it_is_complete() -> None:
    clock = 0.0
    async with FakeRhombus(0, now=lambda: clock) as fake:
        uuid = fake.start_render(seconds=10)
        region = fake.renders[uuid].clip["clipLocation"]["region"]
        url = _url(fake, f"{uuid}.mp4", region)
        assert (await _get(url, headers=_headers(fake))).status == 404
        clock = 10.0
        answer = await _get(url, headers=_headers(fake))
        record = fake.saved()[0]
        assert len(answer.body) == (record["byteCount"] or usual_size(record))


# --- who is let in, and to what ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-auth-scheme": ""}, 401),
        ({"x-auth-scheme": "web2"}, 401),
        ({"x-auth-scheme": "partner-api-token"}, 403),
        ({"x-auth-apikey": "other"}, 403),
        ({"x-auth-org": "someone"}, 403),
    ],
)
async def test_credentials_are_checked_as_by_the_api(fake, headers, status) -> None:
    answer = await _get(_url(fake), headers=_headers(fake, **headers))
    assert answer.status == status


async def test_partner_may_leave_the_organization_out_for_media() -> None:
    settings: Any = {"auth_scheme": AuthScheme.PARTNER_API_TOKEN, "org_uuid": "client"}
    async with FakeRhombus([_clip()], shared_clip_groups=0, **settings) as fake:
        scheme = {"x-auth-scheme": "partner-api-token"}
        for org, status in [({}, 200), ({"x-auth-org": "client"}, 200), ({"x-auth-org": "x"}, 403)]:
            headers = _headers(fake, **scheme, **org)
            assert (await _get(_url(fake), headers=headers)).status == status


@pytest.mark.parametrize(
    ("clip", "name", "region", "status"),
    [
        ({}, f"{UUID}.mp4", REGION, 200),
        ({}, f"{UUID}.mp4", "us-east-1", 404),
        ({}, f"{UUID}.mov", REGION, 404),
        ({}, "unknown.mp4", REGION, 404),
        ({"status": "FAILED"}, f"{UUID}.mp4", REGION, 404),
        ({"clipLocation": None}, f"{UUID}.mp4", "us-east-1", 200),
        ({"clipLocation": None, "thumbnailLocation": None}, f"{UUID}.mp4", REGION, 404),
    ],
)
async def test_only_what_is_there_is_served(clip, name, region, status) -> None:
    async with FakeRhombus([_clip(**clip)], shared_clip_groups=0) as fake:
        answer = await _get(_url(fake, name, region), headers=_headers(fake))
        assert answer.status == status


async def test_media_are_only_read(fake) -> None:
    assert (await _get(_url(fake), "POST", headers=_headers(fake))).status == 405


# --- ranges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        ("bytes=0-", 0, 10_239),
        ("bytes=100-", 100, 10_239),
        ("bytes=10239-", 10_239, 10_239),
        ("bytes=100-199", 100, 199),
        ("bytes=100-99999", 100, 10_239),
    ],
)
async def test_range_is_answered_by_that_part(fake, range_, first, last) -> None:
    answer = await _fetch(fake, Range=range_)
    assert answer.status == 206
    assert answer.body == DATA[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/10240"
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("range_", ["bytes=9-5", "bytes=x-", "items=5-", "bytes=1-2,5-6"])
async def test_what_is_no_range_is_answered_by_everything(fake, range_) -> None:
    answer = await _fetch(fake, Range=range_)
    assert (answer.status, answer.body) == (200, DATA)


async def test_range_beyond_the_end_is_refused_with_the_size(fake) -> None:
    answer = await _fetch(fake, Range="bytes=10240-")
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */10240"


async def test_host_without_ranges_answers_with_everything(fake) -> None:
    fake.media = Media(ranges=False)
    answer = await _fetch(fake, Range="bytes=100-")
    assert (answer.status, answer.body) == (200, DATA)
    assert "Accept-Ranges" not in answer.headers


@pytest.mark.parametrize(
    ("etag", "condition", "status"),
    [
        ("strong", "own", 206),
        ("strong", '"other"', 200),
        ("weak", "own", 200),
        (None, '"any"', 200),
        ("strong", "Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ],
)
async def test_only_a_strong_etag_that_matches_resumes(fake, etag, condition, status) -> None:
    fake.media = Media(etag=etag)
    own = (await _fetch(fake)).headers.get("ETag")
    assert (own is None) == (etag is None)
    assert own is None or own.startswith("W/") == (etag == "weak")
    given = own or "" if condition == "own" else condition
    answer = await _fetch(fake, Range="bytes=5-", If_Range=given)
    assert answer.status == status
    assert answer.body == (DATA[5:] if status == 206 else DATA)


async def test_etag_of_changed_media_does_not_resume(fake) -> None:
    etag = (await _fetch(fake)).headers["ETag"]
    fake.change_media(UUID)
    answer = await _fetch(fake, Range="bytes=5-", If_Range=etag)
    assert (answer.status, len(answer.body)) == (200, len(DATA))


@pytest.mark.parametrize(("shift", "first"), [(7, 107), (-50, 50), (-500, 0)])
async def test_shifted_range_is_honest_about_it(fake, shift, first) -> None:
    fake.media = Media(range_shift=shift)
    answer = await _fetch(fake, Range="bytes=100-")
    assert answer.headers["Content-Range"] == f"bytes {first}-10239/10240"
    assert answer.body == DATA[first:]


async def test_lying_range_claims_what_was_asked(fake) -> None:
    fake.media = Media(lying_range=True)
    answer = await _fetch(fake, Range="bytes=101-300")
    assert answer.status == 206
    assert answer.headers["Content-Range"] == "bytes 101-300/10240"
    assert answer.body == DATA[50:250]


# --- framing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("range_", [{}, {"Range": "bytes=100-"}])
@pytest.mark.parametrize(
    ("length", "framing"),
    [
        (Length.GIVEN, {"Content-Length"}),
        (Length.CHUNKED, {"Transfer-Encoding"}),
        (Length.NONE, {"Connection"}),
    ],
)
async def test_end_of_the_body_is_told_as_asked(fake, length, framing, range_) -> None:
    fake.media = Media(length=length)
    answer = await _fetch(fake, **range_)
    assert answer.body == (DATA[100:] if range_ else DATA)
    told = {"Content-Length", "Transfer-Encoding", "Connection"}
    assert {name for name in told if name in answer.headers} == framing
    assert length is not Length.NONE or answer.headers["Connection"] == "close"


@pytest.mark.parametrize("range_", [{}, {"Range": "bytes=100-"}, {"Range": "bytes=99999-"}])
async def test_head_has_the_headers_of_get_and_no_body(fake, range_) -> None:
    got, head = await _fetch(fake, **range_), await _fetch(fake, method="HEAD", **range_)
    assert (head.status, head.body) == (got.status, b"")
    for name in ("Content-Length", "ETag", "Content-Type"):
        assert head.headers[name] == got.headers[name]
    assert head.headers.get("Content-Range") == got.headers.get("Content-Range")


# --- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("redirects", [1, 2, 3])
async def test_redirects_lead_to_signed_urls_elsewhere(fake, redirects) -> None:
    fake.media = Media(redirects=redirects)
    url, headers = _url(fake), _headers(fake)
    for _ in range(redirects):
        answer = await _get(url, headers=headers)
        assert (answer.status, answer.body) == (302, b"")
        url, headers = answer.headers["Location"], {}
        assert url.startswith(fake.storage_url)
        assert "?signature=" in url
    assert fake.storage_url not in {fake.media_url, fake.url}
    answer = await _get(url, headers={"Range": "bytes=100-"})
    assert (answer.status, answer.body) == (206, DATA[100:])
    assert len(fake.media_requests) == redirects + 1


async def test_signed_url_takes_no_key_and_no_other_signature(fake) -> None:
    fake.media = Media(redirects=1)
    url = (await _fetch(fake)).headers["Location"]
    assert (await _get(url)).status == 200
    assert (await _get(url, "HEAD")).status == 200
    assert (await _get(url, headers=_headers(fake))).status == 400
    assert (await _get(url, headers={"X-Auth-Org": "client"})).status == 400
    assert (await _get(f"{url}x")).status == 403
    assert (await _get(url.partition("?")[0])).status == 403
    assert (await _get(f"{fake.storage_url}/elsewhere")).status == 404


async def test_redirect_needs_the_key_and_the_clip(fake) -> None:
    fake.media = Media(redirects=1)
    assert (await _get(_url(fake))).status == 401
    assert (await _get(_url(fake, "unknown.mp4"), headers=_headers(fake))).status == 404


# --- what befalls --------------------------------------------------------------------------------


async def test_requests_for_media_are_kept_apart(fake) -> None:
    await _get(_url(fake) + "?a=b", headers=_headers(fake))
    await _fetch(fake, method="HEAD")
    first, second = fake.media_requests
    assert (first.method, dict(first.query)) == ("GET", {"a": "b"})
    assert first.header("X-AUTH-APIKEY") == fake.api_key
    assert fake.api_key not in repr(first)
    assert second.method == "HEAD"
    assert fake.requests == []
    assert ReceivedRequest("/", {}, b"", 0.0).method == "POST"


async def _partly(fake: FakeRhombus) -> tuple[bytes, Exception | None]:
    """What arrives of the video before its end, and what ended it."""
    body = b""
    async with (
        aiohttp.ClientSession() as http,
        http.get(_url(fake), headers=_headers(fake, Range="bytes=0-")) as response,
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
async def test_body_is_cut_to_the_byte(fake, length, cut) -> None:
    fake.media = Media(length=length)
    fake.media_faults = [faults.Disconnect(after_body_bytes=cut)]
    body, error = await _partly(fake)
    # Where the length is not told, nothing tells a cut body from a whole one.
    assert (error is None) == (length is Length.NONE)
    assert len(body) == cut
    assert body == DATA[:cut]
    assert (await _fetch(fake)).body == DATA


async def test_connection_is_reset_within_the_body(fake) -> None:
    fake.media_faults = [faults.Reset(after_body_bytes=5000)]
    body, error = await _partly(fake)
    assert isinstance(error, (aiohttp.ClientError, ConnectionError))
    assert DATA.startswith(body)


async def test_cut_may_lie_before_the_body(fake) -> None:
    # aiohttp tries a GET once more on its own.
    fake.media_faults = [faults.Disconnect(after_bytes=20, times=2)]
    with pytest.raises(aiohttp.ClientError):
        await _fetch(fake)


async def test_body_may_stall(fake) -> None:
    fake.media_faults = [faults.Stall(after_body_bytes=5000)]
    body = b""
    async with (
        aiohttp.ClientSession() as http,
        http.get(_url(fake), headers=_headers(fake)) as response,
    ):
        while len(body) < 5000:
            body += await response.content.readany()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readany(), 0.05)
    assert body == DATA[:5000]


async def test_body_may_drip(fake) -> None:
    fake.media_faults = [faults.Drip(1000, pause=0.001)]
    assert await _partly(fake) == (DATA, None)


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize(("at", "index"), [(0, 0), (5000, 5000), (-1, 10_239), (99_999, None)])
async def test_one_byte_may_be_another(fake, length, at, index) -> None:
    fake.media = Media(length=length)
    fake.media_faults = [faults.Corrupt(at)]
    body, _ = await _partly(fake)
    assert [i for i in range(len(DATA)) if body[i] != DATA[i]] == ([] if index is None else [index])
    assert (await _fetch(fake)).body == DATA


async def test_answers_of_the_api_may_be_corrupted_too(fake) -> None:
    fake.faults = [faults.Corrupt(0)]
    url = f"{fake.url}/api/event/getSavedClips"
    answers = [await _get(url, "POST", headers=_headers(fake)) for _ in range(2)]
    assert answers[0].body[1:] == answers[1].body[1:]
    assert answers[0].body[0] != answers[1].body[0]


async def test_faults_of_media_befall_redirected_requests_and_go_by_path(fake) -> None:
    fake.media = evolve(fake.media, redirects=1)
    path = f"/0/media/metadata/{REGION}/{UUID}.mp4"
    fake.media_faults = [faults.Respond(503, path=path)]
    location = (await _fetch(fake)).headers["Location"]
    assert (await _get(location)).status == 503
    assert (await _get(location)).status == 200


async def test_faults_of_the_api_leave_media_alone(fake) -> None:
    fake.faults = [faults.Respond(503)]
    assert (await _fetch(fake)).status == 200
    assert len(fake.faults) == 1


async def test_media_port_may_be_chosen() -> None:
    async with FakeRhombus(0) as first:
        port = int(first.media_url.rpartition(":")[2])
    async with FakeRhombus(0, media_port=port) as second:
        assert second.media_url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="address already in use"):
            await FakeRhombus(0, media_port=port).__aenter__()
