"""A file while it is downloaded: ``name.part``, its running hash, and a note.

All methods block, and run in threads. Until the file is complete, ``name.part.json`` records which
file the bytes belong to, and the entity tag with which the media host can confirm that they are
still valid.
"""

import contextlib
import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any, cast

from rhombus_clips.errors import DownloadError
from rhombus_clips.media import files
from rhombus_clips.media.file_names import NOTE, PART, name_of_part
from rhombus_clips.media.head import strong_etag

try:
    import fcntl
except ImportError:  # On Windows an open file cannot be replaced, which protects it as well.
    fcntl = None  # type: ignore[assignment, unused-ignore]  # it is a module elsewhere

_TRIES = 10

# The parts that this process writes on file systems without locks, by path.
_unlocked: dict[str, "PartFile"] = {}


class PartFile:
    """The part of *path*; *path* itself never holds an incomplete file.

    :param source: The path on the media host; the bytes of another source are discarded.
    :param replaces: True to replace an existing file at *path*.
    :param keeps_note: True to keep the note after the part became *path*. The note then contains
        the hash of the file, so that the next run recognizes the file if this one ends before
        listing it.
    """

    def __init__(
        self, path: Path, source: str, *, replaces: bool, keeps_note: bool = False
    ) -> None:
        self.path: Path = path.absolute()
        self._set_names(self.path.name)
        self._source = source
        self._replaces = replaces
        self._keeps_note = keeps_note
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._has_failed = False
        self._has_stable_identity = True
        self.size: int = 0
        self.etag: str | None = None
        self.thread: ThreadPoolExecutor = ThreadPoolExecutor(1)
        """Runs all of these methods except `hash`; no other work delays it."""

    def _set_names(self, name: str) -> None:
        self.part: Path = self.path.parent / f"{name}{PART}"
        self._note = self.path.parent / f"{name}{NOTE}"

    # --- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the part for this download alone.

        Raises `DownloadError` if another download has it open, it has another hard link, or
        something other than a file has one of the names, and `OSError` if nothing can be written.
        """
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a file cannot replace a folder", str(self.path))
        files.regular_status(self.path)
        self._fit_names()
        files.regular_status(self._note)
        for tries_left in reversed(range(_TRIES)):
            file = files.open_or_create(self.part)
            try:
                self._lock(file)
                # Another download may have moved the part before it was locked. If that seems to
                # happen each time, the file system has no stable inode numbers.
                self._has_stable_identity = tries_left > 0
                if self._is_at_part(file):
                    files.refuse_linked(file, self.part)
                    self._file = file
                    return
            except BaseException:
                self._release(file)
                raise
            self._release(file)
        raise DownloadError(f"{self.part} keeps being moved or replaced: choose another path")

    @property
    def _opened(self) -> FileIO:
        if self._file is None:
            raise ValueError("the part is not open")
        return self._file

    def _fit_names(self) -> None:
        """Shorten the names of the part and the note if the file system requires it."""
        if len(os.fsencode(self._note.name)) > files.SHORTEST_LIMIT:
            most = files.longest_name(self.path.parent)
            if len(os.fsencode(self.path.name)) > most:
                reason = f"{os.strerror(errno.ENAMETOOLONG)}: the limit is {most} bytes"
                raise OSError(errno.ENAMETOOLONG, reason, str(self.path))
            self._set_names(name_of_part(self.path.name, most - len(NOTE)))

    def _lock(self, file: FileIO) -> None:
        if fcntl is None:
            return
        in_use = DownloadError(
            f"another download is writing {self.part}: wait until it ends, or choose another path"
        )
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use from None
        except OSError as error:
            if not files.is_unsupported(error):
                raise
            # Without locks, only two downloads of the same process can be told apart.
            if _unlocked.setdefault(str(self.part), self) is not self:
                raise in_use from None

    def _release(self, file: FileIO) -> None:
        files.close_quietly(file)
        if _unlocked.get(str(self.part)) is self:
            del _unlocked[str(self.part)]

    def _is_at_part(self, file: FileIO) -> bool:
        """Return whether the path of the part still leads to *file*."""
        current = files.regular_status(self.part)
        if current is None:
            return False
        status = os.fstat(file.fileno())
        if self._has_stable_identity:
            return os.path.samestat(status, current)
        return status.st_size == current.st_size

    # --- bytes of an earlier download ----------------------------------------------------------

    def recall(self) -> int:
        """Return how many bytes an earlier download of the same source left, and set `etag`.

        They are not hashed yet, see `hash_more`.
        """
        note = noted_at(self._note)
        if note is not None:
            if note.get("source") != self._source:
                return 0
            self.etag = strong_etag(note.get("etag"))
        return os.fstat(self._opened.fileno()).st_size

    def hash_more(self) -> bool:
        """Hash the next slice of those bytes. Return whether there may be more."""
        return files.hash_slice(self._opened, lambda data: self.hash(self.size, data))

    # --- writing -------------------------------------------------------------------------------

    def _restart(self, etag: str | None) -> None:
        """Empty the part, to receive bytes with that entity tag."""
        # In this order, so that the note never has the entity tag of other bytes, even if the
        # process ends in between.
        files.remove(self._note)
        file = self._opened
        file.seek(0)
        if os.fstat(file.fileno()).st_size:
            file.truncate()
        self.etag = etag
        self._write_note()

    def _write_note(self, **more: str) -> None:
        note = json.dumps({"source": self._source, "etag": self.etag, **more})
        with files.create(self._note) as file:
            files.write_all(file, note.encode())

    def write(self, start: int, data: bytes | memoryview, etag: str | None) -> None:
        """Append *data*, or replace the content with it if *start* is 0.

        After a failed write nothing is written, as its offset would be wrong.
        """
        if self._has_failed:
            return
        self._has_failed = True
        if start == 0:
            self._restart(etag)
        files.write_all(self._opened, data)
        self._has_failed = False
        if hasattr(os, "posix_fadvise"):
            # Start writing to the disk, so that the final sync is short. The advice means that the
            # data is not needed in memory. Linux drops nothing that is not on the disk yet, and
            # writes it instead.
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._opened.fileno(), start, len(data), os.POSIX_FADV_DONTNEED)

    def hash(self, start: int, data: bytes | memoryview) -> None:
        """Hash *data* after the bytes hashed so far, or alone if *start* is 0.

        It shares no state with `write`, and may run at the same time.
        """
        if start == 0:
            self._hash = hashlib.sha256()
            self.size = 0
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256_hex(self) -> str:
        """The hash of the bytes hashed so far."""
        return self._hash.hexdigest()

    # --- finishing -------------------------------------------------------------------------------

    def put_in_place(self) -> None:
        """Move the part to the path, in a way that survives a power failure.

        Raises `DownloadError` if another program has changed the part, or created a file at a
        path that is not to be replaced.
        """
        file = self._opened
        files.sync(file)
        is_whole = os.fstat(file.fileno()).st_size == self.size
        if not is_whole or not (self._is_at_part(file) or self._part_has_the_hash()):
            raise DownloadError(
                f"{self.part} was changed by another program: download the file again"
            )
        if self._keeps_note:
            # Without the note, the file may be downloaded again, which is acceptable.
            with contextlib.suppress(OSError):
                files.remove(self._note)
                self._write_note(sha256Hex=self.sha256_hex)
        if fcntl is None:
            file.close()
        files.regular_status(self.path)
        if self._replaces:
            self.part.replace(self.path)
        else:
            self._move_without_replacing()
        if not self._keeps_note:
            files.remove_quietly(self._note)
        files.sync_folder(self.path.parent)
        self._release(file)

    def _part_has_the_hash(self) -> bool:
        """Return whether the file at the part has the content that was written.

        On a file system without stable inode numbers, nothing else identifies it.
        """
        status = files.regular_status(self.part)
        if status is None or status.st_size != self.size:
            return False
        with files.open_to_read(self.part) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256_hex

    def _move_without_replacing(self) -> None:
        try:
            os.link(self.part, self.path)  # Path.hardlink_to takes them in a confusing order
        except OSError as error:
            if isinstance(error, FileExistsError) or os.path.lexists(self.path):
                raise DownloadError(
                    f"another program has created {self.path} in the meantime: move it elsewhere,"
                    " and download the file again"
                ) from None
            self.part.rename(self.path)  # The file system may not support links.
        else:
            # A remaining part is harmless, as the file is in its place.
            files.remove_quietly(self.part)

    def close(self) -> None:
        """Close the part, and remove it if it is empty. Never raises."""
        self.thread.shutdown(wait=False)
        if self._file is None or self._file.closed:
            return
        with contextlib.suppress(OSError):
            if os.fstat(self._file.fileno()).st_size == 0:
                self.discard()
        self._release(self._file)

    def discard(self) -> None:
        """Remove the part. Never raises, as that would hide the reason for the removal."""
        file = self._opened
        with contextlib.suppress(OSError, DownloadError):
            if not self._is_at_part(file):
                return
            if fcntl is None:  # An open file cannot be removed on Windows.
                self._release(file)
            try:
                files.remove(self.part)
            except OSError:
                self._release(file)
                files.remove(self.part)
            files.remove(self._note)
        self._release(file)


def noted_at(path: Path) -> dict[str, Any] | None:
    """Return the content of the note at *path*; None if there is no valid one."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        note: object = json.loads(files.read(path) or b"")
        return cast("dict[str, Any]", note) if isinstance(note, dict) else None
    return None
