"""Names of files: any text becomes the name of one file, on any file system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import SavedClip
from rhombus_clips.protocol.file_names import safe_file_name, usual_file_name, with_uuid

UUID = "-_AAAAAAAAAAAAAAAAAAAA"
LETTERS = st.text(st.characters() | st.sampled_from("./\\:\0\n\u202e \u00e9"), max_size=400)


@given(LETTERS)
def test_any_text_becomes_the_name_of_one_file(text: str) -> None:
    name = safe_file_name(text)
    assert name.isprintable()
    assert not set('<>:"/\\|?*') & set(name)
    assert name.strip(" ").strip(".") == name or name.endswith("_")
    assert 0 < len(with_uuid(name, UUID).encode()) + len(".part.json") <= 255
    assert name not in {".", ".."}
    assert not name.startswith(".")


@given(LETTERS)
def test_safe_name_is_safe_again_as_it_is(text: str) -> None:
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
def test_usual_name_has_the_whole_uuid(title: str | None, moment: int | None) -> None:
    name = usual_file_name(SavedClip(uuid=UUID, title=title, timestamp_ms=moment))
    assert name.endswith(f"{UUID}.mp4")


def test_usual_name_sorts_by_time_and_can_be_read() -> None:
    clip = SavedClip(uuid=UUID, title="Dock 3: delivery", timestamp_ms=1_760_000_000_000)
    assert usual_file_name(clip) == f"2025-10-09 08.53.20Z Dock 3_ delivery {UUID}.mp4"


def test_title_with_half_a_letter_is_a_name_all_the_same() -> None:
    """The codec takes what JSON can say, and that is more than Unicode."""
    assert usual_file_name(SavedClip(uuid=UUID, title="\ud83d broken")) == f"_ broken {UUID}.mp4"
    assert safe_file_name("\ud83d") == "_"
