"""Paths that a download may write, and interference by other programs."""

import asyncio
import os
import resource
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    DownloadError,
    IntegrityError,
    MetaDataLocation,
    ServerError,
    SessionClosedError,
    StatusError,
)
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.testing import Media, faults
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
    NOTHING_KNOWN,
    SOURCE,
    ranges_of,
    the_clip,
)


async def test_redirects_are_followed_without_any_credential(fake, session, path) -> None:
    fake.media = Media(redirects=2)
    await session.download_clip(await the_clip(session), path)
    own, *elsewhere = fake.media_requests
    assert own.header("x-auth-apikey") == fake.api_key
    assert len(elsewhere) == 2
    assert all(
        not name.lower().startswith("x-auth-") for each in elsewhere for name in each.headers
    )


@pytest.mark.parametrize("location", ["http://example.com/x", "ftp://example.com/x", "https://["])
async def test_redirect_to_plain_http_is_not_followed(location: str, fake, session, path) -> None:
    fake.media_faults = [faults.Respond(302, headers={"Location": location})]
    with pytest.raises(DownloadError, match="not https"):
        await session.download_clip(await the_clip(session), path)


async def test_circular_redirects_end(fake, session, path) -> None:
    fake.media = Media(redirects=50)
    with pytest.raises(DownloadError, match="more than 5"):
        await session.download_clip(await the_clip(session), path)


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "../../../etc/passwd"},
        {"uuid": "a/b"},
        {"uuid": None},
        {"clip_location": None, "thumbnail_location": None},
        {"region": "us-west-2/../../x"},
        {"region": "US?"},
    ],
)
async def test_invalid_uuid_or_region_is_rejected_before_any_request(
    changes: dict[str, Any], fake, session, path
) -> None:
    clip = await the_clip(session)
    if "region" in changes:
        changes = {"clip_location": MetaDataLocation(region=changes["region"])}
    with pytest.raises(DownloadError):
        await session.download_clip(evolve(clip, **changes), path)
    assert fake.media_requests == []


async def test_missing_folder_and_path_of_a_folder_are_rejected_at_once(
    fake, session, tmp_path
) -> None:
    clip = await the_clip(session)
    with pytest.raises(FileNotFoundError):
        await session.download_clip(clip, tmp_path / "nowhere" / "clip.mp4")
    with pytest.raises(IsADirectoryError):
        await session.download_clip(clip, tmp_path)
    assert fake.media_requests == []
    assert [*tmp_path.iterdir()] == []


async def test_link_at_the_part_is_not_written_through(fake, session, path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"precious")
    path.with_name("clip.mp4.part").symlink_to(other)
    with pytest.raises(OSError, match="Too many levels"):
        await session.download_clip(await the_clip(session), path)
    assert other.read_bytes() == b"precious"


async def test_two_downloads_do_not_write_one_path(fake, session, path) -> None:
    clip = await the_clip(session)
    fake.media_faults = [faults.Latency(0.3)]
    first = asyncio.create_task(session.download_clip(clip, path))
    await asyncio.sleep(0.1)
    with pytest.raises(DownloadError, match="another download"):
        await session.download_clip(clip, path)
    await first
    assert path.read_bytes() == DATA


async def test_full_disk_is_an_os_error_and_leaves_a_part_to_continue(fake, session, path) -> None:
    clip = await the_clip(session)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            await session.download_clip(clip, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not path.exists()
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake)[-1] == f"bytes={HALF}-"


