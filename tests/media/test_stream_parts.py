"""Streaming a part of a clip: the requested bytes, once, and what is known of the whole file."""

import asyncio
import random
import tracemalloc
import zlib
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import (
    ClipSession,
    DisconnectedError,
    DownloadError,
    IntegrityError,
    InvalidArgumentError,
    NotFoundError,
    RangeNotSatisfiableError,
    RetryPolicy,
)
from rhombus_clips.testing import FakeRhombus, Length, Media, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
DATA = random.Random(3).randbytes(1_000_000)
TOTAL = len(DATA)
WIRE = {"uuid": UUID, "status": "COMPLETE", "clipLocation": {"region": "us-west-2"}}
CHANGED = datetime(2026, 5, 7, 12, 30, 15, tzinfo=UTC)
FIRST, LAST = 300_000, 900_000


@pytest.fixture
async def fake():
    async with FakeRhombus([WIRE], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


@pytest.fixture
async def clip(session):
    return await session.get_clip_with_progress(UUID)


@pytest.fixture
def unknown(clip):
    """The clip without the length and hash of its video."""
    return evolve(clip, byte_count=None, sha256_hex=None)


async def read(session, clip, *bounds, **options) -> bytes:
    async with session.stream_clip(clip, *bounds, **options) as stream:
        return b"".join([chunk async for chunk in stream])


async def expect(session, clip, error, match, *bounds, **options):
    with pytest.raises(error, match=match) as caught:
        async with session.stream_clip(clip, *bounds, **options):
            pytest.fail("the block started")
    return caught.value


def ranges(fake) -> list[str | None]:
    return [request.header("Range") for request in fake.media_requests]


# --- the requested bytes -------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("start", "stop", "sent"),
    [
        (None, None, None),
        (0, None, None),
        (0, 1, "bytes=0-0"),
        (None, 10, "bytes=0-9"),
        (5, 6, "bytes=5-5"),
        (FIRST, LAST, "bytes=300000-899999"),
        (TOTAL - 1, None, "bytes=999999-"),
        (TOTAL - 1, TOTAL, "bytes=999999-999999"),
        (5, TOTAL + 1, "bytes=5-1000000"),
        (0, TOTAL + 1, "bytes=0-1000000"),
    ],
)
async def test_only_the_part_is_requested(fake, session, clip, known, start, stop, sent) -> None:
    given = clip if known else evolve(clip, byte_count=None, sha256_hex=None)
    async with session.stream_clip(given, start, stop) as stream:
        end = min(stop or TOTAL, TOTAL)
        assert (stream.start, stream.stop, stream.total) == (start or 0, end, TOTAL)
        assert b"".join([chunk async for chunk in stream]) == DATA[start:stop]
    if known and stop is not None and stop >= TOTAL:
        # The record states the end; a part up to it is one without a stop.
        sent = f"bytes={start}-" if start else None
    assert ranges(fake) == [sent]


HOSTS = [
    Media(),
    Media(etag="weak"),
    Media(etag=None),
    Media(ranges=False),
    Media(ranges=False, length=Length.CHUNKED),
    Media(length=Length.CHUNKED),
    Media(length=Length.NONE),
    Media(redirects=2),
    Media(states_total=False),
    Media(states_total=False, length=Length.CHUNKED),
    Media(max_part=200_000),
    Media(max_part=200_000, states_total=False),
]


