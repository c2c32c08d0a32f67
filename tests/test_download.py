"""Downloading one clip: at the path is the whole file, or what was there before."""

import asyncio
import hashlib
import json
import os
import random
import resource
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    ClipSession,
    ClipStatus,
    ConnectError,
    DisconnectedError,
    DownloadError,
    IntegrityError,
    MediaTimeout,
    MetaDataLocation,
    NotFoundError,
    PermissionDeniedError,
    RhombusError,
    SavedClip,
    ServerError,
    SessionClosedError,
    StatusError,
)
from rhombus_clips.media.part_file import PartFile
from rhombus_clips.testing import FakeRhombus, Length, Media, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
DATA = random.Random(1).randbytes(3_000_000)
HALF = len(DATA) // 2
SOURCE = f"/media/metadata/us-west-2/{UUID}.mp4"
WIRE = {
    "uuid": UUID,
    "status": "COMPLETE",
    "clipLocation": {"region": "us-west-2"},
    "thumbnailLocation": {"region": "us-east-1"},
}


@pytest.fixture
async def fake():
    async with FakeRhombus([WIRE], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


async def the_clip(session: ClipSession, **changes: Any) -> SavedClip:
    return evolve(await session.get_clip_with_progress(UUID), **changes)


NOTHING_KNOWN: dict[str, Any] = {"byte_count": None, "sha256_hex": None}


def ranges_of(fake: FakeRhombus) -> list[str | None]:
    return [request.header("Range") for request in fake.media_requests]


async def test_file_is_whole_and_nothing_else_is_left(fake, session, path) -> None:
    seen: list[tuple[int, int | None]] = []
    clip = await the_clip(session)
    file = await session.download_clip(
        clip, path, progress=lambda there, total: seen.append((there, total))
    )
    assert path.read_bytes() == DATA
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert (file.path, file.byte_count, file.requests) == (path, len(DATA), 1)
    assert file.sha256_hex == hashlib.sha256(DATA).hexdigest()
    assert seen == sorted(seen)
    assert seen[-1] == (len(DATA), len(DATA))


async def test_thumbnail_comes_from_the_thumbnail_s_region(fake, session, path) -> None:
    file = await session.download_thumbnail(await the_clip(session), path)
    assert path.read_bytes().startswith(b"\xff\xd8\xff")
    assert file.byte_count == path.stat().st_size
    assert fake.media_requests[0].path == f"/media/metadata/us-east-1/{UUID}.jpeg"


async def test_whole_file_is_not_fetched_again_and_any_other_is_replaced(
    fake, session, path
) -> None:
    clip = await the_clip(session)
    path.write_bytes(b"something else")
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    file = await session.download_clip(clip, path)
    assert (file.requests, len(fake.media_requests)) == (0, 1)


async def test_file_that_was_there_stays_until_the_new_one_is_whole(fake, session, path) -> None:
    path.write_bytes(b"the old one")
    fake.media_faults = [faults.Corrupt(times=None)]
    with pytest.raises(IntegrityError):
        await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == b"the old one"


# --- going on ----------------------------------------------------------------------------------

BROKEN = {
    "closed": faults.Disconnect(after_body_bytes=HALF),
    "reset": faults.Reset(after_body_bytes=HALF),
    "silent": faults.Stall(after_body_bytes=HALF, seconds=5),
}
HOSTS = {
    "everything": Media(),
    "no ranges": Media(ranges=False),
    "weak etag": Media(etag="weak"),
    "no etag": Media(etag=None),
    "chunked": Media(length=Length.CHUNKED),
    "no length": Media(length=Length.NONE),
    "redirects": Media(redirects=3),
    "wrong range": Media(range_shift=-7),
    "wrong range ahead": Media(range_shift=7),
    "lying range": Media(lying_range=True),
}
# It breaks off, and the host is not to be had again for longer than a download is patient.
BREAKS_OFF = [faults.Disconnect(after_body_bytes=HALF), evolve(faults.UNAVAILABLE, times=5)]
PATIENT = MediaTimeout(stall=0.3, floor=0)


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("host", HOSTS)
async def test_download_that_broke_off_comes_to_the_same_file(
    host: str, fault: str, *, known: bool, fake, connect, path
) -> None:
    """By a range where the parts can be trusted, from the beginning where they cannot."""
    fake.media = HOSTS[host]
    fake.media_faults = [BROKEN[fault]]
    async with connect(fake, media_timeout=PATIENT) as session:
        clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
        if not known and host == "lying range":
            return  # Its answers look right in every way: only the clip's own record could tell.
        if not known and host == "no length":
            # Nothing says where it ends, so that nothing could tell if it were cut off.
            with pytest.raises(IntegrityError):
                await session.download_clip(clip, path)
            assert not path.exists()
            return
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_going_on_asks_for_what_is_missing_if_it_is_still_the_same(
    fake, session, path
) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    await session.download_clip(await the_clip(session), path)
    first, second = fake.media_requests
    assert first.header("Range") is None
    assert (second.header("Range") or "").startswith("bytes=")
    assert second.header("If-Range") == f'"{hashlib.sha256(DATA).hexdigest()[:32]}"'
    assert first.header("Accept-Encoding") == second.header("Accept-Encoding") == "identity"


async def test_another_session_goes_on_with_the_entity_tag_that_was_noted(
    fake, connect, path
) -> None:
    """Also for a clip that has neither length nor hash."""
    fake.media_faults = [*BREAKS_OFF]
    async with connect(fake) as session:
        clip = await the_clip(session, **NOTHING_KNOWN)
        with pytest.raises(ServerError):
            await session.download_clip(clip, path)
    part = path.with_name("clip.mp4.part")
    there = part.read_bytes()
    assert DATA.startswith(there)
    assert there
    fake.media_faults = []
    fake.media_requests.clear()
    async with connect(fake) as session:
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    (request,) = fake.media_requests
    assert request.header("Range") == f"bytes={len(there)}-"
    assert request.header("If-Range") is not None


async def test_part_of_another_clip_is_not_gone_on_from(fake, session, path) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * 100)
    note = path.with_name("clip.mp4.part.json")
    for text in (json.dumps({"source": "another", "etag": None}), "{", "[]"):
        note.write_text(text)
        await session.download_clip(await the_clip(session), path)
        assert path.read_bytes() == DATA
        path.unlink()
    assert ranges_of(fake) == [None, None, None]


