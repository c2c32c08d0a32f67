"""Downloading one clip: the path holds the whole file, or its previous content."""

import asyncio
import hashlib
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    AuthenticationError,
    ClipSession,
    ClipStatus,
    ConnectError,
    DownloadError,
    IntegrityError,
    MediaTimeout,
    NotFoundError,
    PermissionDeniedError,
    RhombusError,
    ServerError,
    SessionClosedError,
)
from rhombus_clips.testing import Length, Media, faults
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
    NOTHING_KNOWN,
    PATIENT,
    UUID,
    the_clip,
)


async def test_file_is_whole_and_no_side_file_remains(fake, session, path) -> None:
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


async def test_thumbnail_is_fetched_from_its_region(fake, session, path) -> None:
    file = await session.download_thumbnail(await the_clip(session), path)
    assert path.read_bytes().startswith(b"\xff\xd8\xff")
    assert file.byte_count == path.stat().st_size
    assert fake.media_requests[0].path == f"/media/metadata/us-east-1/{UUID}.jpeg"


async def test_whole_file_is_not_fetched_again_and_another_is_replaced(fake, session, path) -> None:
    clip = await the_clip(session)
    path.write_bytes(b"something else")
    await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    file = await session.download_clip(clip, path)
    assert (file.requests, len(fake.media_requests)) == (0, 1)


async def test_cancellation_does_not_wait_for_the_hash_of_an_existing_file(
    fake, session, path, monkeypatch
) -> None:
    """It is hashed in slices."""
    hashed: list[int] = []
    loop = asyncio.get_running_loop()

    class Sha256:
        def update(self, data: bytes) -> None:
            hashed.append(len(data))
            loop.call_soon_threadsafe(download.cancel)

    clip = await the_clip(session)
    path.write_bytes(DATA)
    monkeypatch.setattr("rhombus_clips.media.files._SLICE", 100_000)
    monkeypatch.setattr("rhombus_clips.media.download.hashlib.sha256", Sha256)
    download = asyncio.ensure_future(session.download_clip(clip, path))
    with pytest.raises(asyncio.CancelledError):
        await download
    assert hashed == [100_000]


async def test_existing_file_stays_until_the_new_one_is_whole(fake, session, path) -> None:
    path.write_bytes(b"the old one")
    fake.media_faults = [faults.Corrupt(times=None)]
    with pytest.raises(IntegrityError):
        await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == b"the old one"


# --- wrong files -------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], Media, list[faults.Fault]]] = {
    "another hash": ({"sha256_hex": "0" * 64}, Media(), []),
    "another length": ({"byte_count": 17}, Media(), []),
    "another length, unmarked": ({"byte_count": 17}, Media(length=Length.CHUNKED), []),
    "a longer file": ({"byte_count": len(DATA) + 1}, Media(length=Length.CHUNKED), []),
    "a flipped byte": ({}, Media(), [faults.Corrupt(at=HALF, times=None)]),
    "no end": ({"sha256_hex": None}, Media(), [faults.EndlessBody(times=None)]),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_file_never_reaches_the_path(case: str, fake, session, path) -> None:
    changes, fake.media, fake.media_faults = WRONG[case]
    clip = await the_clip(session, **changes)
    with pytest.raises(IntegrityError) as caught:
        await session.download_clip(clip, path)
    assert caught.value.endpoint is not None
    assert [*path.parent.iterdir()] == []


async def test_object_that_changes_meanwhile_is_fetched_again(fake, session, path) -> None:
    """Two files are never joined; one that does not match the record is rejected."""
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


async def test_unverified_file_is_accepted_unchecked(fake, session, path) -> None:
    fake.media = Media(length=Length.NONE)
    clip = await the_clip(session, byte_count=17, sha256_hex="0" * 64)
    file = await session.download_clip(clip, path, verify=False)
    assert path.read_bytes() == DATA
    assert file.sha256_hex == hashlib.sha256(DATA).hexdigest()


async def test_hash_may_be_upper_case(fake, session, path) -> None:
    clip = await the_clip(session)
    await session.download_clip(evolve(clip, sha256_hex=(clip.sha256_hex or "").upper()), path)
    assert path.exists()


