"""What a folder of clips holds: one line of JSON for each file, read again by the next run."""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from attrs import define, frozen

from rhombus_clips.concurrency import in_thread
from rhombus_clips.media.download import Downloaded, hashed
from rhombus_clips.media.file_names import (
    MANIFEST,
    NOTE,
    is_safe_file_name,
    names_for,
    spelling,
)
from rhombus_clips.media.files import (
    longest_name,
    open_or_create,
    read,
    refuse_linked,
    regular_status,
    remove_quietly,
    write_all,
)
from rhombus_clips.media.part_file import noted_at
from rhombus_clips.models import SavedClip


@frozen
class Entry:
    """A file that is there."""

    name: str
    byte_count: int
    sha256_hex: str
    modified_at_ns: int | None
    """When the file system says that it was written last; None in a line that does not tell."""


@frozen
class Place:
    """Where the file of a clip belongs."""

    path: Path
    replaces: bool
    """Whether what is there is a file of the clip, and may be replaced."""
    there: Downloaded | None
    """The clip's whole file, if it is there though the manifest does not say so."""


@define
class _Names:
    """The names in a folder, by how a file system that tells fewer apart spells them."""

    by_spelling: dict[str, set[str]]
    most_bytes: int

    def is_taken(self, path: Path) -> bool:
        """Whether something is at *path*, or would be on another file system."""
        others = self.by_spelling.get(spelling(path.name), set()) - {path.name}
        return bool(others) or os.path.lexists(path)


