"""Bulk downloads: limited, restartable, with one line of the manifest per file."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    ClipFailedError,
    ClipSession,
    Downloaded,
    IntegrityError,
    NotFoundError,
    RhombusError,
    SavedClip,
    ServerError,
)
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.testing import faults
from tests.media.media_requests import complete_clips

COUNT = 12


@pytest.fixture
async def fake():
    async with complete_clips(COUNT) as service:
        yield service


def manifest(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


async def the_clips(session: ClipSession) -> list[SavedClip]:
    return await session.saved_clips().collect(COUNT)


async def test_every_clip_has_a_file_and_a_line(fake, session, tmp_path) -> None:
    ended: list[Downloaded | RhombusError] = []
    progress: dict[str | None, int] = {}
    summary = await session.download_clips(
        session.saved_clips(),
        tmp_path / "new" / "folder",
        progress=lambda clip, there, total: progress.update({clip.uuid: there}),
        on_end=lambda clip, outcome: ended.append(outcome),
    )
    folder = tmp_path / "new" / "folder"
    assert (summary.downloaded, summary.skipped, summary.failures) == (COUNT, 0, [])
    assert len(ended) == COUNT
    lines = manifest(folder)
    assert {line["clipUuid"] for line in lines} == {clip["uuid"] for clip in fake.clips}
    for line in lines:
        data = fake.video(line["clipUuid"]).data
        assert (folder / line["file"]).read_bytes() == data
        assert (line["byteCount"], line["sha256Hex"]) == (
            len(data),
            fake.video(line["clipUuid"]).sha256_hex,
        )
        assert progress[line["clipUuid"]] == len(data)
    names = {entry.name for entry in folder.iterdir()}
    assert names == {line["file"] for line in lines} | {"manifest.jsonl"}


async def test_change_of_the_current_folder_does_not_affect_a_run(
    fake, session, tmp_path, monkeypatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    summary = await session.download_clips(
        session.saved_clips(), "clips", on_end=lambda *_: os.chdir(tmp_path / "other")
    )
    assert summary.downloaded == len(manifest(tmp_path / "clips")) == COUNT
    assert [*(tmp_path / "other").iterdir()] == []


@pytest.mark.parametrize("name", [None, lambda clip: f"{clip.title}.mp4"], ids=["usual", "own"])
async def test_second_run_fetches_only_what_is_missing_or_damaged(
    name: Any, fake, session, tmp_path
) -> None:
    """Each is stored at its old path."""
    clips = await the_clips(session)
    naming = {} if name is None else {"name": name}
    await session.download_clips(clips, tmp_path, **naming)
    first, second, third, *_ = manifest(tmp_path)
    (tmp_path / first["file"]).unlink()
    (tmp_path / second["file"]).write_bytes(b"cut")
    flipped = bytearray((tmp_path / third["file"]).read_bytes())
    flipped[5] ^= 1
    (tmp_path / third["file"]).write_bytes(flipped)
    there = {entry.name for entry in tmp_path.iterdir()}
    fake.media_requests.clear()
    ended: dict[str | None, Any] = {}
    summary = await session.download_clips(
        clips, tmp_path, on_end=lambda clip, outcome: ended.update({clip.uuid: outcome}), **naming
    )
    assert (summary.downloaded, summary.skipped) == (3, COUNT - 3)
    assert sum(outcome.requests for outcome in ended.values()) == 3
    assert {uuid: outcome.sha256_hex for uuid, outcome in ended.items()} == {
        clip.uuid: fake.video(str(clip.uuid)).sha256_hex for clip in clips
    }
    assert len(fake.media_requests) == 3
    assert {entry.name for entry in tmp_path.iterdir()} == there | {first["file"]}
    for line in (first, second, third):
        assert (tmp_path / line["file"]).read_bytes() == fake.video(line["clipUuid"]).data
    (tmp_path / "manifest.jsonl").unlink()
    fake.media_requests.clear()
    await session.download_clips([c for c in clips if c.sha256_hex], tmp_path, **naming)
    assert fake.media_requests == []
    assert {entry.name for entry in tmp_path.iterdir()} == there | {first["file"]}


async def test_interrupted_run_can_be_resumed(fake, session, tmp_path) -> None:
    """Cancelled at any time, it leaves whole files and parts, and the next run completes them."""
    clips = await the_clips(session)
    for number in range(6):
        run = asyncio.create_task(session.download_clips(clips, tmp_path, concurrency=3))
        await asyncio.sleep(0.004 * number)
        run.cancel()
        await asyncio.wait({run})
    summary = await session.download_clips(clips, tmp_path)
    assert summary.downloaded + summary.skipped == COUNT
    files = {line["clipUuid"]: line["file"] for line in manifest(tmp_path)}
    assert len(files) == COUNT
    for uuid, name in files.items():
        assert (tmp_path / name).read_bytes() == fake.video(uuid).data


async def test_truncated_line_is_ignored(fake, session, tmp_path) -> None:
    clips = await the_clips(session)
    await session.download_clips(clips, tmp_path)
    path = tmp_path / "manifest.jsonl"
    path.write_text(path.read_text()[:-30])
    fake.media_requests.clear()
    summary = await session.download_clips(clips, tmp_path)
    assert summary.downloaded + summary.skipped == COUNT
    assert len(fake.media_requests) <= 1
    *_, last = path.read_text().splitlines()
    assert json.loads(last)["file"]


async def test_failure_of_one_clip_does_not_end_the_others(fake, session, tmp_path) -> None:
    clips = await the_clips(session)
    clips[2] = evolve(clips[2], sha256_hex="0" * 64)
    clips[3] = evolve(clips[3], uuid=None)
    summary = await session.download_clips(clips, tmp_path)
    assert summary.downloaded == COUNT - 2
    assert {failure.clip.uuid for failure in summary.failures} == {clips[2].uuid, None}
    assert isinstance(summary.failures[0].error, RhombusError)
    assert any(isinstance(failure.error, IntegrityError) for failure in summary.failures)


async def test_incomplete_clip_is_waited_for_with_a_timeout(fake, session, tmp_path) -> None:
    uuids = [fake.start_render(seconds=0.4), fake.start_render(seconds=0.8, fails=True)]
    clips = [await session.get_clip_with_progress(uuid) for uuid in uuids]
    summary = await session.download_clips(clips, tmp_path)
    assert [type(failure.error) for failure in summary.failures] == [NotFoundError] * 2
    uuids.append(fake.start_render(seconds=0.05))
    clips.append(await session.get_clip_with_progress(uuids[2]))
    summary = await session.download_clips(clips, tmp_path, timeout=5)
    assert summary.downloaded == 2
    assert [type(failure.error) for failure in summary.failures] == [ClipFailedError]
    assert {line["clipUuid"] for line in manifest(tmp_path)} == {uuids[0], uuids[2]}
    with pytest.raises(InvalidArgumentError, match="timeout"):
        await session.download_clips([], tmp_path, timeout=0)


async def test_rejected_key_ends_all_downloads(fake, session, tmp_path) -> None:
    fake.media_faults = [faults.Respond(401, times=None)]
    with pytest.raises(AuthenticationError):
        await session.download_clips(await the_clips(session), tmp_path)
    assert len(fake.media_requests) <= 4


async def test_error_of_the_listing_is_raised_unchanged(fake, session, tmp_path) -> None:
    fake.faults = [faults.Ok(), evolve(faults.UNAVAILABLE, times=None)]
    with pytest.raises(ServerError) as caught:
        await session.download_clips(session.saved_clips(page_size=4), tmp_path)
    assert caught.value.cursor is not None


async def test_folder_that_cannot_be_written_is_an_os_error(fake, session, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        await session.download_clips(await the_clips(session), tmp_path / "file")
    assert fake.media_requests == []


async def test_error_of_a_callback_is_raised_unchanged(fake, session, tmp_path) -> None:
    def fail(*_: object) -> None:
        raise LookupError("mine")

    clips = await the_clips(session)
    for callback in ({"name": fail}, {"progress": fail}, {"on_end": fail}):
        with pytest.raises(LookupError, match="mine"):
            await session.download_clips(clips, tmp_path, **callback)


async def test_concurrency_is_limited(fake, session, tmp_path) -> None:
    under_way: set[str | None] = set()
    most = 0

    def started(clip: SavedClip) -> str:
        nonlocal most
        under_way.add(clip.uuid)
        most = max(most, len(under_way))
        return f"{clip.uuid}.mp4"

    fake.media_faults = [faults.Latency(0.02, times=None)]
    await session.download_clips(
        await the_clips(session),
        tmp_path,
        concurrency=3,
        name=started,
        on_end=lambda clip, _: under_way.discard(clip.uuid),
    )
    assert most == 3
    for number in (0, 65):
        with pytest.raises(InvalidArgumentError, match="concurrency"):
            await session.download_clips([], tmp_path, concurrency=number)


async def test_names_stay_within_the_folder_and_distinct(fake, session, tmp_path) -> None:
    """This holds for all titles. Two clips with one name have two files, also in the next run."""
    clips = [
        evolve(clip, title=title)
        for clip, title in zip(
            await the_clips(session), ["../../up", "/root", "a\0b", "same", "SAME"], strict=False
        )
    ]
    for _ in range(2):
        await session.download_clips(clips, tmp_path / "in", name=lambda clip: f"{clip.title}.mp4")
        assert [entry.name for entry in tmp_path.iterdir()] == ["in"]
        for line in manifest(tmp_path / "in"):
            path = tmp_path / "in" / line["file"]
            assert path.read_bytes() == fake.video(line["clipUuid"]).data
    names = {line["file"] for line in manifest(tmp_path / "in")}
    assert len({name.casefold() for name in names}) == 5
    assert len(fake.media_requests) == 5


async def test_unlisted_file_is_unchanged(fake, session, tmp_path) -> None:
    (tmp_path / "mine.mp4").write_bytes(b"precious")
    clips = (await the_clips(session))[:1]
    await session.download_clips(clips, tmp_path, name=lambda _: "mine.mp4")
    assert (tmp_path / "mine.mp4").read_bytes() == b"precious"
    (line,) = manifest(tmp_path)
    assert line["file"] == f"mine ({clips[0].uuid}).mp4"


async def test_repeated_clip_is_fetched_once(fake, session, tmp_path) -> None:
    clips = await the_clips(session)
    summary = await session.download_clips([*clips[:2], *clips[:2]], tmp_path)
    assert (summary.downloaded, summary.skipped) == (2, 2)
    assert len(fake.media_requests) == 2


@pytest.mark.parametrize(
    "names",
    [("x.mp4.part", "x.mp4"), ("x.mp4.part.json", "x.mp4"), ("manifest.jsonl", "Manifest.JSONL")],
)
async def test_reserved_names_are_not_used_for_clips(
    names: tuple[str, str], fake, session, tmp_path
) -> None:
    clips = (await the_clips(session))[:2]
    by_clip = dict(zip([clip.uuid for clip in clips], names, strict=True))
    for clip in clips:
        await session.download_clips([clip], tmp_path, name=lambda clip: by_clip[clip.uuid])
    lines = manifest(tmp_path)
    assert len(lines) == 2
    for line in lines:
        data = (tmp_path / line["file"]).read_bytes()
        assert data == fake.video(line["clipUuid"]).data


@pytest.mark.parametrize(
    "line",
    [
        '{"clipUuid": "UUID", "file": "../victim", "byteCount": 1, "sha256Hex": "x"}',
        '{"clipUuid": "UUID", "file": "/etc/victim", "byteCount": 1, "sha256Hex": "x"}',
        '{"clipUuid": "UUID", "file": "a\\u0000b", "byteCount": 1, "sha256Hex": "x"}',
        '{"clipUuid": "UUID", "file": "a", "byteCount": Infinity, "sha256Hex": "x"}',
        '{"clipUuid": "UUID", "file": "", "byteCount": 1, "sha256Hex": "x"}',
        '{"clipUuid": ["UUID"], "file": "a", "byteCount": 1, "sha256Hex": "x"}',
        "[" * 100_000,
        "5",
    ],
    ids=range(8),
)
async def test_foreign_manifest_leads_to_no_other_folder(
    line: str, fake, session, tmp_path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "victim").write_bytes(b"precious")
    clip = (await the_clips(session))[0]
    (folder / "manifest.jsonl").write_text(line.replace("UUID", str(clip.uuid)) + "\n")
    summary = await session.download_clips([clip], folder)
    assert summary.downloaded == 1
    assert (tmp_path / "victim").read_bytes() == b"precious"


async def test_clip_whose_hash_changed_is_fetched_again(fake, session, tmp_path) -> None:
    clip = (await the_clips(session))[0]
    await session.download_clips([clip], tmp_path)
    fake.put_media(str(clip.uuid), b"other bytes")
    clip = (await the_clips(session))[0]
    assert (await session.download_clips([clip], tmp_path)).downloaded == 1
    *_, line = manifest(tmp_path)
    assert (tmp_path / line["file"]).read_bytes() == b"other bytes"


async def test_file_that_appears_meanwhile_is_unchanged(fake, session, tmp_path) -> None:
    path = tmp_path / "mine.mp4"
    clip = (await the_clips(session))[0]
    summary = await session.download_clips(
        [clip],
        tmp_path,
        name=lambda _: path.name,
        progress=lambda *_: path.write_bytes(b"precious"),
    )
    assert path.read_bytes() == b"precious"
    (failure,) = summary.failures
    assert "another program" in str(failure.error)


async def test_pager_can_be_resumed_after_an_error(fake, session, tmp_path) -> None:
    fake.media_faults = [faults.Respond(401, times=None)]
    pager = session.saved_clips()
    with pytest.raises(AuthenticationError):
        await session.download_clips(pager, tmp_path)
    assert [clip async for clip in pager]


async def test_stop_iteration_of_a_callback_does_not_end_the_run_silently(
    fake, session, tmp_path
) -> None:
    def name(_: SavedClip) -> str:
        raise StopAsyncIteration

    with pytest.raises((RuntimeError, StopAsyncIteration)):
        await session.download_clips(await the_clips(session), tmp_path, name=name)
