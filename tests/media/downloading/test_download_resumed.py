"""An interrupted download continues, and completes the same file."""

import asyncio
import hashlib
import json
import random
from typing import Any

import pytest

from rhombus_clips import DisconnectedError, IntegrityError, ServerError
from rhombus_clips.testing import Length, Media, faults
from tests.examples import a_few
from tests.media.downloading.downloads import (
    BREAKS_OFF,
    DATA,
    HALF,
    NOTHING_KNOWN,
    PATIENT,
    SOURCE,
    UUID,
    ranges_of,
    the_clip,
)

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


async def test_all_received_bytes_are_kept_when_the_attempts_are_used_up(
    fake, session, path
) -> None:
    """The part has as many bytes as progress reported. Others would be fetched again."""
    fake.media_faults = [*BREAKS_OFF]
    reported: list[int] = []
    with pytest.raises(ServerError):
        await session.download_clip(
            await the_clip(session), path, progress=lambda there, _: reported.append(there)
        )
    assert path.with_name("clip.mp4.part").stat().st_size == reported[-1] == HALF


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize("fault", a_few(BROKEN))
@pytest.mark.parametrize("host", HOSTS)
async def test_interrupted_download_completes_the_same_file(
    host: str, fault: str, *, known: bool, fake, connect, path
) -> None:
    """It continues with a range if the parts can be trusted, and otherwise restarts."""
    fake.media = HOSTS[host]
    fake.media_faults = [BROKEN[fault]]
    async with connect(fake, media_timeout=PATIENT) as session:
        clip = await the_clip(session, **({} if known else NOTHING_KNOWN))
        if not known and host == "lying range":
            return  # Its responses look correct; only the clip's record could reveal it.
        if not known and host == "no length" and fault != "silent":
            # Nothing states where it ends, so a truncation could not be detected. After a silence,
            # the rest is requested, and its Content-Range states the length.
            with pytest.raises(IntegrityError):
                await session.download_clip(clip, path)
            assert not path.exists()
            return
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_missing_bytes_are_requested_if_the_file_is_unchanged(fake, session, path) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    await session.download_clip(await the_clip(session), path)
    first, second = fake.media_requests
    assert first.header("Range") is None
    assert (second.header("Range") or "").startswith("bytes=")
    assert second.header("If-Range") == f'"{hashlib.sha256(DATA).hexdigest()[:32]}"'
    assert first.header("Accept-Encoding") == second.header("Accept-Encoding") == "identity"


async def test_another_session_continues_with_the_noted_entity_tag(fake, connect, path) -> None:
    """This holds even for a clip without length and hash."""
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


async def test_part_of_another_clip_is_not_continued(fake, session, path) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * 100)
    note = path.with_name("clip.mp4.part.json")
    for text in (json.dumps({"source": "another", "etag": None}), "{", "[]"):
        note.write_text(text)
        await session.download_clip(await the_clip(session), path)
        assert path.read_bytes() == DATA
        path.unlink()
    assert ranges_of(fake) == [None, None, None]


async def test_whole_part_needs_at_most_one_request(fake, session, path) -> None:
    """A process that ends between the last byte and the renaming loses nothing."""
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
        (len(DATA) + 1, {}),  # It is longer than the clip, so it cannot be a prefix of it.
        (1000, NOTHING_KNOWN),  # Nothing could prove that the rest continues it.
    ],
)
async def test_part_that_cannot_be_trusted_is_not_continued(
    left: int, changes: dict[str, Any], fake, session, path
) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * left)
    path.with_name("clip.mp4.part.json").write_text(json.dumps({"source": SOURCE, "etag": None}))
    await session.download_clip(await the_clip(session, **changes), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None]


async def test_file_with_the_right_length_and_wrong_bytes_is_replaced(fake, session, path) -> None:
    path.write_bytes(b"x" * len(DATA))
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA


async def test_part_with_wrong_bytes_is_detected_by_the_hash_and_fetched_again(
    fake, session, path
) -> None:
    path.with_name("clip.mp4.part").write_bytes(b"x" * 1000)
    path.with_name("clip.mp4.part.json").write_text(json.dumps({"source": SOURCE, "etag": None}))
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == ["bytes=1000-", None]


async def test_download_killed_at_100_random_times_completes_the_same_file(
    fake, connect, path
) -> None:
    """Each time the path holds the whole file or nothing, and the part is a prefix of the file."""
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
                if path.exists():  # It was being moved to the path.
                    assert path.read_bytes() == DATA
                    path.unlink()
                assert not part.exists() or DATA.startswith(part.read_bytes())
            else:
                assert path.read_bytes() == DATA
                path.unlink()
        await session.download_clip(clip, path)
    assert path.read_bytes() == DATA


async def test_small_progress_resets_the_attempts(fake, connect, path) -> None:
    """A download that breaks off ten times succeeds if each response had some bytes."""
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


@pytest.mark.parametrize("status", [408, 425, 500, 503])
async def test_temporary_failure_does_not_end_a_resumed_download(
    status: int, fake, session, path
) -> None:
    cut = faults.Disconnect(after_body_bytes=1_000_000)
    fake.media_faults = [cut, faults.Respond(status), cut]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    million = 1_000_000
    assert ranges_of(fake) == [None, *[f"bytes={million}-"] * 2, f"bytes={2 * million}-"]


async def test_whole_file_is_requested_from_a_host_that_fails_for_every_part(
    fake, session, path
) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF), *[faults.Respond(500)] * 2]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, *[f"bytes={HALF}-"] * 2, None]
