"""The page in Chromium: its listing, filters and calendar, and how it looks."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.web_page.visiting import PHONE, Visit, visiting

pytestmark = pytest.mark.timeout(600)
BERLIN = ZoneInfo("Europe/Berlin")


def listed_uuids(fake: FakeRhombus) -> list[str]:
    """Return the clips, newest first, as the page lists them."""
    clips = sorted(fake.clips, key=lambda clip: (-clip["timestampMs"], clip["uuid"]))
    return [clip["uuid"] for clip in clips]


async def find_clip(visit: Visit, text: str) -> None:
    """Filter by a text, and wait for the result."""
    await visit.page.fill("[name=searchFilter]", text)
    await visit.until(
        "(text) => new URLSearchParams(location.search).get('searchFilter') === text", text
    )
    await visit.until("document.querySelector('#more').disabled === false")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
async def test_the_page_is_accessible_and_fits_the_screen(fake: FakeRhombus, look: str) -> None:
    """The checker axe finds nothing, nothing is cut off. Screenshots are kept."""
    looks: dict[str, dict[str, Any]] = {
        "light": {"color_scheme": "light"},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "has_touch": True},
    }
    async with visiting(fake, **looks[look]) as visit:
        await visit.until("document.querySelector('#days [data-level=\"4\"]')")
        await visit.until(
            "[...document.querySelectorAll('#grid img')].slice(0, 4).every((it) => it.naturalWidth)"
        )
        assert await visit.barriers() == []
        width = await visit.page.evaluate("document.documentElement.scrollWidth")
        assert width == visit.page.viewport_size["width"]  # type: ignore[index]  # it is set
        await visit.screenshot(f"clips-{look}")
        for dialog in ("making", "shares"):
            await visit.page.click(f"[data-opens='#{dialog}']")
            if dialog == "shares":
                await visit.page.wait_for_selector("#shares li")
            assert await visit.barriers() == []
            await visit.screenshot(f"{dialog}-{look}")
            await visit.page.keyboard.press("Escape")
        await visit.page.click("#grid li[data-kind=complete] .card")
        await visit.page.wait_for_selector(".detections button")
        await visit.until("document.querySelector('video').readyState >= 2")
        await visit.page.click("#open-sharing")
        assert await visit.barriers() == []
        await visit.screenshot(f"clip-{look}")
        width = await visit.page.evaluate("document.querySelector('#clip').scrollWidth")
        assert width <= visit.page.viewport_size["width"]  # type: ignore[index]  # it is set


async def test_scrolling_lists_each_clip_once_in_order(fake: FakeRhombus) -> None:
    """The 300th clip is reached although a clip appears meanwhile, which comes first."""
    before = listed_uuids(fake)
    async with visiting(fake) as visit:
        await visit.scroll_to(100)
        new = {**fake.clips[0], "uuid": "A" * 22, "title": "Just now"}
        new["createdAtMs"] = new["timestampMs"] = int(fake.now() * 1000)
        fake.clips.insert(0, new)
        await visit.page.wait_for_selector(f"[data-uuid='{new['uuid']}']")
        await visit.scroll_to(300)
        uuids = await visit.uuids()
        assert uuids[:301] == [new["uuid"], *before][:301]
        await visit.scroll_to(331)
        await visit.page.wait_for_selector("#end:not([hidden])")
        assert await visit.uuids() == [new["uuid"], *before]
        assert await visit.texts("#count") == ["331 in total"]
        assert visit.kinds.count("eventsource") == 1


async def test_the_filters_are_those_of_the_service(fake: FakeRhombus) -> None:
    """Text, device and period select the clips that the service selects, and survive a reload."""
    text = "after hours"
    async with visiting(fake) as visit:
        await visit.page.fill("[name=searchFilter]", text)
        wanted = [clip for clip in fake.clips if text in f"{clip['title']} {clip['description']}"]
        assert await visit.all_uuids(text) == {clip["uuid"] for clip in wanted}

        device = wanted[0]["deviceUuid"].split(".")[0]
        await visit.page.select_option("[name=deviceUuidFilters]", device)
        wanted = [c for c in wanted if device in {d.split(".")[0] for d in c["deviceUuids"]}]
        assert await visit.all_uuids(text, device) == {clip["uuid"] for clip in wanted}

        await visit.page.reload()
        assert await visit.all_uuids(text, device) == {clip["uuid"] for clip in wanted}

        await visit.page.click("button[type=reset]")
        assert await visit.all_uuids() == {*listed_uuids(fake)}


async def test_the_period_of_the_filters_is_local_time(fake: FakeRhombus) -> None:
    newest = datetime.fromtimestamp(fake.clips[0]["timestampMs"] / 1000, BERLIN)
    since, until = newest - timedelta(hours=30), newest - timedelta(hours=6)
    async with visiting(fake) as visit:
        since_text, until_text = (f"{time:%Y-%m-%dT%H:%M}" for time in (since, until))
        await visit.page.fill("[name=since]", since_text)
        await visit.page.fill("[name=until]", until_text)
        first, end = (time.replace(second=0, microsecond=0) for time in (since, until))
        assert await visit.all_uuids(since_text, until_text) == {
            clip["uuid"]
            for clip in fake.clips
            if first.timestamp() * 1000 <= clip["timestampMs"] < end.timestamp() * 1000
        }

        await visit.page.fill("[name=until]", "2001-01-01T00:00")
        assert await visit.all_uuids(since_text, "2001-01-01T00:00") == set()
        assert await visit.texts("#end") == ["No clips match."]


async def test_the_status_filter_does_not_search_everything_unasked(fake: FakeRhombus) -> None:
    """It loads a few pages; the button loads more. A clip that matches is shown."""
    for clip in fake.clips:
        clip["status"] = "COMPLETE"
    fake.clips[200]["status"] = "FAILED"
    async with visiting(fake, path="?status=failed") as visit:
        await visit.until("!document.querySelector('#more').disabled")
        listed = "document.querySelectorAll('#grid li').length"
        await visit.until(f"{listed} === 3 * 48")
        assert await visit.texts("#grid li:not([hidden])") == []
        await visit.page.click("#more")
        await visit.page.wait_for_selector("#grid li:not([hidden])")
        assert await visit.texts("#grid li:not([hidden]) .status") == ["Failed"]


async def test_the_calendar_counts_local_days_and_filters_on_click(fake: FakeRhombus) -> None:
    """A click selects a day, arrow keys move, a second click shows all days again."""
    days = [
        datetime.fromtimestamp(clip["timestampMs"] / 1000, BERLIN).date() for clip in fake.clips
    ]
    day = days[40]
    label = f"{day:%A, %B} {day.day}, {day.year}: {days.count(day)} clips"
    async with visiting(fake) as visit:
        cell = visit.page.locator(f"#days [aria-label='{label}']")
        await cell.click()
        await visit.page.wait_for_selector("#days [aria-pressed=true]")
        shown = await visit.all_uuids(f"{day}T00:00", f"{day + timedelta(days=1)}T00:00")
        pairs = zip(fake.clips, days, strict=True)
        assert shown == {clip["uuid"] for clip, its_day in pairs if its_day == day}
        await cell.press("ArrowUp")
        focused = await visit.page.evaluate("document.activeElement.ariaLabel")
        assert focused.startswith(f"{day - timedelta(days=1):%A}")
        assert await visit.page.locator("#days [tabindex='0']").count() == 1
        await cell.click()
        await visit.until("location.search === ''")
        assert await visit.page.locator("#days [aria-pressed=true]").count() == 0


async def test_a_new_clip_appears_in_the_listing_and_in_the_calendar(fake: FakeRhombus) -> None:
    """With filters, a button offers to list it."""
    async with visiting(fake) as visit:
        await visit.until("document.querySelector('#days [data-level=\"4\"]')")
        count = "Number(document.querySelector('#days :last-child').title.match(/: (.*) clip/)[1])"
        counted = await visit.page.evaluate(count)
        now_ms = int(fake.now() * 1000)
        new = {**fake.clips[0], "title": "Brand new", "timestampMs": now_ms, "createdAtMs": now_ms}
        fake.clips.insert(0, {**new, "uuid": "B" * 22})
        await visit.page.wait_for_selector(f"#grid li:first-child[data-uuid='{'B' * 22}']")
        await visit.until(f"(before) => {count} === before + 1", counted)

        await find_clip(visit, "Brand new")
        fake.clips.insert(0, {**new, "uuid": "C" * 22, "timestampMs": now_ms + 1})
        await visit.page.click("#news:not([hidden])")
        await visit.page.wait_for_selector(f"[data-uuid='{'C' * 22}']")
        assert await visit.uuids() == ["C" * 22, "B" * 22]


async def test_text_of_the_service_is_never_markup(fake: FakeRhombus) -> None:
    """Titles with tags and clips that lack almost everything are shown as text."""
    attack = "<img src=x onerror=\"document.title='changed'\"><script>alert(1)</script>"
    fake.clips[0] |= {"title": attack, "description": attack}
    for name in [*fake.clips[1]]:
        if name not in {"uuid", "timestampMs", "createdAtMs"}:
            fake.clips[1][name] = None
    async with visiting(fake) as visit:
        titles = await visit.texts("#grid .title")
        assert attack in titles
        assert "Untitled" in titles
        await visit.page.click(f"#grid li[data-uuid='{fake.clips[0]['uuid']}'] .card")
        assert await visit.texts("#clip .description") == [attack]
        assert await visit.page.title() == "Saved clips"
        await visit.page.keyboard.press("Escape")
        await visit.page.click(f"#grid li[data-uuid='{fake.clips[1]['uuid']}'] .card")
        assert re.search(r"Uuid\s+" + fake.clips[1]["uuid"], (await visit.texts("#clip dl"))[0])


async def test_the_page_tells_when_the_key_is_revoked(fake: FakeRhombus) -> None:
    """The clips stay visible, the banner says what is wrong, and a reload recovers."""
    async with visiting(fake) as visit:
        key, fake.api_key = fake.api_key, "another"
        await find_clip(visit, "delivery")
        await visit.page.wait_for_selector("#failure:not([hidden])")
        (message,) = await visit.texts("#failure p")
        assert "permit" in message
        assert key not in message
        assert visit.failures != []
        fake.api_key = key
        await visit.page.click("#failure button")
        await visit.page.wait_for_selector("#grid li")
        assert await visit.page.is_hidden("#failure")
