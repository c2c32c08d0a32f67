"""A download that broke off goes on, and comes to the same file."""

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


async def test_all_that_came_is_kept_when_the_host_breaks_off_for_good(fake, session, path) -> None:
    """And no byte less than the progress said is there: it would be fetched once more."""
    fake.media_faults = [*BREAKS_OFF]
    said: list[int] = []
    with pytest.raises(ServerError):
        await session.download_clip(
            await the_clip(session), path, progress=lambda there, _: said.append(there)
        )
    assert path.with_name("clip.mp4.part").stat().st_size == said[-1] == HALF


@pytest.mark.parametrize("known", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize("fault", a_few(BROKEN))
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


@pytest.mark.parametrize("status", [408, 425, 500, 503])
async def test_failure_of_the_moment_does_not_end_going_on(
    status: int, fake, session, path
) -> None:
    cut = faults.Disconnect(after_body_bytes=1_000_000)
    fake.media_faults = [cut, faults.Respond(status), cut]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    million = 1_000_000
    assert ranges_of(fake) == [None, *[f"bytes={million}-"] * 2, f"bytes={2 * million}-"]


async def test_host_that_fails_for_every_part_is_asked_for_the_whole(fake, session, path) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF), *[faults.Respond(500)] * 2]
    await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert ranges_of(fake) == [None, *[f"bytes={HALF}-"] * 2, None]
