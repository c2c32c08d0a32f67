"""The event loop waits neither for a slow disk nor for a busy thread."""

import asyncio
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from rhombus_clips.testing import faults
from tests.media.downloading.downloads import DATA, HALF, NOTHING_KNOWN, the_clip

PROGRAM = """
import asyncio, json, os, sys, threading
from pathlib import Path
from rhombus_clips import ClipSession, RhombusError
from rhombus_clips.models import (MetaDataLocation, SavedClip)
from rhombus_clips.testing import FakeRhombus, faults

watched = Path(sys.argv[1])
on_loop, elsewhere = [], set()

def watch(event, arguments):
    if event.split(".")[0] in {"open", "os", "shutil", "fcntl"} and arguments:
        note(event, arguments[0])

def note(event, name):
    if isinstance(name, (str, Path)) and str(name).startswith(str(watched)):
        if threading.current_thread() is threading.main_thread():
            on_loop.append([event, str(name)])
        else:
            elsewhere.add(event)

def watching(name):
    function = getattr(os, name)
    def call(path, *arguments, **keywords):
        note(name, path)
        return function(path, *arguments, **keywords)
    setattr(os, name, call)

async def main():
    wire = {"uuid": "A" * 22, "status": "COMPLETE", "clipLocation": {"region": "us-west-2"}}
    async with FakeRhombus([wire], shared_clip_groups=0) as fake:
        fake.put_media("A" * 22, os.urandom(400_000))
        at = {"base_url": fake.url, "media_url": fake.media_url}
        async with ClipSession(fake.api_key, **at) as session:
            clip = await session.get_clip_with_progress("A" * 22)
            bare = SavedClip(uuid=clip.uuid, clip_location=clip.clip_location)
            for number, one in enumerate([clip, bare]):
                path = watched / f"{number}.mp4"
                await session.download_clip(one, path)
                await session.download_clip(one, path)
                fake.media_faults = [faults.Corrupt(times=None)]
                try:
                    await session.download_clip(clip, watched / "wrong.mp4")
                except RhombusError:
                    pass
                fake.media_faults = []
                folder = watched / f"folder {number}"
                for _ in range(3):
                    await session.download_clips([one], folder, name=lambda _: "name.mp4")
                task = asyncio.create_task(session.download_clip(one, watched / "cancelled.mp4"))
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait({task})

sys.addaudithook(watch)
for name in ("stat", "lstat", "unlink", "replace", "link", "rename"):
    watching(name)
asyncio.run(main())
print(json.dumps([on_loop, sorted(elsewhere)]))
"""


def test_files_are_accessed_in_threads_only(tmp_path) -> None:
    """No download opens, examines, moves or removes a file on the event loop."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    on_loop, elsewhere = json.loads(result.stdout)
    assert on_loop == []
    assert {"open", "stat", "lstat", "unlink", "replace", "link"} <= set(elsewhere)


@pytest.fixture
async def busy():
    """Occupy the only thread of the default executor."""
    release = threading.Event()
    executor = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(executor)
    occupied = loop.run_in_executor(None, release.wait, 50)
    yield occupied
    release.set()
    await occupied


async def test_download_needs_no_thread_of_the_default_executor(busy, fake, session, path) -> None:
    for changes in ({}, {}, NOTHING_KNOWN):
        with anyio.fail_after(20):
            await session.download_clip(await the_clip(session, **changes), path)
        assert path.read_bytes() == DATA
    assert not busy.done()


async def test_download_can_be_cancelled_while_all_threads_are_busy(
    busy, fake, session, path
) -> None:
    clip = await the_clip(session)
    has_come = asyncio.Event()
    fake.media_faults = [faults.Stall(after_body_bytes=HALF, seconds=20)]
    task = asyncio.create_task(
        session.download_clip(clip, path, progress=lambda *_: has_come.set())
    )
    with anyio.fail_after(20):
        await has_come.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not busy.done()
    assert path.with_name("clip.mp4.part").stat().st_size > 0


async def test_bulk_download_can_be_cancelled_while_all_threads_are_busy(
    busy, fake, session, tmp_path
) -> None:
    clip = await the_clip(session)
    task = asyncio.create_task(session.download_clips([clip], tmp_path / "in"))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with anyio.fail_after(20), pytest.raises(asyncio.CancelledError):
        await task
    assert not busy.done()
    assert not (tmp_path / "in").exists()