@pytest.mark.parametrize("media", HOSTS)
@given(bounds=st.tuples(st.integers(0, TOTAL - 1), st.none() | st.integers(1, TOTAL + 9)))
def test_every_host_delivers_the_part(media, bounds) -> None:
    start, stop = bounds
    stop = None if stop is None else max(stop, start + 1)

    async def check() -> None:
        async with (
            FakeRhombus([WIRE], shared_clip_groups=0) as fake,
            ClipSession(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        ):
            fake.put_media(UUID, DATA)
            fake.media = media
            clip = await session.get_clip_with_progress(UUID)
            for described in (clip, evolve(clip, byte_count=None, sha256_hex=None)):
                is_endless = media.length is Length.NONE and described is not clip
                if is_endless and start == 0 and stop is None:
                    continue  # It may be truncated.
                data = await read(session, described, start, stop)
                assert data == DATA[start:stop]
            assert not session._media.responses

    asyncio.run(check())


async def test_part_of_an_unknown_length_ends_with_the_file(fake, session, unknown) -> None:
    """The host confirms the end when it has no more bytes."""
    fake.media = Media(states_total=False)
    async with session.stream_clip(unknown, FIRST) as stream:
        assert (stream.total, stream.stop) == (None, None)
        assert b"".join([chunk async for chunk in stream]) == DATA[FIRST:]
        assert (stream.total, stream.stop) == (TOTAL, TOTAL)
    assert ranges(fake)[:2] == ["bytes=300000-", "bytes=1000000-"]


async def test_stop_that_the_host_confirms_is_known(fake, session, unknown) -> None:
    fake.media = Media(states_total=False)
    async with session.stream_clip(unknown, 5, 10) as stream:
        assert (stream.total, stream.start, stream.stop) == (None, 5, 10)
    fake.media = Media(ranges=False, length=Length.CHUNKED)
    async with session.stream_clip(unknown, 5, TOTAL + 5) as stream:
        assert (stream.total, stream.stop) == (None, None)
        assert b"".join([chunk async for chunk in stream]) == DATA[5:]
        assert (stream.total, stream.stop) == (TOTAL, TOTAL)


# --- metadata ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(), (5,), (0, 5)])
async def test_metadata_is_known_before_the_first_chunk(fake, session, clip, bounds) -> None:
    fake.media = Media(last_modified=CHANGED)
    async with session.stream_clip(clip, *bounds) as stream:
        assert stream.etag == f'"{clip.sha256_hex[:32]}"'
        assert stream.content_type == "video/mp4"
        assert stream.last_modified == CHANGED
        assert stream.total == TOTAL


async def test_missing_and_unusable_metadata_is_none(fake, session, clip) -> None:
    fake.media_faults = [
        faults.Respond(200, DATA, headers={"ETag": "no tag", "Last-Modified": "yesterday"})
    ]
    async with session.stream_clip(clip) as stream:
        assert (stream.etag, stream.last_modified) == (None, None)
    fake.media = Media(etag="weak")
    async with session.stream_clip(clip) as stream:
        assert stream.etag == f'W/"{clip.sha256_hex[:32]}"'


async def test_metadata_stays_while_an_interrupted_stream_resumes(fake, session, unknown) -> None:
    fake.media = Media(ranges=False, last_modified=CHANGED)
    fake.media_faults = [faults.Disconnect(after_body_bytes=500_000)]
    seen = set()
    async with session.stream_clip(unknown, 5, LAST) as stream:
        async for _ in stream:
            seen.add((stream.total, stream.stop, stream.etag, stream.last_modified))
    assert len(seen) == 1


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (-1, None),
        (0, -1),
        (0, 0),
        (5, 5),
        (5, 4),
        (0, 2**63),
        (2**64, None),
        ("5", None),
        (1.0, 2),
        (True, 2),
        (None, "5"),
    ],
)
async def test_invalid_bounds_are_rejected_before_a_request(
    fake, session, clip, start, stop
) -> None:
    with pytest.raises((TypeError, ValueError), match=r"start|stop"):
        await read(session, clip, start, stop)
    assert ranges(fake) == []


async def test_option_for_hosts_without_ranges_is_checked(fake, session, clip) -> None:
    await expect(session, clip, InvalidArgumentError, "if_ignored", 5, if_ignored="ignore")
    assert ranges(fake) == []


# --- parts that do not exist ---------------------------------------------------------------------


@pytest.mark.parametrize("start", [TOTAL, TOTAL + 5])
async def test_start_after_the_recorded_end_sends_nothing(fake, session, clip, start) -> None:
    error = await expect(session, clip, RangeNotSatisfiableError, "1000000 bytes", start)
    assert (error.total, error.http_status, ranges(fake)) == (TOTAL, 416, [])


@pytest.mark.parametrize("if_ignored", ["skip", "raise"])
@pytest.mark.parametrize("media", HOSTS)
@pytest.mark.parametrize("start", [TOTAL, TOTAL + 5])
async def test_start_after_the_end_has_the_total(
    fake, session, unknown, start, media, if_ignored
) -> None:
    fake.media = media
    is_stated = media.ranges and media.states_total
    # Otherwise the length of a chunked body is known only at its end.
    if if_ignored == "raise" and not is_stated and media.length is Length.CHUNKED:
        await expect(session, unknown, DownloadError, None, start, if_ignored=if_ignored)
    else:
        kind = RangeNotSatisfiableError
        error = await expect(session, unknown, kind, None, start, if_ignored=if_ignored)
        assert error.total == TOTAL
    assert len(fake.media_requests) <= 2 + media.redirects


