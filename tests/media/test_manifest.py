"""The manifest of a folder assigns files to clips; names prove nothing."""

import asyncio
import errno
import json
import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import Downloaded, SavedClip
from rhombus_clips.media.file_names import spelling
from rhombus_clips.media.manifest import Manifest
from rhombus_clips.testing import FakeRhombus
from tests.media.media_requests import complete_clips

COUNT = 6


@pytest.fixture
async def fake():
    async with complete_clips(COUNT) as service:
        for clip in service.clips:
            service.put_media(clip["uuid"], f"video of {clip['uuid']}".encode())
        yield service


@pytest.fixture
async def clips(session) -> list[SavedClip]:
    found: list[SavedClip] = await session.saved_clips().collect(COUNT)
    return found


def unknown(clips: list[SavedClip]) -> list[SavedClip]:
    """Return the clips without length and hash."""
    return [evolve(clip, byte_count=None, sha256_hex=None) for clip in clips]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def files_of(folder: Path) -> dict[str, str]:
    """Return the last file that the manifest lists for each clip."""
    return {line["clipUuid"]: line["file"] for line in lines(folder)}


def named(*names: str, clips: list[SavedClip]) -> dict[str, Any]:
    by_clip = {clip.uuid: name for clip, name in zip(clips, names, strict=True)}
    return {"name": lambda clip: by_clip[clip.uuid]}


def assert_each_has_its_own(fake: FakeRhombus, folder: Path, clips: list[SavedClip]) -> None:
    files = files_of(folder)
    assert len({spelling(name) for name in files.values()}) == len(clips)
    for clip in clips:
        data = (folder / files[str(clip.uuid)]).read_bytes()
        assert data == fake.video(str(clip.uuid)).data


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
async def test_copied_folder_is_hashed_once_and_not_fetched_again(
    *, known: bool, fake, session, clips, tmp_path, monkeypatch
) -> None:
    wanted = clips if known else unknown(clips)
    await session.download_clips(wanted, tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copyfile)
    for path in (tmp_path / "b").glob("*.mp4"):
        os.utime(path, (1, 1))
    fake.media_requests.clear()
    hashed = counting_hashes(monkeypatch)
    for expected in (COUNT, COUNT):
        summary = await session.download_clips(wanted, tmp_path / "b")
        assert (summary.downloaded, summary.skipped) == (0, COUNT)
        assert len(hashed) == expected, "the new time was noted"
    assert fake.media_requests == []


def counting_hashes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    from rhombus_clips.media.download import verified_file

    paths: list[Path] = []

    async def counting(path: Path, sha256_hex: str) -> Downloaded | None:
        paths.append(path)
        return await verified_file(path, sha256_hex)

    monkeypatch.setattr("rhombus_clips.media.manifest.verified_file", counting)
    return paths


async def test_file_with_another_time_and_other_bytes_is_fetched_again(
    fake, session, clips, tmp_path
) -> None:
    wanted = unknown(clips)
    await session.download_clips(wanted, tmp_path)
    name = files_of(tmp_path)[str(wanted[0].uuid)]
    (tmp_path / name).write_bytes(bytes((tmp_path / name).stat().st_size))
    os.utime(tmp_path / name, (1, 1))
    summary = await session.download_clips(wanted, tmp_path)
    assert (summary.downloaded, summary.skipped) == (1, COUNT - 1)
    assert_each_has_its_own(fake, tmp_path, wanted)


async def test_copied_folder_with_a_read_only_manifest_is_recognized(
    fake, session, clips, tmp_path, monkeypatch
) -> None:
    """A read-only folder has such a manifest."""
    wanted = unknown(clips)
    await session.download_clips(wanted, tmp_path)
    for path in tmp_path.glob("*.mp4"):
        os.utime(path, (1, 1))
    tried: list[object] = []

    def refuse(*_: object, **__: object) -> None:
        tried.append(1)
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("rhombus_clips.media.files.open_or_create", refuse)
    summary = await session.download_clips(wanted, tmp_path)
    assert (summary.downloaded, summary.skipped, len(tried)) == (0, COUNT, COUNT)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 4])
async def test_names_changed_by_a_collision_are_unique(
    at_once: int, fake, session, clips, tmp_path
) -> None:
    """Three clips have three files, even if one has the changed name of another."""
    wanted = clips[:3]
    names = named("a.mp4", f"A ({wanted[2].uuid}).MP4", "a.mp4", clips=wanted)
    for downloaded in (3, 0):
        summary = await session.download_clips(wanted, tmp_path, concurrency=at_once, **names)
        assert (summary.downloaded, summary.failures) == (downloaded, [])
        assert_each_has_its_own(fake, tmp_path, wanted)


async def test_names_that_macos_considers_equal_are_kept_apart(
    fake, session, clips, tmp_path
) -> None:
    composed, wanted = "Caf\u00e9.mp4", clips[:3]
    names = named(
        composed, unicodedata.normalize("NFD", composed.upper()), "cafe.mp4", clips=wanted
    )
    await session.download_clips(wanted, tmp_path, concurrency=1, **names)
    assert_each_has_its_own(fake, tmp_path, wanted)
    assert "cafe.mp4" in files_of(tmp_path).values()


