"""The commands that create clips and watch them."""

import hashlib

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.cli.test_command import invoke, json_lines, on_terminal

CAMERAS = ("A" * 22, "-" + "B" * 21 + ".v0")
MAKE = ("make", *CAMERAS, "--start", "2025-10-01T08:00Z", "--duration", "29.5")
OFTEN = ("--interval", "0.02")


@pytest.fixture
def fake(fake_elsewhere):
    fake_elsewhere.render_seconds = 0.2
    return fake_elsewhere


class Clock:
    """The clock of a fake service, which the test moves.

    :param seconds_per_read: How many seconds pass each time the clock is read.
    """

    def __init__(self, fake: FakeRhombus, seconds_per_read: float = 0.0) -> None:
        self._seconds = fake.now()
        self._seconds_per_read = seconds_per_read
        fake._now = self.read

    def read(self) -> float:
        self._seconds += self._seconds_per_read
        return self._seconds

    def move(self, seconds: float) -> None:
        self._seconds += seconds


def test_make_waits_for_the_clip_and_prints_it(fake) -> None:
    options = ("--title", "A [red]title", "--description", "Why", "--no-audio", *OFTEN)
    (clip,) = json_lines(invoke(fake, *MAKE, *options, "--json"))
    assert (clip["status"], clip["title"], clip["description"]) == (
        "COMPLETE", "A [red]title", "Why",
    )  # fmt: skip
    assert clip["durationSec"] == 30
    assert clip["deviceUuids"] == list(CAMERAS)
    splice = next(r for r in fake.requests if r.path.startswith("/api/video/splice"))
    assert b'"audioIncluded":false' in splice.body.replace(b" ", b"")


def test_make_prints_a_clip_for_each_camera(fake) -> None:
    fake.clip_per_device = True
    shown = invoke(fake, *MAKE, *OFTEN).stdout
    assert shown.count("COMPLETE") == 2


def test_make_downloads_the_clip(fake, tmp_path) -> None:
    folder = tmp_path / "new"
    result = invoke(fake, *MAKE, *OFTEN, "--download", str(folder), "--json")
    (clip,) = json_lines(result)
    (file,) = folder.glob("*.mp4")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == clip["sha256Hex"]
    assert "1 downloaded" in result.stderr


def test_make_reports_why_a_clip_failed(fake) -> None:
    fake.renders_fail = True
    stderr = invoke(fake, *MAKE, *OFTEN, code=1).stderr
    assert "is FAILED (The camera went offline)" in stderr
    assert stderr.count("\n") == 1


def test_make_ends_after_the_timeout(fake) -> None:
    fake.render_seconds = 60
    stderr = invoke(fake, *MAKE, *OFTEN, "--timeout", "0.1", code=1).stderr
    assert "did not complete within 0.1 s; the service continues it" in stderr


@pytest.mark.parametrize(
    ("start", "duration", "words"),
    [
        ("2999-10-01T08:00Z", "60", "does not exist yet"),
        ("2025-10-01T08:00Z", "0.5", "at least a second"),
        ("2025-10-01T08:00Z", "86400", "at most 3600 s"),
        ("2025-10-01T08:00Z", "nan", "not a positive number of seconds"),
        ("2025-10-01T08:00Z", "inf", "not a positive number of seconds"),
        ("today", "60", "not a time with a UTC offset"),
    ],
)
def test_invalid_time_range_is_a_usage_error(fake, start, duration, words) -> None:
    result = invoke(fake, "make", "A" * 22, "--start", start, "--duration", duration, code=2)
    assert words in result.stderr
    assert not any("splice" in request.path for request in fake.requests)


def test_watch_follows_every_clip_until_it_is_complete(fake) -> None:
    Clock(fake, seconds_per_read=0.1)
    uuids = [fake.start_render(seconds=seconds) for seconds in (20, 60, 40)]
    changes = json_lines(invoke(fake, "watch", *uuids, *OFTEN, "--json"))
    assert len(changes) > len(uuids)
    last = {change["uuid"]: change["status"] for change in changes}
    assert last == dict.fromkeys(uuids, "COMPLETE")


def test_watch_prints_all_clips_and_reports_the_failed_one(fake) -> None:
    good, bad = fake.start_render(seconds=0.2), fake.start_render(seconds=0.1, fails=True)
    result = invoke(fake, "watch", good, bad, *OFTEN, code=1)
    assert good in result.stdout
    assert bad in result.stdout
    assert f"{bad} is FAILED (The camera went offline)" in result.stderr
    assert good not in result.stderr


def test_watch_waits_for_a_clip_to_appear_as_long_as_given(fake) -> None:
    uuid = "-" + "A" * 21
    stderr = invoke(fake, "watch", uuid, *OFTEN, "--appears-within", "0.1", code=1).stderr
    assert f"there is no clip {uuid}" in stderr


def test_watch_reports_every_clip_that_did_not_appear(fake) -> None:
    words = ["watch", "N" * 22, "M" * 22, *OFTEN, "--appears-within", "0.1"]
    stderr = invoke(fake, *words, code=1).stderr
    assert "N" * 22 in stderr
    assert "M" * 22 in stderr


def test_bars_show_the_render_without_control_characters(fake) -> None:
    title = "\x1b[2J[bold]x"
    clock = Clock(fake)
    fake.render_seconds = 10
    steps = [
        ("Waiting for the camera", lambda: clock.move(3)),
        ("Uploading footage", lambda: clock.move(4)),
        ("Processing video", lambda: clock.move(10)),
    ]
    code, shown = on_terminal(fake, *MAKE, *OFTEN, "--title", title, steps=steps)
    assert code == 0
    for operation, _ in steps:
        assert operation in shown
    assert "\x1b[2J" not in shown
    assert "\ufffd[2J[bold]x" in shown


def test_watch_prints_the_other_clips_when_one_does_not_exist(fake_elsewhere) -> None:
    uuid = fake_elsewhere.clips[0]["uuid"]
    words = ["watch", uuid, "N" * 22, "--interval", "0.05", "--appears-within", "0.2"]
    result = invoke(fake_elsewhere, *words, code=1)
    assert uuid in result.stdout
    assert "there is no clip" in result.stderr
