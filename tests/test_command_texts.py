"""Texts from outside are printed as text: they do nothing to a terminal and end no command."""

import json
import logging
import os
import pathlib
import re
import signal
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from rhombus_clips import SavedClip
from rhombus_clips.cli import commands, running
from rhombus_clips.cli.output import json_line, printable
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import json_answer
from tests.held import Held
from tests.test_command import RUN, environment_of, invoke, json_lines, on_terminal
from tests.test_command_following import SINCE, following, lines_of

CONTROLS = (
    "\x00\x07\x08\t\n\r\x1b[2J\x1b]0;owned\x07\x7f"
    "\x80\x85\x9b2J\x9d0;owned\x9c"
    "\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff\U000e0041"
)
HOSTILE = f":ab: [bold]x[/bold] Köln 🎥{CONTROLS}"
HARMLESS = "�[2J"
# What rich itself writes to move the cursor and to colour.
OF_RICH = re.compile(r"\x1b\[[0-9;?]*[A-Ka-ln-z]|\x1b\[[0-9;]*m")


def controls_in(text: str) -> set[str]:
    """The characters of *text* that a terminal may take for something else than text."""
    lines = text.replace("\r\n", "\n").replace("\n", "")
    return {letter for letter in lines if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"}}


@pytest.fixture
def fake(fake_elsewhere: FakeRhombus) -> FakeRhombus:
    """A service in which every text is hostile."""
    del fake_elsewhere.clips[2:]
    for clip in fake_elsewhere.clips:
        clip |= {"title": HOSTILE, "description": HOSTILE}
        clip |= {"status": "COMPLETE", "deviceUuids": [HOSTILE]}
        fake_elsewhere.put_media(clip["uuid"], os.urandom(1000))
    for group in fake_elsewhere.shared_clip_groups:
        group |= {"title": HOSTILE, "description": HOSTILE}
    fake_elsewhere.warning_msg = HOSTILE
    fake_elsewhere.render_seconds = 0.1
    return fake_elsewhere


def _uuid(fake: FakeRhombus) -> str:
    return str(fake.clips[0]["uuid"])


LINES: dict[str, Callable[[FakeRhombus, str], list[str]]] = {
    "saved": lambda fake, folder: [],
    "clips": lambda fake, folder: ["--search", "Köln"],
    "expiring": lambda fake, folder: [],
    "shared": lambda fake, folder: [],
    "spliced": lambda fake, folder: [],
    "details": lambda fake, folder: [_uuid(fake)],
    "progress": lambda fake, folder: [_uuid(fake)],
    "count": lambda fake, folder: [],
    "make": lambda fake, folder: [
        "A" * 22, "--start", "2025-10-01T08:00Z", "--duration", "20", "--interval", "0.02",
        "--title", HOSTILE.replace("\x00", ""),
    ],
    "watch": lambda fake, folder: [
        _uuid(fake), "--interval", "0.02", "--appears-within", "0.1",
    ],
    "download": lambda fake, folder: [_uuid(fake), "--folder", folder],
    "share": lambda fake, folder: [_uuid(fake), "--title", HOSTILE.replace("\x00", "")],
    "unshare": lambda fake, folder: [str(fake.shared_clip_groups[0]["uuid"]), "--yes"],
    "rename": lambda fake, folder: [_uuid(fake), HOSTILE.replace("\x00", "")],
    "delete": lambda fake, folder: [_uuid(fake), "--yes"],
}  # fmt: skip
SILENT_ON_TITLES = {"count", "download", "expiring", "share", "spliced"}
WITH_JSON = sorted(
    {"saved", "clips", "expiring", "shared", "spliced", "details", "progress", "count", "make",
     "watch", "share"}
)  # fmt: skip


def test_every_subcommand_is_tried_with_hostile_texts() -> None:
    """The following one has tests of its own here; a fake and a demonstration read nothing."""
    assert {*LINES, "follow", "fake", "demo"} == set(commands.command.commands)


@contextmanager
def warning_handler() -> Iterator[None]:
    """The command's own handler of warnings, as a process of its own has it."""
    logger = logging.getLogger("rhombus_clips")
    handler = running.Warnings(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("name", LINES)
def test_no_control_character_reaches_the_outputs(name: str, fake: FakeRhombus, tmp_path) -> None:
    fake.start_render(seconds=60)
    with warning_handler():
        result = invoke(fake, name, *LINES[name](fake, str(tmp_path)))
    assert controls_in(result.stdout) == set()
    assert controls_in(result.stderr) == set()
    assert HARMLESS in result.stderr, "the warning of the service is shown"
    if name not in SILENT_ON_TITLES:
        assert ":ab: [bold]x[/bold] Köln 🎥�" in result.stdout


@pytest.mark.parametrize("name", WITH_JSON)
def test_no_control_character_is_in_the_json_which_says_the_same(
    name: str, fake: FakeRhombus, tmp_path
) -> None:
    fake.start_render(seconds=60)
    result = invoke(fake, name, *LINES[name](fake, str(tmp_path)), "--json")
    assert controls_in(result.stdout) == set()
    told = json_lines(result)
    assert told
    if name not in SILENT_ON_TITLES:
        title = HOSTILE.replace("\x00", "") if name == "make" else HOSTILE
        assert title in {line["title"] for line in told}


@pytest.mark.parametrize("name", LINES)
def test_no_control_character_of_an_error_reaches_the_outputs(
    name: str, fake: FakeRhombus, tmp_path
) -> None:
    fake.faults = [json_answer(200, {"error": True, "errorMsg": HOSTILE}, times=None)]
    result = invoke(fake, name, *LINES[name](fake, str(tmp_path)), code=1)
    assert controls_in(result.output) == set()
    assert HARMLESS in result.stderr
    fake.faults = [json_answer(400, {"message": HOSTILE}, times=None)]
    assert (
        controls_in(invoke(fake, name, *LINES[name](fake, str(tmp_path)), code=1).output) == set()
    )


def test_no_control_character_of_a_status_or_an_operation_is_shown(fake: FakeRhombus) -> None:
    clip = {
        "uuid": _uuid(fake),
        "status": HOSTILE,
        "currentOperation": HOSTILE,
        "percentComplete": 5,
    }
    fake.faults = [json_answer(200, {"clip": clip})]
    shown = invoke(fake, "progress", _uuid(fake)).stdout
    assert controls_in(shown) == set()
    assert shown.count(":ab: [bold]x[/bold] Köln") == 2


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_no_control_character_of_a_followed_clip_is_shown(fake: FakeRhombus, json) -> None:
    del fake.clips[1:]
    with following(fake, *SINCE, *json) as process:
        (line,) = lines_of(process, 1)
    assert controls_in(line) == set()
    assert ":ab:" in line


@pytest.mark.parametrize("name", ["clips", "details", "make", "watch", "download", "delete"])
@pytest.mark.parametrize("is_json", [False, True])
def test_terminal_with_bars_and_prompts_gets_no_control_character(
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


def test_failed_download_names_its_clip_in_plain_text(fake: FakeRhombus, tmp_path) -> None:
    fake.change_media(_uuid(fake))
    result = invoke(fake, "download", _uuid(fake), "--folder", str(tmp_path), code=1)
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
def test_no_control_character_of_an_argument_is_shown(fake: FakeRhombus, arguments) -> None:
    runner = CliRunner(env=environment_of(fake))
    result = runner.invoke(commands.command, arguments, prog_name="rhombus-clips")
    assert result.exit_code in {1, 2}
    assert result.stderr
    assert controls_in(result.output) == set()


def test_printable_keeps_what_people_write() -> None:
    for text in ("Köln", "日本 の 庭", "🎥", "مدخل", "a\u0301", "50 % — “x”", "[bold] :ab: \\"):
        assert printable(text) == text
    assert printable("1\u202f000\u00a0€") == "1 000 €"
    assert printable(None) == ""
    assert controls_in(printable(HOSTILE)) == set()


@pytest.mark.parametrize("encoding", [None, "utf-8", "UTF8", "ascii", "latin-1", "cp1252"])
def test_json_for_a_terminal_says_the_same_in_every_encoding(encoding) -> None:
    clip = SavedClip(title=f"{HOSTILE}\ud800")
    plain = SavedClip(title=HOSTILE)
    for model in (clip, plain):
        line = json_line(model, encoding)
        assert json.loads(line)["title"] == model.title
        assert controls_in(line.decode()) == set()
    assert json_line(plain, encoding).isascii() is (encoding not in {None, "utf-8", "UTF8"})


# --- terminals, encodings and streams ------------------------------------------------------------


def run(fake: FakeRhombus, *arguments: str, **options) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | environment_of(fake) | options.pop("env", {})
    return subprocess.run(
        [*RUN, *arguments], env=environment, capture_output=True, check=False, **options
    )


@pytest.mark.parametrize("name", ["saved", "details", "rename", "download", "make", "shared"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_encoding_without_the_letters_of_a_title_ends_no_command(
    name: str, encoding: str, fake: FakeRhombus, tmp_path
) -> None:
    environment = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": encoding}
    result = run(fake, name, *LINES[name](fake, str(tmp_path)), env=environment)
    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
    shown = (result.stdout + result.stderr).decode(encoding)
    assert controls_in(shown) == set()
    assert name == "download" or ("Köln" if encoding == "latin-1" else "K?ln") in shown


@pytest.mark.parametrize("name", ["saved", "count"])
def test_json_in_another_encoding_is_ascii(name: str, fake: FakeRhombus) -> None:
    result = run(fake, name, "--json", env={"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"})
    assert result.stdout.isascii()
    assert all(json.loads(line) for line in result.stdout.splitlines())


@pytest.mark.parametrize("columns", ["0", "1", "10", "40"])
def test_narrow_terminal_loses_no_text(columns: str, fake: FakeRhombus) -> None:
    code, shown = on_terminal(fake, "saved", "--limit", "1", environment={"COLUMNS": columns})
    assert code == 0
    assert _uuid(fake) in shown
    assert "COMPLETE" in shown


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_terminal_without_colours_gets_none(environment, fake: FakeRhombus) -> None:
    code, shown = on_terminal(fake, "saved", "--limit", "1", environment=environment)
    assert code == 0
    assert _uuid(fake) in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("line", ["saved", "saved --json", "count"])
def test_closed_stream_is_no_failure(closing: str, line: str, fake: FakeRhombus) -> None:
    result = subprocess.run(
        ["bash", "-c", f"{' '.join(RUN)} {line} {closing}"],
        env=os.environ | environment_of(fake), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr


@pytest.mark.parametrize(
    "line",
    ["saved", "saved --json", "count", "--help", "saved --help", "rename {uuid} x", "--version"],
)
def test_full_disk_is_one_clear_line(line: str, fake: FakeRhombus) -> None:
    command = line.format(uuid=_uuid(fake))
    fake.warning_msg = None
    result = subprocess.run(
        ["bash", "-c", f"{' '.join(RUN)} {command} > /dev/full"],
        env=os.environ | environment_of(fake), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "rhombus-clips: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    "line",
    ["saved", "saved --json", "clips", "details {uuid}", "count", "--help", "rename {uuid} x"],
)
def test_reader_of_any_pipe_may_leave(line: str, fake: FakeRhombus) -> None:
    """It has left before the command prints anything."""
    reader, writer = os.pipe()
    os.close(reader)
    fake.warning_msg = None
    with os.fdopen(writer) as pipe:
        result = subprocess.run(
            [*RUN, *line.format(uuid=_uuid(fake)).split()], stdout=pipe, stderr=subprocess.PIPE,
            env=os.environ | environment_of(fake), text=True, check=False,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["delete", "{uuid}"],
        ["share", "{uuid}", "--password"],
        ["share", "{uuid}", "--password-stdin"],
        ["unshare", "{group}"],
    ],
)
def test_nobody_answers_where_the_standard_input_is_closed(fake: FakeRhombus, arguments) -> None:
    names = {"uuid": _uuid(fake), "group": fake.shared_clip_groups[0]["uuid"]}
    words = " ".join(word.format(**names) for word in arguments)
    result = subprocess.run(
        ["bash", "-c", f"{' '.join(RUN)} {words} <&-"],
        env=os.environ | environment_of(fake), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "Error: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["saved", "--since", "9999-12-31T23:59:59-14:00"], "outside the years 1 to 9999"),
        (["saved", "--until", "0001-01-01T00:00+14:00"], "outside the years 1 to 9999"),
        (["saved", "--since", "2025-02-30T00:00Z"], "not a time with a zone"),
        (["saved", "--since", "2025-01-01T25:00Z"], "not a time with a zone"),
        (["saved", "--since", "\udcff"], "not a time with a zone"),
        (["saved", "--page-size", "9" * 30], "--page-size"),
        (["clips", "--page-size", "201"], "--page-size"),
        (["clips", "--search", "caf\udce9"], "not text in the encoding of the shell"),
        (["clips", "--sort-field", "caf\udce9"], "not text in the encoding of the shell"),
        (["clips", "--device", "a\x1bb"], "is no uuid"),
        (["shared", "--created-after", "0", "--window", "inf"], "--window"),
        (["shared", "--created-after", "0", "--window", "1e-300"], "at least a millisecond"),
        (["progress", "caf\udce9"], "is no uuid"),
        (["rename", "A" * 22, "caf\udce9"], "not text in the encoding of the shell"),
        (["rename", "A" * 22, "--description", "\udcff"], "not text in the encoding of the shell"),
        (["share", "A" * 22, "--title", "\udcff"], "not text in the encoding of the shell"),
        (["share", "A" * 22, "--expires", "9999999999d"], "expiration_time_secs"),
        (["make", "A" * 22, "--start", "0", "--duration", "1e300"], "--duration"),
        (["make", "A" * 22, "--start", "0", "--duration", "1e-300"], "at least a second"),
        (["make", "A" * 22, "--start", "0", "--duration", "9", "--title", "\udcff"], "shell"),
        (["make", "A" * 22, "--start", "0", "--duration", "9", "--deadline", "-1"], "--deadline"),
        (["watch", "A" * 22, "--interval", "1e400"], "--interval"),
        (["watch", "A" * 22, "--appears-within", "nan"], "--appears-within"),
        (["download", "A" * 22, "--concurrency", "65"], "--concurrency"),
        (["fake", "--clips", "1" + "0" * 12], "--clips"),
        (["fake", "--port", "65536"], "--port"),
        (["fake", "--render-seconds", "inf"], "--render-seconds"),
    ],
)
def test_value_out_of_range_is_wrong_usage(fake: FakeRhombus, arguments, words) -> None:
    result = invoke(fake, *arguments, code=2)
    assert words in result.stderr
    assert controls_in(result.output) == set()


def test_password_in_another_encoding_is_wrong_usage(fake: FakeRhombus) -> None:
    for encoding in ("utf-8", "ascii"):
        result = run(
            fake, "share", _uuid(fake), "--password-stdin", input=b"caf\xe9\n",
            env={"PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert result.returncode == 2
        assert b"the password is not text in the encoding of the standard input" in result.stderr
        assert b"Traceback" not in result.stderr


def test_folder_whose_name_is_not_utf_8_takes_downloads(fake: FakeRhombus, tmp_path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9\x1b"
    result = run(fake, "download", _uuid(fake), "--folder", os.fsdecode(folder))
    assert result.returncode == 0
    assert list(pathlib.Path(os.fsdecode(folder)).glob("*.mp4"))
    broken = run(fake, "download", _uuid(fake), "--output", os.fsdecode(folder + b"/x/y.mp4"))
    assert broken.returncode == 1
    assert broken.stderr.count(b"\n") == 2, "the warning and the reason"
    assert controls_in(broken.stderr.decode()) == set()


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*LINES} - {"download", "make", "watch"}))
def test_interruption_ends_with_130(name: str, fake: FakeRhombus, tmp_path) -> None:
    """While the command waits for an answer of the service."""
    arguments = LINES[name](fake, str(tmp_path))
    with Held() as held:
        fake.faults = [held]
        with subprocess.Popen(
            [*RUN, name, *arguments], env=os.environ | environment_of(fake), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            held.wait()
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (130, "")
    assert stderr == "\nrhombus-clips: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        (["delete", "{uuid}"], "[y/N]"),
        (["share", "{uuid}", "--password"], "Password:"),
        (["unshare", "{group}"], "[y/N]"),
    ],
)
def test_interruption_of_a_prompt_ends_with_130(fake: FakeRhombus, arguments, prompt) -> None:
    names = {"uuid": _uuid(fake), "group": fake.shared_clip_groups[0]["uuid"]}
    words = [word.format(**names) for word in arguments]
    code, shown = on_terminal(fake, *words, answers=[(prompt, signal.SIGINT)])
    assert code == 130
    assert "rhombus-clips: interrupted" in shown
    assert not any("/delete" in request.path for request in fake.requests)