async def test_full_disk_is_raised_rather_than_a_later_disconnect(fake, session, path) -> None:
    fake.media_faults = [*BREAKS_OFF]
    clip = await the_clip(session)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF - 1, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            await session.download_clip(clip, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert isinstance(caught.value.__context__, ServerError)


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize("left", [DATA[:HALF], b"junk" * 1000, DATA + b"more", DATA], ids=len)
async def test_part_without_a_note_is_verified_or_replaced(
    left: bytes, *, known: bool, fake, session, path
) -> None:
    """It is continued if the hash will prove that it belongs to the file."""
    path.with_name("clip.mp4.part").write_bytes(left)
    clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    goes_on = known and len(left) < len(DATA)
    assert (ranges_of(fake)[:1] == [f"bytes={len(left)}-"]) is goes_on


async def test_part_with_another_hard_link_is_unchanged(fake, session, path) -> None:
    part = path.with_name("clip.mp4.part")
    part.write_bytes(b"precious")
    path.with_name("other").hardlink_to(part)
    with pytest.raises(DownloadError, match="move it elsewhere"):
        await session.download_clip(await the_clip(session), path)
    assert part.read_bytes() == b"precious"
    assert fake.media_requests == []


@pytest.mark.parametrize("act", ["replace", "remove", "cut", "lengthen"])
async def test_part_changed_by_another_program_is_not_put_in_place(
    act: str, fake, session, path
) -> None:
    part = path.with_name("clip.mp4.part")

    def meddle(there: int, total: int | None) -> None:
        if there == total:
            if act in {"replace", "remove"} and part.exists():
                part.rename(part.with_name("away"))
            if act == "replace":
                part.write_bytes(b"junk")

    task = asyncio.create_task(
        session.download_clip(await the_clip(session), path, progress=meddle)
    )
    if act in {"cut", "lengthen"}:
        task.cancel()
        await asyncio.wait({task})
        file = PartFile(path, SOURCE, replaces=True)
        file.open()
        file.write(0, DATA, None)
        file.hash(0, DATA)
        with part.open("r+b") as other:
            other.truncate(len(DATA) + (5 if act == "lengthen" else -5))
        with pytest.raises(DownloadError, match="another program"):
            file.put_in_place()
        file.close()
    else:
        with pytest.raises(DownloadError, match="another program"):
            await task
    assert not path.exists()


async def test_irregular_file_at_the_path_is_not_replaced(fake, session, path) -> None:
    os.mkfifo(path)
    with pytest.raises(DownloadError, match="is a named pipe"):
        await session.download_clip(await the_clip(session), path)
    assert fake.media_requests == []


async def test_empty_response_instead_of_the_rest_is_not_the_end(fake, session, path) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF), faults.Respond(200, b"")]
    clip = await the_clip(session, **NOTHING_KNOWN)
    with pytest.raises(IntegrityError):
        await session.download_clip(clip, path)
    assert [*path.parent.iterdir()] == []
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF), faults.Respond(200, b"")]
    with pytest.raises(DownloadError):
        async with session.stream_clip(clip) as stream:
            async for _ in stream:
                pass


@pytest.mark.parametrize("status", [400, 403, 404, 412, 416, 501])
async def test_whole_file_is_requested_from_a_host_that_rejects_ranges(
    status: int, fake, session, path
) -> None:
    refusal = faults.Respond(status, headers={"Content-Range": f"bytes */{HALF}", "ETag": '"b"'})
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF), refusal]
    await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, f"bytes={HALF}-", None]


async def test_success_without_a_file_is_an_error(fake, session, path) -> None:
    fake.media_faults = [faults.Respond(202, b'{"msg": "not yet"}')]
    with pytest.raises(StatusError) as caught:
        await session.download_clip(await the_clip(session, **NOTHING_KNOWN), path)
    assert caught.value.status == 202
    assert [*path.parent.iterdir()] == []


async def test_part_of_the_video_is_not_continued_by_the_thumbnail(fake, session, path) -> None:
    fake.media_faults = [*BREAKS_OFF]
    with pytest.raises(ServerError):
        await session.download_clip(await the_clip(session), path)
    fake.media_faults = []
    await session.download_thumbnail(await the_clip(session), path)
    assert path.read_bytes().startswith(b"\xff\xd8\xff")
    assert ranges_of(fake)[-1] is None


async def test_closing_the_session_ends_a_download_that_waits(fake, connect, path) -> None:
    fake.media_faults = [evolve(faults.TOO_MANY_REQUESTS, headers={"Retry-After": "200"})]
    session = connect(fake)
    download = asyncio.create_task(session.download_clip(await the_clip(session), path))
    await asyncio.sleep(0.1)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await asyncio.wait_for(download, 5)


async def test_change_of_the_current_folder_does_not_affect_a_download(
    fake, session, tmp_path, monkeypatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    clip = await the_clip(session)
    await session.download_clip(clip, "clip.mp4", progress=lambda *_: os.chdir(tmp_path / "other"))
    assert (tmp_path / "clip.mp4").read_bytes() == DATA
    assert [*(tmp_path / "other").iterdir()] == []
