"""Received bytes are stored in order and within bounded memory, however slow the disk."""

import asyncio
import hashlib
import random
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips.media import writer as rules
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.media.reader import Piece
from rhombus_clips.media.writer import FileWriter
from tests.media.downloading.downloads import SOURCE, large_things_held_by

BLOCK = 64


@pytest.fixture
def file(path):
    part = PartFile(path, SOURCE, replaces=True)
    part.open()
    yield part
    part.close()


def pieces_of(contents: Iterable[bytes]) -> Iterable[Piece]:
    start = 0
    for data in contents:
        yield Piece(start, data)
        start += len(data)


@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=3 * BLOCK), min_size=1), max_size=3),
    st.integers(0, 1000),
)
def test_pieces_are_stored_in_order_however_slow_the_disk(
    beginnings: list[list[bytes]], seed: int
) -> None:
    """A file that restarts before its first bytes are written has only the last ones."""

    async def store(file: PartFile) -> None:
        async with aclosing(FileWriter(file)) as writer:
            for contents in beginnings:
                for piece in pieces_of(contents):
                    await writer.add(piece, None)
            await writer.finish()

    chance = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(rules, "_BLOCK", BLOCK)
        patch.setattr(rules, "_LONGEST_WAIT", chance.choice([0, 60]))
        with closing(PartFile(Path(folder) / "clip.mp4", SOURCE, replaces=True)) as file:
            file.open()
            for name in ("write", "hash"):
                patch.setattr(file, name, slowed(getattr(file, name), chance))
            asyncio.run(store(file))
            stored = b"".join(beginnings[-1]) if beginnings else b""
            assert file.part.read_bytes() == stored
            assert (file.size, file.sha256_hex) == (len(stored), hashlib.sha256(stored).hexdigest())


def slowed(work: Any, chance: random.Random) -> Any:
    def slow(*arguments: Any) -> None:
        time.sleep(chance.choice([0, 0, 0.001]))
        work(*arguments)

    return slow


@pytest.mark.parametrize("stage", ["write", "hash"])
async def test_slow_disk_slows_down_the_network(stage: str, file, monkeypatch) -> None:
    """If it did not, a whole large file would be held in memory."""
    may_go_on = threading.Event()
    work = getattr(file, stage)

    def stuck(*arguments: Any) -> None:
        may_go_on.wait(10)
        work(*arguments)

    monkeypatch.setattr(file, stage, stuck)
    monkeypatch.setattr(rules, "_BLOCK", BLOCK)
    contents = [bytes([number]) * BLOCK for number in range(20)]
    taken = 0
    async with aclosing(FileWriter(file)) as writer:

        async def take_all() -> None:
            nonlocal taken
            for piece in pieces_of(contents):
                await writer.add(piece, None)
                taken += 1
            await writer.finish()

        taking = asyncio.ensure_future(take_all())
        await asyncio.sleep(0.1)
        taken_meanwhile = taken
        may_go_on.set()
        await taking
    assert taken_meanwhile < rules._BUFFERS
    assert file.part.read_bytes() == b"".join(contents)


def test_nothing_is_written_after_a_failed_write(file, monkeypatch) -> None:
    """Later bytes may already be queued, and would have the wrong offset."""
    file.write(0, b"first, second", None)

    class Full:
        def write(self, data: memoryview) -> int:
            raise OSError(28, "no space left")

    with monkeypatch.context() as full:
        full.setattr(file, "_file", Full())
        with pytest.raises(OSError, match="no space"):
            file.write(13, b", third", None)
    file.write(20, b", fourth", None)
    assert file.part.read_bytes() == b"first, second"


async def test_failed_write_is_raised_by_finish_at_the_latest(file, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(file, "write", fail)
    async with aclosing(FileWriter(file)) as writer:
        await writer.add(Piece(0, b"bytes"), None)
        with pytest.raises(OSError, match="no space"):
            await writer.finish()


async def test_file_is_not_closed_while_it_is_being_written(file, monkeypatch) -> None:
    """Even a task that is cancelled twice waits for all jobs."""
    write = file.write
    written: list[int] = []

    def slowly(start: int, data: memoryview, etag: str | None) -> None:
        time.sleep(0.1)
        write(start, data, etag)
        written.append(start)

    monkeypatch.setattr(file, "write", slowly)
    monkeypatch.setattr(rules, "_BLOCK", 1)

    async def store() -> None:
        async with aclosing(FileWriter(file)) as writer:
            for piece in pieces_of([b"bytes"] * 3):
                await writer.add(piece, None)
            await anyio.sleep_forever()

    task = asyncio.ensure_future(store())
    await asyncio.sleep(0.05)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.02)
    with pytest.raises(asyncio.CancelledError):
        await task
    started = len(written)
    # A job that is left would run before this one.
    await asyncio.get_running_loop().run_in_executor(file.thread, int)
    assert len(written) == started > 0


