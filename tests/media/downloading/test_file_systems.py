"""Downloads work without optional features of a file system. Other errors are raised."""

import asyncio
import errno
import fcntl
import os
import pathlib
import shutil
import stat
import time
from typing import Any

import pytest

from rhombus_clips import DownloadError, IntegrityError, ServerError
from rhombus_clips.media import files, part_file
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.testing import faults
from tests.examples import a_few
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
    NOTHING_KNOWN,
    SOURCE,
    UUID,
    ranges_of,
    the_clip,
)
from tests.media.test_files import failing

LACKING = ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EPERM"]
REAL = ["ENOSPC", "EIO", "EDQUOT", "EROFS"]


@pytest.mark.parametrize("lacking", LACKING)
async def test_download_works_on_a_file_system_without_locks(
    lacking: str, fake, session, path, monkeypatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(getattr(errno, lacking)))
    for _ in range(2):
        await session.download_clip(await the_clip(session), path)
        assert path.read_bytes() == DATA
        path.unlink()


async def test_two_downloads_do_not_write_one_path_even_without_locks(
    fake, session, path, monkeypatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    clip = await the_clip(session)
    has_started = asyncio.Event()
    fake.media_faults = [faults.Stall(after_body_bytes=HALF, seconds=20)]
    first = asyncio.create_task(
        session.download_clip(clip, path, progress=lambda *_: has_started.set())
    )
    await has_started.wait()
    for _ in range(2):
        with pytest.raises(DownloadError, match="another download"):
            await session.download_clip(clip, path)
    first.cancel()
    await asyncio.wait({first})
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("real", REAL)
async def test_other_error_of_a_lock_is_raised(real: str, fake, session, path, monkeypatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(getattr(errno, real)))
    with pytest.raises(OSError, match=os.strerror(getattr(errno, real))):
        await session.download_clip(await the_clip(session), path)


@pytest.mark.parametrize("lacking", a_few(["EINVAL", *LACKING]))
@pytest.mark.parametrize("function", ["fsync", "link", "posix_fadvise", "pathconf"])
async def test_download_works_on_a_file_system_without_a_feature(
    function: str, lacking: str, fake, session, tmp_path, monkeypatch
) -> None:
    calls = 0

    def fail(*_: object, **__: object) -> None:
        nonlocal calls
        calls += 1
        failing(getattr(errno, lacking))()

    monkeypatch.setattr(os, function, fail)
    summary = await session.download_clips([await the_clip(session)], tmp_path)
    assert (summary.downloaded, summary.failures) == (1, [])
    assert calls
    (file,) = tmp_path.glob("*.mp4")
    assert file.read_bytes() == DATA
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize("missing", ["O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "pathconf"])
async def test_download_works_on_a_system_without_a_function(
    missing: str, fake, session, path, monkeypatch
) -> None:
    monkeypatch.delattr(os, missing)
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("real", REAL)
@pytest.mark.parametrize("function", ["fsync", "open", "write"])
async def test_other_error_is_raised_and_names_the_file(
    function: str, real: str, fake, session, path, monkeypatch
) -> None:
    number = getattr(errno, real)
    clip = await the_clip(session)
    if function == "write":
        monkeypatch.setattr(files, "write_all", failing(number))
    else:
        monkeypatch.setattr(os, function, failing(number))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        await session.download_clip(clip, path)
    assert caught.value.errno == number
    assert not path.exists()


async def test_download_works_on_a_file_system_that_does_not_count_links(
    fake, session, path, monkeypatch
) -> None:
    """Some report 0 links for every file."""
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        return os.stat_result((*status[:3], 0, *status[4:]))

    monkeypatch.setattr(os, "fstat", fstat)
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("replaces", [True, False])
async def test_file_is_synced_before_it_is_moved_and_the_folder_afterwards(
    fake, session, path, monkeypatch, *, replaces: bool
) -> None:
    """A power failure then leaves the whole file or none at the path."""
    fsync = os.fsync
    synced: list[tuple[str, int, bool]] = []
    identities: list[tuple[int, int]] = []

    def recorded(descriptor: int) -> None:
        status = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(status.st_mode)
        has_file = any(path.parent.glob("*.mp4"))
        synced.append(("folder", 0, has_file) if is_folder else ("file", status.st_size, has_file))
        identities.append((status.st_dev, status.st_ino))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    if replaces:
        await session.download_clip(await the_clip(session), path)
    else:
        await session.download_clips([await the_clip(session)], path.parent)
    (file,) = path.parent.glob("*.mp4")
    assert synced == [("file", len(DATA), False), ("folder", 0, True)]
    status, folder = file.stat(), path.parent.stat()
    assert identities == [(status.st_dev, status.st_ino), (folder.st_dev, folder.st_ino)]


# --- unstable inode numbers ----------------------------------------------------------------------


@pytest.fixture
def _renumbered(monkeypatch):
    """Inode numbers are not stable, as on some FUSE file systems."""
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)


@pytest.mark.usefixtures("_renumbered")
async def test_download_works_without_stable_inode_numbers(fake, session, path) -> None:
    """This includes a resumed download and a failing one."""
    clip = await the_clip(session)
    fake.media_faults = [*BREAKS_OFF]
    with pytest.raises(ServerError):
        await session.download_clip(clip, path)
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake)[-1] == f"bytes={HALF}-"
    assert [*path.parent.iterdir()] == [path]
    path.unlink()
    fake.media_faults = [faults.Corrupt(times=None)]
    with pytest.raises(IntegrityError):
        await session.download_clip(clip, path)
    assert [*path.parent.iterdir()] == []


def test_part_without_a_stable_inode_number_is_recognized_by_its_content(path) -> None:
    for content, is_same in ((DATA, True), (bytes(len(DATA)), False)):
        part = PartFile(path, SOURCE, replaces=True)
        part.open()
        part.write(0, DATA, None)
        part.hash(0, DATA)
        part.part.unlink()
        part.part.write_bytes(content)
        if is_same:
            part.put_in_place()
            assert path.read_bytes() == DATA
        else:
            with pytest.raises(DownloadError, match="another program"):
                part.put_in_place()
            assert part.part.exists(), "it belongs to another program"
        part.close()


def test_part_that_is_replaced_repeatedly_is_an_error(path, monkeypatch) -> None:
    part = PartFile(path, SOURCE, replaces=True)
    locks = 0

    def flock(*_: object) -> None:
        nonlocal locks
        locks += 1
        part.part.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(DownloadError, match=r"clip\.mp4\.part keeps being moved"):
        part.open()
    part.close()
    assert 1 < locks < 100


# --- long names ----------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch):
    """Limit names to 143 bytes, although the system states 255."""

    def limited(function: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            names = [each for each in arguments if isinstance(each, str | pathlib.Path)]
            if any(len(os.fsencode(pathlib.Path(name).name)) > 143 for name in names):
                raise OSError(errno.ENAMETOOLONG, "File name too long", str(names[0]))
            return function(*arguments, **keywords)

        return call

    for name in ("open", "link", "replace", "rename", "stat", "lstat", "unlink"):
        monkeypatch.setattr(os, name, limited(getattr(os, name)))


@pytest.mark.usefixtures("narrow")
async def test_clips_with_long_titles_are_downloaded_where_names_are_short(
    fake, connect, tmp_path
) -> None:
    """Each name has its uuid, although the title is shortened."""
    title = "Überwachung Halle Süd – Ladezone " * 9
    first = fake.clips[0]
    fake.clips[:] = [
        first | {"uuid": f"clip-{number}" + "A" * 16, "title": title} for number in range(8)
    ]
    for clip in fake.clips:
        fake.put_media(clip["uuid"], clip["uuid"].encode())
    async with connect(fake) as session:
        clips = [await session.get_clip_with_progress(clip["uuid"]) for clip in fake.clips]
        for name in ({}, {"name": lambda clip: f"{clip.title}.mp4"}):
            folder = tmp_path / str(len(name))
            for run, downloaded in enumerate([8, 0]):
                summary = await session.download_clips(clips, folder, **name)
                assert (summary.downloaded, summary.failures) == (downloaded, []), run
            names = [entry.name for entry in folder.glob("*.mp4")]
            assert len(names) == 8
            assert all(any(clip["uuid"] in name for name in names) for clip in fake.clips)
            assert all(len(f"{name}.part.json".encode()) <= 143 for name in names)
            assert sorted((folder / name).read_bytes() for name in names) == sorted(
                clip["uuid"].encode() for clip in fake.clips
            )


@pytest.mark.usefixtures("narrow")
async def test_download_to_the_longest_possible_path_can_be_resumed(
    fake, session, tmp_path
) -> None:
    path = tmp_path / f"{'é' * 69}x.mp4"
    assert len(os.fsencode(path.name)) == 143
    fake.media_faults = [*BREAKS_OFF]
    with pytest.raises(ServerError):
        await session.download_clip(await the_clip(session), path)
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake)[-1] == f"bytes={HALF}-"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("length", [250, 255])
async def test_longest_names_of_this_file_system(length: int, fake, session, tmp_path) -> None:
    path = tmp_path / ("x" * length)
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert path.read_bytes() == DATA
    assert [*tmp_path.iterdir()] == [path]


async def test_name_that_is_too_long_is_rejected_before_any_request(
    fake, session, tmp_path
) -> None:
    with pytest.raises(OSError, match="File name too long"):
        await session.download_clip(await the_clip(session), tmp_path / ("x" * 256))
    assert fake.media_requests == []


# --- cleaning up ----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["unlink", "fstat"])
async def test_failed_cleanup_does_not_hide_the_reason(
    function: str, fake, session, path, monkeypatch
) -> None:
    clip = await the_clip(session)
    has_failed = has_started = False

    def fail(*_: object, **__: object) -> None:
        nonlocal has_failed
        has_failed = True
        raise PermissionError(errno.EACCES, "the cleanup failed")

    monkeypatch.setattr(os, "unlink", fail)
    if function == "fstat":
        monkeypatch.setattr(PartFile, "_is_at_part", lambda *_: fail() if has_started else True)

    def start(*_: object) -> None:
        nonlocal has_started
        has_started = True

    fake.media_faults = [faults.Corrupt(times=None)]
    with pytest.raises(IntegrityError):
        await session.download_clip(clip, path, progress=start)
    assert has_failed


async def test_part_that_cannot_be_removed_while_open_is_closed_first(
    fake, session, path, monkeypatch
) -> None:
    """On Windows, an open part cannot be removed, which used to hide the original error."""
    remove = os.unlink
    opened: list[Any] = []

    def unlink(name: Any, **keywords: Any) -> None:
        folder = pathlib.Path("/proc/self/fd")
        if any(os.path.realpath(entry) == str(name) for entry in folder.iterdir()):
            opened.append(name)
            raise PermissionError(errno.EACCES, "the file is open", str(name))
        remove(name, **keywords)

    for has_locks in (True, False):
        if not has_locks:
            monkeypatch.setattr(part_file, "fcntl", None)
        monkeypatch.setattr(os, "unlink", unlink)
        fake.media_faults = [faults.Corrupt(times=None)]
        with pytest.raises(IntegrityError):
            await session.download_clip(await the_clip(session), path)
        assert [*path.parent.iterdir()] == []
        assert bool(opened) is has_locks, "where there are locks it is removed under one first"
        opened.clear()


async def test_removed_folder_is_an_error(fake, session, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    def remove_folder(*_: object) -> None:
        # The note is created before the first bytes, in a thread.
        while folder.exists() and not (folder / "clip.mp4.part").stat().st_size:
            time.sleep(0.001)
        shutil.rmtree(folder, ignore_errors=True)

    with pytest.raises(DownloadError, match="changed by another program"):
        await session.download_clip(
            await the_clip(session), folder / "clip.mp4", progress=remove_folder
        )
    assert len(fake.media_requests) == 1
    assert UUID in fake.media_requests[0].path
