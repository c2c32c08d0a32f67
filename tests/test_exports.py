"""The public names: complete, without duplicates, and nothing else."""

import rhombus_clips
from rhombus_clips import errors, models, testing


def test_public_names_exist_and_are_listed_once() -> None:
    for module in (rhombus_clips, models, testing):
        assert len(module.__all__) == len(set(module.__all__))
        assert all(hasattr(module, name) for name in module.__all__)


def test_types_in_public_signatures_are_public() -> None:
    assert {"UNSET", "OnDecodeError", "Progress", "OnEnd", "ClipTime", "SessionSettings"} <= set(
        rhombus_clips.__all__
    )


def test_every_error_and_model_is_public() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert {kind.__name__ for kind in kinds if issubclass(kind, Exception)} <= set(
        rhombus_clips.__all__
    )
    assert {"SavedClip", "ClipWithProgress", "SplicedClip", "SharedClipGroup", "SharedClip"} <= set(
        rhombus_clips.__all__
    )


def test_star_import_defines_only_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec("from rhombus_clips import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(rhombus_clips.__all__)
