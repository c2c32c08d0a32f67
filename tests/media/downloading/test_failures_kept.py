"""A failed download may be kept, as a summary keeps it: it holds no body and no buffer."""

import resource
import subprocess
import sys
from typing import Any

import pytest

from rhombus_clips import IntegrityError, MediaTimeout, RhombusError, ServerError
from rhombus_clips.testing import faults
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
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
async def test_full_disk_that_was_noticed_after_the_host_broke_off(fake, session, path) -> None:
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
async def test_failure_of_the_host_in_a_summary(
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


async def test_callers_own_error_keeps_what_its_own_functions_hold(fake, session, path) -> None:
    """What failed in them is to be told from it."""

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


def test_interpreter_survives_a_failure_that_is_collected(tmp_path) -> None:
    """In a process of its own: CPython 3.12.1 crashed at the next collection, or at the end."""
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