@pytest.mark.parametrize("media", [Media(), Media(ranges=False)])
async def test_empty_file_has_no_parts(fake, session, unknown, media) -> None:
    fake.put_media(UUID, b"")
    fake.media = media
    for bounds in [(0, 1), (1,), (5, 9)]:
        error = await expect(session, unknown, RangeNotSatisfiableError, "0 bytes", *bounds)
        assert error.total == 0


async def test_unjustified_416_falls_back_to_the_whole_file(fake, session, clip, unknown) -> None:
    for headers in ({}, {"Content-Range": "bytes */1000000"}, {"Content-Range": "bytes */*"}):
        fake.media_faults = [faults.Respond(416, headers=headers)]
        assert await read(session, unknown, FIRST, LAST) == DATA[FIRST:LAST]
    fake.media_faults = [faults.Respond(416, headers={"Content-Range": "bytes */7"})]
    await expect(session, clip, IntegrityError, "7 bytes on the media host", FIRST)


# --- hosts without ranges ------------------------------------------------------------------------


async def test_ignored_range_is_an_error_on_request(fake, session, clip) -> None:
    fake.media = Media(ranges=False)
    for bounds in [(5,), (0, 5), (5, 10)]:
        await expect(session, clip, DownloadError, "if_ignored", *bounds, if_ignored="raise")
    assert await read(session, clip, 0, TOTAL, if_ignored="raise") == DATA
    assert await read(session, clip, if_ignored="raise") == DATA
    fake.media = Media()
    assert await read(session, clip, 5, 10, if_ignored="raise") == DATA[5:10]


@pytest.mark.parametrize("status", [400, 405, 416, 501])
async def test_refused_range_is_like_an_ignored_one(fake, session, clip, status) -> None:
    fake.media_faults = [faults.Respond(status)]
    assert await read(session, clip, FIRST, LAST) == DATA[FIRST:LAST]
    assert ranges(fake) == ["bytes=300000-899999", None]
    fake.media_faults = [faults.Respond(status)]
    await expect(session, clip, DownloadError, "if_ignored", 5, if_ignored="raise")


async def test_skipping_takes_constant_memory(fake_elsewhere, connect) -> None:
    uuid = next(c["uuid"] for c in fake_elsewhere.clips if c["status"] == "COMPLETE")
    data = bytes(30_000_000) + b"end"
    fake_elsewhere.put_media(uuid, data)
    fake_elsewhere.media = Media(ranges=False)
    async with connect(fake_elsewhere) as session:
        clip = await session.get_clip_with_progress(uuid)
        await read(session, clip, len(data) - 3)
        tracemalloc.start()
        try:
            assert await read(session, clip, len(data) - 3) == b"end"
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 8_000_000  # The service in the other thread holds pieces of 256 KiB.


async def test_bytes_after_the_part_are_not_read(fake_elsewhere, connect) -> None:
    uuid = next(c["uuid"] for c in fake_elsewhere.clips if c["status"] == "COMPLETE")
    fake_elsewhere.put_media(uuid, bytes(30_000_000))
    fake_elsewhere.media = Media(ranges=False)
    # The service would send the rest only after this test.
    fake_elsewhere.media_faults = [faults.Stall(after_body_bytes=200_000, seconds=60)]
    async with connect(fake_elsewhere) as session:
        clip = await session.get_clip_with_progress(uuid)
        assert await read(session, clip, 10, 100_000) == bytes(99_990)
        assert not session._media.responses


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_body_is_skipped_by_its_uncompressed_bytes(
    fake, session, clip, unknown, encoding
) -> None:
    body = zlib.compress(DATA, wbits=31 if encoding == "gzip" else 15)
    fake.media_faults = [
        faults.Respond(200, body, headers={"Content-Encoding": encoding, "ETag": '"z"'}, times=None)
    ]
    for described in (clip, unknown):
        async with session.stream_clip(described, FIRST, LAST) as stream:
            assert b"".join([chunk async for chunk in stream]) == DATA[FIRST:LAST]
            assert stream.etag is None  # It names the compressed bytes.


# --- responses that are not the part -------------------------------------------------------------