async def test_foreign_file_is_unchanged_whatever_its_name(fake, session, clips, tmp_path) -> None:
    """This holds even if its name contains the uuid, or looks like one changed by a collision."""
    (clip,) = wanted = clips[:1]
    theirs = ["a.mp4", f"a ({clip.uuid}).mp4", f"A ({clip.uuid}) 2.MP4"]
    for name in theirs:
        (tmp_path / name).write_bytes(b"precious")
    for _ in range(2):
        await session.download_clips(wanted, tmp_path, **named("a.mp4", clips=wanted))
    assert all((tmp_path / name).read_bytes() == b"precious" for name in theirs)
    assert_each_has_its_own(fake, tmp_path, wanted)
    assert len(fake.media_requests) == 1


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
async def test_uuid_within_another_uuid_does_not_claim_its_file(
    *, known: bool, fake, connect, tmp_path
) -> None:
    wire = fake.clips[0]
    fake.clips[:] = [wire | {"uuid": uuid} for uuid in ("abc", "xabcx", "ab")]
    for clip in fake.clips:
        fake.put_media(clip["uuid"], f"video of {clip['uuid']}".encode())
    async with connect(fake) as session:
        wanted = [await session.get_clip_with_progress(clip["uuid"]) for clip in fake.clips]
        wanted = wanted if known else unknown(wanted)
        (tmp_path / "xabcx.mp4").write_bytes(b"precious")
        names = named("xabcx.mp4", "xabcx.mp4", "xabcx.mp4", clips=wanted)
        for order in (wanted, wanted[::-1]):
            await session.download_clips(order, tmp_path, concurrency=1, **names)
            assert_each_has_its_own(fake, tmp_path, wanted)
    assert (tmp_path / "xabcx.mp4").read_bytes() == b"precious"
    assert len([*tmp_path.glob("*.mp4")]) - 1 == len(fake.media_requests) == 3


async def test_earlier_line_does_not_claim_a_file_that_another_clip_got_later(
    fake, session, clips, tmp_path
) -> None:
    """Earlier versions wrote such lines: two clips with one file, of which one was lost."""
    first, second = wanted = clips[:2]
    data = fake.video(str(second.uuid)).data
    (tmp_path / "a.mp4").write_bytes(data)
    line = {"file": "a.mp4", "byteCount": len(data), "sha256Hex": second.sha256_hex}
    (tmp_path / "manifest.jsonl").write_text(
        "".join(json.dumps(line | {"clipUuid": clip.uuid}) + "\n" for clip in wanted)
    )
    summary = await session.download_clips([first, second], tmp_path)
    assert (summary.downloaded, summary.skipped) == (1, 1)
    assert_each_has_its_own(fake, tmp_path, wanted)
    assert (tmp_path / "a.mp4").read_bytes() == data


async def test_long_name_changed_by_a_collision_is_recognized(
    fake, session, clips, tmp_path
) -> None:
    wanted = unknown(clips[:2])
    names = named("x" * 300, "x" * 300, clips=wanted)
    for downloaded in (2, 0):
        summary = await session.download_clips(wanted, tmp_path, **names)
        assert summary.downloaded == downloaded


async def test_manifest_cannot_list_itself(fake, session, clips, tmp_path) -> None:
    line = {"file": "manifest.jsonl", "byteCount": 1, "sha256Hex": "x", "clipUuid": clips[0].uuid}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    await session.download_clips(clips[:1], tmp_path)
    assert len(lines(tmp_path)) == 2


async def test_lines_written_concurrently_are_whole(clips, tmp_path) -> None:

    manifest = Manifest(tmp_path)
    manifest.read()
    files = []
    for number in range(200):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(b"x")
        files.append(Downloaded(path=path, byte_count=1, sha256_hex="0", requests=1))
    await asyncio.gather(
        *(
            asyncio.to_thread(manifest.add, evolve(clips[0], uuid=str(number)), file)
            for number, file in enumerate(files)
        )
    )
    assert len(lines(tmp_path)) == 200


# --- a process that ends between the file and its line ------------------------------------------


@pytest.mark.parametrize("name", [None, "a.mp4"], ids=["usual", "own"])
@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
async def test_unlisted_file_with_its_note_is_recognized(
    name: str | None, *, known: bool, fake, session, clips, tmp_path, monkeypatch
) -> None:
    """It is neither lost nor fetched twice, even if the record has no hash that proves it."""
    wanted = clips[:1] if known else unknown(clips[:1])
    naming = {} if name is None else named(name, clips=wanted)

    def killed(*_: object) -> None:
        raise MemoryError("as if it ended here")

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "add", killed)
        with pytest.raises(MemoryError):
            await session.download_clips(wanted, tmp_path, **naming)
    assert len([*tmp_path.glob("*.mp4")]) == 1
    summary = await session.download_clips(wanted, tmp_path, **naming)
    assert (summary.downloaded, summary.skipped) == (0, 1)
    assert len(fake.media_requests) == 1
    assert_each_has_its_own(fake, tmp_path, wanted)
    assert {path.name for path in tmp_path.iterdir()} == {
        "manifest.jsonl", *files_of(tmp_path).values(),
    }  # fmt: skip


async def test_note_of_another_clip_is_no_proof(fake, session, clips, tmp_path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"precious")
    digest = "2a8ed1de1be5eb02c78ab1b6e9f9cbd5d3d45ac83d5d2b6ea1e1e2b3c6a0d3f5"
    for uuid in (f"x{clips[0].uuid}", clips[0].uuid):
        note = {"source": f"/media/metadata/us-west-2/{uuid}.mp4", "sha256Hex": digest}
        (tmp_path / "a.mp4.part.json").write_text(json.dumps(note))
        await session.download_clips(
            unknown(clips[:1]), tmp_path, **named("a.mp4", clips=clips[:1])
        )
    assert (tmp_path / "a.mp4").read_bytes() == b"precious"
    assert_each_has_its_own(fake, tmp_path, clips[:1])
