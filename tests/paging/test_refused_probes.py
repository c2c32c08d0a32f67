"""A temporary refusal proves nothing about a listing: no clip is lost or repeated."""

from contextlib import suppress

import pytest

from rhombus_clips import ApiError
from rhombus_clips.models import SavedClip
from rhombus_clips.testing import FakeRhombus, Listing, faults

# Ties at each place where a page of 5 may end.
CLIPS = [
    SavedClip(uuid=f"{second:02}-{twin}", timestamp_ms=1000 * second, created_at_ms=1000 * second)
    for second in range(1, 16)
    for twin in "abc"
]


@pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("refusals", [1, 2])
@pytest.mark.parametrize("before", range(8))
async def test_temporary_refusal_loses_no_clip(
    before: int, refusals: int, newest_first: bool, inclusive: bool, connect
) -> None:
    listing = Listing(newest_first=newest_first, inclusive=inclusive)
    async with FakeRhombus(CLIPS, listing=listing) as fake, connect(fake) as session:
        fake.faults = [*[faults.Ok()] * before, *[faults.REFUSED] * refusals]
        pager, listed = session.saved_clips(page_size=5), list[str | None]()
        for _ in range(1 + refusals):
            with suppress(ApiError):
                async for clip in pager:
                    listed.append(clip.uuid)
        assert pager.stats.requests > before
    assert sorted(map(str, listed)) == sorted(str(clip.uuid) for clip in CLIPS)
