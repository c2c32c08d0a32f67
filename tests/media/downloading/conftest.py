"""A service with one clip, and a path for its file."""

from pathlib import Path

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.media.downloading.downloads import DATA, UUID, WIRE


@pytest.fixture
async def fake():
    async with FakeRhombus([WIRE], shared_clip_groups=0) as service:
        service.put_media(UUID, DATA)
        yield service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"