async def test_part_that_is_whole_needs_no_request_or_one(fake, session, path) -> None:
    """A process that ends between the last byte and the renaming has lost nothing."""
    part, note = path.with_name("clip.mp4.part"), path.with_name("clip.mp4.part.json")
    etag = f'"{hashlib.sha256(DATA).hexdigest()[:32]}"'
    for changes, requests in (({}, 0), (NOTHING_KNOWN, 1)):
        part.write_bytes(DATA)
        note.write_text(json.dumps({"source": SOURCE, "etag": etag}))
        fake.media_requests.clear()
        await session.download_clip(await the_clip(session, **changes), path)
        assert path.read_bytes() == DATA
        assert len(fake.media_requests) == requests
        path.unlink()


@pytest.mark.parametrize(
    ("left", "changes"),
    [
        (len(DATA) + 1, {}),  # More than the clip has: it cannot be a beginning of it.
        (1000, NOTHING_KNOWN),  # Nothing could tell whether the rest goes on from it.
    ],
)
async def test_part_that_cannot_be_trusted_is_not_gone_on_from(
    left: int, changes: dict[str, Any], fake, session, path
) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * left)
    path.with_name("clip.mp4.part.json").write_text(json.dumps({"source": SOURCE, "etag": None}))
    await session.download_clip(await the_clip(session, **changes), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None]


async def test_file_of_the_right_length_and_other_bytes_is_replaced(fake, session, path) -> None:
    path.write_bytes(b"x" * len(DATA))
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


async def test_part_with_wrong_bytes_is_found_by_the_hash_and_fetched_anew(
    fake, session, path
) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * 1000)
    path.with_name("clip.mp4.part.json").write_text(json.dumps({"source": SOURCE, "etag": None}))
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == ["bytes=1000-", None]


