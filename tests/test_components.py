"""Missing components skip tests visibly, or fail the run with ``CI=true``."""

import sys

import pytest

from tests.components import required, required_program


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("RHOMBUS_OPTIONAL_COMPONENTS", raising=False)


def test_installed_components_are_returned() -> None:
    assert required("json.decoder") is sys.modules["json.decoder"]
    assert required_program("no-such-program", "sh").endswith("sh")


@pytest.mark.parametrize("find", [required, required_program])
def test_missing_component_skips_with_a_reason(find, monkeypatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="no_such_component"):
        find("no_such_component")
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("RHOMBUS_OPTIONAL_COMPONENTS", "1")
    with pytest.raises(pytest.skip.Exception, match="no_such_component"):
        find("no_such_component")


@pytest.mark.parametrize("find", [required, required_program])
def test_missing_component_fails_the_run_in_ci(find, monkeypatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no_such_component"):
        find("no_such_component")


def test_broken_component_is_an_error(tmp_path, monkeypatch) -> None:
    """It is installed, so a skip would hide the problem."""
    (tmp_path / "broken_component.py").write_text("import no_such_component\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError):
        required("broken_component")
