"""A stream from a host whose behavior changes with each request never mixes up bytes."""

import asyncio
import random
from contextlib import suppress

from aiohttp import web
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipSession, RangeNotSatisfiableError, RetryPolicy, RhombusError
from rhombus_clips.testing import FakeRhombus, Length, Media, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
TOTAL = 200_000
VERSIONS = [random.Random(seed).randbytes(TOTAL) for seed in (1, 2)]
WIRE = {"uuid": UUID, "status": "COMPLETE", "clipLocation": {"region": "us-west-2"}}
IMPATIENT = RetryPolicy(attempts=4, base=0.0001, cap=0.0002)


@frozen(kw_only=True)
class Turn(faults.Fault):
    """One response: the state of the host, and where the connection breaks."""

    fake: FakeRhombus
    media: Media
    version: int
    cut: int | None
    status: int | None

    async def apply(self, request: web.Request, answer: faults.Answering) -> web.StreamResponse:
        """Respond in that state."""
        self.fake.media = self.media
        self.fake.put_media(UUID, VERSIONS[self.version])
        if self.status is not None:
            return web.Response(status=self.status)
        if self.cut is not None:
            return await faults.Disconnect(after_body_bytes=self.cut).apply(request, answer)
        return await answer()


MEDIA = st.builds(
    Media,
    ranges=st.booleans(),
    if_range=st.booleans(),
    etag=st.sampled_from(["strong", "strong", "strong", "weak", None]),
    length=st.sampled_from([Length.GIVEN, Length.CHUNKED]),
    redirects=st.integers(0, 1),
    states_total=st.booleans(),
    max_part=st.none() | st.integers(1, TOTAL),
    range_shift=st.sampled_from([0, 0, 0, 7, -7]),
)
TURNS = st.lists(
    st.tuples(
        MEDIA,
        st.sampled_from([0, 1]),
        st.none() | st.sampled_from([1, 1000, 50_000]) | st.integers(0, TOTAL),
        st.sampled_from([*[None] * 12, 400, 416, 500, 503]),
    ),
    min_size=1,
    max_size=5,
)
STARTS = st.sampled_from([0, 1, 1000, TOTAL // 2, TOTAL - 1, TOTAL]) | st.integers(0, TOTAL + 9)


@given(
    TURNS,
    STARTS,
    st.none() | st.sampled_from([150_000, TOTAL]) | st.integers(1, TOTAL + 9),
    st.sampled_from(["skip", "raise"]),
    st.booleans(),
)
def test_bytes_are_of_one_file_and_in_order(turns, start, size, if_ignored, is_described) -> None:
    """The stream is complete, or an error says that it is not."""

    async def check() -> None:
        async with (
            FakeRhombus([WIRE], shared_clip_groups=0) as fake,
            ClipSession(
                fake.api_key, base_url=fake.url, media_url=fake.media_url, retry=IMPATIENT
            ) as session,
        ):
            fake.put_media(UUID, VERSIONS[0])
            clip = await session.get_clip_with_progress(UUID)
            if not is_described:
                clip = evolve(clip, byte_count=None, sha256_hex=None)
            fake.media_faults = [
                Turn(fake=fake, media=media, version=version, cut=cut, status=status)
                for media, version, cut, status in turns
            ]
            stop = None if size is None else start + size
            data, is_complete = b"", False
            with suppress(RhombusError, RangeNotSatisfiableError):
                async with session.stream_clip(clip, start, stop, if_ignored=if_ignored) as stream:
                    known = stream.total, stream.stop, stream.etag
                    async for chunk in stream:
                        data += chunk
                        # A value that was unknown may be learned.
                        now = stream.total, stream.stop, stream.etag
                        assert all(old in {None, new} for old, new in zip(known, now, strict=True))
                    is_complete = True
            parts = [file[start:stop] for file in VERSIONS]
            if is_complete:
                assert data in parts
                assert start < TOTAL
            else:
                assert any(part.startswith(data) for part in parts)

    asyncio.run(check())
