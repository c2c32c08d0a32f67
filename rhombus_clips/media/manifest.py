"""What a folder of clips holds: one line of JSON for each file, read again by the next run."""

import hashlib
import json
from pathlib import Path
from typing import Any

from attrs import frozen

from rhombus_clips.media.download import Downloaded
from rhombus_clips.media.part_file import NOTE, PART
from rhombus_clips.models import SavedClip
from rhombus_clips.protocol.file_names import safe_file_name, with_uuid

_NAME = "manifest.jsonl"


@frozen
class Entry:
    """A file that is there."""

    name: str
    byte_count: int
    sha256_hex: str
    modified_at_ns: int | None
    """When the file system says that it was written last; None in a line that does not tell."""

    def is_untouched(self, path: Path) -> bool:
        """Whether what lies at *path* is as long, and as old, as when it was found whole."""
        if not path.is_file():
            return False
        there = path.stat()
        return (there.st_size, there.st_mtime_ns) == (self.byte_count, self.modified_at_ns)


class Manifest:
    """The manifest of *folder*, ``manifest.jsonl``; everything here blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _NAME
        self._entries: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}
        self._begins_line = True

    def read(self) -> None:
        """Make the folder if it is not there, and read what the manifest says of it.

        A line that cannot be read, as a process leaves that was killed within it, is passed over:
        its file is looked at again.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return
        text = self._path.read_text(encoding="utf-8", errors="replace")
        self._begins_line = text.endswith("\n")
        for line in text.splitlines():
            found = _entry_of(line)
            if found is not None:
                uuid, entry = found
                self._entries[uuid] = entry
                self._owners[entry.name.casefold()] = uuid

    def file_of(self, clip: SavedClip) -> Downloaded | None:
        """The clip's file, if it is there, and as it was when it was found whole.

        None also where the clip's record names another length or hash by now.
        """
        entry = self._entries.get(clip.uuid or "")
        if entry is None:
            return None
        path = self._folder / entry.name
        is_the_clip_s = clip.byte_count in {None, 0, entry.byte_count} and (
            not clip.sha256_hex or clip.sha256_hex.lower() == entry.sha256_hex
        )
        if not (entry.is_untouched(path) and is_the_clip_s):
            return None
        return Downloaded(
            path=path, byte_count=entry.byte_count, sha256_hex=entry.sha256_hex, requests=0
        )

    def is_clip(self, name: str, clip: SavedClip) -> bool:
        """Whether the file called *name* is the clip's by its hash, though nothing else says so."""
        path = self._folder / name
        # What is owned is hashed by the download, which replaces it when it is wrong.
        if not clip.sha256_hex or not path.is_file() or self.owns(path, str(clip.uuid)):
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == clip.sha256_hex.lower()

    def owns(self, path: Path, uuid: str) -> bool:
        """Whether what lies at *path* is provably a file of that clip, and may be replaced."""
        entry = self._entries.get(uuid)
        return uuid in path.name or (entry is not None and entry.name == path.name)

    def claim(self, uuid: str, name: str, *, is_its_own: bool) -> Path:
        """The path for the clip: *name*, or another where that is not free for it.

        *is_its_own* is whether the clip's own file lies there already.
        """
        entry = self._entries.get(uuid)
        if entry is not None:
            name = entry.name
        elif name.casefold() == _NAME or name.casefold().endswith((PART, NOTE)):
            name = f"{name}_"
        owner = self._owners.get(name.casefold())
        path = self._folder / name
        is_strange = path.exists() and not (is_its_own or self.owns(path, uuid))
        if owner not in {None, uuid} or is_strange:
            name = with_uuid(name, uuid)
        self._owners[name.casefold()] = uuid
        return self._folder / name

    def add(self, clip: SavedClip, file: Downloaded) -> None:
        """Write the line of a file that is there."""
        uuid = str(clip.uuid)
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
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(f"{line}\n" if self._begins_line else f"\n{line}\n")
        self._begins_line = True
        self._entries[uuid] = Entry(
            file.path.name, file.byte_count, file.sha256_hex, modified_at_ns
        )


def _entry_of(line: str) -> tuple[str, Entry] | None:
    """What a line says; None when it is none of ours, or names what is not in the folder."""
    try:
        said: Any = json.loads(line)
        name, size, sha256_hex = said["file"], said["byteCount"], said["sha256Hex"]
        uuid, modified_at_ns = said["clipUuid"], said.get("modifiedAtNs")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = (name, sha256_hex, uuid)
    if type(size) is not int or not all(type(text) is str and text for text in texts):
        return None
    if safe_file_name(name) != name:
        return None
    return uuid, Entry(
        name, size, sha256_hex, modified_at_ns if type(modified_at_ns) is int else None
    )
