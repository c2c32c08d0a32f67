"""The command that downloads: complete files, each once, and a reason for each failure."""

import json
import os
import signal
import subprocess

import pytest

from rhombus_clips.testing.faults import Stall
from tests.cli.test_command import RUN, environment_of, invoke, on_terminal

DASHED = "-hjV" + "A" * 18


@pytest.fixture
def fake(fake_elsewhere):
    """Thirty clips with videos. The uuids of the first two start with dashes."""
    for clip, uuid in zip(fake_elsewhere.clips, (DASHED, "--" + "B" * 20), strict=False):
        clip["uuid"] = uuid
    for number, clip in enumerate(fake_elsewhere.clips):
        clip["status"] = "COMPLETE"
        fake_elsewhere.put_media(clip["uuid"], os.urandom(1000 + number))
    return fake_elsewhere


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "manifest.jsonl")


def test_clips_by_uuid_are_downloaded_into_the_folder(fake, tmp_path) -> None:
    uuids = [clip["uuid"] for clip in fake.clips[:3]]
    result = invoke(fake, "download", *uuids, uuids[0], "--folder", str(tmp_path / "new"))
    assert result.stdout == "3 downloaded (3.0 kB), 0 already complete, 0 failed\n"
    files = [(tmp_path / "new" / name).read_bytes() for name in names_in(tmp_path / "new")]
    assert sorted(files) == sorted(fake.video(uuid).data for uuid in uuids)


def test_output_is_the_exact_path_of_one_clip(fake, tmp_path) -> None:
    path = tmp_path / "-clip.mp4"
    download = ("download", "--output", str(path), DASHED)
    assert invoke(fake, *download).stdout.startswith("1 downloaded (1.0 kB)")
    assert path.read_bytes() == fake.video(DASHED).data
    assert invoke(fake, *download).stdout.startswith("0 downloaded (0 bytes), 1 already complete")
    assert names_in(tmp_path) == [path.name]


def test_all_downloads_each_clip_once_and_skips_it_afterwards(fake, tmp_path) -> None:
    download = ("download", "--all", "--folder", str(tmp_path), "--concurrency", "8")
    assert invoke(fake, *download).stdout.startswith("30 downloaded")
    assert len(names_in(tmp_path)) == 30
    fake.media_requests.clear()
    assert invoke(fake, *download).stdout == (
        "0 downloaded (0 bytes), 30 already complete, 0 failed\n"
    )
    assert fake.media_requests == []


def test_all_applies_the_filters(fake, tmp_path) -> None:
    fake.clips[4]["title"] = "Needle"
    invoke(fake, "download", "--all", "--search", "needle", "--folder", str(tmp_path))
    (name,) = names_in(tmp_path)
    assert "Needle" in name
    limited = invoke(fake, "download", "--all", "--limit", "2", "--folder", str(tmp_path / "b"))
    assert limited.stdout.startswith("2 downloaded")


def test_all_skips_and_reports_clips_without_a_video(fake, tmp_path) -> None:
    fake.clips[0]["status"] = "FAILED"
    fake.start_render(seconds=60)
    line = invoke(fake, "download", "--all", "--folder", str(tmp_path)).stdout
    assert line.startswith("29 downloaded")
    assert line.endswith("0 failed; 2 without a video, because they failed or are unfinished\n")


def test_failures_are_reported_and_other_clips_are_downloaded(fake, tmp_path) -> None:
    broken, good, missing = fake.clips[3]["uuid"], fake.clips[4]["uuid"], "-" + "N" * 21
    fake.clips[3]["title"] = "Bad\x1b[2J"
    fake.change_media(broken)
    result = invoke(fake, "download", missing, broken, good, "--folder", str(tmp_path), code=1)
    assert result.stdout.startswith("1 downloaded")
    assert result.stdout.endswith("2 failed\n")
    of_missing, of_broken = result.stderr.splitlines()
    assert of_missing.startswith(f"rhombus-clips: {missing}: ")
    assert "there is no clip" in of_missing
    assert of_broken.startswith(f"rhombus-clips: {broken} “Bad\ufffd[2J”: ")
    assert "SHA-256" in of_broken
    assert len(names_in(tmp_path)) == 1


def test_failure_of_a_single_download_prints_one_line(fake, tmp_path) -> None:
    fake.change_media(DASHED)
    result = invoke(fake, "download", DASHED, "--output", str(tmp_path / "x.mp4"), code=1)
    assert "SHA-256" in result.stderr
    assert result.stderr.count("\n") == 1
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--folder", "x"], "pass either the uuids of clips or --all"),
        (["A", "--all", "--folder", "x"], "pass either the uuids of clips or --all"),
        (["A", "--folder", "x", "--output", "y"], "use either --folder or --output"),
        (["A", "B", "--output", "y"], "--output takes a single clip"),
        (["--all", "--output", "y"], "--output takes a single clip"),
        (["A", "--folder", "x", "--search", "z"], "filters require --all"),
        (["A", "--folder", "x", "--limit", "0"], "filters require --all"),
        (["A", "--folder", "x", "--concurrency", "0"], "--concurrency"),
    ],
)
def test_contradicting_arguments_are_a_usage_error(fake, arguments, words) -> None:
    assert words in invoke(fake, "download", *arguments, code=2).stderr
    assert fake.requests == []


def test_interruption_keeps_the_partial_file_and_explains_how_to_resume(fake, tmp_path) -> None:
    fake.put_media(DASHED, os.urandom(3_000_000))
    fake.media_faults.append(Stall(after_body_bytes=1_000_000))
    download = ["download", DASHED, "--folder", str(tmp_path)]
    with subprocess.Popen(
        [*RUN, *download], env=os.environ | environment_of(fake), text=True, stderr=subprocess.PIPE
    ) as process:
        while not any(path.stat().st_size for path in tmp_path.glob("*.part")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.strip().startswith("rhombus-clips: interrupted; ")
    assert "run the same command to resume" in stderr
    assert len(list(tmp_path.glob("*.part"))) == 1
    fake.media_faults.clear()
    assert invoke(fake, *download).stdout.startswith("1 downloaded")
    (name,) = names_in(tmp_path)
    assert (tmp_path / name).read_bytes() == fake.video(DASHED).data
    first_byte = fake.media_requests[-1].header("Range")
    assert first_byte is not None
    assert first_byte.startswith("bytes=")


def test_bars_show_each_file_and_the_total(fake, tmp_path) -> None:
    fake.clips[0]["title"] = "\x1b[2J[bold]x"
    code, shown = on_terminal(fake, "download", "--all", "--folder", str(tmp_path))
    assert code == 0
    assert "of 30 clips" in shown
    assert "30 downloaded" in shown
    assert "\x1b[2J" not in shown


def test_manifest_lists_the_downloaded_clip(fake, tmp_path) -> None:
    invoke(fake, "download", DASHED, "--folder", str(tmp_path))
    (line,) = (tmp_path / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["clipUuid"] == DASHED
