"""A stored exception of a failed download, such as in a summary, holds no body and no buffer."""

import asyncio
import gc
import resource
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    DownloadError,
    IntegrityError,
    MediaTimeout,
    RetryPolicy,
    RhombusError,
    ServerError,
)
from rhombus_clips.testing import FakeRhombus, Media, faults
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
    WIRE,
    large_things_held_by,
    the_clip,
)


@pytest.fixture
def _full_disk():
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.usefixtures("_full_disk")
async def test_full_disk(fake, session, path) -> None:
    with pytest.raises(OSError, match="too large") as caught:
        await session.download_clip(await the_clip(session), path)
    assert large_things_held_by(caught.value) == []


@pytest.mark.usefixtures("_full_disk")
async def test_full_disk_noticed_after_a_disconnect(fake, session, path) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF + 1), *BREAKS_OFF[1:]]
    with pytest.raises(OSError, match="too large") as caught:
        await session.download_clip(await the_clip(session), path)
    assert large_things_held_by(caught.value) == []


@pytest.mark.parametrize(
    ("media_faults", "kind"),
    [
        (BREAKS_OFF, ServerError),
        ([faults.Corrupt(times=None)], IntegrityError),
        ([faults.EndlessBody(times=None)], IntegrityError),
    ],
)
async def test_failure_in_a_summary(
    media_faults: list[Any], kind: type[RhombusError], fake, connect, tmp_path
) -> None:
    fake.media_faults = [*media_faults]
    async with connect(
        fake, media_timeout=MediaTimeout(stall=5, min_bytes_per_second=0)
    ) as session:
        clip = await the_clip(session)
        summary = await session.download_clips([clip], tmp_path)
    (failure,) = summary.failures
    assert isinstance(failure.error, kind)
    assert large_things_held_by(failure.error) == []


@pytest.mark.parametrize(
    "fault",
    [
        faults.Disconnect(after_body_bytes=HALF, times=None),
        faults.Stall(after_body_bytes=HALF, seconds=20, times=None),
        faults.Corrupt(times=None),
        faults.EndlessBody(times=None),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_failures_in_a_summary_allocate_no_large_blocks(fault, connect, tmp_path) -> None:
    """Neither tracebacks, threads, responses nor the writer may hold them."""
    uuids = [f"clip-{number:017}" for number in range(6)]
    timeout = MediaTimeout(stall=0.3, min_bytes_per_second=0)
    async with FakeRhombus([WIRE | {"uuid": uuid} for uuid in uuids], shared_clip_groups=0) as fake:
        for uuid in uuids:
            fake.put_media(uuid, DATA)
        fake.media_faults = [fault]
        async with connect(fake, retry=RetryPolicy(attempts=1), media_timeout=timeout) as session:
            clips = await session.saved_clips().collect(len(uuids))
            clips = [evolve(clip, byte_count=len(DATA)) for clip in clips]
            tracemalloc.start(25)
            try:
                summary = await session.download_clips(clips, tmp_path)
                for _ in range(100):  # A connection that is closing may still hold a block.
                    blocks = _large_blocks()
                    if not blocks:
                        break
                    await asyncio.sleep(0.02)
            finally:
                tracemalloc.stop()
    assert len(summary.failures) == len(uuids)
    assert blocks == []


def _large_blocks() -> list[tracemalloc.Trace]:
    """Return the large blocks in use that the service has not allocated."""
    gc.collect()
    service = tracemalloc.Filter(
        inclusive=False, filename_pattern="*/rhombus_clips/testing/*", all_frames=True
    )
    traces = tracemalloc.take_snapshot().filter_traces([service]).traces
    return [trace for trace in traces if trace.size >= 10_000]


@pytest.mark.parametrize("breaks_off", [True, False])
async def test_failure_of_a_stream_holds_no_chunk(fake, session, *, breaks_off: bool) -> None:
    clip = await the_clip(session, sha256_hex=None if breaks_off else "0" * 64)
    if breaks_off:
        fake.media = Media(etag=None)
        fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    with pytest.raises(DownloadError) as caught:
        async with session.stream_clip(clip) as stream:
            async for _ in stream:
                pass
    assert large_things_held_by(caught.value) == []


async def test_exception_of_the_caller_keeps_its_own_variables(fake, session, path) -> None:
    """They are needed for debugging."""

    def fail(there: int, total: int | None) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError) as caught:
        await session.download_clip(await the_clip(session), path, progress=fail)
    assert large_things_held_by(caught.value) == []
    traceback = caught.value.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    assert traceback is not None
    assert traceback.tb_frame.f_locals["total"] == len(DATA)


def test_interpreter_survives_the_collection_of_a_failure(tmp_path) -> None:
    """In a separate process: CPython 3.12.1 crashed at the next collection or at exit."""
    program = f"""
import asyncio, gc, resource
from pathlib import Path
from rhombus_clips.media import (writer)
from rhombus_clips.media.reader import Piece
from rhombus_clips.media.part_file import PartFile

async def main():
    part = PartFile(Path({str(tmp_path / "clip.mp4")!r}), "source", replaces=True)
    part.open()
    kept = writer.FileWriter(part)
    try:
        for number in range(99):
            await kept.add(Piece(number * 99_999, b"x" * 99_999), None)
        await kept.finish()
    except OSError as error:
        print("failed:", error.strerror)
    finally:
        await kept.aclose()
        part.close()

writer._BLOCK = 100_000
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
for _ in range(5):
    asyncio.run(main())
    gc.collect()
"""
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["failed: File too large"] * 5
