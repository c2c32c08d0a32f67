"""Fixtures for the tests of the codec."""

import pytest

from rhombus_clips.codec import text


@pytest.fixture(params=["standard library", "orjson"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with each JSON parser."""
    if request.param == "orjson":
        pytest.importorskip("orjson", reason="the extra speedups is not installed")
    else:
        monkeypatch.setattr(text, "orjson", None)
