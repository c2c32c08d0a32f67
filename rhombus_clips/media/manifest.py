"""The manifest of a folder of clips: one line of JSON per file, read again by the next run."""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from attrs import frozen

from rhombus_clips.concurrency import in_thread
from rhombus_clips.media import file_names, files
from rhombus_clips.media.download import Downloaded, verified_file
from rhombus_clips.media.part_file import noted_at
from rhombus_clips.models import SavedClip


@frozen
class Destination:
    """The path for the file of a clip."""

    path: Path
    replaces: bool
    """True if a file at the path is the clip's and may be replaced."""
    existing: Downloaded | None
    """The clip's complete file, if it exists but is not listed."""


class Manifest:
    """The manifest of *folder*, ``manifest.jsonl``. `read` and `add` block; run them in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / file_names.MANIFEST
        # The listed files by clip, each with its modification time; None in a line without it.
        self._files: dict[str, tuple[Downloaded, int | None]] = {}
        self._owners: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        self._most_name_bytes = 0
        self._ends_with_newline = True
        self._adding = threading.Lock()

    def read(self) -> None:
        """Create the folder if it does not exist, and read its manifest.

        An invalid line, which a killed process may leave, is ignored, and its file is checked
        again. Raises `DownloadError` if the manifest is a link or not a file.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        content = files.read(self._path, will_be_written=True) or b"\n"
        text = content.decode("utf-8", errors="replace")
        self._ends_with_newline = text.endswith("\n")
        for line in text.split("\n"):
            self._list_parsed(line)

    def _list_parsed(self, text: str) -> None:
        """List the file of a line, unless it is invalid or names no file here."""
        try:
            line: Any = json.loads(text)
            name, size, sha256_hex = line["file"], line["byteCount"], line["sha256Hex"]
            uuid, modified_at_ns = line["clipUuid"], line.get("modifiedAtNs")
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            return
        has_strings = all(type(value) is str and value for value in (name, sha256_hex, uuid))
        if has_strings and type(size) is int and file_names.is_safe_file_name(name):
            path = self._folder / name
            file = Downloaded(path=path, byte_count=size, sha256_hex=sha256_hex, requests=0)
            time = modified_at_ns if type(modified_at_ns) is int else None
            self._list(uuid, file, time)

    def _list(self, uuid: str, file: Downloaded, modified_at_ns: int | None) -> None:
        name = file_names.spelling(file.path.name)
        owner = self._owners.get(name, uuid)
        if owner != uuid:
            # The file belongs to the clip of the later line.
            self._files.pop(owner, None)
        self._files[uuid] = file, modified_at_ns
        self._owners[name] = uuid

    async def file_of(self, clip: SavedClip) -> Downloaded | None:
        """Return the clip's file if it is listed and unchanged, and still matches the record.

        A file with another modification time, such as a copy, is hashed once, and its new time is
        listed.
        """
        file, modified_at_ns = self._files.get(clip.uuid or "", (None, None))
        if file is None or not _may_be(clip, file):
            return None
        status = await in_thread(_status, file.path)
        if status is None or status.st_size != file.byte_count:
            return None
        if status.st_mtime_ns != modified_at_ns:
            if await verified_file(file.path, file.sha256_hex) is None:
                return None
            # If this fails, the next run hashes the file again.
            with contextlib.suppress(OSError):
                await in_thread(self.add, clip, file, status.st_mtime_ns)
        return file

    async def destination(self, clip: SavedClip, name: str) -> Destination:
        """Return the destination of the clip's file: *name*, or a similar name that is free.

        A file belongs to the clip if the manifest lists it as such, or if it has the clip's hash or
        the hash that its own download noted, because a process may have ended before it added the
        line.
        """
        uuid = str(clip.uuid)
        if not self._most_name_bytes:
            self._names, self._most_name_bytes = await in_thread(_names_in, self._folder)
        file, _ = self._files.get(uuid, (None, None))
        listed = None if file is None else file.path.name
        for candidate in file_names.names_for(listed or name, uuid, self._most_name_bytes):
            if self._owners.get(file_names.spelling(candidate), uuid) != uuid:
                continue
            path, existing = self._folder / candidate, None
            if candidate != listed and await in_thread(self._is_taken, path):
                existing = await self._recognized(path, clip)
                # A folder or a link is not another clip's file, so the download reports it.
                if existing is None and not await in_thread(_is_obstacle, path):
                    continue
            # Another clip may have taken the name while the file was hashed.
            if self._owners.setdefault(file_names.spelling(candidate), uuid) == uuid:
                is_own = candidate == listed or existing is not None
                return Destination(path, is_own, existing)
        raise AssertionError("there is always another name")

    def _is_taken(self, path: Path) -> bool:
        """Return whether something is at *path*, or would be on a file system that ignores case."""
        others = self._names.get(file_names.spelling(path.name), set()) - {path.name}
        return bool(others) or os.path.lexists(path)

    async def _recognized(self, path: Path, clip: SavedClip) -> Downloaded | None:
        """Return the file at *path* if its hash proves that it is the clip's."""
        proof = (clip.sha256_hex or "").lower() or await in_thread(_noted_hash, path, clip)
        return await verified_file(path, proof) if proof else None

    def add(self, clip: SavedClip, file: Downloaded, modified_at_ns: int | None = None) -> None:
        """Append the line of a file, and remove the note of its download."""
        uuid = str(clip.uuid)
        if modified_at_ns is None:
            modified_at_ns = file.path.stat().st_mtime_ns
        text = json.dumps(
            {
                "clipUuid": uuid,
                "file": file.path.name,
                "byteCount": file.byte_count,
                "sha256Hex": file.sha256_hex,
                "modifiedAtNs": modified_at_ns,
                "timestampMs": clip.timestamp_ms,
                "createdAtMs": clip.created_at_ms,
                "title": clip.title,
            }
        )
        with self._adding, files.open_or_create(self._path, appends=True) as manifest:
            files.refuse_linked(manifest, self._path)
            newline, self._ends_with_newline = "" if self._ends_with_newline else "\n", False
            files.write_all(manifest, f"{newline}{text}\n".encode())
            self._ends_with_newline = True
        self._list(uuid, file, modified_at_ns)
        files.remove_quietly(_note_of(file.path))


