"""A fake service with control characters in every text, and arguments for each subcommand."""

import os
import unicodedata
from collections.abc import Callable

import pytest

from rhombus_clips.testing import FakeRhombus

CONTROLS = (
    "\x00\x07\x08\t\n\r\x1b[2J\x1b]0;owned\x07\x7f"
    "\x80\x85\x9b2J\x9d0;owned\x9c"
    "\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff\U000e0041"
)
HOSTILE = f":ab: [bold]x[/bold] Köln 🎥{CONTROLS}"


def controls_in(text: str) -> set[str]:
    """Return the control characters in *text*."""
    lines = text.replace("\r\n", "\n").replace("\n", "")
    return {letter for letter in lines if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"}}


@pytest.fixture
def fake(fake_elsewhere: FakeRhombus) -> FakeRhombus:
    """A service with control characters in every text."""
    del fake_elsewhere.clips[2:]
    for clip in fake_elsewhere.clips:
        clip |= {"title": HOSTILE, "description": HOSTILE}
        clip |= {"status": "COMPLETE", "deviceUuids": [HOSTILE]}
        fake_elsewhere.put_media(clip["uuid"], os.urandom(1000))
    for group in fake_elsewhere.shared_clip_groups:
        group |= {"title": HOSTILE, "description": HOSTILE}
    fake_elsewhere.warning_msg = HOSTILE
    fake_elsewhere.render_seconds = 0.1
    return fake_elsewhere


def first_uuid(fake: FakeRhombus) -> str:
    return str(fake.clips[0]["uuid"])


LINES: dict[str, Callable[[FakeRhombus, str], list[str]]] = {
    "saved": lambda fake, folder: [],
    "clips": lambda fake, folder: ["--search", "Köln"],
    "expiring": lambda fake, folder: [],
    "shared": lambda fake, folder: [],
    "spliced": lambda fake, folder: [],
    "details": lambda fake, folder: [first_uuid(fake)],
    "progress": lambda fake, folder: [first_uuid(fake)],
    "count": lambda fake, folder: [],
    "make": lambda fake, folder: [
        "A" * 22, "--start", "2025-10-01T08:00Z", "--duration", "20", "--interval", "0.02",
        "--title", HOSTILE.replace("\x00", ""),
    ],
    "watch": lambda fake, folder: [
        first_uuid(fake), "--interval", "0.02", "--appears-within", "0.1",
    ],
    "download": lambda fake, folder: [first_uuid(fake), "--folder", folder],
    "share": lambda fake, folder: [first_uuid(fake), "--title", HOSTILE.replace("\x00", "")],
    "unshare": lambda fake, folder: [str(fake.shared_clip_groups[0]["uuid"]), "--yes"],
    "rename": lambda fake, folder: [first_uuid(fake), HOSTILE.replace("\x00", "")],
    "delete": lambda fake, folder: [first_uuid(fake), "--yes"],
}  # fmt: skip
