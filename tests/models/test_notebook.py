"""Models in notebooks: HTML tables of what ``repr`` shows, with all text escaped."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipWithProgress, Model, SavedClip, SavedClipPage, from_dict, to_dict
from rhombus_clips.models import notebook
from rhombus_clips.testing.clips import make_clips
from tests.codec.drawn import ALL_MODELS, drawn

HOSTILE = "<script>alert(1)</script><img src=x onerror='a'>\"&amp;"
TAGS = {"div", "table", "caption", "tr", "th", "td", "p"}


def parsed(model: Model) -> ET.Element:
    """Return the elements of a model's HTML, which must be well-formed."""
    return ET.fromstring(f"<div>{model._repr_html_()}</div>")


def cells(element: ET.Element) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in element.iter("tr")]


def test_clip_is_a_table_of_its_fields() -> None:
    clip = ClipWithProgress(title="Door", timestamp_ms=1_760_000_000_000, last_updated_sec=0)
    assert cells(parsed(clip)) == [
        ["timestamp_ms", "2025-10-09 08:53:20+00:00"],
        ["title", "Door"],
        ["last_updated_sec", "1970-01-01 00:00:00+00:00"],
    ]


def test_page_is_a_table_with_a_row_for_each_clip() -> None:
    """Its columns are the fields that a clip has; nested values are left out."""
    clips = [
        SavedClip(uuid="A", duration_sec=5, device_uuids=["D"]),
        SavedClip(uuid="B", timestamp_ms=2**62),
    ]
    html = parsed(SavedClipPage(saved_clips=clips))
    assert html.findtext("table/caption") == "saved_clips: 2"
    assert cells(html) == [
        ["duration_sec", "timestamp_ms", "uuid"],
        ["5", "", "A"],
        ["", str(2**62), "B"],
    ]


def test_other_fields_of_a_page_are_a_table_of_their_own() -> None:
    html = parsed(SavedClipPage(saved_clips=[SavedClip(uuid="A")], error=False))
    assert [caption.text for caption in html.iter("caption")] == ["SavedClipPage", "saved_clips: 1"]


def test_long_page_shows_its_first_rows_and_counts_the_others() -> None:
    page = SavedClipPage(saved_clips=[from_dict(clip, SavedClip) for clip in make_clips(60)])
    html = parsed(page)
    assert len(cells(html)) == notebook.MOST_ROWS + 1
    assert html.findtext("p") == "and 10 more"


def test_long_text_is_shortened() -> None:
    ((_, text),) = cells(parsed(SavedClip(title="x" * 10_000)))
    assert len(text) == notebook.MOST_CHARACTERS
    assert text.endswith("…")


@pytest.mark.parametrize(
    "clip",
    [
        SavedClip(title=HOSTILE),
        SavedClip(device_uuids=[HOSTILE]),
        SavedClip(device_uuid_map={HOSTILE: None}),
        from_dict({"status": HOSTILE}, SavedClip),
    ],
)
def test_hostile_text_is_escaped(clip: SavedClip) -> None:
    for model in (clip, SavedClipPage(saved_clips=[clip]), SavedClipPage(error_msg=HOSTILE)):
        assert {element.tag for element in parsed(model).iter()} <= TAGS
        assert "<script" not in model._repr_html_()
        assert "<img" not in model._repr_html_()
    assert HOSTILE in "".join(parsed(clip).itertext()).replace("\\'", "'")


@pytest.mark.parametrize("model", ALL_MODELS)
@given(data=st.data())
def test_every_model_is_html_of_known_elements(model: type[Model], data: st.DataObject) -> None:
    """Whatever its values are, without attributes, and as UTF-8."""
    item = data.draw(drawn(model))
    text = item._repr_html_()
    text.encode()
    # XML forbids control characters, HTML tolerates them.
    plain = "".join(character for character in text if character.isprintable())
    elements = list(ET.fromstring(f"<div>{plain}</div>").iter())
    assert {element.tag for element in elements} <= TAGS
    assert not any(element.attrib for element in elements)


def test_unknown_keys_are_not_shown() -> None:
    """As in ``repr``: their content is unknown, and notebooks are sent to others."""
    clip = from_dict({"uuid": "A", "shareToken": "hidden"}, SavedClip)
    assert "hidden" not in clip._repr_html_()
    assert to_dict(clip)["shareToken"] == "hidden"
