"""Destinations of downloads: a path on this machine, or an error before any request."""

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from rhombus_clips.arguments import local_path
from rhombus_clips.errors import InvalidArgumentError
from tests.cli.test_command import invoke

URLS = [
    "s3://bucket/clips",
    "s3:/bucket/clips",
    "S3://bucket",
    "s3://",
    "s3:",
    "gs://bucket/clips",
    "https://example.com/clips",
    "file:///tmp/clips",
    "git+ssh://host/x",
    Path("s3://bucket/clips"),
    Path("s3://"),
    PureWindowsPath("s3://bucket/clips"),
]
NO_PATHS: list[Any] = ["", "a\0b", Path("a\0b"), "\ud800"]
LOCAL = [
    "clips", "./clips", "/tmp/s3:/bucket", "C:\\clips", "C:/clips", "c:clips", "\\\\server\\clips",
    "12:30 dock.mp4", "dock: 3.mp4", ".", "~", "a/s3://x", Path("clips"),
]  # fmt: skip


@pytest.mark.parametrize("url", URLS, ids=repr)
def test_url_is_rejected(url: Any) -> None:
    with pytest.raises(
        InvalidArgumentError, match="folder must be a path on this machine, not a URL"
    ):
        local_path(url, "folder")


@pytest.mark.parametrize("value", NO_PATHS, ids=ascii)
def test_invalid_path_is_rejected(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"path (must|has)"):
        local_path(value, "path")


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"clips"


@pytest.mark.parametrize(
    "value", [b"clips", 5, None, BytesPath()], ids=lambda value: type(value).__name__
)
def test_path_that_is_not_text_is_rejected(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"path must be a str or an os\.PathLike"):
        local_path(value, "path")


@pytest.mark.parametrize("value", LOCAL, ids=str)
def test_local_paths_are_accepted_unchanged(value: Any) -> None:
    assert local_path(value, "path") == Path(value)
    assert os.fspath(local_path(value, "path")) == os.fspath(Path(value))


@pytest.mark.parametrize("value", ["s3://bucket/x", Path("s3://bucket/x"), "", b"x", "a\0b"])
@pytest.mark.parametrize("method", ["download_clip", "download_thumbnail", "download_clips"])
async def test_each_download_rejects_it_before_any_request_or_file(
    method: str, value: Any, fake, session, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = (await session.get_saved_clips(max_page_size=1)).saved_clips[0]
    fake.requests.clear()
    clips = session.saved_clips() if method == "download_clips" else clip
    with pytest.raises(InvalidArgumentError, match=r"path|folder"):
        await getattr(session, method)(clips, value)
    assert fake.requests == fake.media_requests == []
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("download", "--all", "--folder"),
        ("download", "A", "--output"),
        ("follow", "--download"),
        ("follow", "--state"),
    ],
)
@pytest.mark.parametrize("value", ["s3://bucket/x", ""])
def test_option_rejects_it_before_any_request_or_file(
    arguments: tuple[str, ...], value: str, fake_elsewhere, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(fake_elsewhere, *arguments, value, code=2)
    assert arguments[-1] in result.stderr
    assert ("not a URL" in result.stderr) is bool(value)
    assert fake_elsewhere.requests == []
    assert [*tmp_path.iterdir()] == []
