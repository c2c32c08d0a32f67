"""A clip with a file, and requests for it, for tests of the media host."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import make_uuid

REGION = "us-west-2"
UUID = make_uuid("media", 1)
DATA = bytes(range(256)) * 40


def make_clip(**fields: Any) -> dict[str, Any]:
    usual = {
        "uuid": UUID,
        "status": "COMPLETE",
        "clipLocation": {"region": REGION},
        "thumbnailLocation": {"region": "us-east-1"},
    }
    return {**usual, **fields}


def headers_of(fake: FakeRhombus, **more: str) -> dict[str, str]:
    return {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key, **more}


def url_of(fake: FakeRhombus, name: str = f"{UUID}.mp4", region: str = REGION) -> str:
    return f"{fake.media_url}/media/metadata/{region}/{name}"


@asynccontextmanager
async def complete_clips(count: int) -> AsyncGenerator[FakeRhombus, None]:
    """Serve clips that are all complete."""
    async with FakeRhombus(count, seed=3) as service:
        for clip in service.clips:
            clip["status"] = "COMPLETE"
        yield service


class Answer:
    """A response with its whole body."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body


async def get(url: str, method: str = "GET", **settings: Any) -> Answer:
    settings.setdefault("allow_redirects", False)
    # Unchanged, because a signature covers every byte.
    target = URL(url, encoded=True)
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, target, **settings) as response,
    ):
        return Answer(response, await response.read())


async def fetch(fake: FakeRhombus, *, method: str = "GET", **headers: str) -> Answer:
    """Request the video, with header names written with underscores."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await get(url_of(fake), method, headers=headers_of(fake, **more))