class Manifest:
    """The manifest of *folder*, ``manifest.jsonl``. `read` and `add` block; run them in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / MANIFEST
        self._entries: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}
        self._names: _Names | None = None
        self._begins_line = True
        self._adding = threading.Lock()

    def read(self) -> None:
        """Make the folder if it is not there, and read what the manifest says of it.

        A line that cannot be read, as a process leaves that was killed within it, is passed over:
        its file is looked at again. Raises `DownloadError` when the manifest is a link or no file.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        text = (read(self._path, will_be_written=True) or b"\n").decode("utf-8", errors="replace")
        self._begins_line = text.endswith("\n")
        for line in text.split("\n"):
            found = _entry_of(line)
            if found is not None:
                self._note(*found)

    def _note(self, uuid: str, entry: Entry) -> None:
        owner = self._owners.get(spelling(entry.name))
        if owner not in {None, uuid}:
            # The later line is of the clip whose file was put there last.
            self._entries.pop(str(owner), None)
        self._entries[uuid] = entry
        self._owners[spelling(entry.name)] = uuid

    async def file_of(self, clip: SavedClip) -> Downloaded | None:
        """The clip's file, if it is there, and as it was when it was found whole.

        A file that another time is noted of, as of a copy, is hashed once, and its time noted.
        None also where the clip's record names another length or hash by now.
        """
        entry = self._entries.get(clip.uuid or "")
        if entry is None or not _may_be(clip, entry.byte_count, entry.sha256_hex):
            return None
        path = self._folder / entry.name
        status = await in_thread(_status, path)
        if status is None or status.st_size != entry.byte_count:
            return None
        file = Downloaded(
            path=path, byte_count=entry.byte_count, sha256_hex=entry.sha256_hex, requests=0
        )
        if status.st_mtime_ns != entry.modified_at_ns:
            if await hashed(path) != (entry.byte_count, entry.sha256_hex):
                return None
            # Otherwise it is hashed in the next run, too: no reason for this one to fail.
            with contextlib.suppress(OSError):
                await in_thread(self.add, clip, file, status.st_mtime_ns)
        return file

    async def claim(self, clip: SavedClip, name: str) -> Place:
        """Where the clip's file belongs: at *name*, or another where that is not free for it.

        What the manifest names as the clip's file is, and so is a file with the clip's hash, or
        with the hash that its own download noted: a process may end before it wrote the line.
        """
        uuid = str(clip.uuid)
        names = await self._names_there()
        entry = self._entries.get(uuid)
        own = None if entry is None else entry.name
        candidates = names_for(name if own is None else own, uuid, names.most_bytes)
        for candidate in candidates:
            if self._owners.get(spelling(candidate), uuid) != uuid:
                continue
            path, there = self._folder / candidate, None
            if candidate != own and await in_thread(names.is_taken, path):
                there = await self._recognized(path, clip)
                # A folder or a link in the way is no other clip's file: the download says so.
                if there is None and not await in_thread(_is_obstacle, path):
                    continue
            # Another clip may have taken the name while the file was hashed.
            if self._owners.setdefault(spelling(candidate), uuid) == uuid:
                is_own = candidate == own or there is not None
                return Place(path, replaces=is_own, there=there)
        raise AssertionError("there is always one more name")

    async def _names_there(self) -> _Names:
        if self._names is None:
            self._names = await in_thread(_names_in, self._folder)
        return self._names

    async def _recognized(self, path: Path, clip: SavedClip) -> Downloaded | None:
        """What lies at *path*, if it is the clip's file by its hash, whatever else says so."""
        proof = (clip.sha256_hex or "").lower()
        if not proof:
            proof = await in_thread(_noted_hash, path, clip)
        if not proof or await in_thread(_status, path) is None:
            return None
        byte_count, sha256_hex = await hashed(path)
        if sha256_hex != proof:
            return None
        return Downloaded(path=path, byte_count=byte_count, sha256_hex=sha256_hex, requests=0)

    def add(self, clip: SavedClip, file: Downloaded, modified_at_ns: int | None = None) -> None:
        """Write the line of a file that is there."""
        uuid = str(clip.uuid)
        if modified_at_ns is None:
            modified_at_ns = file.path.stat().st_mtime_ns
        line = json.dumps(
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
        with self._adding, open_or_create(self._path, appends=True) as lines:
            refuse_linked(lines, self._path)
            begins_line, self._begins_line = self._begins_line, False
            write_all(lines, (f"{line}\n" if begins_line else f"\n{line}\n").encode())
            self._begins_line = True
        self._note(uuid, Entry(file.path.name, file.byte_count, file.sha256_hex, modified_at_ns))
        remove_quietly(_note_beside(file.path))


def _names_in(folder: Path) -> _Names:
    by_spelling: dict[str, set[str]] = {}
    for path in folder.iterdir():
        by_spelling.setdefault(spelling(path.name), set()).add(path.name)
    return _Names(by_spelling, longest_name(folder) - len(NOTE))


def _status(path: Path) -> os.stat_result | None:
    """The status of a file, or of one that a link leads to: a clip may have been moved away."""
    with contextlib.suppress(OSError):
        return regular_status(path, follows_links=True)
    return None


def _is_obstacle(path: Path) -> bool:
    """Whether something is at *path* that no clip's file is: a folder, a link, a pipe."""
    try:
        regular_status(path)
    except OSError:
        return True
    return False


def _note_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}{NOTE}")


def _noted_hash(path: Path, clip: SavedClip) -> str:
    """The hash that the download of the clip's file noted when it was put there; or nothing."""
    note = noted_at(_note_beside(path)) or {}
    source, sha256_hex = str(note.get("source")), note.get("sha256Hex")
    is_of_clip = source.rpartition("/")[2] == f"{clip.uuid}.mp4"
    return sha256_hex if is_of_clip and isinstance(sha256_hex, str) else ""


def _may_be(clip: SavedClip, byte_count: int, sha256_hex: str) -> bool:
    """Whether the clip's record does not contradict a file of that length and hash."""
    return clip.byte_count in {None, 0, byte_count} and (
        not clip.sha256_hex or clip.sha256_hex.lower() == sha256_hex
    )


def _entry_of(line: str) -> tuple[str, Entry] | None:
    """What a line says; None when it is none of ours, or names what is not in the folder."""
    try:
        said: Any = json.loads(line)
        name, size, sha256_hex = said["file"], said["byteCount"], said["sha256Hex"]
        uuid, modified_at_ns = said["clipUuid"], said.get("modifiedAtNs")
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return None
    texts = (name, sha256_hex, uuid)
    if type(size) is not int or not all(type(text) is str and text for text in texts):
        return None
    if not is_safe_file_name(name):
        return None
    return uuid, Entry(
        name, size, sha256_hex, modified_at_ns if type(modified_at_ns) is int else None
    )
