"""The page in Chromium: playing, downloading, sharing and making clips."""

import hashlib
from pathlib import Path

import pytest

from rhombus_clips.testing import FakeRhombus, Media
from tests.web_page.conftest import Clock
from tests.web_page.visiting import Visit, visiting

pytestmark = pytest.mark.timeout(600)


async def open_clip(visit: Visit, uuid: str) -> None:
    """Open the view of a clip, and wait until it shows a picture of the video."""
    await visit.page.click(f"#grid li[data-uuid='{uuid}'] .card")
    await visit.until("document.querySelector('video').readyState >= 2")


def complete(fake: FakeRhombus) -> str:
    """Return the uuid of a recent clip that is complete."""
    uuid: str = next(c["uuid"] for c in fake.clips if c["status"] == "COMPLETE")
    return uuid


async def test_a_video_plays_and_seeks_without_being_loaded_as_a_whole() -> None:
    """Seeking in 20 MB loads a part that starts later, and closing the view ends the transfer."""
    async with FakeRhombus(30, media=Media(video_bytes=20_000_000)) as fake:
        for clip in fake.clips:
            clip["status"] = "COMPLETE"
        async with visiting(fake) as visit:
            await open_clip(visit, complete(fake))
            await visit.page.evaluate("document.querySelector('video').play()")
            await visit.until("document.querySelector('video').currentTime > 0.2")
            duration = await visit.page.evaluate("document.querySelector('video').duration")
            await visit.page.evaluate(
                "(time) => { document.querySelector('video').currentTime = time }", duration * 0.8
            )
            await visit.until(
                "(time) => { const video = document.querySelector('video');"
                " return !video.seeking && video.currentTime >= time }",
                duration * 0.8,
            )
            starts = [int(part.removeprefix("bytes ").split("-")[0]) for part in visit.ranges]
            assert max(starts) > 10_000_000
            assert not await visit.page.evaluate("document.querySelector('video').error")
            await visit.page.click("#clip .close")
            assert await visit.page.evaluate("document.querySelector('video').networkState") == 0


async def test_a_download_has_the_bytes_of_the_video(fake: FakeRhombus, tmp_path: Path) -> None:
    uuid = complete(fake)
    async with visiting(fake) as visit:
        await open_clip(visit, uuid)
        async with visit.page.expect_download() as started:
            await visit.page.click("#download")
        download = await started.value
        assert download.suggested_filename.endswith(".mp4")
        await download.save_as(tmp_path / "clip.mp4")
    data = (tmp_path / "clip.mp4").read_bytes()
    assert hashlib.sha256(data).hexdigest() == fake.video(uuid).sha256_hex


async def test_a_detection_is_drawn_over_the_picture(fake: FakeRhombus) -> None:
    """Selecting it shows the moment; the box has its place in the picture."""
    uuid = complete(fake)
    async with visiting(fake) as visit:
        await open_clip(visit, uuid)
        await visit.page.wait_for_selector(".detections button")
        details = await visit.page.evaluate(
            "(uuid) => fetch(`api/clips/${uuid}`).then((response) => response.json())", uuid
        )
        boxes = [box for box in details["boundingBoxes"] if box and box["relativeSecond"] >= 0]
        box = boxes[0]
        second = int(box["relativeSecond"])
        activity = (box.get("activity") or "MOTION").replace("_", " ").capitalize()
        await visit.page.click(
            f".detections button:text-is('{second // 60}:{second % 60:02} {activity}')"
        )
        await visit.page.wait_for_selector(f".boxes span:has-text('{activity}')")
        edges = await visit.page.evaluate(
            "() => { const picture = document.querySelector('video').getBoundingClientRect();"
            " return [...document.querySelectorAll('.boxes span')].map((span) => {"
            " const box = span.getBoundingClientRect();"
            " return [(box.left - picture.left) / picture.width,"
            " (box.top - picture.top) / picture.height] }) }"
        )
        wanted = (box["left"] / 10_000, box["top"] / 10_000)
        assert any(edge == pytest.approx(wanted, abs=0.01) for edge in edges)


async def test_a_clip_is_made_with_live_progress(fake: FakeRhombus, clock: Clock) -> None:
    """The form shows the progress to its end, then the clip can be watched."""
    device = fake.clips[0]["deviceUuid"].split(".")[0]
    async with visiting(fake) as visit:
        await visit.page.click("[data-opens='#making']")
        await visit.page.fill("#making [name=device]", device)
        await visit.page.fill("#making [name=title]", "A new one")
        await visit.page.click("#making-form .primary")
        await visit.page.wait_for_selector("#making progress:not([hidden])")
        status = "document.querySelector('#making .status').textContent"
        seen = {await visit.page.evaluate(status)}
        for _ in range(3):
            clock.time += 2.5
            await visit.until(f"(seen) => !seen.includes({status})", [*seen])
            seen.add(await visit.page.evaluate(status))
        assert any("%" in text for text in seen)
        clock.time += 10
        await visit.page.click("#making .render button:not([hidden])")
        await visit.until("document.querySelector('video').readyState >= 2")
        assert await visit.texts("#clip-title") == ["A new one"]
        await visit.page.keyboard.press("Escape")
        assert await visit.texts("#grid li:first-child .status") == ["Complete"]


