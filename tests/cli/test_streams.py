"""Unusual terminals, streams and values, and Ctrl-C: one line of output, no traceback."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.cli.hostile import LINES, controls_in, first_uuid
from tests.cli.hostile import fake as fake  # noqa: PLC0414  # a fixture
from tests.cli.test_command import RUN, environment_of, invoke, on_terminal
from tests.examples import a_few
from tests.held import Held


def run(fake: FakeRhombus, *arguments: str, **options) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | environment_of(fake) | options.pop("env", {})
    return subprocess.run(
        [*RUN, *arguments], env=environment, capture_output=True, check=False, **options
    )


@pytest.mark.parametrize(
    "name", a_few(["saved", "details", "rename", "download", "make", "shared"])
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_titles_outside_the_terminal_encoding_fail_no_command(
    name: str, encoding: str, fake: FakeRhombus, tmp_path
) -> None:
    environment = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": encoding}
    result = run(fake, name, *LINES[name](fake, str(tmp_path)), env=environment)
    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
    shown = (result.stdout + result.stderr).decode(encoding)
    assert controls_in(shown) == set()
    assert name == "download" or ("Köln" if encoding == "latin-1" else "K?ln") in shown


@pytest.mark.parametrize("name", a_few(["saved", "count"]))
def test_json_in_another_encoding_is_ascii(name: str, fake: FakeRhombus) -> None:
    result = run(fake, name, "--json", env={"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"})
    assert result.stdout.isascii()
    assert all(json.loads(line) for line in result.stdout.splitlines())


@pytest.mark.parametrize("columns", a_few(["10", "0", "1", "40"]))
def test_narrow_terminal_truncates_no_text(columns: str, fake: FakeRhombus) -> None:
    code, shown = on_terminal(fake, "saved", "--limit", "1", environment={"COLUMNS": columns})
    assert code == 0
    assert first_uuid(fake) in shown
    assert "COMPLETE" in shown


@pytest.mark.parametrize("environment", a_few([{"TERM": "dumb"}, {"NO_COLOR": "1"}]))
def test_terminal_without_colours_gets_none(environment, fake: FakeRhombus) -> None:
    code, shown = on_terminal(fake, "saved", "--limit", "1", environment=environment)
    assert code == 0
    assert first_uuid(fake) in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)


@pytest.mark.parametrize("closing", a_few([">&-", "2>&-", "<&-", ">&- 2>&- <&-"]))
@pytest.mark.parametrize("line", a_few(["saved", "saved --json", "count"]))
def test_closed_stream_is_not_an_error(closing: str, line: str, fake: FakeRhombus) -> None:
    result = subprocess.run(
        ["bash", "-c", f"{' '.join(RUN)} {line} {closing}"],
        env=os.environ | environment_of(fake), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr


@pytest.mark.parametrize(
    "line",
    a_few(
        ["saved", "saved --json", "count", "--help", "saved --help", "rename {uuid} x", "--version"]
    ),
)
def test_full_disk_prints_one_line(line: str, fake: FakeRhombus) -> None:
    command = line.format(uuid=first_uuid(fake))
    fake.warning_msg = None
    result = subprocess.run(
        ["bash", "-c", f"{' '.join(RUN)} {command} > /dev/full"],
        env=os.environ | environment_of(fake), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "rhombus-clips: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    "line",
    a_few(
        ["saved", "saved --json", "clips", "details {uuid}", "count", "--help", "rename {uuid} x"]
    ),
)
def test_pipe_closed_before_output_prints_nothing(line: str, fake: FakeRhombus) -> None:
    """The reader has closed the pipe before the command prints anything."""
    reader, writer = os.pipe()
    os.close(reader)
    fake.warning_msg = None
    with os.fdopen(writer) as pipe:
        result = subprocess.run(
            [*RUN, *line.format(uuid=first_uuid(fake)).split()],
            stdout=pipe, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | environment_of(fake),
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    a_few(
        [
            ["delete", "{uuid}"],
            ["share", "{uuid}", "--password"],
            ["share", "{uuid}", "--password-stdin"],
            ["unshare", "{group}"],
        ]
    ),
)
def test_closed_standard_input_is_a_usage_error(fake: FakeRhombus, arguments) -> None:
    names = {"uuid": first_uuid(fake), "group": fake.shared_clip_groups[0]["uuid"]}
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
        (["saved", "--since", "2025-02-30T00:00Z"], "not a time with a UTC offset"),
        (["saved", "--since", "2025-01-01T25:00Z"], "not a time with a UTC offset"),
        (["saved", "--since", "\udcff"], "not a time with a UTC offset"),
        (["saved", "--page-size", "9" * 30], "--page-size"),
        (["clips", "--page-size", "201"], "--page-size"),
        (["clips", "--search", "caf\udce9"], "is not valid text in"),
        (["clips", "--sort-field", "caf\udce9"], "is not valid text in"),
        (["clips", "--device", "a\x1bb"], "is not a valid uuid"),
        (["shared", "--created-after", "0", "--window", "inf"], "--window"),
        (["shared", "--created-after", "0", "--window", "1e-300"], "at least one millisecond"),
        (["progress", "caf\udce9"], "is not a valid uuid"),
        (["rename", "A" * 22, "caf\udce9"], "is not valid text in"),
        (["rename", "A" * 22, "--description", "\udcff"], "is not valid text in"),
        (["share", "A" * 22, "--title", "\udcff"], "is not valid text in"),
        (["share", "A" * 22, "--expires", "9999999999d"], "expiration_time_secs"),
        (["make", "A" * 22, "--start", "0", "--duration", "1e300"], "--duration"),
        (["make", "A" * 22, "--start", "0", "--duration", "1e-300"], "at least a second"),
        (
            ["make", "A" * 22, "--start", "0", "--duration", "9", "--title", "\udcff"],
            "is not valid text in",
        ),
        (["make", "A" * 22, "--start", "0", "--duration", "9", "--timeout", "-1"], "--timeout"),
        (["watch", "A" * 22, "--interval", "1e400"], "--interval"),
        (["watch", "A" * 22, "--appears-within", "nan"], "--appears-within"),
        (["download", "A" * 22, "--concurrency", "65"], "--concurrency"),
        (["fake", "--clips", "1" + "0" * 12], "--clips"),
        (["fake", "--port", "65536"], "--port"),
        (["fake", "--render-seconds", "inf"], "--render-seconds"),
    ],
)
def test_invalid_value_is_a_usage_error(fake: FakeRhombus, arguments, words) -> None:
    result = invoke(fake, *arguments, code=2)
    assert words in result.stderr
    assert controls_in(result.output) == set()


def test_password_in_another_encoding_is_a_usage_error(fake: FakeRhombus) -> None:
    for encoding in ("utf-8", "ascii"):
        result = run(
            fake, "share", first_uuid(fake), "--password-stdin", input=b"caf\xe9\n",
            env={"PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert result.returncode == 2
        assert b"the password is not valid text in the encoding of standard input" in result.stderr
        assert b"Traceback" not in result.stderr


def test_folder_name_that_is_not_utf_8_is_supported(fake: FakeRhombus, tmp_path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9\x1b"
    result = run(fake, "download", first_uuid(fake), "--folder", os.fsdecode(folder))
    assert result.returncode == 0
    assert list(pathlib.Path(os.fsdecode(folder)).glob("*.mp4"))
    broken = run(fake, "download", first_uuid(fake), "--output", os.fsdecode(folder + b"/x/y.mp4"))
    assert broken.returncode == 1
    assert broken.stderr.count(b"\n") == 2, "the warning and the reason"
    assert controls_in(broken.stderr.decode()) == set()


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", a_few(sorted({*LINES} - {"download", "make", "watch"})))
def test_interruption_exits_with_130(name: str, fake: FakeRhombus, tmp_path) -> None:
    """The command is interrupted while it waits for a response of the service."""
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
    a_few(
        [
            (["delete", "{uuid}"], "[y/N]"),
            (["share", "{uuid}", "--password"], "Password:"),
            (["unshare", "{group}"], "[y/N]"),
        ]
    ),
)
def test_interruption_of_a_prompt_exits_with_130(fake: FakeRhombus, arguments, prompt) -> None:
    names = {"uuid": first_uuid(fake), "group": fake.shared_clip_groups[0]["uuid"]}
    words = [word.format(**names) for word in arguments]
    code, shown = on_terminal(fake, *words, answers=[(prompt, signal.SIGINT)])
    assert code == 130
    assert "rhombus-clips: interrupted" in shown
    assert not any("/delete" in request.path for request in fake.requests)
