"""Playable videos and thumbnails: real files that differ for each clip, of any size."""

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips.testing import FakeRhombus, Media
from rhombus_clips.testing.clips import make_clips, make_uuid
from rhombus_clips.testing.media_content import make_jpeg, make_video, picture_of
from rhombus_clips.testing.mp4 import boxes, playable_mp4, smallest_mp4
from tests.components import required_program
from tests.media.media_requests import get, headers_of, url_of

LARGE = 20_000_000
SIZES = [smallest_mp4(), smallest_mp4() + 1, 100_000, LARGE]
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def tables_of(data: bytes) -> dict[bytes, bytes]:
    """The contents of all boxes of the index, by an independent reading."""
    found: dict[bytes, bytes] = {}
    for kind, content in boxes(data):
        found |= {kind: content}
        found |= tables_of(content) if kind in CONTAINERS else {}
    return found


def samples_of(data: bytes) -> Iterator[tuple[int, int]]:
    """The offset and size of each sample, according to the index."""
    tables = tables_of(data)
    count = struct.unpack_from(">I", tables[b"stsz"], 8)[0]
    sizes = list(struct.unpack_from(f">{count}I", tables[b"stsz"], 12))
    _, entries, _, per_chunk, _ = struct.unpack(">5I", tables[b"stsc"])
    assert entries == 1
    chunks = struct.unpack_from(">I", tables[b"stco"], 4)[0]
    for offset in struct.unpack_from(f">{chunks}I", tables[b"stco"], 8):
        at = offset
        for _ in range(per_chunk):
            size = sizes.pop(0)
            yield at, size
            at += size
    assert sizes == []


@pytest.mark.parametrize("size", SIZES)
def test_video_has_the_exact_size_and_its_index_first(size: int) -> None:
    data = playable_mp4("a" * 22, size)
    assert len(data) == size
    kinds = [kind for kind, _ in boxes(data)]
    assert kinds == [b"ftyp", b"moov", b"free", b"mdat"]
    assert sum(len(content) + 8 for _, content in boxes(data)) == size


@pytest.mark.parametrize("size", SIZES)
def test_index_leads_to_the_samples(size: int) -> None:
    """Each is a sequence of NAL units; the keyframes that the index names are keyframes."""
    data = playable_mp4("a" * 22, size)
    keyframes = struct.unpack_from(">60I", tables_of(data)[b"stss"], 8)
    for number, (start, length) in enumerate(samples_of(data), 1):
        at, end, kinds = start, start + length, set()
        while at < end:
            unit = struct.unpack_from(">I", data, at)[0]
            kinds.add(data[at + 4] & 0x1F)
            at += 4 + unit
        assert at == end
        assert (5 in kinds) == (number in keyframes)
        assert kinds & {1, 5}


def test_later_seconds_of_a_large_video_are_far_into_the_file() -> None:
    samples = list(samples_of(playable_mp4("a" * 22, LARGE)))
    for share in (0.25, 0.5, 0.75):
        at, _ = samples[int(len(samples) * share)]
        assert abs(at - LARGE * share) < LARGE / 20


@given(st.integers(0, 3 * smallest_mp4()), st.integers(0, 5))
def test_any_size_is_possible(size: int, version: int) -> None:
    data = make_video("clip", size, version).data
    assert len(data) == size
    assert data[4:8] == b"ftyp"[: max(0, size - 4)]
    if size >= smallest_mp4():
        assert sum(1 for _ in samples_of(data)) == 240


@pytest.mark.parametrize("size", SIZES)
def test_videos_of_different_clips_differ_in_every_chunk(size: int) -> None:
    one, other = playable_mp4("a" * 22, size), playable_mp4("a" * 21 + "b", size)
    changed = playable_mp4("a" * 22, size, version=1)
    assert dict(boxes(one))[b"free"].startswith(b"a" * 22)
    starts = [start for start, _ in samples_of(one)]
    noises = [[data[at - 24 : at] for at in starts[::8]] for data in (one, other, changed)]
    assert all(len(set(each)) == 3 for each in zip(*noises, strict=True))
    # Nor are two of one file equal.
    assert len(set(noises[0])) == 30
    assert playable_mp4("a" * 22, size) == one


def segments_of(image: bytes) -> dict[int, bytes]:
    """The segments of a JPEG file before its pixels, by their markers."""
    segments: dict[int, bytes] = {}
    at = 2
    while image[at + 1] != 0xDA:  # the start of the pixels
        marker, length = struct.unpack_from(">HH", image, at)
        segments[marker] = image[at + 4 : at + 2 + length]
        at += 2 + length
    return segments


def pixels_of(image: bytes) -> bytes:
    return image[image.index(b"\xff\xda") :]


def test_thumbnails_are_pictures_with_a_unique_comment() -> None:
    one, other = make_jpeg("a" * 22), make_jpeg("b" * 22)
    assert one != other
    assert make_jpeg("a" * 22) == one
    segments = segments_of(one)
    assert segments[0xFFFE].startswith(b"a" * 22)
    height, width = struct.unpack_from(">HH", segments[0xFFC0], 1)
    assert (width, height) == (640, 360)
    assert one.endswith(b"\xff\xd9")


