"""A file that is being fetched: ``name.part`` until it is whole, with a running hash.

Everything here blocks and is run in threads. Beside the part lies ``name.part.json`` for as long
as it is not whole: whose bytes these are, and the entity tag by which the media host can tell
that they still are.
"""

import contextlib
import errno
import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any, cast

from rhombus_clips.errors import DownloadError
from rhombus_clips.media.file_names import NOTE, PART, name_of_part
from rhombus_clips.media.files import (
    NOT_SUPPORTED,
    SHORTEST_LIMIT,
    close_quietly,
    create,
    longest_name,
    open_or_create,
    open_to_read,
    read,
    refuse_linked,
    regular_status,
    remove,
    remove_quietly,
    sync,
    sync_folder,
    write_all,
)
from rhombus_clips.media.ranges import strong_etag

try:
    import fcntl
except ImportError:  # On Windows an open file cannot be renamed over, which protects as well.
    fcntl = None  # type: ignore[assignment, unused-ignore]  # it is a module elsewhere

_CHUNK = 1024 * 1024
_TRIES = 10

# What this process writes where the file system has no locks.
_unlocked: set[str] = set()
_unlocked_guard = threading.Lock()


class PartFile:
    """The part of *path*; at *path* itself a file is whole or absent.

    :param keeps_note: Whether a note stays when the part was put in its place. It has the hash of
        the file then, so that the next run knows it again should this one end before it is listed.
    """

    def __init__(
        self, path: Path, source: str, *, replaces: bool, keeps_note: bool = False
    ) -> None:
        self.path = path.absolute()
        self.part = self.path.parent / f"{self.path.name}{PART}"
        self._note = self.path.parent / f"{self.path.name}{NOTE}"
        self._source = source
        self._replaces = replaces
        self._keeps_note = keeps_note
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._has_failed = False
        self._is_listed_as_unlocked = False
        self._has_stable_identity = True
        self.size = 0
        self.etag: str | None = None
        self.thread = ThreadPoolExecutor(1)
        """Where to run all this but `hash`: no other work keeps it busy."""

    def open(self) -> None:
        """Open the part, for this download alone.

        Raises `DownloadError` when another has it open, it is linked from elsewhere, or something
        other than a file lies in one of the places, and `OSError` where nothing can be written.
        """
        if self.path.is_dir():
            raise IsADirectoryError(
                errno.EISDIR, "a file cannot be put in the place of a folder", str(self.path)
            )
        regular_status(self.path)
        self._fit_names()
        regular_status(self._note)
        for tries_left in reversed(range(_TRIES)):
            file = open_or_create(self.part)
            try:
                self._lock(file)
                # Between opening and locking it another download may have put it in its place.
                # Where that seems to happen each time, the file system numbers its files anew.
                self._has_stable_identity = tries_left > 0
                if self._is_at_part(file):
                    refuse_linked(file, self.part)
                    self._file = file
                    return
            except BaseException:
                self._let_go(file)
                raise
            self._let_go(file)
        raise DownloadError(f"{self.part} is moved or replaced all the time: choose another path")

    @property
    def is_open(self) -> bool:
        """Whether there is something to close."""
        return self._file is not None and not self._file.closed

    @property
    def _opened(self) -> FileIO:
        if self._file is None:
            raise ValueError("the part is not open")
        return self._file

    def _fit_names(self) -> None:
        """Give the part and the note names that the file system has room for."""
        if len(os.fsencode(self._note.name)) > SHORTEST_LIMIT:
            most = longest_name(self.path.parent)
            if len(os.fsencode(self.path.name)) > most:
                raise OSError(
                    errno.ENAMETOOLONG,
                    f"{os.strerror(errno.ENAMETOOLONG)}: {most} bytes are the most here",
                    str(self.path),
                )
            name = name_of_part(self.path.name, most - len(NOTE))
            self.part = self.path.parent / f"{name}{PART}"
            self._note = self.path.parent / f"{name}{NOTE}"

    def _lock(self, file: FileIO) -> None:
        error = DownloadError(
            f"{self.part} is being written by another download: wait for its end, or choose"
            " another path"
        )
        if fcntl is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise error from None
        except OSError as lacking:
            if lacking.errno not in NOT_SUPPORTED:
                raise
            # Without locks two processes are not told apart. Two downloads of one process are.
            with _unlocked_guard:
                if str(self.part) in _unlocked:
                    raise error from None
                _unlocked.add(str(self.part))
                self._is_listed_as_unlocked = True

    def _let_go(self, file: FileIO) -> None:
        close_quietly(file)
        if self._is_listed_as_unlocked:
            self._is_listed_as_unlocked = False
            with _unlocked_guard:
                _unlocked.discard(str(self.part))

    def _is_at_part(self, file: FileIO) -> bool:
        """Whether *file* is what has the name of the part."""
        there = regular_status(self.part)
        if there is None:
            return False
        status = os.fstat(file.fileno())
        if self._has_stable_identity:
            return os.path.samestat(status, there)
        return status.st_size == there.st_size

    # --- what is there already ---------------------------------------------------------------

    def recall(self) -> int:
        """How many bytes an earlier download left, none if they are of another file.

        `etag` is their entity tag then; of bytes that nothing is noted of, none. They are still
        to be hashed, by `hash_more`.
        """
        note = noted_at(self._note)
        if note is not None:
            if note.get("source") != self._source:
                return 0
            self.etag = strong_etag(note.get("etag"))
        return os.fstat(self._opened.fileno()).st_size

    def hash_more(self, most: int) -> bool:
        """Hash up to *most* of the bytes that are there; whether there are more."""
        for _ in range(0, most, _CHUNK):
            chunk = self._opened.read(_CHUNK)
            if not chunk:
                return False
            self.hash(self.size, chunk)
        return True

    # --- writing -----------------------------------------------------------------------------

    def _begin(self, etag: str | None) -> None:
        """Empty the part, for bytes that have that entity tag."""
        # In this order, so that never, wherever the process ends, bytes lie there under the
        # entity tag of others.
        remove(self._note)
        file = self._opened
        file.seek(0)
        if os.fstat(file.fileno()).st_size:
            file.truncate()
        self.etag = etag
        self._write_note()

    def _write_note(self, **more: str) -> None:
        note = json.dumps({"source": self._source, "etag": self.etag, **more})
        with create(self._note) as file:
            write_all(file, note.encode())

    def write(self, start: int, data: bytes | memoryview, etag: str | None) -> None:
        """Write *data* after what is there; at the start of the file, in place of it.

        After a write that failed nothing is written: it would lie where it does not belong.
        """
        if self._has_failed:
            return
        self._has_failed = True
        if start == 0:
            self._begin(etag)
        write_all(self._opened, data)
        self._has_failed = False
        _begin_storing(self._opened, start, len(data))

    def hash(self, start: int, data: bytes | memoryview) -> None:
        """Hash *data* after what was hashed; at the start of the file, in place of it.

        It touches nothing that `write` does, and may run beside it.
        """
        if start == 0:
            self._hash = hashlib.sha256()
            self.size = 0
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256_hex(self) -> str:
        """The hash of what is there."""
        return self._hash.hexdigest()

    # --- the end -----------------------------------------------------------------------------

    def put_in_place(self) -> None:
        """Make the part what lies at the path, so that a loss of power does not undo it.

        Raises `DownloadError` when somebody else has changed the part, or made a file at the path
        that is not to be replaced.
        """
        file = self._opened
        sync(file)
        is_whole = os.fstat(file.fileno()).st_size == self.size
        if not is_whole or not (self._is_at_part(file) or self._part_has_the_hash()):
            raise DownloadError(
                f"{self.part} was changed by somebody else: download the file once more"
            )
        if self._keeps_note:
            # Without it the file is perhaps fetched once more: no reason not to have it now.
            with contextlib.suppress(OSError):
                remove(self._note)
                self._write_note(sha256Hex=self.sha256_hex)
        if fcntl is None:
            file.close()
        regular_status(self.path)
        if self._replaces:
            self.part.replace(self.path)
        else:
            self._put_beside_others()
        if not self._keeps_note:
            remove_quietly(self._note)
        sync_folder(self.path.parent)
        self._let_go(file)

    def _part_has_the_hash(self) -> bool:
        """Whether the file called as the part holds what was written, whatever its number is.

        Where a file system numbers its files anew, nothing else tells whether it is the same.
        """
        status = regular_status(self.part)
        if status is None or status.st_size != self.size:
            return False
        with open_to_read(self.part) as there:
            return hashlib.file_digest(there, "sha256").hexdigest() == self.sha256_hex

    def _put_beside_others(self) -> None:
        """Put the part at a path where nothing is, and nothing is replaced."""
        has_links = True
        try:
            os.link(self.part, self.path)  # the order of the other spelling misleads
        except FileExistsError:
            pass
        except OSError:
            has_links = False
        else:
            # A part that stays does no harm: the file is in its place.
            remove_quietly(self.part)
            return
        if has_links or os.path.lexists(self.path):
            raise DownloadError(
                f"{self.path} was made by somebody else meanwhile: move it away, and download the"
                " file once more"
            )
        self.part.rename(self.path)

    def close(self) -> None:
        """Leave the part for another time; nothing, if there is nothing in it. Never raises."""
        self.thread.shutdown(wait=False)
        if self._file is None or self._file.closed:
            return
        try:
            is_empty = os.fstat(self._file.fileno()).st_size == 0
        except OSError:
            is_empty = False
        if is_empty:
            self.discard()
        self._let_go(self._file)

    def discard(self) -> None:
        """Remove the part. Never raises: why it is removed is what the caller has to know."""
        file = self._opened
        with contextlib.suppress(OSError, DownloadError):
            if not self._is_at_part(file):
                return
            if fcntl is None:  # An open file cannot be removed there.
                self._let_go(file)
            try:
                remove(self.part)
            except OSError:
                self._let_go(file)
                remove(self.part)
            remove(self._note)
        self._let_go(file)


def noted_at(path: Path) -> dict[str, Any] | None:
    """What the note at *path* says; None if it says nothing that can be understood."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        note: object = json.loads(read(path) or b"")
        return cast("dict[str, Any]", note) if isinstance(note, dict) else None
    return None


def _begin_storing(file: FileIO, start: int, length: int) -> None:
    """Let the disk begin with what was just written, so that the wait for it at the end is short.

    It was written only now, and so is not on the disk: that is why this advice, which is about
    what is no longer needed in memory, makes Linux write it and drop nothing.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_DONTNEED)
