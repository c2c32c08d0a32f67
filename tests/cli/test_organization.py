"""The options that select an organization apply to all commands that use the service."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rhombus_clips import AuthScheme
from rhombus_clips.cli import commands
from rhombus_clips.testing import FakeRhombus
from tests.cli.test_command import environment_of, invoke


@pytest.fixture
def home(tmp_path: Path, fake_elsewhere: FakeRhombus, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a profile ``work`` of the fake service."""
    folder = tmp_path / ".rhombus"
    folder.mkdir()
    (folder / "credentials").write_text(f"[work]\napi_key = {fake_elsewhere.api_key}\n")
    (folder / "credentials").chmod(0o600)
    (folder / "config").write_text(
        f"[profile work]\nendpoint_url = {fake_elsewhere.url}\n"
        f"media_url = {fake_elsewhere.media_url}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "words", [["--profile", "work", "count"], ["count", "--profile", "work"]], ids=" ".join
)
@pytest.mark.usefixtures("home")
def test_a_profile_is_named_before_or_after_the_command(words: list[str]) -> None:
    for key in ("", "another key"):
        runner = CliRunner(env={"RHOMBUS_API_KEY": key})
        result = runner.invoke(commands.command, words)
        assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("home")
def test_a_profile_that_does_not_exist_is_an_error_of_usage() -> None:
    result = CliRunner().invoke(commands.command, ["count", "--profile", "play"])
    assert result.exit_code == 2
    assert "'play'" in result.stderr
    assert "its profiles: work" in result.stderr


def test_a_partner_acts_for_a_client_organization(fake_elsewhere: FakeRhombus) -> None:
    fake_elsewhere.auth_scheme = AuthScheme.PARTNER_API_TOKEN
    fake_elsewhere.org_uuid = "C" * 22
    invoke(fake_elsewhere, "count", "--partner-org", "C" * 22)
    invoke(fake_elsewhere, "--partner-org", "C" * 22, "saved", "--limit", "1")
    assert fake_elsewhere.requests[-1].headers["x-auth-org"] == "C" * 22
    invoke(fake_elsewhere, "count", "--partner-org", "D" * 22, code=1)


def test_every_command_of_the_service_has_the_options() -> None:
    for name, command in commands.command.commands.items():
        names = {option for parameter in command.params for option in parameter.opts}
        assert ({"--profile", "--partner-org"} <= names) == (name not in {"fake", "demo"}), name


def test_without_any_key_the_error_lists_where_it_was_searched(
    tmp_path: Path, fake_elsewhere: FakeRhombus
) -> None:
    nothing = dict.fromkeys(environment_of(fake_elsewhere), "")
    runner = CliRunner(env={**nothing, "RHOMBUS_PROFILE": "", "HOME": str(tmp_path)})
    result = runner.invoke(commands.command, ["count"])
    assert result.exit_code == 2
    assert str(tmp_path / ".rhombus" / "credentials") in result.stderr
