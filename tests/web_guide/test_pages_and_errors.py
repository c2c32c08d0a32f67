"""Pages of the guide's programs follow each other, and errors become responses."""

import asyncio
import json
from typing import Any

import pytest

from rhombus_clips import dumps, from_dict
from rhombus_clips.models import SavedClip
from rhombus_clips.testing import faults
from rhombus_clips.testing.faults import json_answer
from tests.media.media_requests import make_clip
from tests.web_guide.guide import TITLES, TOPICS, blocks_of
from tests.web_guide.servers import run
from tests.web_guide.watched import UntilDisconnected

LISTING = "/api/event/getSavedClipsV2"


@pytest.mark.parametrize("title", TITLES)
def test_guide_has_a_short_example_of_each_topic(title: str) -> None:
    blocks = blocks_of(title)
    assert [topic for topic in blocks if topic != "Run"] == TOPICS
    assert all(len(code.splitlines()) <= 25 for code in blocks.values())
    assert all(len(line) <= 100 for code in blocks.values() for line in code.splitlines())


# --- pages ---------------------------------------------------------------------------------------


async def test_pages_have_each_clip_once(framework, fake, browser) -> None:
    """One request to the service for each page, plus one at the start and one at the end."""
    clips: list[dict[str, Any]] = []
    query: dict[str, str] | None = {}
    pages = 0
    async with run(framework) as backend:
        while query is not None:
            async with browser.get(f"{backend.url}/clips", params=query) as response:
                page = await response.json()
            assert response.status == 200
            assert len(page["clips"]) == 25 or page["cursor"] is None
            clips += page["clips"]
            query = page["cursor"] and {"cursor": page["cursor"]}
            pages += 1
            assert pages < 10, "the pages do not end"
    assert sorted(clip["uuid"] for clip in clips) == sorted(clip["uuid"] for clip in fake.clips)
    assert pages == 6
    assert len(fake.requests) <= pages + 2


async def test_page_has_the_json_of_the_service(framework, fake, browser) -> None:
    async with run(framework) as backend, browser.get(f"{backend.url}/clips") as response:
        page = await response.json()
    known = {clip["uuid"]: clip for clip in fake.clips}
    for clip in page["clips"]:
        model = from_dict(known[clip["uuid"]], SavedClip)
        assert clip == json.loads(dumps(model))


async def test_browser_that_disconnects_ends_the_request_for_its_page(fake, browser) -> None:
    """FastAPI does not cancel such a request."""
    waiting = UntilDisconnected()
    fake.faults = [waiting]
    async with run("aiohttp") as backend, asyncio.timeout(60):
        reading = asyncio.create_task(browser.get(f"{backend.url}/clips"))
        await waiting.arrived.wait()
        reading.cancel()
        await waiting.disconnected.wait()
    assert len(fake.requests) == 1


# --- errors --------------------------------------------------------------------------------------


def check_public(text: str, fake) -> None:
    """Check that a response names neither the service nor the program."""
    secrets = [fake.api_key, "127.0.0.1", "/api/", ".py", "Traceback", "<script>", "quoted"]
    assert [secret for secret in secrets if secret in text] == []
    assert set(json.loads(text)) == {"error"}


async def test_tampered_cursor_is_a_400(framework, fake, browser) -> None:
    async with run(framework) as backend:
        async with browser.get(f"{backend.url}/clips") as response:
            cursor = (await response.json())["cursor"]
        count = len(fake.requests)
        middle = len(cursor) // 2
        other = "A" if cursor[middle] != "A" else "B"
        damaged = [cursor[:-1], cursor[:middle] + other + cursor[middle + 1 :], "<script>"]
        for text in [*damaged, "../../etc/passwd", "0", "\N{SNOWMAN}", "x" * 4000]:
            query = {"cursor": text}
            async with browser.get(f"{backend.url}/clips", params=query) as response:
                check_public(await response.text(), fake)
            assert response.status == 400, text
            assert "cursor" in (await response.json())["error"]
        assert len(fake.requests) == count


async def test_unknown_clip_is_a_404_and_an_impossible_one_a_400(framework, fake, browser) -> None:
    async with run(framework) as backend:
        for method in ("GET", "HEAD"):
            async with browser.request(method, f"{backend.url}/clips/unknown/video") as response:
                text = await response.text()
            assert response.status == 404
        async with browser.get(f"{backend.url}/clips/unknown/video") as response:
            check_public(await response.text(), fake)
        fake.clips.append(make_clip(uuid="unfinished", status="RENDERING", region=None))
        async with browser.get(f"{backend.url}/clips/unfinished/video") as response:
            text = await response.text()
        assert response.status == 404
        check_public(text, fake)
        for path in ("video", "events"):
            async with browser.get(f"{backend.url}/clips/a%00b/{path}") as response:
                text = await response.text()
            assert response.status == 400
            check_public(text, fake)


async def test_pause_of_the_service_is_a_503_with_retry_after(framework, fake, browser) -> None:
    """The next request gets it without a request to the service."""
    fake.faults = [faults.Respond(429, headers={"Retry-After": "30"})]
    async with run(framework) as backend:
        for _ in range(2):
            async with browser.get(f"{backend.url}/clips") as response:
                text = await response.text()
            assert response.status == 503
            assert 25 <= int(response.headers["Retry-After"]) <= 31
            assert response.headers["Cache-Control"] == "no-store"
            check_public(text, fake)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (json_answer(401, {"error": "quoted"}, times=None), 502),
        (json_answer(403, {"error": "quoted"}, times=None), 502),
        (json_answer(400, {"error": "quoted"}, times=None), 502),
        (json_answer(500, {"error": "quoted"}, times=None), 502),
        (json_answer(200, {"error": True, "errorMsg": "quoted"}, times=None), 502),
        (json_answer(200, {"savedClips": ["quoted"]}, times=None), 502),
        (faults.Respond(503, b"quoted <html>", times=None), 502),
        (faults.Disconnect(times=None), 502),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_failure_of_the_service_is_a_502(framework, fault, status, fake, browser) -> None:
    fake.faults = [fault]
    async with run(framework) as backend, browser.get(f"{backend.url}/clips") as response:
        text = await response.text()
    assert response.status == status
    check_public(text, fake)


async def test_unreachable_service_is_a_503(framework, fake, browser, monkeypatch) -> None:
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", "http://127.0.0.1:9")
    async with run(framework) as backend, browser.get(f"{backend.url}/clips") as response:
        text = await response.text()
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    check_public(text, fake)


async def test_slow_service_is_a_504(framework, fake, browser) -> None:
    fake.faults = [faults.Silence(times=None)]

    def hurry(code: str) -> str:
        return code.replace("for_web()", "for_web(timeout=0.2)")

    async with (
        run(framework, edit=hurry) as backend,
        browser.get(f"{backend.url}/clips") as response,
    ):
        text = await response.text()
    assert response.status == 504
    check_public(text, fake)
