"""Bulk downloads: a problem with one clip is its failure, a problem with all ends the run."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhombus_clips import (
    ClipSession,
    ConnectError,
    Downloaded,
    DownloadError,
    RhombusError,
    SavedClip,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.media.file_names import usual_file_name
from rhombus_clips.media.many import BulkDownload, DownloadSummary
from rhombus_clips.media.media_file import clip_file
from rhombus_clips.testing import faults
from tests.media.media_requests import complete_clips

COUNT = 12


@pytest.fixture
async def fake():
    async with complete_clips(COUNT) as service:
        yield service


async def the_clips(session: ClipSession) -> list[SavedClip]:
    return await session.saved_clips().collect(COUNT)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_full_folder(path: Path) -> None:
    path.mkdir()
    (path / "something").write_bytes(b"")


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_a_folder(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(exist_ok=True)
    path.symlink_to(path.parent / "elsewhere")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


OBSTACLES = {
    "a folder": ("", make_folder),
    "a folder with something in it": ("", make_full_folder),
    "a link to a folder": ("", make_link_to_a_folder),
    "a pipe": ("", make_pipe),
    "a folder at the part": (".part", make_folder),
    "a link at the part": (".part", make_link_to_itself),
    "a folder at the note": (".part.json", make_full_folder),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_obstacle_at_a_path_is_a_failure_of_its_clip(
    obstacle: str, fake, session, tmp_path
) -> None:
    """The failure names the path and the reason, and the others continue."""
    clips = await the_clips(session)
    ending, make = OBSTACLES[obstacle]
    hindered = clips[5]
    path = tmp_path / usual_file_name(hindered)
    make(path.with_name(path.name + ending))
    ended: dict[str | None, Downloaded | RhombusError] = {}
    summary = await session.download_clips(
        clips, tmp_path, on_end=lambda clip, outcome: ended.update({clip.uuid: outcome})
    )
    assert summary.downloaded == COUNT - 1
    (failure,) = summary.failures
    assert failure.clip is hindered
    assert isinstance(failure.error, DownloadError)
    assert ended[hindered.uuid] is failure.error
    assert path.name in str(failure.error)
    if isinstance(failure.error.__cause__, OSError):
        assert str(hindered.uuid) in str(failure.error)


async def test_system_error_is_the_cause_of_the_clip_s_failure(tmp_path: Path) -> None:
    error = OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    summary = await run(tmp_path, failing(error))
    assert summary.failures
    for failure in summary.failures:
        assert failure.error.__cause__ is error
        assert os.strerror(errno.ELOOP) in str(failure.error)


# --- by the kind of error, without a network -----------------------------------------------------

CLIPS = [SavedClip(uuid=f"{number:022}") for number in range(6)]


async def run(folder: Path, download: Any, **functions: Any) -> DownloadSummary:
    settings = {"name": lambda clip: f"{clip.uuid}.mp4", "progress": None, "on_end": None}
    downloads = BulkDownload(download, folder, waits=None, **{**settings, **functions})
    return await downloads.run(CLIPS, at_once=2)


def store(path: Path) -> Downloaded:
    path.write_bytes(b"x")
    return Downloaded(path=path, byte_count=1, sha256_hex="0" * 64, requests=1)


def failing(error: Exception) -> Any:
    """Return a download that fails for one clip and succeeds for the others."""

    async def download(clip: SavedClip, path: Path, *_: object) -> Downloaded:
        if clip is CLIPS[2]:
            raise error
        return store(path)

    return download


OF_ONE_CLIP = [
    *(
        OSError(number, os.strerror(number), "a file")
        for number in (
            errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOENT,
            errno.EEXIST, errno.ENAMETOOLONG, errno.EFBIG, errno.EBUSY, errno.EINVAL, errno.EXDEV,
            errno.ETXTBSY, errno.ENXIO,
        )
    ),
    OSError("without a number"),
    ValueError("embedded null byte"),
    UnicodeError("label too long"),
    RuntimeError("of another library"),
    KeyError("key"),
    ConnectError("no such host"),
]  # fmt: skip


@pytest.mark.parametrize("error", OF_ONE_CLIP, ids=repr)
async def test_error_of_one_clip_is_kept_and_the_others_continue(
    error: Exception, tmp_path: Path
) -> None:
    summary = await run(tmp_path, failing(error))
    assert summary.downloaded == len(CLIPS) - 1
    (failure,) = summary.failures
    assert failure.clip is CLIPS[2]
    if isinstance(error, RhombusError):
        assert failure.error is error
    else:
        assert isinstance(failure.error, DownloadError)
        assert failure.error.__cause__ is error
        assert f"{CLIPS[2].uuid}.mp4" in str(failure.error)
        assert type(error).__name__ in str(failure.error)


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE,
        errno.ENOMEM,
    ],
    ids=errno.errorcode.get,
)  # fmt: skip
async def test_error_that_concerns_every_clip_ends_the_run_unchanged(
    number: int, tmp_path: Path
) -> None:
    error = OSError(number, os.strerror(number))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        await run(tmp_path, failing(error))
    assert caught.value is error


async def test_removed_folder_ends_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "clips"

    async def download(clip: SavedClip, path: Path, *_: object) -> Downloaded:
        shutil.rmtree(folder, ignore_errors=True)
        return store(path)

    with pytest.raises(FileNotFoundError):
        await run(folder, download)


async def test_unwritable_folder_ends_the_run(tmp_path: Path, monkeypatch) -> None:
    """The tests may run as a user who may write everywhere, so the error is simulated."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        await run(tmp_path, failing(PermissionError(errno.EACCES, "denied")))


