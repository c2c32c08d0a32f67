"""A file that is being fetched: ``name.part`` until it is whole, with a running hash.

What blocks is run in threads. Beside the part lies ``name.part.json`` for as long
as it is not whole: whose bytes these are, and the entity tag by which the media host can tell
that they still are.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
from pathlib import Path
from typing import IO, Any, cast

from rhombus_clips.errors import DownloadError
from rhombus_clips.protocol.media import strong_etag

try:
    import fcntl
except ImportError:  # On Windows an open file cannot be renamed over, which protects as well.
    fcntl = None  # type: ignore[assignment, unused-ignore]  # it is a module elsewhere

PART, NOTE = ".part", ".part.json"
_CHUNK = 1024 * 1024


class PartFile:
    """The part of *path*; at *path* itself a file is whole or absent."""

    def __init__(self, path: Path, source: str, *, replaces: bool) -> None:
        self.path = path.absolute()
        self.part = self.path.with_name(f"{path.name}{PART}")
        self._note = self.path.with_name(f"{path.name}{NOTE}")
        self._source = source
        self._replaces = replaces
        self._file: IO[bytes] = io.BytesIO()
        self._hash = hashlib.sha256()
        self._has_failed = False
        self.size = 0
        self.etag: str | None = None

    def open(self) -> None:
        """Open the part, for this download alone.

        Raises `DownloadError` when another has it open, or it is linked from elsewhere, and
        `OSError` where nothing can be written.
        """
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a file cannot be put in its place", self.path)
        if self.path.exists() and not self.path.is_file():
            raise DownloadError(f"{self.path} is no file, and is not replaced by one")
        while True:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            file = os.fdopen(os.open(self.part, flags, 0o666), "r+b", buffering=0)
            try:
                _lock(file, self.part)
                # Between opening and locking it another download may have put it in its place.
                if _is_at(file, self.part):
                    self._refuse_linked(file)
                    self._file = file
                    return
            except BaseException:
                file.close()
                raise
            file.close()

    def _refuse_linked(self, file: IO[bytes]) -> None:
        """Whoever gave the part a second name does not want it emptied."""
        if os.fstat(file.fileno()).st_nlink != 1:
            raise DownloadError(f"{self.part} has another name too: move it away")

    # --- what is there already ---------------------------------------------------------------

    def recall(self) -> int:
        """How many bytes an earlier download left, none if they are of another file.

        `etag` is their entity tag then; of bytes that nothing is noted of, none. They are still
        to be hashed, by `hash_more`.
        """
        note = self._read_note()
        if note is not None:
            if note.get("source") != self._source:
                return 0
            self.etag = strong_etag(note.get("etag"))
        return os.fstat(self._file.fileno()).st_size

    def hash_more(self, most: int) -> bool:
        """Hash up to *most* of the bytes that are there; whether there are more."""
        for _ in range(0, most, _CHUNK):
            chunk = self._file.read(_CHUNK)
            if not chunk:
                return False
            self.hash(self.size, chunk)
        return True

    # --- writing -----------------------------------------------------------------------------

    def _begin(self, etag: str | None) -> None:
        """Empty the part, for bytes that have that entity tag."""
        # In this order, so that never, wherever the process ends, bytes lie there under the
        # entity tag of others.
        self._note.unlink(missing_ok=True)
        self._file.seek(0)
        self._file.truncate()
        self.etag = etag
        self._note.write_text(json.dumps({"source": self._source, "etag": etag}), encoding="utf-8")

    def write(self, start: int, data: bytes | memoryview, etag: str | None) -> None:
        """Write *data* behind what is there; at the start of the file, in place of it.

        Behind a write that failed nothing is written: it would lie where it does not belong.
        """
        if self._has_failed:
            return
        self._has_failed = True
        if start == 0:
            self._begin(etag)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._has_failed = False
        _begin_storing(self._file, start, len(data))

    def hash(self, start: int, data: bytes | memoryview) -> None:
        """Hash *data* behind what was hashed; at the start of the file, in place of it.

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
        os.fsync(self._file.fileno())
        if not self._is_ours() or os.fstat(self._file.fileno()).st_size != self.size:
            raise DownloadError(f"{self.part} was changed by somebody else")
        if fcntl is None:
            self._file.close()
        if self._replaces:
            os.replace(self.part, self.path)  # noqa: PTH105  # says what happens to what is there
        else:
            self._put_beside_others()
        self._note.unlink(missing_ok=True)
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        self._file.close()

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
            self.part.unlink()
            return
        if has_links or self.path.exists():
            raise DownloadError(f"{self.path} was made by somebody else meanwhile")
        self.part.rename(self.path)

    def close(self) -> None:
        """Leave the part for another time; nothing, if there is nothing in it."""
        if not isinstance(self._file, io.FileIO) or self._file.closed:
            return
        try:
            if os.fstat(self._file.fileno()).st_size == 0:
                self.discard()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Take the part away."""
        try:
            if self._is_ours():
                self.part.unlink(missing_ok=True)
                self._note.unlink(missing_ok=True)
        finally:
            self._file.close()

    def _is_ours(self) -> bool:
        return _is_at(self._file, self.part)

    def _read_note(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            note: object = json.loads(self._note.read_text(encoding="utf-8"))
            return cast("dict[str, Any]", note) if isinstance(note, dict) else None
        return None


def _begin_storing(file: IO[bytes], start: int, length: int) -> None:
    """Let the disk begin with what was just written, so that the wait for it at the end is short.

    It was written only now, and so is not on the disk: that is why this advice, which is about
    what is no longer needed in memory, makes Linux write it and drop nothing.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_DONTNEED)


def _lock(file: IO[bytes], name: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DownloadError(f"{name} is being written by another download") from None


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False
