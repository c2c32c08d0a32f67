"""Side files of a download: only regular files without other links are used."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from rhombus_clips import DownloadError
from tests.media.downloading.downloads import DATA, NOTHING_KNOWN, the_clip
from tests.media.test_files import make_socket

STRANGE: dict[str, Callable[[Path, Path], Any]] = {
    "pipe": lambda path, _: os.mkfifo(path),
    "socket": lambda path, _: make_socket(path),
    "link": lambda path, target: path.symlink_to(target),
    "link to nothing": lambda path, target: path.symlink_to(target.with_name("nothing")),
    "link to a pipe": lambda path, _: path.symlink_to(pipe_beside(path)),
    "link to a device": lambda path, _: path.symlink_to("/dev/zero"),
}


def pipe_beside(path: Path) -> Path:
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    return pipe


@pytest.fixture
def target(path: Path) -> Path:
    target = path.with_name("target")
    target.write_bytes(b"precious")
    return target


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mp4.part", "clip.mp4.part.json"])
@pytest.mark.parametrize("kind", STRANGE)
async def test_irregular_side_file_is_rejected_at_once_by_name_and_unchanged(
    kind: str, name: str, *, known: bool, fake, session, path, target
) -> None:
    strange = path.with_name(name)
    STRANGE[kind](strange, target)
    before = strange.lstat()
    clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
    with anyio.fail_after(20), pytest.raises(DownloadError, match="move it elsewhere") as caught:
        await session.download_clip(clip, path)
    assert str(strange) in str(caught.value)
    assert fake.media_requests == []
    assert os.path.samestat(strange.lstat(), before)
    assert target.read_bytes() == b"precious"
    assert not path.with_name("nothing").exists()


async def test_link_to_the_file_counts_as_the_file(fake, session, path, target) -> None:
    """A clip that was moved elsewhere, with a link at its path, exists."""
    target.write_bytes(DATA)
    path.symlink_to(target)
    file = await session.download_clip(await the_clip(session), path)
    assert (file.requests, file.byte_count) == (0, len(DATA))
    assert path.is_symlink()
    assert fake.media_requests == []


@pytest.mark.parametrize("name", ["clip.mp4.part", "clip.mp4.part.json"])
async def test_folder_at_a_side_file_is_rejected_at_once(name: str, fake, session, path) -> None:
    path.with_name(name).mkdir()
    with pytest.raises(DownloadError, match="is a folder"):
        await session.download_clip(await the_clip(session), path)
    assert path.with_name(name).is_dir()
    assert fake.media_requests == []


async def test_note_with_another_hard_link_keeps_its_content_there(
    fake, session, path, target
) -> None:
    path.with_name("clip.mp4.part.json").hardlink_to(target)
    await session.download_clip(await the_clip(session), path)
    assert target.read_bytes() == b"precious"
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("kind", [*STRANGE, "folder", "second name"])
async def test_manifest_must_be_a_regular_file_without_other_links(
    kind: str, fake, session, tmp_path, target
) -> None:
    manifest = tmp_path / "in" / "manifest.jsonl"
    manifest.parent.mkdir()
    if kind == "folder":
        manifest.mkdir()
    elif kind == "second name":
        manifest.hardlink_to(target)
    else:
        STRANGE[kind](manifest, target)
    with anyio.fail_after(20), pytest.raises(DownloadError, match="move it elsewhere") as caught:
        await session.download_clips([await the_clip(session)], manifest.parent)
    assert str(manifest) in str(caught.value)
    assert target.read_bytes() == b"precious"
    assert fake.media_requests == []


async def test_irregular_side_files_fail_only_their_clip(fake, session, tmp_path, target) -> None:
    clip = await the_clip(session)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4.part").symlink_to(target)
    summary = await session.download_clips([clip], tmp_path / "in", name=lambda _: "a.mp4")
    (failure,) = summary.failures
    assert "a.mp4.part is a symbolic link" in str(failure.error)
    assert target.read_bytes() == b"precious"


def test_sockets_can_be_created_here(tmp_path) -> None:
    """Without sockets, the cases above would not test them."""
    make_socket(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(os.path.relpath(tmp_path / "socket"))