PART = {"Content-Range": "bytes 5-9/1000000", "ETag": '"a"'}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Range": "bytes 4-9/1000000"},
        {"Content-Range": "bytes 6-9/1000000"},
        {"Content-Range": "bytes 0-999999/1000000"},
        {"Content-Range": "bytes 9-5/1000000"},
        {"Content-Range": "bytes 5-9/8"},
        {"Content-Range": "bytes 5-9"},
        {"Content-Range": "items 5-9/1000000"},
        {"Content-Range": "bytes */1000000"},
        {"Content-Range": "bytes 5-10/1000000"},  # not the length of the body
        {**PART, "Content-Encoding": "gzip"},
        {**PART, "Content-Type": "multipart/byteranges; boundary=x"},
        {**PART, "Content-Type": "text/html"},
    ],
)
@pytest.mark.parametrize("if_ignored", ["skip", "raise"])
async def test_other_part_is_an_error(fake, session, clip, unknown, headers, if_ignored) -> None:
    for described in (clip, unknown):
        fake.media_faults = [faults.Respond(206, DATA[5:10], headers=headers)]
        await expect(session, described, DownloadError, None, 5, 10, if_ignored=if_ignored)
        assert not session._media.responses
    assert len(fake.media_requests) == 2


async def test_longer_part_is_cut(fake, session, unknown) -> None:
    headers = {"Content-Range": f"bytes 5-{TOTAL - 1}/{TOTAL}"}
    fake.media_faults = [faults.Respond(206, DATA[5:], headers=headers)]
    async with session.stream_clip(unknown, 5, 500) as stream:
        assert (stream.start, stream.stop, stream.total) == (5, 500, TOTAL)
        assert b"".join([chunk async for chunk in stream]) == DATA[5:500]


async def test_shorter_part_without_entity_tag_is_an_error(fake, session, clip) -> None:
    """The rest might be of another file, and the hash does not prove a part."""
    fake.media = Media(etag=None, max_part=100_000)
    await expect(session, clip, DownloadError, "another part", FIRST, LAST)


async def test_very_small_parts_are_an_error(fake, session, clip) -> None:
    fake.media = Media(max_part=10)
    with pytest.raises(DisconnectedError, match="very small parts"):
        await read(session, clip, FIRST, LAST)
    assert await read(session, clip, 5, 30) == DATA[5:30]


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_page_instead_of_the_whole_file_is_an_error(fake, session, clip, kind) -> None:
    fake.media_faults = [faults.Respond(200, DATA, headers={"Content-Type": kind})]
    await expect(session, clip, DownloadError, kind, 5)


async def test_missing_file_raises_on_entering(fake, session, clip) -> None:
    fake.clips[0]["status"] = "UPLOADING"
    await expect(session, clip, NotFoundError, None, 5, 10)


# --- verification --------------------------------------------------------------------------------


async def test_hash_is_verified_only_for_the_whole_file(session, clip) -> None:
    wrong = evolve(clip, sha256_hex="0" * 64)
    assert await read(session, wrong, 5) == DATA[5:]
    assert await read(session, wrong, 0, TOTAL - 1) == DATA[:-1]
    for stop in (None, TOTAL, TOTAL + 1):
        with pytest.raises(IntegrityError, match="SHA-256"):
            await read(session, wrong, 0, stop)
    longer = evolve(wrong, byte_count=None)
    with pytest.raises(IntegrityError, match="SHA-256"):
        await read(session, longer, 0, TOTAL + 1)
    assert await read(session, wrong, verify=False) == DATA


async def test_other_length_than_recorded_raises_on_entering(fake, session, clip) -> None:
    wrong = evolve(clip, byte_count=TOTAL + 1)
    await expect(session, wrong, IntegrityError, "1000000 bytes on the media host", 5, 10)
    assert await read(session, wrong, 5, 10, verify=False) == DATA[5:10]


async def test_part_that_may_be_truncated_raises(fake, session, clip, unknown) -> None:
    fake.media = Media(ranges=False, length=Length.NONE)
    assert await read(session, unknown, 5, 10) == DATA[5:10]
    assert await read(session, clip, 5) == DATA[5:]
    assert await read(session, unknown, 5, verify=False) == DATA[5:]
    for stop in (None, TOTAL + 1):
        with pytest.raises(IntegrityError, match="may be truncated"):
            await read(session, unknown, 5, stop)