async def test_a_render_that_fails_is_reported(fake: FakeRhombus, clock: Clock) -> None:
    fake.renders_fail = True
    async with visiting(fake) as visit:
        await visit.page.click("[data-opens='#making']")
        await visit.page.fill("#making [name=device]", fake.clips[0]["deviceUuid"].split(".")[0])
        await visit.page.fill("#making [name=title]", "Doomed")
        await visit.page.click("#making-form .primary")
        await visit.page.wait_for_selector("#making progress:not([hidden])")
        clock.time += 20
        await visit.page.wait_for_selector("#grid li:first-child[data-kind=failed]")
        assert await visit.page.is_hidden("#making .render button")


async def test_a_form_shows_why_a_clip_cannot_be_made(fake: FakeRhombus) -> None:
    """What was entered stays in the form."""
    async with visiting(fake) as visit:
        await visit.page.click("[data-opens='#making']")
        await visit.page.fill("#making [name=device]", "not a uuid!")
        await visit.page.fill("#making [name=title]", "Nothing")
        await visit.page.click("#making-form .primary")
        await visit.page.wait_for_selector("#making .problem:not([hidden])")
        assert await visit.texts("#making .problem") != [""]
        assert await visit.page.input_value("#making [name=title]") == "Nothing"
    assert all("splice" not in request.path for request in fake.requests)


async def test_a_reload_during_a_render_continues_its_progress(
    fake: FakeRhombus, clock: Clock
) -> None:
    uuid = fake.start_render(seconds=10)
    fake.renders[uuid].clip["timestampMs"] = int(clock() * 1000)
    card = f"#grid li[data-uuid='{uuid}']"
    async with visiting(fake) as visit:
        await visit.page.wait_for_selector(f"{card}[data-kind=running]")
        clock.time += 4
        await visit.until(f'document.querySelector("{card} progress").value > 0')
        await visit.page.reload()
        await visit.until(f'document.querySelector("{card} progress")?.value > 0')
        clock.time += 10
        await visit.page.wait_for_selector(f"{card}[data-kind=complete]")
        await visit.until(f'document.querySelector("{card} img").naturalWidth')


async def test_a_clip_is_shared_and_the_share_revoked(fake: FakeRhombus) -> None:
    """With a password and an end. The link is copied; revoking takes a second click."""
    fake.shared_clip_groups.clear()
    uuid = complete(fake)
    async with visiting(fake, permissions=["clipboard-read", "clipboard-write"]) as visit:
        await open_clip(visit, uuid)
        await visit.page.click("#open-sharing")
        await visit.page.fill("#sharing [name=password]", "open sesame")
        await visit.page.select_option("#sharing [name=days]", "30")
        await visit.page.click("#sharing .primary")
        await visit.page.click(".link button")
        await visit.until("document.querySelector('.link button').textContent === 'Copied'")
        link = await visit.page.evaluate("navigator.clipboard.readText()")
        assert link == await visit.page.input_value(".link input")
        (group,) = fake.shared_clip_groups
        assert group["uuid"] in link
        assert group["isSecured"]
        days = (group["expirationTimeSecs"] - fake.now()) / 86_400
        assert days == pytest.approx(30, abs=0.1)

        await visit.page.keyboard.press("Escape")
        await visit.page.click("[data-opens='#shares']")
        revoke = visit.page.locator("#shares li button")
        await revoke.click()
        assert fake.shared_clip_groups == [group]
        await revoke.click()
        await visit.page.wait_for_selector("#shares li", state="detached")
        assert fake.shared_clip_groups == []


async def test_an_expired_share_is_not_listed(fake: FakeRhombus) -> None:
    """A share may have an end, a duration, or neither."""
    shares = fake.shared_clip_groups[:4]
    now = int(fake.now())
    ends = (now - 60, now + 86_400, 3600, None)
    for share, end in zip(shares, ends, strict=True):
        share |= {"title": f"Ends {end}", "expirationTimeSecs": end}
        share["createdAtMillis"] = (now - 7200) * 1000
    fake.shared_clip_groups[:] = shares
    async with visiting(fake) as visit:
        await visit.page.click("[data-opens='#shares']")
        await visit.page.wait_for_selector("#shares li")
        titles = {*await visit.texts("#shares strong")}
        assert titles == {f"Ends {now + 86_400}", "Ends None"}