async def test_unwritable_manifest_ends_the_run(fake, session, tmp_path) -> None:
    manifest = tmp_path / "manifest.jsonl"

    def replace(*_: object) -> None:
        if not manifest.is_dir():
            manifest.unlink()
            manifest.mkdir()

    with pytest.raises(OSError, match=r"manifest\.jsonl"):
        await session.download_clips(await the_clips(session), tmp_path, on_end=replace)


async def test_file_removed_before_it_is_listed_is_a_failure(tmp_path: Path) -> None:
    async def download(clip: SavedClip, path: Path, *_: object) -> Downloaded:
        file = store(path)
        if clip is CLIPS[2]:
            os.unlink(path)  # noqa: PTH108  # ASYNC240 forbids Path here
        return file

    summary = await run(tmp_path, download)
    assert summary.downloaded == len(CLIPS) - 1
    assert [failure.clip for failure in summary.failures] == [CLIPS[2]]


# --- exceptions of the caller ------------------------------------------------------------------

MINE = [
    OSError(errno.ENOENT, "mine"),
    DownloadError("mine"),
    ValueError("mine"),
    LookupError("mine"),
]


@pytest.mark.parametrize("error", MINE, ids=repr)
@pytest.mark.parametrize("function", ["name", "progress", "on_end", "clips"])
async def test_exception_of_the_caller_is_not_a_failure_of_a_clip(
    function: str, error: Exception, fake, session, tmp_path
) -> None:
    clips = await the_clips(session)

    def fail(*_: object) -> Any:
        raise error

    def failing_clips() -> Iterator[SavedClip]:
        yield clips[0]
        raise error

    functions: dict[str, Any] = {} if function == "clips" else {function: fail}
    given = failing_clips() if function == "clips" else clips
    with pytest.raises(type(error)) as caught:
        await session.download_clips(given, tmp_path, **functions)
    assert caught.value is error


@pytest.mark.parametrize("named", [None, 5, b"x.mp4", Path("x.mp4")])
async def test_name_must_return_a_string(named: Any, fake, session, tmp_path) -> None:
    with pytest.raises(InvalidArgumentError, match="the return value of name must be a str"):
        await session.download_clips(await the_clips(session), tmp_path, name=lambda _: named)
    assert fake.media_requests == []


@pytest.mark.parametrize("named", ["", "\0", "x" * 5000, "..", "\ud800", "a/b", " "])
async def test_unsafe_name_is_made_safe(named: str, fake, session, tmp_path) -> None:
    summary = await session.download_clips(await the_clips(session), tmp_path, name=lambda _: named)
    assert summary.downloaded == COUNT


@pytest.mark.parametrize("clips", [5, None, SavedClip()])
async def test_clips_must_be_iterable(clips: Any, session, tmp_path) -> None:
    with pytest.raises(InvalidArgumentError, match="clips must be an iterable of clips"):
        await session.download_clips(clips, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "place", ["http://[", f"https://{'a' * 300}.example/", "https://\xff/", "https://x.invalid:0/"]
)
async def test_redirect_to_an_unknown_host_is_a_failure_of_its_clip(
    place: str, fake, session, tmp_path
) -> None:
    clips = (await the_clips(session))[:2]
    path = clip_file(clips[0]).path
    fake.media_faults = [faults.Respond(302, headers={"Location": place}, path=path, times=None)]
    summary = await session.download_clips(clips, tmp_path)
    assert summary.downloaded == 1
    assert [failure.clip for failure in summary.failures] == [clips[0]]