async def test_compressed_response_is_decompressed_and_verified(fake, session, path) -> None:
    import gzip

    fake.media_faults = [
        faults.Respond(200, gzip.compress(DATA, 1), headers={"Content-Encoding": "gzip"})
    ]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


# --- responses of the host ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"), [("RENDERING", "once COMPLETE"), ("COMPLETE", "may have been deleted")]
)
async def test_missing_file_is_explained(status: str, words: str, fake, session, path):
    """A 404 before the clip is complete names its status."""
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
async def test_error_status_raises_and_leaves_no_file(
    fault, kind, attempts, fake, session, path
) -> None:
    fake.media_faults = [fault]
    with pytest.raises(kind) as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == attempts
    assert [*path.parent.iterdir()] == []


async def test_temporary_failures_are_retried(fake, session, path) -> None:
    fake.media_faults = [
        faults.UNAVAILABLE,
        faults.BAD_GATEWAY,
        evolve(faults.TOO_MANY_REQUESTS, headers={"Retry-After": "0"}),
    ]
    file = await session.download_clip(await the_clip(session), path)
    assert file.requests == 4
    assert path.read_bytes() == DATA


async def test_hanging_parser_is_ended_by_the_stall_timeout(fake, connect, path) -> None:
    fake.media_faults = [faults.GarbledChunks()]
    async with connect(fake, media_timeout=PATIENT) as session:
        await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


async def test_response_below_the_minimum_rate_is_ended(fake, connect, path) -> None:
    fake.media_faults = [faults.Drip(20, pause=0.02)]
    async with connect(
        fake, media_timeout=MediaTimeout(stall=0.3, min_bytes_per_second=50_000)
    ) as session:
        await session.download_clip(await the_clip(session), path)
    _, again = fake.media_requests
    assert again.header("Range") is not None
    assert path.read_bytes() == DATA


async def test_slow_download_above_the_minimum_rate_has_no_limit(fake, connect, path) -> None:
    fake.put_media(UUID, DATA[:20_000])
    fake.media_faults = [faults.Drip(2000, pause=0.1)]
    async with connect(
        fake, media_timeout=MediaTimeout(stall=0.2, min_bytes_per_second=100)
    ) as session:
        await session.download_clip(await the_clip(session), path)
    assert len(fake.media_requests) == 1


# --- the session -------------------------------------------------------------------------------


async def test_unknown_media_host_is_an_error_before_any_request(fake, path) -> None:
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
    started = asyncio.Event()
    download = asyncio.create_task(
        session.download_clip(clip, path, progress=lambda *_: started.set())
    )
    await started.wait()
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


async def test_unreachable_host_is_tried_as_often_as_the_policy_allows(fake, connect, path) -> None:
    async with connect(fake, media_url="http://127.0.0.1:9") as session:
        with pytest.raises(ConnectError) as caught:
            await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 5
    assert caught.value.__context__ is None or fake.api_key not in repr(caught.value.__context__)


@pytest.mark.parametrize("kind", [IntegrityError, DownloadError, ServerError, OSError])
async def test_exception_of_progress_is_raised_unchanged_and_keeps_the_part(
    kind: type[Exception], fake, session, path
) -> None:
    """This holds even if its class would make a download restart."""
    error = ServerError("mine", status=500) if kind is ServerError else kind("mine")
    known = dict(vars(error))
    calls: list[int] = []

    def fail(byte_count: int, _: int | None) -> None:
        calls.append(byte_count)
        raise error

    clip = await the_clip(session)
    with pytest.raises(kind) as caught:
        await session.download_clip(clip, path, progress=fail)
    assert caught.value is error
    assert vars(error) == known
    assert len(calls) == 1
    assert path.with_name("clip.mp4.part").stat().st_size == calls[0]
    # Several downloads may raise the same exception, also after resuming a part.
    with pytest.raises(kind) as caught:
        await session.download_clip(clip, path, progress=fail)
    assert caught.value is error
    assert vars(error) == known
    assert len(calls) == 2
