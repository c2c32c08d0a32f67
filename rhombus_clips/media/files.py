"""Safe access to files: only regular files are opened, and nothing is written through a link.

A name that the library uses may belong to something else: a link to an important file, a pipe that
blocks when it is opened, or a device on which opening has an effect. The library opens all of its
files here.

Locks, links and folder syncs are optional, because some file systems do not support them.
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

# Errors of file systems that do not support a feature, such as network and FUSE ones, and of
# sandboxes, which raise EPERM.
_UNSUPPORTED = {"EINVAL", "ENOLCK", "ENOSYS", "ENOTSUP", "ENOTTY", "EOPNOTSUPP", "EPERM"}
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NEW = os.O_CREAT | os.O_EXCL | _NO_LINK
_TRIES = 10
_CHUNK = 1024 * 1024
_SLICE = 16 * _CHUNK
SHORTEST_LIMIT = 143
"""The fewest bytes of a file name that a common file system supports, which is eCryptfs."""
_USUAL_LIMIT = 255
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegularFileError(DownloadError, OSError):
    """Something other than a regular file has the name of a file that the library needs."""


# --- checking ----------------------------------------------------------------------------------


def regular_status(path: Path, *, follows_links: bool = False) -> os.stat_result | None:
    """Return the status of the regular file at *path*; None if nothing exists there.

    Raises `NotRegularFileError` for anything else.
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
            f"{path} is a symbolic link, which is neither followed nor replaced: move it elsewhere,"
            f" or choose another path ({os.strerror(errno.ELOOP)})"
        )
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise NotRegularFileError(
            f"{path} is {kind}, which is neither opened nor replaced: move it elsewhere, or"
            " choose another path"
        )


def refuse_linked(file: FileIO, path: Path) -> None:
    """Raise `NotRegularFileError` if *file* has another hard link, whose content must not change.

    Some file systems do not count links and report 0.
    """
    if os.fstat(file.fileno()).st_nlink > 1:
        raise NotRegularFileError(
            f"{path} has another name (a hard link), so it is not written to: move it elsewhere,"
            " or replace it with a copy"
        )


# --- opening -----------------------------------------------------------------------------------


def open_to_read(path: Path, *, follows_links: bool = False) -> FileIO:
    """Open the regular file at *path*. Raises `FileNotFoundError` if nothing exists there."""
    return _opened(path, os.O_RDONLY, "rb", follows_links=follows_links)


def open_or_create(path: Path, *, appends: bool = False) -> FileIO:
    """Open or create the regular file at *path* for reading and writing, or only to append."""
    flags, mode = (os.O_WRONLY | os.O_APPEND, "ab") if appends else (os.O_RDWR, "r+b")
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            return _opened(path, flags, mode)
        with contextlib.suppress(FileExistsError):
            return _open(path, flags | _NEW, mode)
    raise DownloadError(f"{path} keeps appearing and disappearing: another program uses this name")


def create(path: Path) -> FileIO:
    """Create the file *path* and open it for writing. Raises `FileExistsError` if it exists."""
    return _open(path, os.O_WRONLY | _NEW, "wb")


def read(path: Path, *, will_be_written: bool = False) -> bytes | None:
    """Return the content of the regular file at *path*; None if nothing exists there.

    Raises `NotRegularFileError` for anything else, and if it *will_be_written* and has another
    hard link.
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
    # Checked before it is opened, because opening a device may have an effect, and again
    # afterwards, because it may have been replaced in between.
    if regular_status(path, follows_links=follows_links) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    file = _open(path, flags | (0 if follows_links else _NO_LINK), mode)
    try:
        _refuse_irregular(path, os.fstat(file.fileno()))
        if not (_NO_LINK or follows_links):
            regular_status(path)
    except BaseException:
        close_quietly(file)
        raise
    return file


def _open(path: Path, flags: int, mode: str) -> FileIO:
    # These flags replace those of *mode*, which would truncate an existing file.
    return FileIO(str(path), mode, opener=lambda name, _: os.open(name, flags | _ALWAYS, 0o666))


# --- reading, writing, removing, replacing -----------------------------------------------------


def hash_slice(file: FileIO, add: Callable[[bytes], None]) -> bool:
    """Pass the next 16 MiB of *file* to *add*, in chunks. Return whether there may be more."""
    for _ in range(0, _SLICE, _CHUNK):
        chunk = file.read(min(_CHUNK, _SLICE))
        if not chunk:
            return False
        add(chunk)
    return True


def write_all(file: FileIO, data: bytes | bytearray | memoryview) -> None:
    """Write all of *data*. No view of it outlives this call, not even in a traceback."""
    with memoryview(data) as whole, _named(file):
        count = 0
        while count < len(whole):
            with whole[count:] as rest:
                count += file.write(rest) or 0


def remove(path: Path) -> None:
    """Remove the regular file at *path* if it exists; leave anything else."""
    with contextlib.suppress(NotRegularFileError, FileNotFoundError):
        if regular_status(path) is not None:
            path.unlink()


def remove_quietly(path: Path) -> None:
    """Remove a file as `remove` does, but ignore errors: a remaining file is harmless."""
    with contextlib.suppress(OSError):
        remove(path)


def close_quietly(file: FileIO) -> None:
    """Close *file* and ignore errors, in cases where no data can be lost."""
    with contextlib.suppress(OSError):
        file.close()


def replace(path: Path, data: bytes) -> None:
    """Replace the content of the file *path* with *data*; a crash leaves one or the other.

    The data is written to a new file with a unique name, which then replaces the other.
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


# --- optional features of file systems ---------------------------------------------------------


def sync(file: FileIO) -> None:
    """Wait until the content of *file* is on the disk, if the file system supports it."""
    with _named(file), _optional():
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in *folder* are on the disk, if the system supports it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    # A folder may be writable but not readable.
    with _optional("EACCES", "EBADF", "EISDIR"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def is_unsupported(error: OSError, *more: str) -> bool:
    """Return whether *error* means that the file system does not support a feature."""
    return errno.errorcode.get(error.errno or 0) in _UNSUPPORTED.union(more)


@contextlib.contextmanager
def _named(file: FileIO) -> Generator[None, None, None]:
    """Add the file's name to an error, because the system knows only its descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = getattr(file, "name", None)
        raise


@contextlib.contextmanager
def _optional(*more: str) -> Generator[None, None, None]:
    """Ignore errors of a file system that does not support a feature; raise others."""
    try:
        yield
    except OSError as error:
        if not is_unsupported(error, *more):
            raise


def longest_name(folder: Path) -> int:
    """Return the maximum length of a name in *folder*, in bytes.

    The limit that the system reports is tested, because that of the file system may be lower.
    """
    limit = _USUAL_LIMIT
    if hasattr(os, "pathconf"):
        with contextlib.suppress(OSError, ValueError):
            limit = os.pathconf(folder, "PC_NAME_MAX")
    # A negative limit means "unlimited", but no file system is unlimited.
    for length in (limit if limit > 0 else _USUAL_LIMIT, SHORTEST_LIMIT):
        try:
            os.close(os.open(folder / ("_" * length), os.O_RDONLY | _ALWAYS | _NO_LINK))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                continue
        return length
    return SHORTEST_LIMIT