async def test_killed_at_100_random_moments_it_comes_to_the_same_file(fake, connect, path) -> None:
    """Each time the path has the whole or nothing, and the part is a beginning of the file."""
    chance = random.Random(100)
    part = path.with_name("clip.mp4.part")
    kills = 0
    async with connect(fake) as session:
        clip = await the_clip(session)
        while kills < 100:
            task = asyncio.create_task(session.download_clip(clip, path))
            await asyncio.sleep(chance.uniform(0, 0.015))
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                kills += 1
                if path.exists():  # It was being put in its place.
                    assert path.read_bytes() == DATA
                    path.unlink()
                assert not part.exists() or DATA.startswith(part.read_bytes())
            else:
                assert path.read_bytes() == DATA
                path.unlink()
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA


async def test_small_progress_counts_and_none_ends_it(fake, connect, path) -> None:
    """A line that breaks off ten times is borne when each time something came."""
    fake.media_faults = [faults.Disconnect(after_body_bytes=200_000, times=10)]
    async with connect(fake) as session:
        clip = await the_clip(session)
        file = await session.download_clip(clip, path)
        assert file.requests > 10
        path.unlink()
        fake.media_faults = [faults.Disconnect(after_body_bytes=0, times=None)]
        with pytest.raises(DisconnectedError) as caught:
            await session.download_clip(clip, path)
    assert caught.value.attempts == 5
    assert caught.value.endpoint == f"/media/metadata/us-west-2/{UUID}.mp4"
    assert [*path.parent.iterdir()] == []


# --- what is wrong -----------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], Media, list[faults.Fault]]] = {
    "another hash": ({"sha256_hex": "0" * 64}, Media(), []),
    "another length": ({"byte_count": 17}, Media(), []),
    "another length, unmarked": ({"byte_count": 17}, Media(length=Length.CHUNKED), []),
    "a longer file": ({"byte_count": len(DATA) + 1}, Media(length=Length.CHUNKED), []),
    "a flipped byte": ({}, Media(), [faults.Corrupt(at=HALF, times=None)]),
    "no end": ({"sha256_hex": None}, Media(), [faults.EndlessBody(times=None)]),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_file_never_comes_to_the_path(case: str, fake, session, path) -> None:
    changes, fake.media, fake.media_faults = WRONG[case]
    clip = await the_clip(session, **changes)
    with pytest.raises(IntegrityError) as caught:
        await session.download_clip(clip, path)
    assert caught.value.endpoint is not None
    assert [*path.parent.iterdir()] == []


async def test_object_that_changed_underneath_is_fetched_anew(fake, session, path) -> None:
    """Never is a file put together of two; what its record describes is refused instead."""
    unknown = await the_clip(session, **NOTHING_KNOWN)
    for clip, is_refused in ((unknown, False), (await the_clip(session), True)):
        fake.media_faults = [*BREAKS_OFF]
        with pytest.raises(ServerError):
            await session.download_clip(clip, path)
        fake.change_media(UUID)
        fake.media_faults = []
        if is_refused:
            with pytest.raises(IntegrityError):
                await session.download_clip(clip, path)
            assert [*path.parent.iterdir()] == []
        else:
            await session.download_clip(clip, path)
            assert path.read_bytes() == fake.video(UUID).data != DATA
            path.unlink()


async def test_what_is_not_to_be_verified_is_taken_as_it_is(fake, session, path) -> None:
    fake.media = Media(length=Length.NONE)
    clip = await the_clip(session, byte_count=17, sha256_hex="0" * 64)
    file = await session.download_clip(clip, path, verify=False)
    assert path.read_bytes() == DATA
    assert file.sha256_hex == hashlib.sha256(DATA).hexdigest()


async def test_hash_may_be_written_in_capitals(fake, session, path) -> None:
    clip = await the_clip(session)
    await session.download_clip(evolve(clip, sha256_hex=(clip.sha256_hex or "").upper()), path)
    assert path.exists()


async def test_compressed_answer_is_unpacked_and_still_verified(fake, session, path) -> None:
    import gzip

    fake.media_faults = [
        faults.Respond(200, gzip.compress(DATA, 1), headers={"Content-Encoding": "gzip"})
    ]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


