"""The command that follows: each clip once, despite failures and restarts."""

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from rhombus_clips import (
    AuthenticationError,
    ConnectError,
    RetryPolicy,
    RhombusError,
    SavedClip,
    SavedClipFollower,
    ServerError,
)
from rhombus_clips.cli.following import StateFile
from rhombus_clips.cli.following import is_transient as is_transient_error
from rhombus_clips.concurrency import alongside
from rhombus_clips.paging.rules.cursor_text import digest_of
from rhombus_clips.paging.rules.following_state import FollowingState
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.testing.faults import Respond
from tests.cli.test_command import RUN, environment_of, invoke
from tests.media.test_files import STRANGE

SINCE = ("--since", "2020-01-01T00:00Z")
OFTEN = ("--interval", "0.1")


@contextmanager
def following(fake: FakeRhombus, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command during the block, and interrupt it at the end."""
    with subprocess.Popen(
        [*RUN, "follow", *OFTEN, *arguments], env=os.environ | environment_of(fake), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
    assert code == 0


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def rest_of(process: subprocess.Popen[str]) -> str:
    """Return the remaining output of a command that has ended."""
    assert process.stdout is not None
    return process.stdout.read()


def uuids_in(lines: list[str]) -> list[str]:
    return [json.loads(line)["uuid"] for line in lines]


def add_clip(fake: FakeRhombus, number: int) -> str:
    """Add a clip that was created now."""
    now = int(fake.now() * 1000)
    clip = fake.clips[0] | {"uuid": f"-new{number:018}", "createdAtMs": now, "timestampMs": now}
    fake.clips.insert(0, clip)
    return str(clip["uuid"])


def test_each_clip_is_printed_once_over_two_runs(fake_elsewhere, tmp_path) -> None:
    state = ("--state", str(tmp_path / "state"))
    before = {clip["uuid"] for clip in fake_elsewhere.clips}
    with following(fake_elsewhere, *SINCE, *state, "--json") as process:
        first = uuids_in(lines_of(process, 30))
        during_run = add_clip(fake_elsewhere, 1)
        assert uuids_in(lines_of(process, 1)) == [during_run]
    assert set(first) == before
    between = add_clip(fake_elsewhere, 2)
    with following(fake_elsewhere, *SINCE, *state, "--json") as process:
        assert uuids_in(lines_of(process, 1)) == [between]
        later = add_clip(fake_elsewhere, 3)
        assert uuids_in(lines_of(process, 1)) == [later]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_clip_created_between_two_runs_is_not_missed(fake_elsewhere, tmp_path) -> None:
    """This holds even if the first run printed no clip."""
    state = tmp_path / "state"
    with following(fake_elsewhere, "--state", str(state), "--json") as process:
        while not state.exists():
            assert process.poll() is None
    uuid = add_clip(fake_elsewhere, 1)
    with following(fake_elsewhere, "--state", str(state), "--json") as process:
        assert uuids_in(lines_of(process, 1)) == [uuid]


def test_clip_is_printed_as_one_line(fake_elsewhere) -> None:
    fake_elsewhere.clips[:] = [fake_elsewhere.clips[0] | {"title": "a\x1b[2J[bold]\nb"}]
    with following(fake_elsewhere, *SINCE) as process:
        (line,) = lines_of(process, 1)
    assert "a\ufffd[2J[bold]\ufffdb" in line
    assert line.rstrip().endswith(fake_elsewhere.clips[0]["uuid"])


def test_transient_failure_is_reported_and_retried(fake_elsewhere) -> None:
    # The session retries this status once, so the second one reaches the command.
    fake_elsewhere.faults += [Respond(500), Respond(500)]
    with following(fake_elsewhere, *SINCE, "--json") as process:
        assert len(set(uuids_in(lines_of(process, 30)))) == 30
        assert process.stderr is not None
        message = process.stderr.readline()
    assert "HTTP 500" in message
    assert "trying again in 0.1 s" in message


def test_permanent_failure_ends_the_command(fake_elsewhere) -> None:
    fake_elsewhere.api_key = "another key that is long enough"
    environment = environment_of(fake_elsewhere)
    fake_elsewhere.api_key = "FAKEfakeFAKEfakeFAKE00"
    result = subprocess.run(
        [*RUN, "follow"], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1


def has_seen(cursor: str, uuid: str) -> bool:
    return digest_of(uuid) in FollowingState.at(cursor, 0)._seen


def test_followed_clips_are_downloaded(fake_elsewhere, tmp_path) -> None:
    del fake_elsewhere.clips[3:]
    for clip in fake_elsewhere.clips:
        clip["status"] = "COMPLETE"
    fake_elsewhere.clips[1]["status"] = "FAILED"
    folder, state = tmp_path / "clips", tmp_path / "state"
    arguments = (*SINCE, "--download", str(folder), "--state", str(state), "--json")
    with following(fake_elsewhere, *arguments) as process:
        lines_of(process, 3)
        assert process.stderr is not None
        message = process.stderr.readline()
        last = add_clip(fake_elsewhere, 1)
        fake_elsewhere.put_media(last, b"video" * 100)
        assert uuids_in(lines_of(process, 1)) == [last]
        while not has_seen(state.read_text(encoding="utf-8"), last):
            assert process.poll() is None
    assert fake_elsewhere.clips[2]["uuid"] in message
    assert "is FAILED" in message
    assert len(list(folder.glob("*.mp4"))) == 3


@pytest.fixture
def impatient(monkeypatch):
    """Downloads in this process do not wait between attempts."""
    monkeypatch.setattr(RetryPolicy, "backoff", lambda *_: 0.0)


@pytest.mark.usefixtures("impatient")
def test_download_resumes_when_the_media_host_recovers(fake_elsewhere, tmp_path) -> None:
    fake_elsewhere.clips[:] = [fake_elsewhere.clips[0] | {"status": "COMPLETE"}]
    fake_elsewhere.put_media(fake_elsewhere.clips[0]["uuid"], b"video" * 100)
    fake_elsewhere.media_faults += [Respond(503, times=7)]
    with interrupted_once(lambda: any(tmp_path.glob("*.mp4"))):
        arguments = (*SINCE, *OFTEN, "--download", str(tmp_path), "--json")
        result = invoke(fake_elsewhere, "follow", *arguments)
    assert len(result.stdout.splitlines()) == 1
    assert "HTTP 503" in result.stderr
    assert result.stderr.endswith("; trying again in 0.1 s\n")
    assert (len(fake_elsewhere.media_requests), result.stderr.count("\n")) == (8, 1)


@contextmanager
def interrupted_once(is_time: Callable[[], bool]) -> Iterator[None]:
    """Send Ctrl-C to this process during the block, once *is_time* returns true."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            if is_time():
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def test_invalid_state_file_is_a_usage_error(fake_elsewhere, tmp_path) -> None:
    state = tmp_path / "state"
    state.write_text("holiday plans", encoding="utf-8")
    result = invoke(fake_elsewhere, "follow", "--state", str(state), code=2)
    assert "the --state file was not written by this command" in result.stderr
    assert state.read_text(encoding="utf-8") == "holiday plans"
    assert fake_elsewhere.requests == []


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "often"])
def test_invalid_interval_is_a_usage_error(fake_elsewhere, interval) -> None:
    result = invoke(fake_elsewhere, "follow", "--interval", interval, code=2)
    assert "--interval" in result.stderr