def _names_in(folder: Path) -> tuple[dict[str, set[str]], int]:
    """Return the names in *folder* by spelling, and the maximum length of a clip's file name."""
    names: dict[str, set[str]] = {}
    for path in folder.iterdir():
        names.setdefault(file_names.spelling(path.name), set()).add(path.name)
    return names, files.longest_name(folder) - len(file_names.NOTE)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, or of a link's target: a clip may have been moved away."""
    with contextlib.suppress(OSError):
        return files.regular_status(path, follows_links=True)
    return None


def _is_obstacle(path: Path) -> bool:
    """Return whether something other than a regular file is at *path*."""
    try:
        files.regular_status(path)
    except OSError:
        return True
    return False


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{file_names.NOTE}")


def _noted_hash(path: Path, clip: SavedClip) -> str:
    """Return the hash that the download of the clip's file noted; empty if it noted none."""
    note = noted_at(_note_of(path)) or {}
    source, sha256_hex = str(note.get("source")), note.get("sha256Hex")
    is_of_clip = source.rpartition("/")[2] == f"{clip.uuid}.mp4"
    return sha256_hex if is_of_clip and isinstance(sha256_hex, str) else ""


def _may_be(clip: SavedClip, file: Downloaded) -> bool:
    """Return whether *file* is consistent with the clip's record."""
    return clip.byte_count in {None, 0, file.byte_count} and (
        not clip.sha256_hex or clip.sha256_hex.lower() == file.sha256_hex
    )
