"""The command: its output, its environment and its exit codes."""

import json
import os
import pty
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from click.testing import CliRunner, Result

from rhombus_clips import __version__, cli
from rhombus_clips.cli import commands
from rhombus_clips.testing import FakeRhombus

RUN = [sys.executable, "-W", "error", "-m", "rhombus_clips"]


def environment_of(fake: FakeRhombus) -> dict[str, str]:
    return {
        "RHOMBUS_API_KEY": fake.api_key,
        "RHOMBUS_ENDPOINT_URL": fake.url,
        "RHOMBUS_MEDIA_URL": fake.media_url,
    }


def invoke(fake: FakeRhombus, *arguments: str, code: int = 0, typed: str | None = None) -> Result:
    """Run the command in this process, without a terminal."""
    runner = CliRunner(env=environment_of(fake))
    result = runner.invoke(commands.command, arguments, prog_name="rhombus-clips", input=typed)
    assert result.exit_code == code, result.output
    return result


def json_lines(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def on_terminal(
    fake: FakeRhombus,
    *arguments: str,
    answers: Sequence[tuple[str, str | signal.Signals]] = (),
    steps: Sequence[tuple[str, Callable[[], object]]] = (),
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the command on a terminal.

    *answers* pairs each prompt with the text to type, or the signal to send, when it appears.
    *steps* pairs each text with a function to call when it appears. Both are in order.
    """
    terminal, end = pty.openpty()
    variables = {"TERM": "xterm", "COLUMNS": "100", **(environment or {})}
    with subprocess.Popen(
        [*RUN, *arguments], stdin=end, stdout=end, stderr=end, start_new_session=True,
        env=os.environ | environment_of(fake) | variables,
    ) as process:  # fmt: skip
        os.close(end)
        shown, waiting, ahead = b"", list(answers), list(steps)
        try:
            while chunk := _read(terminal):
                shown += chunk
                while ahead and ahead[0][0].encode() in shown:
                    ahead.pop(0)[1]()
                if waiting and waiting[0][0].encode() in shown.rpartition(b"\n")[2]:
                    _answer(process, terminal, waiting.pop(0)[1])
            return process.wait(30), shown.decode()
        finally:
            process.kill()  # After a failure, it might wait for an answer forever.
            os.close(terminal)


def _answer(
    process: "subprocess.Popen[bytes]", terminal: int, answer: str | signal.Signals
) -> None:
    typed = ""
    if isinstance(answer, signal.Signals):
        # Python handles a signal that arrives just before a read only after the read.
        process.send_signal(answer)
    else:
        typed = answer
    os.write(terminal, f"{typed}\n".encode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # On Linux, this means that all writers have closed the terminal.
        return b""


@pytest.fixture(scope="module")
def service() -> Iterator[dict[str, str]]:
    """Run `rhombus-clips fake` in another process, and yield the environment that it prints."""
    with subprocess.Popen(
        [*RUN, "fake", "--clips", "30"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(3)]
        assert [line[0] for line in lines] == ["export"] * 3
        yield dict(line[1].split("=", 1) for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.fixture
def run(service, monkeypatch):
    for name, value in service.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0):
        result = CliRunner().invoke(commands.command, arguments, prog_name="rhombus-clips")
        assert result.exit_code == code, result.output
        return result

    return run


def test_saved_clips_as_a_table(run) -> None:
    lines = run("saved", "--limit", "5").stdout.splitlines()
    assert len(lines) == 5 + 4
    assert all(word in lines[1] for word in ("Recorded", "Length", "Status", "Title", "Uuid"))
    assert "COMPLETE" in lines[3] or "FAILED" in lines[3] or "UNKNOWN" in lines[3]


def test_saved_clips_as_json_lines(run) -> None:
    clips = [json.loads(line) for line in run("saved", "--json").stdout.splitlines()]
    assert len({clip["uuid"] for clip in clips}) == 30
    since = str(clips[9]["timestampMs"])
    assert len(run("saved", "--json", "--since", since).stdout.splitlines()) == 10
    assert len(run("saved", "--json", "--until", since).stdout.splitlines()) == 20


def test_times_with_an_offset_are_accepted(run) -> None:
    assert run("saved", "--json", "--since", "2099-01-01T00:00Z").stdout == ""
    assert len(run("saved", "--json", "--until", "2099-01-01T00:00-07:00").stdout.split("\n")) > 30


def test_shared_groups(run) -> None:
    assert "Password" in run("shared").stdout
    assert len(run("shared", "--json").stdout.splitlines()) == 20
    windows = run("shared", "--json", "--created-after", "2025-01-01T00:00Z", "--window", "30")
    assert len(windows.stdout.splitlines()) == 20


def test_spliced_clips_and_their_progress(run) -> None:
    (line,) = run("spliced", "--json").stdout.splitlines()
    clip_uuid = json.loads(line)["clipUuid"]
    assert "of 30" in run("spliced").stdout
    assert clip_uuid in run("progress", clip_uuid).stdout
    (line,) = run("progress", clip_uuid, "--json").stdout.splitlines()
    assert json.loads(line)["uuid"] == clip_uuid


@pytest.mark.parametrize("clip_uuid", ["A" * 22, "-hjV" + "A" * 18, "--" + "A" * 20])
def test_error_of_the_service_prints_one_line(run, clip_uuid) -> None:
    """This includes a uuid that starts like an option."""
    result = run("progress", clip_uuid, code=1)
    assert result.stdout == ""
    assert result.stderr == (
        f"rhombus-clips: /api/event/getClipWithProgress: there is no clip {clip_uuid}\n"
    )


def test_unreachable_service_prints_one_line(run, monkeypatch) -> None:
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("rhombus_clips.calls.retry.random.uniform", lambda *_: 0)
    result = run("saved", code=1)
    assert result.stderr.count("\n") == 1
    assert "cannot connect" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["saved", "--since", "2025-10-01"], "not a time with a UTC offset"),
        (["saved", "--since", "yesterday"], "not a time with a UTC offset"),
        (["saved", "--since", "9" * 5000], "not a time with a UTC offset"),
        (["saved", "--since", "1759276800"], "looks like seconds"),
        (["saved", "--limit", "-1"], "--limit"),
        (["shared", "--window", "nan", "--created-after", "0"], "--window"),
        (["saved", "--by", "title"], "--by"),
        (["shared", "--window", "5"], "--window requires --created-after"),
        (["shared", "--window", "1e12", "--created-after", "0"], "--window"),
        (["progress"], "CLIP_UUID"),
        (["dance"], "No such command"),
    ],
)
def test_wrong_usage_exits_with_2(run, arguments, words) -> None:
    assert words in run(*arguments, code=2).stderr


def test_missing_key_is_a_usage_error(run, monkeypatch) -> None:
    monkeypatch.delenv("RHOMBUS_API_KEY")
    assert "set RHOMBUS_API_KEY" in run("saved", code=2).stderr


def test_cell_replaces_control_characters() -> None:
    from rhombus_clips.cli.output import cell

    assert cell("a\x1b[2Jb\ud800[bold]").plain == "a\ufffd[2Jb\ufffd[bold]"


def test_time_beyond_the_calendar_is_shown_as_empty() -> None:
    from rhombus_clips import SavedClip
    from rhombus_clips.cli.output import SAVED

    assert SAVED.row(SavedClip(timestamp_ms=2**62, duration_sec=2**62))[:2] == (None, None)


def test_pipe_closed_during_output_is_not_an_error(service) -> None:
    script = f"{' '.join(RUN)} saved --json | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        capture_output=True, text=True, check=False, env=os.environ | service,
    )  # fmt: skip
    assert len(result.stdout.splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_demo_succeeds() -> None:
    """It needs no key, and reports each step."""
    runner = CliRunner(env={name: None for name in os.environ if "RHOMBUS" in name})
    result = runner.invoke(commands.command, ["demo"])
    assert result.exit_code == 0, result.output
    assert "Listed 1,000 saved clips, each once" in result.stdout
    assert "Walked 40 shared clip groups" in result.stdout
    assert "Created a clip of 30 s, downloaded its 25,165,824 bytes" in result.stdout
    assert "verified their SHA-256" in result.stdout


def test_fake_prints_its_media_host(service, tmp_path, run) -> None:
    path, clips = tmp_path / "clip.mp4", json_lines(run("saved", "--json"))
    complete = next(clip for clip in clips if clip["status"] == "COMPLETE")
    run("download", complete["uuid"], "--output", str(path))
    assert path.stat().st_size == complete["byteCount"]
    assert service["RHOMBUS_MEDIA_URL"].startswith("http://127.0.0.1:")


def _run_as_module() -> None:
    runpy.run_module("rhombus_clips", run_name="__main__")


@pytest.mark.parametrize("start", [cli.main, _run_as_module], ids=["console script", "module"])
def test_missing_extra_is_reported_in_one_line(monkeypatch, capsys, start) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    for name in [name for name in sys.modules if name.startswith("rhombus_clips.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as caught:
        start()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "pip install 'rhombus-clips[cli]'" in error
    assert error.count("\n") == 1


def test_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "rhombus_clips", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"rhombus-clips, version {__version__}\n"


def test_missing_module_outside_the_extra_is_raised(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rhombus_clips.cli.commands", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_main_runs_the_command(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["rhombus-clips", "--version"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 0
    assert "0." in capsys.readouterr().out