async def test_state_file_is_written_less_often_when_clips_arrive_fast(tmp_path) -> None:
    """The first listing of a long history makes the state longer with every clip."""

    class Follower:
        reads = 0
        clips = 0
        was_read = asyncio.Event()

        @property
        def cursor(self) -> str:
            self.reads += 1
            self.was_read.set()
            return str(self.clips)

    path, follower = tmp_path / "state", Follower()
    state, watched = StateFile(path), cast("SavedClipFollower[SavedClip]", follower)
    for _ in range(1000):
        state.is_busy = True
        follower.clips += 1
        state.finish_clip(watched)
    assert 1 <= follower.reads < 200
    follower.was_read.clear()
    async with alongside(lambda: state.save_repeatedly(watched)):
        if path.read_text() != "1000":
            await follower.was_read.wait()
    state.is_busy = True
    follower.clips += 1
    state.save(watched, at_end=True)
    assert path.read_text() == "1000", "that clip is still being processed"


# --- other things at the path of the state file -------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in STRANGE if k != "a folder"])
def test_state_that_is_not_a_regular_file_is_refused_and_unchanged(
    kind: str, fake_elsewhere, tmp_path
) -> None:
    """The command does not wait for a pipe, and does not write through a link."""
    state = tmp_path / "state"
    STRANGE[kind](state)
    before = state.lstat()
    result = invoke(fake_elsewhere, "follow", "--state", str(state), code=1)
    assert f"{state} is" in result.stderr
    assert "move it elsewhere" in result.stderr
    assert result.stderr.count("\n") == 1
    assert state.lstat().st_ino == before.st_ino
    assert fake_elsewhere.requests == []


def test_new_state_is_not_written_through_a_link(fake_elsewhere, tmp_path) -> None:
    state, target = tmp_path / "state", tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "state.new").symlink_to(target)
    StateFile(state).write("a cursor")
    assert (state.read_text(), state.is_symlink()) == ("a cursor", False)
    assert target.read_bytes() == b"precious"


@pytest.mark.usefixtures("impatient")
def test_unwritable_state_does_not_hide_the_error_that_ends_the_command(
    fake_elsewhere, tmp_path, monkeypatch
) -> None:
    def save(*_: object, at_end: bool = False) -> None:
        if at_end:
            raise OSError(28, "no space left")

    monkeypatch.setattr(StateFile, "save", save)
    fake_elsewhere.faults += [Respond(401)]
    result = invoke(fake_elsewhere, "follow", "--state", str(tmp_path / "state"), code=1)
    assert "HTTP 401" in result.stderr
    assert "no space left: the last clips may be printed again" in result.stderr


@pytest.mark.parametrize(
    ("error", "is_transient"),
    [
        (ConnectError("no route"), True),
        (ConnectError("invalid certificate", is_lasting=True), False),
        (ServerError("busy", status=503), True),
        (AuthenticationError("no such key", status=401), False),
    ],
)
def test_only_temporary_errors_are_retried(error: RhombusError, *, is_transient: bool) -> None:
    assert is_transient_error(error) is is_transient
