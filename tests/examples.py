"""How many examples hypothesis draws: a number for each property, scaled by the profile."""

from typing import Any

from hypothesis import settings

_USUAL = 100  # As many as hypothesis draws unless told otherwise.


def examples(number: int, **more: Any) -> settings:
    """Draw *number* examples, scaled as the profile scales the usual 100."""
    profile = settings.default
    assert profile is not None
    return settings(max_examples=max(5, number * profile.max_examples // _USUAL), **more)
