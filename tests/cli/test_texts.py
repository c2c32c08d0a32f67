"""Texts from the service and the shell are printed without control characters."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from rhombus_clips import SavedClip
from rhombus_clips.cli import commands, running
from rhombus_clips.cli.output import json_line, printable
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import json_answer
from tests.cli.hostile import HOSTILE, LINES, controls_in, first_uuid
from tests.cli.hostile import fake as fake  # noqa: PLC0414  # a fixture
from tests.cli.test_command import environment_of, invoke, json_lines, on_terminal
from tests.cli.test_following import SINCE, following, lines_of
from tests.examples import a_few

HARMLESS = "�[2J"
# The escape sequences that rich writes for cursor movement and colour.
OF_RICH = re.compile(r"\x1b\[[0-9;?]*[A-Ka-ln-z]|\x1b\[[0-9;]*m")
SILENT_ON_TITLES = {"count", "download", "expiring", "share", "spliced"}
WITH_JSON = sorted(
    {"saved", "clips", "expiring", "shared", "spliced", "details", "progress", "count", "make",
     "watch", "share"}
)  # fmt: skip


def test_every_subcommand_is_tested_with_hostile_texts() -> None:
    """`follow` has separate tests here, and `fake`, `demo` and `web` print no text of a service."""
    assert {*LINES, "follow", "fake", "demo", "web"} == set(commands.command.commands)


@contextmanager
def warning_handler() -> Iterator[None]:
    """Install the handler of warnings, as `run` does."""
    logger = logging.getLogger("rhombus_clips")
    handler = running.Warnings(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("name", LINES)
def test_no_control_character_of_a_clip_is_printed(name: str, fake: FakeRhombus, tmp_path) -> None:
    fake.start_render(seconds=60)
    with warning_handler():
        result = invoke(fake, name, *LINES[name](fake, str(tmp_path)))
    assert controls_in(result.stdout) == set()
    assert controls_in(result.stderr) == set()
    assert HARMLESS in result.stderr, "the warning of the service is printed"
    if name not in SILENT_ON_TITLES:
        assert ":ab: [bold]x[/bold] Köln 🎥�" in result.stdout


@pytest.mark.parametrize("name", WITH_JSON)
def test_json_has_no_control_characters_and_the_same_values(
    name: str, fake: FakeRhombus, tmp_path
) -> None:
    fake.start_render(seconds=60)
    result = invoke(fake, name, *LINES[name](fake, str(tmp_path)), "--json")
    assert controls_in(result.stdout) == set()
    printed = json_lines(result)
    assert printed
    if name not in SILENT_ON_TITLES:
        title = HOSTILE.replace("\x00", "") if name == "make" else HOSTILE
        assert title in {line["title"] for line in printed}


@pytest.mark.parametrize("name", LINES)
def test_no_control_character_of_an_error_is_printed(
    name: str, fake: FakeRhombus, tmp_path
) -> None:
    fake.faults = [json_answer(200, {"error": True, "errorMsg": HOSTILE}, times=None)]
    line = [name, *LINES[name](fake, str(tmp_path))]
    result = invoke(fake, *line, code=1)
    assert controls_in(result.output) == set()
    assert HARMLESS in result.stderr
    fake.faults = [json_answer(400, {"message": HOSTILE}, times=None)]
    assert controls_in(invoke(fake, *line, code=1).output) == set()


def test_no_control_character_of_a_status_or_an_operation_is_printed(fake: FakeRhombus) -> None:
    clip = {
        "uuid": first_uuid(fake),
        "status": HOSTILE,
        "currentOperation": HOSTILE,
        "percentComplete": 5,
    }
    fake.faults = [json_answer(200, {"clip": clip})]
    shown = invoke(fake, "progress", first_uuid(fake)).stdout
    assert controls_in(shown) == set()
    assert shown.count(":ab: [bold]x[/bold] Köln") == 2


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_no_control_character_of_a_followed_clip_is_printed(fake: FakeRhombus, json) -> None:
    del fake.clips[1:]
    with following(fake, *SINCE, *json) as process:
        (line,) = lines_of(process, 1)
    assert controls_in(line) == set()
    assert ":ab:" in line


@pytest.mark.parametrize("name", a_few(["make", "details", "clips", "download", "watch", "delete"]))
@pytest.mark.parametrize("is_json", [False, True])
def test_terminal_with_bars_and_prompts_gets_no_control_characters(
    name: str, is_json: bool, fake: FakeRhombus, tmp_path
) -> None:
    arguments = [word for word in LINES[name](fake, str(tmp_path)) if word != "--yes"]
    if is_json and name in WITH_JSON:
        arguments.append("--json")
    code, shown = on_terminal(fake, name, *arguments, answers=[("[y/N]", "y")])
    assert code == 0
    assert controls_in(OF_RICH.sub("", shown)) <= {"\r"}
    assert "\x1b[2J" not in shown
    assert "owned\x07" not in shown
    assert ":ab:" in shown or name == "download"


def test_failed_download_prints_its_title_without_control_characters(
    fake: FakeRhombus, tmp_path
) -> None:
    fake.change_media(first_uuid(fake))
    result = invoke(fake, "download", first_uuid(fake), "--folder", str(tmp_path), code=1)
    assert controls_in(result.output) == set()
    assert ":ab: [bold]x" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[2J"],
        ["saved", "--\x1b[2J\u202e"],
        ["saved", "\x1b[2J\x9b\u202e"],
        ["saved", "--by", "\x1b[2J\u202e"],
        ["saved", "--since", "\x1b[2J\u2028"],
        ["progress", "\x1b[2J\u202e"],
        ["follow", "--state", "/missing\x1b[2J\u202e/x"],
        ["download", "A" * 22, "--output", "/missing\x1b[2J/\u202ex"],
    ],
)
def test_no_control_character_of_an_argument_is_printed(fake: FakeRhombus, arguments) -> None:
    runner = CliRunner(env=environment_of(fake))
    result = runner.invoke(commands.command, arguments, prog_name="rhombus-clips")
    assert result.exit_code in {1, 2}
    assert result.stderr
    assert controls_in(result.output) == set()


def test_printable_keeps_ordinary_text() -> None:
    for text in ("Köln", "日本 の 庭", "🎥", "مدخل", "a\u0301", "50 % — “x”", "[bold] :ab: \\"):
        assert printable(text) == text
    assert printable("1\u202f000\u00a0€") == "1 000 €"
    assert printable(None) == ""
    assert controls_in(printable(HOSTILE)) == set()


@pytest.mark.parametrize("encoding", [None, "utf-8", "UTF8", "ascii", "latin-1", "cp1252"])
def test_json_has_the_same_value_in_every_encoding(encoding) -> None:
    clip = SavedClip(title=f"{HOSTILE}\ud800")
    plain = SavedClip(title=HOSTILE)
    for model in (clip, plain):
        line = json_line(model, encoding)
        assert json.loads(line)["title"] == model.title
        assert controls_in(line.decode()) == set()
    assert json_line(plain, encoding).isascii() is (encoding not in {None, "utf-8", "UTF8"})