def test_thumbnails_show_many_places() -> None:
    assert len({pixels_of(make_jpeg(make_uuid(number))) for number in range(200)}) == 10


def test_generated_clips_have_a_picture_of_the_place_in_their_title() -> None:
    pictures: dict[str, set[str]] = {}
    for clip in make_clips(300):
        if clip["title"] is not None:
            place = clip["title"].partition(":")[0]
            pictures.setdefault(place, set()).add(picture_of(clip))
    assert len(pictures) == 10
    assert all(names == {place.lower().replace(" ", "-")} for place, names in pictures.items())


@pytest.mark.parametrize("title", ["Interview", "", "../video", None])
def test_clips_of_a_camera_look_alike_if_their_title_names_no_place(title: str | None) -> None:
    cameras = [make_uuid("camera", number) for number in range(100)]
    clips = [{"title": title, "deviceUuid": f"{camera}.v0"} for camera in cameras]
    names = [picture_of(clip) for clip in clips]
    assert len(set(names)) == 10
    assert names == [picture_of({"title": "Other", "deviceUuid": camera}) for camera in cameras]
    assert picture_of({}) in names


async def test_media_host_serves_the_picture_of_a_clip() -> None:
    async with FakeRhombus(20) as fake:
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        url = url_of(fake, f"{clip['uuid']}.jpeg", clip["clipLocation"]["region"])
        for title, picture in (("Reception: visit", "reception"), ("Cash desk 2", "cash-desk-2")):
            clip["title"] = title
            body = (await get(url, headers=headers_of(fake))).body
            assert pixels_of(body) == pixels_of(make_jpeg("any", picture))


# --- FakeRhombus ---------------------------------------------------------------------------------


async def test_generated_clips_have_playable_videos_by_default() -> None:
    async with FakeRhombus(20) as fake:
        for clip in fake.clips:
            if clip["status"] == "COMPLETE":
                url = url_of(fake, f"{clip['uuid']}.mp4", clip["clipLocation"]["region"])
                data = (await get(url, headers=headers_of(fake))).body
                assert sum(1 for _ in samples_of(data)) == 240
                assert clip["uuid"].encode() in data


async def test_size_of_videos_can_be_chosen() -> None:
    clock = 0.0
    async with FakeRhombus(
        3, media=Media(video_bytes=300_000), now=lambda: clock, shared_clip_groups=0
    ) as fake:
        uuid = fake.start_render(seconds=10)
        clock = 10.0
        for clip in fake.saved():
            video = fake.video(clip["uuid"])
            assert len(video.data) == 300_000
            assert clip["byteCount"] in {300_000, None}
            assert clip.get("sha256Hex", video.sha256_hex) == video.sha256_hex
        fake.media = Media()
        assert len(fake.video(uuid).data) == 300_000  # It belongs to a clip that exists.
        record = {"uuid": "b" * 22, "byteCount": 50_000, "clipLocation": {"region": "r"}}
        fake.clips.append({**record, "status": "COMPLETE"})
        assert len(fake.video("b" * 22).data) == 50_000


@pytest.mark.parametrize("size", [-1, 2 * 1024**3])
def test_impossible_size_is_rejected(size: int) -> None:
    with pytest.raises(ValueError, match="video_bytes"):
        Media(video_bytes=size)


async def test_part_of_a_large_video_is_a_slice_of_it() -> None:
    async with FakeRhombus(5, media=Media(video_bytes=LARGE)) as fake:
        clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
        url = url_of(fake, f"{clip['uuid']}.mp4", clip["clipLocation"]["region"])
        data = fake.video(clip["uuid"]).data
        for start in (0, 12_345_678, LARGE - 5):
            wanted = headers_of(fake, Range=f"bytes={start}-{start + 99_999}")
            answer = await get(url, headers=wanted)
            assert (answer.status, answer.body) == (206, data[start : start + 100_000])


# --- FFmpeg --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_ffmpeg_decodes_every_frame_without_a_warning(size: int, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(playable_mp4("a" * 22, size))
    entries = "stream=codec_name,profile,pix_fmt,width,height,nb_read_frames:format=duration"
    ffprobe = required_program("ffprobe")
    command = [ffprobe, "-v", "warning", "-count_frames", "-show_entries", entries, "-of", "json"]
    run = subprocess.run([*command, path], check=True, capture_output=True, timeout=60)
    assert run.stderr == b""
    found: dict[str, Any] = json.loads(run.stdout)
    assert found["streams"] == [
        {
            "codec_name": "h264",
            "profile": "Constrained Baseline",
            "width": 160,
            "height": 120,
            "pix_fmt": "yuv420p",
            "nb_read_frames": "240",
        }
    ]
    assert float(found["format"]["duration"]) == 120
