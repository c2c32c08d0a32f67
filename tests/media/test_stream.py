"""Streaming a clip: each byte once, as it arrives, and verification at the end."""

import asyncio
import hashlib
import random

import pytest
from attrs import evolve

from rhombus_clips import (
    DisconnectedError,
    DownloadError,
    IntegrityError,
    MediaTimeout,
    NotFoundError,
)
from rhombus_clips.testing import FakeRhombus, Length, Media, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
DATA = random.Random(2).randbytes(2_500_000)
HALF = len(DATA) // 2
WIRE = {"uuid": UUID, "status": "COMPLETE", "clipLocation": {"region": "us-west-2"}}


@pytest.fixture
async def fake():
    async with FakeRhombus([WIRE], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


@pytest.fixture
async def clip(session):
    return await session.get_clip_with_progress(UUID)


async def test_stream_yields_every_byte_once_and_knows_the_total(session, clip) -> None:
    async with session.stream_clip(clip) as stream:
        assert stream.total == len(DATA)
        assert b"".join([chunk async for chunk in stream]) == DATA


@pytest.mark.parametrize("media", [Media(), Media(ranges=False), Media(redirects=1)])
async def test_interrupted_stream_continues_after_the_last_byte(media, fake, session, clip) -> None:
    """This holds even if the host restarts the file, provided that its entity tag is unchanged."""
    fake.media = media
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    async with session.stream_clip(clip) as stream:
        assert b"".join([chunk async for chunk in stream]) == DATA


async def test_stream_does_not_continue_with_another_file(fake, connect, clip) -> None:
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    unknown = evolve(clip, byte_count=None, sha256_hex=None)
    async with connect(fake) as session:
        with pytest.raises(DownloadError, match="cannot resume it"):
            async with session.stream_clip(unknown) as stream:
                async for _ in stream:
                    fake.change_media(UUID)


async def test_interrupted_stream_without_entity_tag_and_hash_raises(fake, session, clip) -> None:
    fake.media = Media(etag=None)
    fake.media_faults = [faults.Disconnect(after_body_bytes=HALF)]
    unknown = evolve(clip, sha256_hex=None)
    with pytest.raises(DownloadError, match="cannot resume it") as caught:
        async with session.stream_clip(unknown) as stream:
            async for _ in stream:
                pass
    assert isinstance(caught.value.__cause__, DisconnectedError)


async def test_wrong_hash_is_raised_after_the_last_byte(session, clip) -> None:
    size = 0
    with pytest.raises(IntegrityError):
        async with session.stream_clip(evolve(clip, sha256_hex="0" * 64)) as stream:
            async for chunk in stream:
                size += len(chunk)
    assert size == len(DATA)
    async with session.stream_clip(evolve(clip, sha256_hex="0" * 64), verify=False) as stream:
        assert sum([len(chunk) async for chunk in stream]) == size


async def test_stream_that_may_be_truncated_raises(fake, session, clip) -> None:
    fake.media = Media(length=Length.NONE)
    with pytest.raises(IntegrityError):
        async with session.stream_clip(evolve(clip, byte_count=None, sha256_hex=None)) as stream:
            async for _ in stream:
                pass


async def test_missing_file_raises_on_entering(fake, session, clip) -> None:
    fake.clips[0]["status"] = "UPLOADING"
    with pytest.raises(NotFoundError):
        async with session.stream_clip(clip):
            pytest.fail("the block started")


async def test_leaving_early_releases_the_connection(fake_elsewhere, connect) -> None:
    fake_elsewhere.put_media(fake_elsewhere.clips[0]["uuid"], DATA)
    async with connect(fake_elsewhere) as session:
        clip = (await session.get_saved_clips(max_page_size=1)).saved_clips[0]
        tasks = asyncio.all_tasks()
        async with session.stream_clip(clip) as stream:
            async for _ in stream:
                break
        assert asyncio.all_tasks() == tasks
        assert not session._media.responses
        with pytest.raises(StopAsyncIteration):
            await anext(aiter(stream))


async def test_exception_of_the_block_is_raised_unchanged(session, clip) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with session.stream_clip(clip) as stream:
            async for _ in stream:
                raise KeyError("mine")


@pytest.mark.usefixtures("virtual_clock")
async def test_slow_reader_is_not_a_slow_host(fake, connect, clip) -> None:
    patience = MediaTimeout(stall=0.2, min_bytes_per_second=1_000_000)
    size = 0
    async with (
        connect(fake, media_timeout=patience) as session,
        session.stream_clip(clip) as stream,
    ):
        async for chunk in stream:
            size += len(chunk)
            if size < 200_000:
                await asyncio.sleep(0.3)
    assert size == len(DATA)
    assert len(fake.media_requests) == 1


async def test_silent_host_ends_the_stream(fake, connect, clip) -> None:
    fake.media_faults = [faults.Silence(5, times=None)]
    async with connect(fake, media_timeout=MediaTimeout(stall=0.05)) as session:
        with pytest.raises(DisconnectedError):
            async with session.stream_clip(clip):
                pytest.fail("the block started")


async def test_chunks_can_be_read_one_by_one(fake, session) -> None:
    clip = await session.get_clip_with_progress(fake.clips[0]["uuid"])
    async with session.stream_clip(clip) as stream:
        data = await anext(stream)
        data += b"".join([chunk async for chunk in stream])
    assert hashlib.sha256(data).hexdigest() == clip.sha256_hex


async def test_thumbnail_is_streamed(fake, session) -> None:
    """The same bytes as `download_thumbnail` writes."""
    clip = (await session.get_saved_clips(max_page_size=1)).saved_clips[0]
    async with session.stream_thumbnail(clip) as stream:
        data = b"".join([chunk async for chunk in stream])
    assert data.startswith(b"\xff\xd8")
    assert stream.total == len(data)
    assert stream.content_type == "image/jpeg"
    assert fake.media_requests[-1].path.endswith(f"{clip.uuid}.jpeg")
