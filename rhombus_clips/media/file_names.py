"""File names that every file system accepts, derived from titles, uuids and callers' names."""

import hashlib
import itertools
import os
import unicodedata
from collections.abc import Iterator

from rhombus_clips.models import SavedClip

PART, NOTE, MANIFEST = ".part", ".part.json", "manifest.jsonl"
"""Reserved names: the suffixes of a download's side files, and the manifest of a folder."""

# File systems accept 255 bytes. ".part.json" and a uuid in parentheses may be appended.
_MOST_BYTES = 200
_MOST_BYTES_ANYWHERE = 255
_MOST_BYTES_OF_UUID = 60
_LONGEST_ENDING = 8
_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


def safe_file_name(text: str, most_bytes: int = _MOST_BYTES) -> str:
    """Return *text* as a file name without separators, device names or unprintable characters."""
    shown = _shown(text)
    stem, dot, ending = shown.strip(" ").rpartition(".")
    if not stem or len(ending) > _LONGEST_ENDING:
        stem, dot, ending = shown, "", ""
    # A leading dot hides a file or names the parent folder. Windows removes a trailing one.
    stem = stem.strip(" .")
    ending = ending.strip(" ")
    stem = _cut(stem, most_bytes - len(f"{dot}{ending}".encode())) or "_"
    if stem.partition(".")[0].strip().casefold() in _DEVICES:
        stem = f"_{stem}"
    return f"{stem}.{ending}" if ending else stem


def usual_file_name(clip: SavedClip) -> str:
    """Return the default file name of a clip: the time of the recording, title and uuid."""
    recorded_at = clip.recorded_at
    time = None if recorded_at is None else f"{recorded_at:%Y-%m-%d %H.%M.%S}Z"
    title = _cut(_shown(clip.title or ""), _MOST_BYTES // 2)
    return safe_file_name(" ".join(filter(None, (time, title, f"{clip.uuid}.mp4"))))


def names_for(name: str, uuid: str, most_bytes: int) -> Iterator[str]:
    """Yield *name*, then other names for the same clip, each safe and at most *most_bytes* long."""
    if is_reserved(name):
        name = f"{name}_"
    stem, _, ending = name.rpartition(".")
    stem, ending = (stem, f".{ending}") if stem and len(ending) <= _LONGEST_ENDING else (name, "")
    # The service or the caller may use any text as the uuid.
    mark = _cut(_shown(uuid).replace(".", "_"), _MOST_BYTES_OF_UUID)
    if len(name.encode()) <= most_bytes:
        yield name
    elif mark and stem.endswith(mark):
        # The removed characters may have made the name unique. The uuid always does.
        yield _ended(stem.removesuffix(mark), f" {mark}{ending}", most_bytes)
    for number in itertools.count(1):
        counter = "" if number == 1 else f" {number}"
        yield _ended(stem, f" ({mark}){counter}{ending}", most_bytes)


def name_of_part(name: str, most_bytes: int) -> str:
    """Return *name*, or a unique shorter name if it has more than *most_bytes*."""
    encoded = os.fsencode(name)
    if len(encoded) <= most_bytes:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return _ended(_shown(name), f"~{digest}", most_bytes)


def is_safe_file_name(name: str) -> bool:
    """Return whether *name* may be the name of a clip's file."""
    return safe_file_name(name, _MOST_BYTES_ANYWHERE) == name and not is_reserved(name)


def is_reserved(name: str) -> bool:
    """Return whether *name* is reserved for a manifest or a side file."""
    spelled = spelling(name)
    return spelled == MANIFEST or spelled.endswith((PART, NOTE))


def spelling(name: str) -> str:
    """Return the same text for all names that some file system considers equal.

    macOS and Windows ignore case, and macOS also ignores how an accented letter is composed.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _ended(stem: str, ending: str, most_bytes: int) -> str:
    """Return *stem* with *ending*, shortening the stem to fit."""
    return f"{_cut(stem, max(1, most_bytes - len(ending.encode()))) or '_'}{ending}"


def _shown(text: str) -> str:
    """Replace unprintable and forbidden characters of *text* with underscores."""
    normalized = unicodedata.normalize("NFC", text)
    return "".join(
        char if char.isprintable() and char not in _FORBIDDEN else "_" for char in normalized
    )


def _cut(text: str, most: int) -> str:
    """Return as many whole characters of *text* as fit into *most* bytes."""
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")