# --- interruptions -------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 100_000, 599_999])
@pytest.mark.parametrize("media", [Media(), Media(redirects=1), Media(length=Length.CHUNKED)])
async def test_interrupted_part_resumes_within_the_part(fake, session, clip, media, cut) -> None:
    fake.media = media
    fake.media_faults = [faults.Ok(times=media.redirects), faults.Disconnect(after_body_bytes=cut)]
    if not media.redirects:
        del fake.media_faults[0]
    assert await read(session, clip, FIRST, LAST) == DATA[FIRST:LAST]
    sent = [request for request in fake.media_requests if request.header("Range")]
    assert sent[-1].header("Range") == f"bytes={FIRST + cut}-{LAST - 1}"
    assert sent[-1].header("If-Range") == f'"{clip.sha256_hex[:32]}"'


@pytest.mark.parametrize("cut", [1, FIRST - 1, FIRST, FIRST + 1, LAST - 1])
async def test_interrupted_part_of_a_host_without_ranges_resumes(fake, session, clip, cut) -> None:
    fake.media = Media(ranges=False)
    fake.media_faults = [faults.Disconnect(after_body_bytes=cut)]
    assert await read(session, clip, FIRST, LAST) == DATA[FIRST:LAST]


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("media", [Media(), Media(ranges=False), Media(if_range=False)])
async def test_part_does_not_continue_with_another_file(
    fake, session, clip, unknown, media, length
) -> None:
    fake.media = media
    fake.media_faults = [faults.Disconnect(after_body_bytes=500_000)]
    with pytest.raises(DownloadError):
        async with session.stream_clip(clip if length else unknown, 5, LAST) as stream:
            async for _ in stream:
                fake.change_media(UUID)


async def test_interrupted_part_without_entity_tag_raises(fake, session, clip) -> None:
    fake.media = Media(etag=None)
    fake.media_faults = [faults.Disconnect(after_body_bytes=500_000)]
    with pytest.raises(DownloadError, match="cannot resume it") as caught:
        await read(session, clip, 5, LAST)
    assert isinstance(caught.value.__cause__, DisconnectedError)


async def test_part_without_entity_tag_is_requested_again_before_its_first_byte(
    fake, session, clip
) -> None:
    fake.media = Media(etag=None)
    fake.media_faults = [faults.Disconnect(after_bytes=20), faults.UNAVAILABLE]
    assert await read(session, clip, 5, LAST) == DATA[5:LAST]
    assert set(ranges(fake)) == {f"bytes=5-{LAST - 1}"}


async def test_part_that_resumes_at_a_host_that_stopped_supporting_ranges(
    fake, session, clip
) -> None:
    for if_ignored, error in [("skip", None), ("raise", DownloadError)]:
        fake.media = Media()
        fake.media_faults = [faults.Disconnect(after_body_bytes=500_000)]
        data = b""
        with pytest.raises(error) if error else nullcontext():
            async with session.stream_clip(clip, 5, LAST, if_ignored=if_ignored) as stream:
                fake.media = Media(ranges=False)
                async for chunk in stream:
                    data += chunk
        assert data == DATA[5 : LAST if error is None else 500_005]


@given(
    st.lists(st.integers(0, 700_000), max_size=4),
    st.booleans(),
    st.integers(0, TOTAL - 2),
    st.integers(1, TOTAL),
)
def test_interruptions_lose_and_repeat_nothing(cuts, has_ranges, start, size) -> None:
    async def check() -> None:
        impatient = RetryPolicy(attempts=6, base=0.001, cap=0.002)
        async with (
            FakeRhombus([WIRE], shared_clip_groups=0, media=Media(ranges=has_ranges)) as fake,
            ClipSession(
                fake.api_key, base_url=fake.url, media_url=fake.media_url, retry=impatient
            ) as session,
        ):
            fake.put_media(UUID, DATA)
            clip = await session.get_clip_with_progress(UUID)
            fake.media_faults = [faults.Disconnect(after_body_bytes=cut) for cut in cuts]
            assert await read(session, clip, start, start + size) == DATA[start : start + size]

    asyncio.run(check())


async def test_leaving_early_releases_the_connection(fake_elsewhere, connect) -> None:
    fake_elsewhere.put_media(fake_elsewhere.clips[0]["uuid"], DATA)
    async with connect(fake_elsewhere) as session:
        clip = (await session.get_saved_clips(max_page_size=1)).saved_clips[0]
        tasks = asyncio.all_tasks()
        async with session.stream_clip(clip, FIRST) as stream:
            async for _ in stream:
                break
        assert asyncio.all_tasks() == tasks
        assert not session._media.responses
