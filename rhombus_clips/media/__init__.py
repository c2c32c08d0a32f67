"""The files of clips: fetching them whole, resuming, streaming, many at a time."""

from rhombus_clips.media.download import Downloaded
from rhombus_clips.media.host import MediaHost
from rhombus_clips.media.many import DownloadFailure, DownloadSummary
from rhombus_clips.media.stream import ClipStream

__all__ = ["ClipStream", "DownloadFailure", "DownloadSummary", "Downloaded", "MediaHost"]