async def test_received_bytes_are_stored_when_a_download_is_cancelled(file, monkeypatch) -> None:
    monkeypatch.setattr(rules, "_LONGEST_WAIT", 60)

    async def store() -> None:
        async with aclosing(FileWriter(file)) as writer:
            for piece in pieces_of([b"first, ", b"second, ", b"third"]):
                await writer.add(piece, None)
            await anyio.sleep_forever()

    with anyio.move_on_after(0.05) as scope:
        await store()
    assert scope.cancelled_caught
    assert file.part.read_bytes() == b"first, second, third"


async def test_file_is_not_closed_during_a_write_if_no_other_thread_starts(
    file, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(file, "write", slowed(file.write, random.Random(0)))
    writer = FileWriter(file)
    monkeypatch.setattr(writer._hashing, "submit", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        async with aclosing(writer):
            await writer.add(Piece(0, b"bytes"), None)
    assert file.part.read_bytes() == b"bytes"


async def test_received_bytes_are_written_soon_although_no_more_arrive(file) -> None:
    """A process that is killed while the host is silent loses nothing."""
    async with aclosing(FileWriter(file)) as writer:
        for piece in pieces_of([b"first, ", b"second, ", b"third"]):
            await writer.add(piece, None)
        with anyio.fail_after(20):
            while file.part.read_bytes() != b"first, second, third":  # noqa: ASYNC110  # on a disk
                await asyncio.sleep(0.01)
        await writer.add(Piece(20, b", fourth"), None)
        await writer.finish()
    assert file.part.read_bytes() == b"first, second, third, fourth"
    assert (file.size, file.sha256_hex) == (
        28, hashlib.sha256(b"first, second, third, fourth").hexdigest(),
    )  # fmt: skip


async def test_timer_starts_no_block_while_the_disk_does_not_keep_up(file, monkeypatch) -> None:
    """It starts one when there is room."""
    may_go_on = threading.Event()
    write = file.write
    started: list[int] = []

    def stuck(start: int, *arguments: Any) -> None:
        started.append(start)
        may_go_on.wait(20)
        write(start, *arguments)

    monkeypatch.setattr(file, "write", stuck)
    monkeypatch.setattr(rules, "_BLOCK", BLOCK)
    monkeypatch.setattr(rules, "_LONGEST_WAIT", 60)
    async with aclosing(FileWriter(file)) as writer:
        await writer.add(Piece(0, b"0" * BLOCK), None)
        await writer.add(Piece(BLOCK, b"1" * BLOCK), None)
        await writer.add(Piece(2 * BLOCK, b"2"), None)
        timer = writer._timer
        assert timer is not None
        for _ in range(3):
            writer._on_timer()
            assert len(writer._under_way) == rules._BUFFERS - 1
            assert writer._timer is not None, "it tries again later"
        may_go_on.set()
        for job in writer._under_way[0].jobs:
            await asyncio.wrap_future(job)
        writer._on_timer()
        assert writer._timer is None
        await writer.finish()
    assert file.part.read_bytes() == b"0" * BLOCK + b"1" * BLOCK + b"2"


async def test_no_timer_outlives_its_block(file, monkeypatch) -> None:
    monkeypatch.setattr(rules, "_LONGEST_WAIT", 60)
    async with aclosing(FileWriter(file)) as writer:
        for piece in pieces_of([b"first, ", b"second"]):
            await writer.add(piece, None)
        timer = writer._timer
        assert timer is not None
    assert timer.cancelled()
    assert file.part.read_bytes() == b"first, second"


@pytest.mark.parametrize("fails", ["write", "hash"])
async def test_kept_failure_holds_no_buffer(fails: str, file, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(file, fails, fail)
    monkeypatch.setattr(rules, "_BLOCK", BLOCK)
    with pytest.raises(OSError, match="no space") as caught:
        async with aclosing(FileWriter(file)) as writer:
            for piece in pieces_of([bytes([number]) * 20_000 for number in range(9)]):
                await writer.add(piece, None)
                del piece
    assert large_things_held_by(caught.value) == []


async def test_views_are_released_when_the_disk_is_full(file, monkeypatch) -> None:
    """CPython 3.12.1 crashes when it collects views that a traceback holds."""
    views: list[memoryview] = []

    class Full:
        name = "full"

        def write(self, data: memoryview) -> int:
            views.append(data)
            if len(views) > 1:
                raise OSError(28, "no space left")
            return 5

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    real = file._file
    monkeypatch.setattr(rules, "_BLOCK", BLOCK)
    with pytest.raises(OSError, match="no space") as caught:
        async with aclosing(FileWriter(file)) as writer:
            monkeypatch.setattr(file, "_file", Full())
            await writer.add(Piece(0, b"x" * 20_000), None)
            block = writer._under_way[0]
            held = block.data
            await writer.finish()
    views.append(held)
    assert len(views) > 2
    for view in views:
        with pytest.raises(ValueError, match="released"):
            view.tobytes()
    assert large_things_held_by(caught.value) == []
