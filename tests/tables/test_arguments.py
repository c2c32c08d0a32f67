"""Mistakes in arguments are explained, and so is a missing pyarrow."""

import subprocess
import sys
from typing import Any

import pytest

from rhombus_clips import (
    ClipSession,
    ClipWithProgress,
    InvalidArgumentError,
    Model,
    SavedClip,
    TimeInterval,
)
from rhombus_clips.tables import arrow_schema, record_batches, to_arrow
from tests.components import required


def refusal(function: Any, *arguments: Any, **more: Any) -> str:
    required("pyarrow")
    with pytest.raises(InvalidArgumentError) as caught:
        function(*arguments, **more)
    return str(caught.value)


def test_table_of_no_items_needs_their_class() -> None:
    assert "pass model=" in refusal(to_arrow, [])
    assert "pass model=" in refusal(to_arrow, iter(()))
    table = to_arrow([], model=SavedClip)
    assert (table.num_rows, table.schema.equals(arrow_schema(SavedClip))) == (0, True)


def test_items_of_different_classes_are_refused() -> None:
    """Their fields differ, so that a column would be lost."""
    clips = [SavedClip(), ClipWithProgress(percent_complete=1)]
    assert "items[1] must be a SavedClip" in refusal(to_arrow, clips)
    assert "items[0] must be a ClipWithProgress" in refusal(to_arrow, clips, ClipWithProgress)


@pytest.mark.parametrize("items", [None, 5, SavedClip(uuid="A")])
def test_items_must_be_iterable(items: Any) -> None:
    assert "items must be an iterable of models" in refusal(to_arrow, items)


@pytest.mark.parametrize("model", [dict, SavedClip(), "SavedClip", int])
def test_model_must_be_a_class_of_models(model: Any) -> None:
    assert "model must be a subclass of Model" in refusal(arrow_schema, model)
    assert "model must be a subclass of Model" in refusal(to_arrow, [], model)


def test_class_that_the_codec_does_not_support_is_refused() -> None:
    class Camera(Model):
        pass

    assert "attrs class" in refusal(arrow_schema, Camera)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"byte_count": "12"}, "items[3].byteCount must be an integer"),
        ({"byte_count": 2**63}, "items[3].byteCount must be an integer"),
        ({"byte_count": True}, "items[3].byteCount must be an integer"),
        ({"timestamp_ms": 1.5}, "items[3].timestampMs must be an integer"),
        ({"title": b"a"}, "items[3].title must be a string"),
        ({"analyzed": 1}, "items[3].analyzed must be true or false"),
        ({"device_uuids": "ABC"}, "items[3].deviceUuids must be an array"),
        ({"device_uuids": ["A", 5]}, "items[3].deviceUuids[1] must be a string"),
        ({"device_uuid_map": []}, "items[3].deviceUuidMap must be an object"),
        ({"device_uuid_map": {"A": 5}}, "items[3].deviceUuidMap.A must be a MetaDataLocation"),
        ({"clip_location": TimeInterval()}, "items[3].clipLocation must be a MetaDataLocation"),
    ],
)
def test_value_of_a_wrong_type_is_refused_with_its_path(values: Any, words: str) -> None:
    """Only a constructor accepts one; the service's are refused when they are decoded."""
    clips = [*[SavedClip()] * 3, SavedClip(**values)]
    assert words in refusal(to_arrow, clips)


def test_path_of_a_wrong_value_counts_all_items() -> None:
    clips = (SavedClip(byte_count="12" if number == 12_345 else None) for number in range(20_000))  # type: ignore[arg-type]  # as above
    assert "items[12345].byteCount must be" in refusal(to_arrow, clips)


def test_arguments_of_batches_are_checked_before_the_first_batch() -> None:
    assert "pager must be" in refusal(record_batches, [SavedClip()])


async def test_size_of_batches_is_at_least_one() -> None:
    async with ClipSession("key") as session:
        assert "size must be at least 1" in refusal(record_batches, session.saved_clips(), size=0)


# --- pyarrow ---------------------------------------------------------------------------------


def test_missing_pyarrow_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rhombus_clips.tables.columns", raising=False)
    monkeypatch.delattr("rhombus_clips.tables.columns", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda: arrow_schema(SavedClip), lambda: to_arrow([SavedClip()])):
        with pytest.raises(ImportError, match=r"pip install 'rhombus-clips\[arrow\]'"):
            call()


def test_imports_do_not_load_pyarrow() -> None:
    program = "import sys, rhombus_clips.tables; assert 'pyarrow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