# --- what the host answers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [("RENDERING", "is COMPLETE"), ("COMPLETE", "may have been deleted")],
)
async def test_file_that_is_not_there_says_why(status: str, words: str, fake, session, path):
    """404 before the clip is complete names its status."""
    clip = await the_clip(session)
    fake.clips[0]["status"] = "RENDERING"
    with pytest.raises(NotFoundError, match=words) as caught:
        await session.download_clip(evolve(clip, status=ClipStatus(status)), path)
    assert caught.value.attempts == 1
    assert (status in str(caught.value)) is (status == "RENDERING") or "COMPLETE" in status
    assert [*path.parent.iterdir()] == []


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (faults.Respond(401), AuthenticationError, 1),
        (faults.Respond(403), PermissionDeniedError, 1),
        (faults.Respond(410), RhombusError, 1),
        (faults.Respond(206, b"xyz"), DownloadError, 1),
        (evolve(faults.UNAVAILABLE, times=None), ServerError, 5),
    ],
)
async def test_refusal_is_an_error_and_leaves_nothing(
    fault, kind, attempts, fake, session, path
) -> None:
    fake.media_faults = [fault]
    with pytest.raises(kind) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == attempts
    assert [*path.parent.iterdir()] == []


async def test_passing_failures_are_waited_out(fake, session, path) -> None:
    fake.media_faults = [
        faults.UNAVAILABLE,
        faults.BAD_GATEWAY,
        evolve(faults.TOO_MANY_REQUESTS, headers={"Retry-After": "0"}),
    ]
    file = await session.download_clip(await the_clip(session), path)
    assert file.requests == 4
    assert path.read_bytes() == DATA


async def test_parser_that_hangs_is_ended_by_the_stall_limit(fake, connect, path) -> None:
    fake.media_faults = [faults.GarbledChunks()]
    async with connect(fake, media_timeout=PATIENT) as session:
        await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


async def test_trickle_below_the_floor_is_ended(fake, connect, path) -> None:
    fake.media_faults = [faults.Drip(20, pause=0.02)]
    async with connect(fake, media_timeout=MediaTimeout(stall=0.3, floor=50_000)) as session:
        await session.download_clip(await the_clip(session), path)
    _, again = fake.media_requests
    assert again.header("Range") is not None
    assert path.read_bytes() == DATA


async def test_slow_download_above_the_floor_has_no_limit(fake, connect, path) -> None:
    fake.put_media(UUID, DATA[:20_000])
    fake.media_faults = [faults.Drip(2000, pause=0.1)]
    async with connect(fake, media_timeout=MediaTimeout(stall=0.2, floor=100)) as session:
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 1


# --- where it may not go -----------------------------------------------------------------------


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
async def test_redirect_to_what_can_be_read_on_the_way_is_not_followed(
    location: str, fake, session, path
) -> None:
    fake.media_faults = [faults.Respond(302, headers={"Location": location})]
    with pytest.raises(DownloadError, match="not https"):
        await session.download_clip(await the_clip(session), path)


async def test_redirects_in_a_circle_end(fake, session, path) -> None:
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
async def test_what_is_no_uuid_in_a_region_is_refused_before_anything_is_sent(
    changes: dict[str, Any], fake, session, path
) -> None:
    clip = await the_clip(session)
    if "region" in changes:
        changes = {"clip_location": MetaDataLocation(region=changes["region"])}
    with pytest.raises(DownloadError):
        await session.download_clip(evolve(clip, **changes), path)
    assert fake.media_requests == []


async def test_folder_that_is_not_there_and_path_that_is_one_are_refused_at_once(
    fake, session, tmp_path
) -> None:
    clip = await the_clip(session)
    with pytest.raises(FileNotFoundError):
        await session.download_clip(clip, tmp_path / "nowhere" / "clip.mp4")
    with pytest.raises(IsADirectoryError):
        await session.download_clip(clip, tmp_path)
    assert fake.media_requests == []
    assert [*tmp_path.iterdir()] == []


async def test_link_in_place_of_the_part_is_not_written_through(fake, session, path) -> None:
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


async def test_full_disk_is_an_os_error_and_leaves_a_part_to_go_on_from(
    fake, session, path
) -> None:
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


