"""Clip files: downloads, bulk downloads and streams."""

from rhombus_clips.media.download import Downloaded, Progress
from rhombus_clips.media.host import MediaTimeout
from rhombus_clips.media.many import DownloadFailure, DownloadSummary, OnEnd
from rhombus_clips.media.range_header import RequestedRange, parse_range
from rhombus_clips.media.stream import ClipStream

__all__ = [
    "ClipStream",
    "DownloadFailure",
    "DownloadSummary",
    "Downloaded",
    "MediaTimeout",
    "OnEnd",
    "Progress",
    "RequestedRange",
    "parse_range",
]
