"""Videos of the guide's programs."""

import asyncio

import aiohttp
import pytest

from rhombus_clips.testing import faults
from tests.web_guide.servers import run
from tests.web_guide.watched import UntilDisconnected

DATA = bytes(range(256)) * 400
SIZE = len(DATA)


@pytest.fixture
def path(fake) -> str:
    """The path of a video with known bytes."""
    clip_uuid = next(clip["uuid"] for clip in fake.clips if clip["status"] == "COMPLETE")
    fake.put_media(clip_uuid, DATA)
    return f"/clips/{clip_uuid}/video"


async def test_parts_equal_the_file(framework, path, fake, browser) -> None:
    async with run(framework) as backend:
        url = backend.url + path
        async with browser.get(url) as response:
            assert await response.read() == DATA
        assert response.status == 200
        assert response.headers["Accept-Ranges"] == "bytes"
        assert int(response.headers["Content-Length"]) == SIZE
        etag = response.headers["ETag"]
        received = b""
        while len(received) < SIZE:
            start, stop = len(received), min(len(received) + 33_333, SIZE)
            headers = {"Range": f"bytes={start}-{stop - 1}", "If-Range": etag}
            async with browser.get(url, headers=headers) as response:
                received += await response.read()
            assert response.status == 206
            assert response.content_type == "video/mp4"
            assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
            assert (response.headers["ETag"], len(received)) == (etag, stop)
        assert received == DATA


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=0-", 206, slice(0, SIZE)),
        ("bytes=-1", 206, slice(SIZE - 1, SIZE)),
        ("bytes=5-999999999", 206, slice(5, SIZE)),
        ("bytes=1-2,5-6", 200, slice(0, SIZE)),
        ("bytes=2-1", 200, slice(0, SIZE)),
        ("lines=1-2", 200, slice(0, SIZE)),
    ],
)
async def test_other_forms_of_ranges(framework, header, status, part, path, browser) -> None:
    async with (
        run(framework) as backend,
        browser.get(backend.url + path, headers={"Range": header}) as response,
    ):
        assert await response.read() == DATA[part]
    assert response.status == status


async def test_range_after_the_end_is_a_416_with_the_length(framework, path, browser) -> None:
    async with run(framework) as backend:
        for header in (f"bytes={SIZE}-", "bytes=-0"):
            async with browser.get(backend.url + path, headers={"Range": header}) as response:
                assert set(await response.json()) == {"error"}
            assert response.status == 416
            assert response.headers["Content-Range"] == f"bytes */{SIZE}"


async def test_changed_video_is_sent_as_a_whole(framework, path, browser) -> None:
    headers = {"Range": "bytes=5-9", "If-Range": '"earlier"'}
    async with (
        run(framework) as backend,
        browser.get(backend.url + path, headers=headers) as response,
    ):
        assert await response.read() == DATA
    assert response.status == 200


async def test_head_has_the_headers_without_the_video(framework, path, fake, browser) -> None:
    """It reads one byte of the video, to learn its length."""
    async with run(framework) as backend:
        headers = {"Range": "bytes=5-9"}
        async with browser.head(backend.url + path, headers=headers) as response:
            assert await response.read() == b""
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == SIZE
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.content_type == "video/mp4"
        async with browser.get(backend.url + path) as whole:
            assert whole.headers["ETag"] == response.headers["ETag"]
            await whole.read()
    assert fake.media_requests[0].header("Range") == "bytes=0-0"
    assert len(fake.media_requests) == 3


async def test_browser_that_disconnects_ends_the_request_for_the_video(
    framework, path, fake, browser
) -> None:
    waiting = UntilDisconnected()
    fake.media_faults = [faults.Ok(), waiting]
    async with run(framework) as backend, asyncio.timeout(60):
        reading = asyncio.create_task(browser.get(backend.url + path))
        await waiting.arrived.wait()
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result().close()
        await waiting.disconnected.wait()


async def test_truncated_video_is_noticed(framework, path, fake, browser) -> None:
    """An error after the start of the response closes the connection."""
    fake.media_faults = [faults.Ok(), faults.Disconnect(after_bytes=5000, times=None)]
    async with run(framework) as backend, browser.get(backend.url + path) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert response.status == 200