# --- the session -------------------------------------------------------------------------------


async def test_media_host_that_is_not_known_is_said_before_anything_is_sent(fake, path) -> None:
    async with ClipSession(fake.api_key, base_url=fake.url) as session:
        with pytest.raises(RhombusError, match="media_url"):
            await session.download_clip(await the_clip(session), path)
    assert [*path.parent.iterdir()] == []


@pytest.mark.parametrize("url", ["http://media.example.com", "media.example.com", "https://a@b"])
def test_media_url_must_be_https(url: str) -> None:
    with pytest.raises(ValueError, match="media_url"):
        ClipSession("k" * 22, media_url=url)


async def test_closing_the_session_ends_a_download(fake, connect, path) -> None:
    fake.media_faults = [faults.Stall(after_body_bytes=HALF, seconds=5)]
    session = connect(fake)
    clip = await the_clip(session)
    download = asyncio.create_task(session.download_clip(clip, path))
    await asyncio.sleep(0.2)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await download
    assert path.with_name("clip.mp4.part").exists()
    with pytest.raises(SessionClosedError):
        await session.download_clip(clip, path)


async def test_key_is_in_no_error_of_the_media_host(fake, session, path) -> None:
    fake.media_faults = [faults.Respond(403, f"no entry for {fake.api_key}".encode())]
    with pytest.raises(PermissionDeniedError) as caught:
        await session.download_clip(await the_clip(session), path)
    error = caught.value
    assert fake.api_key not in repr((error, error.args, vars(error), error.__context__))
    assert "[redacted]" in str(error)


async def test_host_that_cannot_be_reached_is_tried_as_often_as_the_policy_says(
    fake, connect, path
) -> None:
    async with connect(fake, media_url="http://127.0.0.1:9") as session:
        with pytest.raises(ConnectError) as caught:
            await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 5
    assert caught.value.__context__ is None or fake.api_key not in repr(caught.value.__context__)


# --- what others do meanwhile ------------------------------------------------------------------


@pytest.mark.parametrize("is_linked", [False, True])
async def test_part_of_another_program_is_left_alone(
    *, is_linked: bool, fake, session, path
) -> None:
    part = path.with_name("clip.mp4.part")
    part.write_bytes(b"precious")
    if is_linked:
        path.with_name("other").hardlink_to(part)
        path.with_name("clip.mp4.part.json").write_text("{}")
    with pytest.raises(DownloadError, match="move it away"):
        await session.download_clip(await the_clip(session), path)
    assert part.read_bytes() == b"precious"
    assert fake.media_requests == []


@pytest.mark.parametrize("act", ["replace", "remove", "cut", "lengthen"])
async def test_part_that_somebody_changed_is_not_put_in_place(
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
        file.write(0, [DATA], None)
        file.hash(0, DATA)
        with part.open("r+b") as other:
            other.truncate(len(DATA) + (5 if act == "lengthen" else -5))
        with pytest.raises(DownloadError, match="somebody else"):
            file.put_in_place()
        file.close()
    else:
        with pytest.raises(DownloadError, match="somebody else"):
            await task
    assert not path.exists()


async def test_path_that_is_no_file_is_not_replaced(fake, session, path) -> None:
    os.mkfifo(path)
    with pytest.raises(DownloadError, match="is no file"):
        await session.download_clip(await the_clip(session), path)
    assert fake.media_requests == []


async def test_empty_answer_instead_of_the_rest_is_not_the_end(fake, session, path) -> None:
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


@pytest.mark.parametrize("status", [400, 403, 404, 412, 416, 500, 501])
async def test_host_that_refuses_ranges_is_asked_for_the_whole(
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


async def test_part_of_the_video_is_not_gone_on_from_with_the_picture(fake, session, path) -> None:
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


async def test_folder_that_the_process_moves_to_meanwhile_gets_nothing(
    fake, session, tmp_path, monkeypatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    clip = await the_clip(session)
    await session.download_clip(clip, "clip.mp4", progress=lambda *_: os.chdir(tmp_path / "other"))
    assert (tmp_path / "clip.mp4").read_bytes() == DATA
    assert [*(tmp_path / "other").iterdir()] == []
