"""What a folder of clips holds: one line of JSON for each file, read again by the next run."""

import json
from pathlib import Path

from attrs import frozen

from rhombus_clips.media.download import Downloaded
from rhombus_clips.models import SavedClip
from rhombus_clips.protocol.file_names import with_uuid


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
        self._path = folder / "manifest.jsonl"
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
            try:
                said = json.loads(line)
                entry = Entry(str(said["file"]), int(said["byteCount"]), str(said["sha256Hex"]))
                uuid = str(said["clipUuid"])
            except (ValueError, TypeError, KeyError):
                continue
            self._entries[uuid] = entry
            self._owners[entry.name.casefold()] = uuid

    def file_of(self, uuid: str) -> Downloaded | None:
        """The clip's file, if it is there, as long as it was when it was found whole."""
        entry = self._entries.get(uuid)
        if entry is None:
            return None
        path = self._folder / entry.name
        if not path.is_file() or path.stat().st_size != entry.byte_count:
            return None
        return Downloaded(
            path=path, byte_count=entry.byte_count, sha256_hex=entry.sha256_hex, requests=0
        )

    def claim(self, uuid: str, name: str) -> Path:
        """The path for the clip: *name*, or another where that is somebody else's."""
        entry = self._entries.get(uuid)
        if entry is not None and self._owners.get(entry.name.casefold()) == uuid:
            return self._folder / entry.name
        owner = self._owners.get(name.casefold())
        is_strange = owner is None and uuid not in name and (self._folder / name).exists()
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
