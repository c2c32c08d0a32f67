"""The public names: whole, each once, and nothing else."""

import rhombus_clips
from rhombus_clips import errors, models, testing


def test_public_names_are_there_once() -> None:
    for module in (rhombus_clips, models, testing):
        assert len(module.__all__) == len(set(module.__all__))
        assert all(hasattr(module, name) for name in module.__all__)


def test_what_public_signatures_name_is_public() -> None:
    assert {"UNSET", "OnDecodeError", "Progress", "OnEnd", "ClipTime"} <= set(rhombus_clips.__all__)


def test_every_error_and_model_is_public() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert {kind.__name__ for kind in kinds if issubclass(kind, Exception)} <= set(
        rhombus_clips.__all__
    )
    assert {"SavedClip", "ClipWithProgress", "SplicedClip", "SharedClipGroup", "SharedClip"} <= set(
        rhombus_clips.__all__
    )


def test_star_import_brings_no_more_than_the_names() -> None:
    namespace: dict[str, object] = {}
    exec("from rhombus_clips import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(rhombus_clips.__all__)
