"""Files on the disk: only regular ones are opened, no link is written through, nothing blocks.

A name that the library uses may have been taken by something else: a link to a file that matters,
a pipe on which an open waits forever, a device that acts when it is opened. Everything that the
library reads or writes is opened here.

What some file systems lack is never required: locks, links and the flushing of folders.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Generator
from io import FileIO
from pathlib import Path

from rhombus_clips.errors import DownloadError

NOT_SUPPORTED = frozenset(
    {
        errno.EINVAL,
        errno.ENOLCK,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.ENOTTY,
        errno.EOPNOTSUPP,
        errno.EPERM,  # as a sandbox says it
    }
)
"""How file systems say that they lack a feature, as network and FUSE file systems do."""

_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_TRIES = 10
# eCryptfs has room for 143 bytes, and nothing in use has less.
SHORTEST_LIMIT = 143
_USUAL_LIMIT = 255
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularFileError(DownloadError, OSError):
    """Something other than a regular file has a name that the library needs for a file."""


# --- what is there -----------------------------------------------------------------------------


def regular_status(path: Path, *, follows_links: bool = False) -> os.stat_result | None:
    """The status of the regular file at *path*; None if nothing is there.

    Raises `NotRegularFileError` if something else is there.
    """
    try:
        status = path.stat(follow_symlinks=follows_links)
    except FileNotFoundError:
        return None
    _refuse_irregular(path, status)
    return status


def _refuse_irregular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise NotRegularFileError(
            f"{path} is a symbolic link, which is neither followed nor replaced: move it away, or"
            f" choose another path ({os.strerror(errno.ELOOP)})"
        )
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "something else")
        raise NotRegularFileError(
            f"{path} is no file but {kind}, which is neither opened nor replaced: move it away, or"
            " choose another path"
        )


def refuse_linked(file: FileIO, path: Path) -> None:
    """Raise `NotRegularFileError` if *file* has a second name: its other owner expects no change.

    Some file systems count no names at all and say 0.
    """
    if os.fstat(file.fileno()).st_nlink > 1:
        raise NotRegularFileError(
            f"{path} has another name too (a hard link), so that it is not written: move it away,"
            " or put a copy in its place"
        )


# --- opening -----------------------------------------------------------------------------------


def open_to_read(path: Path, *, follows_links: bool = False) -> FileIO:
    """Open the regular file at *path*. Raises `FileNotFoundError` if nothing is there."""
    return _opened(path, os.O_RDONLY, "rb", follows_links=follows_links)


def open_or_create(path: Path, *, appends: bool = False) -> FileIO:
    """Open the regular file at *path* for reading and writing, or only to append; or make it."""
    flags, mode = (os.O_WRONLY | os.O_APPEND, "ab") if appends else (os.O_RDWR, "r+b")
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            return _opened(path, flags, mode)
        with contextlib.suppress(FileExistsError):
            return _created(path, flags, mode)
    raise DownloadError(f"{path} appears and disappears: another program uses the same name")


def create(path: Path) -> FileIO:
    """Make the file *path* and open it for writing. Raises `FileExistsError` if it is there."""
    return _created(path, os.O_WRONLY, "wb")


def read(path: Path, *, will_be_written: bool = False) -> bytes | None:
    """All of the regular file at *path*; None if nothing is there.

    Raises `NotRegularFileError` as `open_to_read`, and where it *will_be_written* and must not be.
    """
    try:
        file = open_to_read(path)
    except FileNotFoundError:
        return None
    with file:
        if will_be_written:
            refuse_linked(file, path)
        return file.readall()


def _opened(path: Path, flags: int, mode: str, *, follows_links: bool = False) -> FileIO:
    # Looked at before it is opened, because a device may act on that; and afterwards, because it
    # may have become something else in between.
    if regular_status(path, follows_links=follows_links) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    descriptor = os.open(path, flags | _ALWAYS | (0 if follows_links else _NO_LINK))
    file = _wrapped(descriptor, mode, path)
    try:
        _refuse_irregular(path, os.fstat(file.fileno()))
        if not (_NO_LINK or follows_links):
            regular_status(path)
    except BaseException:
        close_quietly(file)
        raise
    return file


def _created(path: Path, flags: int, mode: str) -> FileIO:
    flags |= os.O_CREAT | os.O_EXCL | _ALWAYS | _NO_LINK
    return _wrapped(os.open(path, flags, 0o666), mode, path)


def _wrapped(descriptor: int, mode: str, path: Path) -> FileIO:
    try:
        # "wb" and "ab" tell how to use the descriptor; they empty nothing that is open already.
        file = FileIO(descriptor, mode)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    file.name = str(path)
    return file


# --- writing, removing, replacing --------------------------------------------------------------


def write_all(file: FileIO, data: bytes | bytearray | memoryview) -> None:
    """Write all of *data*. No view of it outlives this call, not in a traceback either."""
    with memoryview(data) as whole, _named(file):
        written = 0
        while written < len(whole):
            with whole[written:] as rest:
                written += file.write(rest) or 0


def remove(path: Path) -> None:
    """Remove the regular file at *path*, if there is one; leave anything else."""
    with contextlib.suppress(NotRegularFileError, FileNotFoundError):
        if regular_status(path) is not None:
            path.unlink()


def remove_quietly(path: Path) -> None:
    """As `remove`, where a file that stays does no harm, and an error would hide another one."""
    with contextlib.suppress(OSError):
        remove(path)


def close_quietly(file: FileIO) -> None:
    """Close *file* where nothing is lost if that fails, and an error would hide another one."""
    with contextlib.suppress(OSError):
        file.close()


def replace(path: Path, data: bytes) -> None:
    """Make *data* what the file *path* holds; a crash leaves the old content or the new.

    It comes into a new file of a name that nobody else has, which then takes the place.
    """
    regular_status(path)
    token = secrets.token_hex(4)
    try:
        new = path.with_name(f"{path.name}.{token}.new")
        file = create(new)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        new = path.with_name(f"{token}.new")
        file = create(new)
    try:
        with file:
            write_all(file, data)
            sync(file)
        new.replace(path)
    except BaseException:
        remove_quietly(new)
        raise
    sync_folder(path.parent)


# --- what file systems may lack ----------------------------------------------------------------


def sync(file: FileIO) -> None:
    """Wait until *file* is on the disk, where the file system can tell."""
    with _named(file), _optional():
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in *folder* are on the disk, where the system can tell."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    # A folder may be writable and not readable.
    with _optional(errno.EACCES, errno.EBADF, errno.EISDIR):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)


@contextlib.contextmanager
def _named(file: FileIO) -> Generator[None, None, None]:
    """Let an error say which file it is about: the system knows only the number of an open one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = getattr(file, "name", None)
        raise


@contextlib.contextmanager
def _optional(*more: int) -> Generator[None, None, None]:
    """Pass over errors that say that the file system lacks a feature; raise real ones."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_SUPPORTED and error.errno not in more:
            raise


def longest_name(folder: Path) -> int:
    """How many bytes a name in *folder* may have.

    The system is asked, and then the file system, which may have room for less than it says.
    """
    limit = _USUAL_LIMIT
    if hasattr(os, "pathconf"):
        with contextlib.suppress(OSError, ValueError):
            limit = os.pathconf(folder, "PC_NAME_MAX")
    # What is said to have no limit has one.
    for length in (limit if limit > 0 else _USUAL_LIMIT, SHORTEST_LIMIT):
        try:
            os.close(os.open(folder / ("_" * length), os.O_RDONLY | _ALWAYS | _NO_LINK))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                continue
        return length
    return SHORTEST_LIMIT
