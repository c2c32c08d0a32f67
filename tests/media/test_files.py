"""Only regular files are opened, nothing blocks, and no link is written through."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rhombus_clips import DownloadError
from rhombus_clips.media import files


def make_socket(path: Path) -> None:
    """Bind it by a short name, because the whole path may be too long for a socket."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def make_link(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(b"precious")
    path.symlink_to(target)


STRANGE: dict[str, Callable[[Path], Any]] = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a folder": Path.mkdir,
    "a symbolic link": make_link,
    "a symbolic link to nothing": lambda path: path.symlink_to(path.with_name("target")),
    "a symbolic link to a device": lambda path: path.symlink_to("/dev/zero"),
}
USES: dict[str, Callable[[Path], Any]] = {
    "read": files.read,
    "open_to_read": files.open_to_read,
    "open_or_create": files.open_or_create,
    "append": lambda path: files.open_or_create(path, appends=True),
    "replace": lambda path: files.replace(path, b"new"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", STRANGE)
def test_irregular_file_is_rejected_by_name_and_unchanged(kind: str, use: str, tmp_path) -> None:
    path = tmp_path / "name"
    STRANGE[kind](path)
    before = {entry: entry.lstat() for entry in tmp_path.iterdir()}
    with pytest.raises(files.NotRegularFileError, match="move it elsewhere") as caught:
        USES[use](path)
    assert isinstance(caught.value, DownloadError)
    assert str(path) in str(caught.value)
    assert kind.partition(" to ")[0] in str(caught.value)
    after = {entry: entry.lstat() for entry in tmp_path.iterdir()}
    assert {entry: state.st_ino for entry, state in after.items()} == {
        entry: state.st_ino for entry, state in before.items()
    }
    assert not (tmp_path / "target").exists() or (tmp_path / "target").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", STRANGE)
def test_only_regular_files_are_removed(kind: str, tmp_path) -> None:
    path = tmp_path / "name"
    STRANGE[kind](path)
    files.remove(path)
    assert os.path.lexists(path)


def test_device_is_never_opened(monkeypatch) -> None:
    """Opening a tape drive rewinds it."""
    opened: list[object] = []
    monkeypatch.setattr(os, "open", lambda path, *_: opened.append(path))
    for follows_links in (True, False):
        with pytest.raises(files.NotRegularFileError, match="a device"):
            files.open_to_read(Path("/dev/null"), follows_links=follows_links)
    assert opened == []


@pytest.mark.parametrize("has_flag", [True, False], ids=["flag", "no flag"])
def test_replacement_between_check_and_open_is_rejected(
    has_flag: bool, tmp_path, monkeypatch
) -> None:
    """This includes a system without O_NOFOLLOW."""
    path, target = tmp_path / "name", tmp_path / "target"
    target.write_bytes(b"precious")
    real = os.open

    def late(name: Path, flags: int, mode: int = 0o777) -> int:
        path.unlink()
        path.symlink_to(target)
        return real(name, flags, mode)

    if not has_flag:
        monkeypatch.setattr(files, "_NO_LINK", 0)
    path.write_bytes(b"")
    monkeypatch.setattr(os, "open", late)
    with pytest.raises(OSError, match="Too many levels"):
        files.open_or_create(path)


def test_pipe_that_appears_between_check_and_open_does_not_block(tmp_path, monkeypatch) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"")
    real = os.open

    def late(name: Path, flags: int, mode: int = 0o777) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(files.NotRegularFileError, match="a named pipe"):
        files.read(path)


def test_file_with_another_hard_link_is_not_written(tmp_path) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"precious")
    (tmp_path / "other").hardlink_to(path)
    with (
        files.open_or_create(path) as file,
        pytest.raises(files.NotRegularFileError, match="another name"),
    ):
        files.refuse_linked(file, path)


# --- replacing ---------------------------------------------------------------------------------


def test_replacing_leaves_only_the_new_content(tmp_path) -> None:
    path = tmp_path / "state"
    for content in (b"first", b"second"):
        files.replace(path, content)
        assert path.read_bytes() == content
        assert [*tmp_path.iterdir()] == [path]


def test_failed_replacement_leaves_only_the_old_content(tmp_path, monkeypatch) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"no space left.*state\.\w+\.new"):
        files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_failed_cleanup_does_not_hide_the_reason(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    monkeypatch.setattr(os, "unlink", failing(errno.EACCES))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        files.replace(tmp_path / "state", b"new")


def test_replacing_writes_through_no_link_at_a_predictable_name(tmp_path) -> None:
    path, target = tmp_path / "state", tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "state.new").symlink_to(target)
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert target.read_bytes() == b"precious"


def test_longest_name_can_be_replaced(tmp_path) -> None:
    path = tmp_path / ("x" * 255)
    for _ in range(2):
        files.replace(path, b"new")
        assert [*tmp_path.iterdir()] == [path]


# --- optional features of file systems ---------------------------------------------------------


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("lacking", ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])
def test_unsupported_sync_is_skipped(lacking: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(getattr(errno, lacking)))
    files.replace(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"


@pytest.mark.parametrize("real", ["EIO", "ENOSPC", "EDQUOT", "EROFS"])
def test_other_error_of_a_sync_is_raised(real: str, tmp_path, monkeypatch) -> None:
    number = getattr(errno, real)
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        files.sync_folder(tmp_path)
    assert caught.value.errno == number
    with files.create(tmp_path / "file") as file, pytest.raises(OSError, match="file") as caught:
        files.sync(file)
    assert caught.value.errno == number


def test_unreadable_folder_is_not_synced(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "open", failing(errno.EACCES))
    files.sync_folder(tmp_path)


@pytest.mark.parametrize(
    ("told", "has", "most"),
    [
        (255, 255, 255),
        (255, 143, 143),
        (143, 143, 143),
        (None, 143, 143),
        (None, 255, 255),
        (-1, 255, 255),
    ],
)
def test_longest_name_is_the_file_system_s_limit(
    told: int | None, has: int, most: int, tmp_path, monkeypatch
) -> None:
    real = os.open

    def narrow(path: Path, flags: int, mode: int = 0o777) -> int:
        if len(os.fsencode(path.name)) > has:
            raise OSError(errno.ENAMETOOLONG, "too long")
        return real(path, flags, mode)

    def pathconf(path: Path, name: str) -> int:
        if told is None:
            raise OSError(errno.EINVAL, "no such limit")
        return told

    monkeypatch.setattr(os, "open", narrow)
    monkeypatch.setattr(os, "pathconf", pathconf)
    assert files.longest_name(tmp_path) == most
    assert [*tmp_path.iterdir()] == []


def test_files_have_the_default_permissions(tmp_path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    files.replace(tmp_path / "ours", b"")
    usual, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours"))
    assert usual == ours


def test_replaced_file_is_synced_before_it_is_renamed_and_the_folder_afterwards(
    tmp_path, monkeypatch
) -> None:
    """The new content then survives a power failure."""
    fsync, path = os.fsync, tmp_path / "file"
    path.write_bytes(b"old")
    synced: list[tuple[str, bytes]] = []

    def recorded(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("folder" if is_folder else "file", path.read_bytes()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    files.replace(path, b"new")
    assert synced == [("file", b"old"), ("folder", b"new")]
