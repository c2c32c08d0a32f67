"""How many examples a test gets: fewer by default than in the deep profile of hypothesis."""

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import settings

T = TypeVar("T")

_USUAL = 100  # As many as hypothesis draws unless told otherwise.


def _profile_examples() -> int:
    profile = settings.default
    assert profile is not None
    return profile.max_examples


def examples(number: int, **more: Any) -> settings:
    """Draw *number* examples, scaled as the profile scales the usual 100."""
    return settings(max_examples=max(3, number * _profile_examples() // _USUAL), **more)


def a_few(values: Iterable[T]) -> list[T]:
    """Each eighth of *values*, all of them in the deep profile: for cases that start a process."""
    return list(values) if _profile_examples() >= _USUAL else list(values)[::8]
