"""Names of files that any file system takes, made of what users and services write."""

import unicodedata

from rhombus_clips.models import SavedClip

# File systems take 255 bytes; ".part.json" and a uuid in parentheses may come behind.
_MOST_BYTES = 200
_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


def safe_file_name(text: str) -> str:
    """*text* as the name of one file: no folder, no device, nothing that cannot be shown."""
    shown = _shown(text)
    stem, dot, ending = shown.strip(" ").rpartition(".")
    if not stem or len(ending) > 8:
        stem, dot, ending = shown, "", ""
    # A dot in front hides a file, or leads to the folder above; Windows drops one at the end.
    stem = stem.strip(" .")
    ending = ending.strip(" ")
    stem = _cut(stem, _MOST_BYTES - len(f"{dot}{ending}".encode())) or "_"
    if stem.partition(".")[0].strip().casefold() in _DEVICES:
        stem = f"_{stem}"
    return f"{stem}.{ending}" if ending else stem


def usual_file_name(clip: SavedClip) -> str:
    """When the footage begins, the clip's title, and its uuid, which no other clip has."""
    recorded_at = clip.recorded_at
    moment = None if recorded_at is None else f"{recorded_at:%Y-%m-%d %H.%M.%S}Z"
    title = _cut(_shown(clip.title or ""), _MOST_BYTES // 2)
    return safe_file_name(" ".join(filter(None, (moment, title, f"{clip.uuid}.mp4"))))


def with_uuid(name: str, uuid: str) -> str:
    """*name*, told from the same name of another clip."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem} ({uuid}).{ending}" if dot and stem else f"{name} ({uuid})"


def _shown(text: str) -> str:
    """*text* with an underscore in place of what cannot be shown or stand in a name."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(
        letter if letter.isprintable() and letter not in _FORBIDDEN else "_" for letter in letters
    )


def _cut(text: str, most: int) -> str:
    """As many whole letters of *text* as fit into *most* bytes."""
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")
