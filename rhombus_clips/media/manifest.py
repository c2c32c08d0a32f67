"""What a folder of clips holds: one line of JSON for each file, read again by the next run."""

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
        """The clip's file, if it is there, and as long as it was when it was found whole.

        None also where the clip's record names another length or hash by now.
        """
        entry = self._entries.get(clip.uuid or "")
        if entry is None:
            return None
        path = self._folder / entry.name
        is_there = path.is_file() and path.stat().st_size == entry.byte_count
        is_the_clip_s = clip.byte_count in {None, 0, entry.byte_count} and (
            not clip.sha256_hex or clip.sha256_hex.lower() == entry.sha256_hex
        )
        if not (is_there and is_the_clip_s):
            return None
        return Downloaded(
            path=path, byte_count=entry.byte_count, sha256_hex=entry.sha256_hex, requests=0
        )

    def claim(self, uuid: str, name: str) -> Path:
        """The path for the clip: *name*, or another where that is not free for it."""
        entry = self._entries.get(uuid)
        if entry is not None:
            name = entry.name
        elif name.casefold() == _NAME or name.casefold().endswith((PART, NOTE)):
            name = f"{name}_"
        owner = self._owners.get(name.casefold())
        # A file whose name has the clip's uuid is ours; one that the manifest knows, and that is
        # another by now, somebody has changed.
        is_strange = (self._folder / name).exists() and (entry is not None or uuid not in name)
        if owner not in {None, uuid} or is_strange:
            name = with_uuid(name, uuid)
        self._owners[name.casefold()] = uuid
        return self._folder / name

    def add(self, clip: SavedClip, file: Downloaded) -> None:
        """Write the line of a file that is there."""
        uuid = str(clip.uuid)
        line = json.dumps(
            {
                "clipUuid": uuid,
                "file": file.path.name,
                "byteCount": file.byte_count,
                "sha256Hex": file.sha256_hex,
                "timestampMs": clip.timestamp_ms,
                "createdAtMs": clip.created_at_ms,
                "title": clip.title,
            }
        )
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(f"{line}\n" if self._begins_line else f"\n{line}\n")
        self._begins_line = True
        self._entries[uuid] = Entry(file.path.name, file.byte_count, file.sha256_hex)


def _entry_of(line: str) -> tuple[str, Entry] | None:
    """What a line says; None when it is none of ours, or names what is not in the folder."""
    try:
        said: Any = json.loads(line)
        name, size, sha256_hex = said["file"], said["byteCount"], said["sha256Hex"]
        uuid = said["clipUuid"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = (name, sha256_hex, uuid)
    if type(size) is not int or not all(type(text) is str and text for text in texts):
        return None
    return (uuid, Entry(name, size, sha256_hex)) if safe_file_name(name) == name else None
