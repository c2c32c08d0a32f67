"""Names of files that any file system takes, made of what users and services write."""

import hashlib
import itertools
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from rhombus_clips.models import SavedClip

PART, NOTE, MANIFEST = ".part", ".part.json", "manifest.jsonl"
"""What downloads use themselves: endings of names beside a file, and a name in its folder."""

# File systems take 255 bytes; ".part.json" and a uuid in parentheses may come after it.
_MOST_BYTES = 200
_MOST_BYTES_ANYWHERE = 255
_MOST_BYTES_OF_UUID = 60
_LONGEST_ENDING = 8
_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
# A scheme of one letter is a drive of Windows. `Path` makes one slash of two, or none at the end.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:([/\\]|$)")


# --- where to write ----------------------------------------------------------------------------


def local_path(value: object, name: str) -> Path:
    """*value* as a path of this machine's file system.

    Raises `TypeError` for anything but a string or a path object, and `ValueError` for what names
    no file or folder here: nothing, a NUL character, a URL.
    """
    text = value
    if isinstance(value, os.PathLike):
        text = os.fspath(cast("os.PathLike[str] | os.PathLike[bytes]", value))
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string or a path object of strings, not {value!r}")
    if not text:
        raise ValueError(f'{name} must not be empty: "." is the folder that the process is in')
    if "\0" in text:
        raise ValueError(f"{name} must not have a NUL character in it: {text!r}")
    if _URL.match(text):
        raise ValueError(
            f"{name} must be a path on this machine, and {text!r} is a URL: download to a local"
            " path and copy from there (a folder that is really called so has an absolute path)"
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(f"{name} has a character that no file name can have: {text!r}") from None
    return Path(text)


# --- names of clips' files ---------------------------------------------------------------------


def safe_file_name(text: str, most_bytes: int = _MOST_BYTES) -> str:
    """*text* as the name of one file: no folder, no device, nothing that cannot be shown."""
    shown = _shown(text)
    stem, dot, ending = shown.strip(" ").rpartition(".")
    if not stem or len(ending) > _LONGEST_ENDING:
        stem, dot, ending = shown, "", ""
    # A dot in front hides a file, or leads to the folder above; Windows drops one at the end.
    stem = stem.strip(" .")
    ending = ending.strip(" ")
    stem = _cut(stem, most_bytes - len(f"{dot}{ending}".encode())) or "_"
    if stem.partition(".")[0].strip().casefold() in _DEVICES:
        stem = f"_{stem}"
    return f"{stem}.{ending}" if ending else stem


def usual_file_name(clip: SavedClip) -> str:
    """When the footage begins, the clip's title, and its uuid, which no other clip has."""
    recorded_at = clip.recorded_at
    moment = None if recorded_at is None else f"{recorded_at:%Y-%m-%d %H.%M.%S}Z"
    title = _cut(_shown(clip.title or ""), _MOST_BYTES // 2)
    return safe_file_name(" ".join(filter(None, (moment, title, f"{clip.uuid}.mp4"))))


def names_for(name: str, uuid: str, most_bytes: int) -> Iterator[str]:
    """*name*, and then others for the same clip: each a safe name of at most *most_bytes*."""
    if is_reserved(name):
        name = f"{name}_"
    stem, ending = _parted(name)
    mark = _mark(uuid)
    if len(name.encode()) <= most_bytes:
        yield name
    elif mark and stem.endswith(mark):
        # What was cut off may have been all that told it from others; the uuid always does.
        yield _ended(stem.removesuffix(mark), f" {mark}{ending}", most_bytes)
    for number in itertools.count(1):
        yield with_uuid(name, uuid, number=number, most_bytes=most_bytes)


def with_uuid(
    name: str, uuid: str, *, number: int = 1, most_bytes: int = _MOST_BYTES_ANYWHERE - len(NOTE)
) -> str:
    """*name*, told from the same name of another clip; *number* tells it from what has that too."""
    stem, ending = _parted(name)
    mark = _mark(uuid)
    times = "" if number == 1 else f" {number}"
    return _ended(stem, f" ({mark}){times}{ending}", most_bytes)


def name_of_part(name: str, most_bytes: int) -> str:
    """*name*, or where it has more than *most_bytes* a shorter one that no other name leads to."""
    encoded = os.fsencode(name)
    if len(encoded) <= most_bytes:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return _ended(_shown(name), f"~{digest}", most_bytes)


def is_safe_file_name(name: str) -> bool:
    """Whether *name* may be that of a clip's file, and of nothing else."""
    return safe_file_name(name, _MOST_BYTES_ANYWHERE) == name and not is_reserved(name)


def is_reserved(name: str) -> bool:
    """Whether downloads use *name* themselves."""
    spelled = spelling(name)
    return spelled == MANIFEST or spelled.endswith((PART, NOTE))


def spelling(name: str) -> str:
    """The same for all names that some file system takes for one.

    macOS and Windows do not tell capitals from small letters, and macOS does not tell a letter
    with an accent from a letter and an accent.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _mark(uuid: str) -> str:
    """*uuid* as a part of a name, should it be something else than a uuid."""
    return _cut(_shown(uuid).replace(".", "_"), _MOST_BYTES_OF_UUID)


def _parted(name: str) -> tuple[str, str]:
    """The stem of *name*, and its ending with the dot; without one, nothing."""
    stem, _, ending = name.rpartition(".")
    return (stem, f".{ending}") if stem and len(ending) <= _LONGEST_ENDING else (name, "")


def _ended(stem: str, ending: str, most_bytes: int) -> str:
    """*stem*, cut so that *ending* fits after it."""
    return f"{_cut(stem, max(1, most_bytes - len(ending.encode()))) or '_'}{ending}"


def _shown(text: str) -> str:
    """*text* with an underscore in place of what cannot be shown or stand in a name."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(
        letter if letter.isprintable() and letter not in _FORBIDDEN else "_" for letter in letters
    )


def _cut(text: str, most: int) -> str:
    """As many whole letters of *text* as fit into *most* bytes."""
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")
