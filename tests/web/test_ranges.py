"""Videos are served in parts, and a Range header cannot be abused."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from attrs import frozen

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web.files import content_disposition
from tests.web.servers import ADAPTERS, serving

DATA = bytes(range(256)) * 40


@frozen
class Video:
    """A video behind the routes."""

    fake: FakeRhombus
    http: aiohttp.ClientSession
    url: str
    clip_uuid: str

    async def get(
        self, method: str = "GET", **headers: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return the status, the body and the headers of a response."""
        async with self.http.request(method, self.url, headers=headers) as response:
            return response.status, await response.read(), response.headers


@pytest.fixture(params=ADAPTERS)
async def video(request) -> AsyncIterator[Video]:
    async with (
        FakeRhombus(5) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(request.param, session) as url,
        aiohttp.ClientSession() as http,
    ):
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        fake.put_media(clip["uuid"], DATA)
        yield Video(fake, http, f"{url}/clips/{clip['uuid']}/video", clip["uuid"])


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=9-19", 9, 20), ("bytes=9-", 9, None), ("bytes=-5", -5, None)],
)
async def test_part(video: Video, wanted: str, start: int, stop: int | None) -> None:
    status, data, headers = await video.get(Range=wanted)
    assert (status, data) == (206, DATA[start:stop])
    assert headers["Content-Range"].endswith(f"/{len(DATA)}")
    assert headers["Cache-Control"] == "no-store"


async def test_later_parts_take_one_request_to_the_media_host_each(video: Video) -> None:
    """And none to the API, whose rate budget is small."""
    await video.get(Range="bytes=0-0")
    calls, media = len(video.fake.requests), len(video.fake.media_requests)
    for start in range(10):
        await video.get(Range=f"bytes={start}-")
    assert len(video.fake.requests) == calls
    assert len(video.fake.media_requests) == media + 10


async def test_whole_video(video: Video) -> None:
    for headers in ({}, {"Range": "bytes=0-1,5-6"}, {"Range": "bytes=9-", "If-Range": '"x"'}):
        status, data, found = await video.get(**headers)
        assert (status, data) == (200, DATA)
        assert found["Content-Disposition"].startswith("inline; ")


async def test_head(video: Video) -> None:
    status, data, headers = await video.get("HEAD", Range="bytes=9-")
    assert (status, data, headers["Content-Length"]) == (200, b"", str(len(DATA)))


async def test_range_after_the_end(video: Video) -> None:
    status, _, headers = await video.get(Range="bytes=99999-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(DATA)}")


async def test_very_many_ranges(video: Video) -> None:
    """10,000 may be too long for the server; 1,000 are too many for the routes."""
    ranges = [f"{start}-{start}" for start in range(10_000)]
    for count in (17, 1000, 10_000):
        status, _, _ = await video.get(Range="bytes=" + ",".join(ranges[:count]))
        assert 400 <= status < 500


async def test_changed_video_is_noticed(video: Video) -> None:
    """A browser never gets parts of two versions as one."""
    _, _, headers = await video.get(Range="bytes=0-9")
    video.fake.put_media(video.clip_uuid, DATA[::-1])
    status, data, changed = await video.get(Range="bytes=10-19")
    assert (status, data) == (206, DATA[::-1][10:20])
    assert changed["ETag"] != headers["ETag"]


@pytest.mark.parametrize(
    "name",
    ['a"b.mp4', "a\r\nX: 1.mp4", "a\\b.mp4", "ü 日本.mp4", "a%00.mp4", "a;b.mp4", "\ud7ff.mp4"],
)
def test_file_name_cannot_break_out_of_its_header(name: str) -> None:
    header = content_disposition("attachment", name)
    assert header.isascii() and header.isprintable()
    assert header.count('"') == 2
    assert "\\" not in header


async def test_empty_video(video: Video) -> None:
    video.fake.put_media(video.clip_uuid, b"")
    status, data, headers = await video.get()
    assert (status, data, headers["Content-Length"]) == (200, b"", "0")
