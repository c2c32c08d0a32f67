"""A clock for tests of FakeRhombus, and calls without a session."""

import json
from typing import Any

import aiohttp

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.clips import make_uuid

DEVICE, OTHER_DEVICE = f"{make_uuid('camera', 1)}.v0", f"{make_uuid('camera', 2)}.v0"
UNKNOWN = make_uuid("unknown")
MOMENT = 1_700_000_000_000


class Clock:
    """The clock of the fake, which the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def post(fake: FakeRhombus, operation: str, **parameters: Any) -> tuple[int, Any]:
    headers = {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key}
    url = f"{fake.url}/api/{operation}"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(url, json=parameters) as response,
    ):
        body = await response.read()
        return response.status, json.loads(body) if body else None


async def call(fake: FakeRhombus, operation: str, **parameters: Any) -> Any:
    """Return the response to a call that succeeds."""
    status, answer = await post(fake, operation, **parameters)
    assert (status, answer["error"]) == (200, False), answer
    return answer


async def fail(fake: FakeRhombus, operation: str, **parameters: Any) -> str:
    """Return the ``errorMsg`` of a call that fails."""
    status, answer = await post(fake, operation, **parameters)
    assert (status, answer["error"]) == (200, True), answer
    reason: str = answer["errorMsg"]
    assert reason
    return reason


async def walk(fake: FakeRhombus, operation: str, **parameters: Any) -> list[Any]:
    """Return the uuids of all pages."""
    uuids: list[Any] = []
    token: str | None = None
    while True:
        page = await call(fake, f"event/{operation}", pageToken=token, **parameters)
        assert len(page["savedClips"]) <= parameters.get("pageSize", 100)
        uuids += [clip["uuid"] for clip in page["savedClips"]]
        token = page.get("pageToken")
        if token is None:
            return uuids


def uuids_of(clips) -> list[Any]:
    return [clip["uuid"] for clip in clips]


def interval_of(start_sec: float, end_sec: float) -> dict[str, int]:
    return {"startMs": MOMENT + int(start_sec * 1000), "endMs": MOMENT + int(end_sec * 1000)}


async def chosen_by(fake, **filters) -> set[Any]:
    answer = await call(fake, "event/getClipsWithProgress", pageSize=200, **filters)
    return set(uuids_of(answer["savedClips"]))
