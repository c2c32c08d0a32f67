"""The number of hypothesis examples per test, which depends on the profile."""

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import settings

T = TypeVar("T")

_USUAL = 100  # The default of hypothesis.


def _profile_examples() -> int:
    profile = settings.default
    assert profile is not None
    return profile.max_examples


def examples(number: int, **more: Any) -> settings:
    """Return settings for *number* examples, scaled like the usual 100 in the current profile."""
    return settings(max_examples=max(3, number * _profile_examples() // _USUAL), **more)


def a_few(values: Iterable[T]) -> list[T]:
    """Return every 16th of *values*, for tests that start processes; all in the deep profile."""
    return list(values) if _profile_examples() >= _USUAL else list(values)[::16]


def is_deep() -> bool:
    """Return whether the profile is at least as thorough as the default of hypothesis."""
    return _profile_examples() >= _USUAL
