"""Chromium seeks in videos and receives events that the guide's programs serve."""

import asyncio

from rhombus_clips.testing import FakeRhombus, Media
from tests.web_guide.chromium import chromium
from tests.web_guide.guide import javascript
from tests.web_guide.servers import run

SIZE = 20_000_000

# The color at a point of the picture tells the time of a frame.
SEEK = """
(async () => {
  const video = document.querySelector("video");
  const event = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, {once: true});
    video.addEventListener("error", () => reject(new Error(video.error.message)), {once: true});
  });
  const pixel = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [160, 120];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    return [...context.getImageData(80, 10, 1, 1).data].slice(0, 3);
  };
  const same = (one, other) => one.every((part, index) => Math.abs(part - other[index]) <= 12);
  const color = async (before = [0, 0, 0]) => {
    // Black, or the frame before, until the frame is painted, which may be after "seeked".
    while (same(pixel(), [0, 0, 0]) || same(pixel(), before)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return pixel();
  };
  const seek = async (time) => {
    const before = pixel();
    const done = event("seeked");
    video.currentTime = time;
    await done;
    return await color(before);
  };
  if (video.readyState < 2) await event("loadeddata");
  const seen = {duration: video.duration, start: await color()};
  seen.late = await seek(110.5);
  seen.time = video.currentTime;
  seen.state = video.readyState;
  seen.early = await seek(40.5);
  await video.play();
  await event("timeupdate");
  return seen;
})()
"""


def close(color: list[int], other: tuple[int, int, int]) -> bool:
    return all(abs(one - two) <= 12 for one, two in zip(color, other, strict=True))


async def test_browser_requests_a_later_part_to_seek(framework, use, tmp_path) -> None:
    """It shows the picture of that time, without the 15 MB before it."""
    async with FakeRhombus(5, media=Media(video_bytes=SIZE)) as fake, asyncio.timeout(120):
        use(fake)
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        path = f"/clips/{clip['uuid']}/video"
        page = f'<video muted preload="metadata" src="{path}"></video>'
        async with run(framework, page=page) as backend, chromium(tmp_path) as tab:
            seen = await tab.evaluate(backend.url, SEEK)
    assert seen["duration"] == 120
    assert close(seen["start"], (203, 51, 51))
    assert close(seen["late"], (208, 34, 125))
    assert close(seen["early"], (12, 158, 3))
    assert seen["time"] == 110.5
    assert seen["state"] >= 2
    starts = [
        int(response.content_range.removeprefix("bytes ").partition("-")[0])
        for response in backend.sent
        if response.path == path and response.status == 206 and response.content_range is not None
    ]
    assert max(starts) > SIZE * 0.8


async def test_browser_receives_events_until_the_end(framework, fake, tmp_path) -> None:
    """With the script of the guide, which does not reconnect after the end."""
    clip_uuid = fake.start_render(seconds=0)
    script = f"""
    new Promise((resolve) => {{
      const uuid = "{clip_uuid}";
      const shown = [];
      const show = (status) => shown.push(status);
      {javascript()}
      events.addEventListener("end", ({{ data }}) => resolve([shown, data, events.readyState]));
    }})
    """
    async with (
        run(framework, page="<p>") as backend,
        chromium(tmp_path) as tab,
        asyncio.timeout(120),
    ):
        shown, end, state = await tab.evaluate(backend.url, script)
    assert (shown, end) == (["COMPLETE"], "{}")
    assert state == 2  # closed
