"""File names: any text becomes the name of one file, on any file system."""

import itertools
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import SavedClip
from rhombus_clips.media.file_names import (
    is_safe_file_name,
    name_of_part,
    names_for,
    safe_file_name,
    spelling,
    usual_file_name,
)

UUID = "-_AAAAAAAAAAAAAAAAAAAA"
LETTERS = st.text(st.characters() | st.sampled_from("./\\:\0\n\u202e \u00e9"), max_size=400)


@given(LETTERS)
def test_any_text_becomes_a_safe_file_name(text: str) -> None:
    name = safe_file_name(text)
    assert name.isprintable()
    assert not set('<>:"/\\|?*') & set(name)
    assert name.strip(" ").strip(".") == name or name.endswith("_")
    for other in itertools.islice(names_for(name, UUID, 245), 3):
        assert 0 < len(other.encode()) + len(".part.json") <= 255
    assert name not in {".", ".."}
    assert not name.startswith(".")


@given(LETTERS)
def test_safe_name_is_unchanged_when_made_safe_again(text: str) -> None:
    assert safe_file_name(safe_file_name(text)) == safe_file_name(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("CON", "_CON"),
        ("nul.mp4", "_nul.mp4"),
        ("COM1 .mp4", "_COM1.mp4"),
        ("", "_"),
        ("...", "_"),
        (".mp4", "mp4"),
        ("a\u202egpj.exe", "a_gpj.exe"),
        ("e\u0301.mp4", "\u00e9.mp4"),
        ("x" * 300 + ".mp4", "x" * 196 + ".mp4"),
        ("ü" * 300 + ".mp4", "ü" * 98 + ".mp4"),
    ],
)
def test_names_by_example(text: str, name: str) -> None:
    assert safe_file_name(text) == name


@given(LETTERS | st.none(), st.none() | st.integers(-(2**63), 2**63 - 1))
def test_usual_name_has_the_whole_uuid(title: str | None, time_ms: int | None) -> None:
    name = usual_file_name(SavedClip(uuid=UUID, title=title, timestamp_ms=time_ms))
    assert name.endswith(f"{UUID}.mp4")


def test_usual_name_sorts_by_time_and_is_readable() -> None:
    clip = SavedClip(uuid=UUID, title="Dock 3: delivery", timestamp_ms=1_760_000_000_000)
    assert usual_file_name(clip) == f"2025-10-09 08.53.20Z Dock 3_ delivery {UUID}.mp4"


def test_title_with_a_lone_surrogate_becomes_a_name() -> None:
    """The codec accepts all JSON strings, which can hold more than Unicode."""
    assert usual_file_name(SavedClip(uuid=UUID, title="\ud83d broken")) == f"_ broken {UUID}.mp4"
    assert safe_file_name("\ud83d") == "_"


@given(LETTERS, st.sampled_from([UUID, "../../x", "\ud800" * 9, "u" * 999]), st.integers(100, 255))
def test_names_for_a_clip_are_safe_short_enough_and_endless(
    text: str, uuid: str, most: int
) -> None:
    names = [*itertools.islice(names_for(safe_file_name(text), uuid, most), 20)]
    assert all(len(name.encode()) <= most for name in names)
    assert all(is_safe_file_name(name) for name in names)
    assert len({spelling(name) for name in names}) >= 19


@given(LETTERS, st.integers(100, 255))
def test_shortened_usual_name_keeps_the_whole_uuid(text: str, most: int) -> None:
    clip = SavedClip(uuid=UUID, title=text, timestamp_ms=1_760_000_000_000)
    name = next(names_for(usual_file_name(clip), UUID, most))
    assert name.startswith("2025-10-09 08.53.20Z ")
    assert name.endswith(f" {UUID}.mp4")


@given(LETTERS, st.characters(categories=["L"], max_codepoint=0x24F))
def test_spelling_is_equal_for_names_that_macos_considers_equal(text: str, letter: str) -> None:
    name = text + letter
    for form in ("NFC", "NFD"):
        assert spelling(unicodedata.normalize(form, name)) == spelling(name)
    assert spelling(spelling(name)) == spelling(name)


@pytest.mark.parametrize(("one", "other"), [("A.MP4", "a.mp4"), ("\u00c9", "e\u0301"), ("ß", "SS")])
def test_spellings_by_example(one: str, other: str) -> None:
    assert spelling(one) == spelling(other)


def test_names_of_parts_fit_and_are_distinct() -> None:
    names = [f"{'é' * 68}{number}.mp4" for number in range(9)]
    shorter = {name_of_part(name, 143 - 10) for name in names}
    assert len(shorter) == 9
    assert all(len(os.fsencode(name)) <= 133 for name in shorter)
    assert name_of_part("clip.mp4", 133) == "clip.mp4"
