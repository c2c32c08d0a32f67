"""The files of clips: downloads, bulk downloads and streams."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from os import PathLike
from pathlib import Path

from rhombus_clips import arguments as check
from rhombus_clips.calls.retry import RetryPolicy
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.media import ClipStream, Downloaded, DownloadSummary
from rhombus_clips.media.download import Download, Progress
from rhombus_clips.media.file_names import usual_file_name
from rhombus_clips.media.host import MediaHost
from rhombus_clips.media.many import BulkDownload, ClipProgress, OnEnd
from rhombus_clips.media.media_file import MediaFile, clip_file, thumbnail_file
from rhombus_clips.media.ranges import FetchState
from rhombus_clips.media.reader import MediaReader
from rhombus_clips.models import SavedClip
from rhombus_clips.renders.polling import Polling
from rhombus_clips.renders.waiting import WaitingRoom
from rhombus_clips.session.resource import Resource

_MOST_AT_ONCE = 64


class ClipFiles(Resource):
    """The part of a session that downloads the files of clips."""

    _media: MediaHost
    _retry: RetryPolicy

    async def download_clip(
        self,
        clip: SavedClip,
        path: str | PathLike[str],
        *,
        verify: bool = True,
        progress: Progress | None = None,
    ) -> Downloaded:
        """Download a clip's video to *path*, replacing an existing file only after verification.

        The video is fetched from ``/media/metadata/{region}/{uuid}.mp4`` on the media host to
        ``path.part`` in the same folder, verified, and renamed. A download that was interrupted,
        cancelled or killed resumes where it stopped if the clip has a hash or the host sends an
        entity tag: either proves that the parts belong together. Until the download is complete,
        ``path.part.json`` stores the tag. The duration of a download has no limit; `MediaTimeout`
        ends a stalled one.

        If the file at *path* already has the clip's hash, nothing is requested.

        :param clip: The clip, from any method of the session.
        :param path: A path on this machine; its folder must exist.
        :param verify: Compare the length and SHA-256 with the clip's `byte_count` and `sha256_hex`,
            if it has them. True by default. The vendor does not document these fields.
        :param progress: Called with the bytes received so far and the total, or None while it is
            unknown.
        :return: The path, length and hash of the file, and the number of requests.
        :raises NotFoundError: if the media host has no such file, such as before the clip is
            complete.
        :raises IntegrityError: if the file does not match the clip's record.
        :raises DownloadError: if the clip has no uuid or region, another download is writing
            *path*, or something other than a regular file has its name or that of its part.
        :raises InvalidArgumentError: if *path* is empty or a URL.
        :raises OSError: if the file cannot be written.
        :raises RhombusError: for other failures of the media host; see the table of errors in the
            README.
        """
        progress = check.function_or_none(progress, "progress")
        target = check.local_path(path, "path")
        check.instance(verify, bool, "verify")
        file = clip_file(check.instance(clip, SavedClip, "clip"), verify=verify)
        return await self._download(file, target, progress)

    async def download_thumbnail(
        self, clip: SavedClip, path: str | PathLike[str], *, progress: Progress | None = None
    ) -> Downloaded:
        """Download a clip's thumbnail to *path*, as `download_clip` does the video.

        It is fetched from ``/media/metadata/{region}/{uuid}.jpeg`` on the media host. The clip's
        record has no length or hash for it, so only the length that the host states is verified.

        :param clip: The clip.
        :param path: A path on this machine; its folder must exist.
        :param progress: Called with the bytes received so far and the total, or None while it is
            unknown.
        :return: The same as `download_clip`.
        :raises NotFoundError: if the media host has no such file; also the other errors of
            `download_clip`.
        """
        progress = check.function_or_none(progress, "progress")
        target = check.local_path(path, "path")
        file = thumbnail_file(check.instance(clip, SavedClip, "clip"))
        return await self._download(file, target, progress)

    @asynccontextmanager
    async def stream_clip(
        self, clip: SavedClip, *, verify: bool = True
    ) -> AsyncGenerator[ClipStream, None]:
        """Read a clip's video in chunks as they arrive (``/media/metadata/{region}/{uuid}.mp4``).

        ``async with session.stream_clip(clip) as stream: async for chunk in stream: ...``. The
        block starts once the first bytes have arrived, and `ClipStream.total` is the length. A
        stream that is interrupted resumes where it stopped, as a download does, or raises. A stream
        that is not read holds its connection until the block ends.

        :param clip: The clip.
        :param verify: As for `download_clip`. The error is raised after the last chunk.
        :raises NotFoundError: on entering, if the media host has no such file; also the other
            errors of `download_clip`, on entering or while reading.
        """
        check.instance(verify, bool, "verify")
        file = clip_file(check.instance(clip, SavedClip, "clip"), verify=verify)
        stream = ClipStream(self._reader(file))
        try:
            await stream.open()
            yield stream
        finally:
            await stream.aclose()

    async def download_clips(
        self,
        clips: Iterable[SavedClip] | AsyncIterable[SavedClip],
        folder: str | PathLike[str],
        *,
        concurrency: int = 4,
        name: Callable[[SavedClip], str] = usual_file_name,
        timeout: float | timedelta | None = None,
        polling: Polling = Polling(),
        verify: bool = True,
        progress: ClipProgress | None = None,
        on_end: OnEnd | None = None,
    ) -> DownloadSummary:
        """Download the videos of many clips into a folder, each as `download_clip` does.

        They are fetched from ``/media/metadata/{region}/{uuid}.mp4`` on the media host.
        ``manifest.jsonl`` in the folder gets a line of JSON per file. Repeat the call after an
        interruption, or when there are new clips: it skips the files that are complete.

        :param clips: The clips. A pager is read as the downloads proceed.
        :param folder: A path on this machine. The folder is created if it does not exist.
        :param concurrency: The number of simultaneous downloads, 1 to 64; 4 by default.
        :param name: Returns the file name of a complete clip. By default it consists of the time of
            the recording, the title and the uuid. Characters that file systems reject are replaced,
            no folders are created, and a name that is taken or too long is changed to include the
            uuid.
        :param timeout: How long to wait for a clip that is not complete yet, in seconds or as a
            timedelta, from when it is taken from *clips*. None, the default, does not wait: such a
            clip is a failure. Waiting clips do not delay downloads. They are watched together, as
            by `watch_clips`, and downloaded as soon as they are complete. While 1,000 clips wait,
            no more are taken from *clips*.
        :param polling: How often to poll for clips that wait, as for `watch_clip`.
        :param verify: As for `download_clip`.
        :param progress: Called with a clip, the bytes received so far, and the total or None.
        :param on_end: Called with each clip and its `Downloaded` or its error, once for a repeated
            clip. Like *name* and *progress*, it must be a plain function, because it is not
            awaited.
        :return: The numbers of downloaded and skipped files, and the failures. The failure of one
            clip does not affect the others. An `OSError` for one file is the cause of its
            `DownloadError`.
        :raises RhombusError: if the error affects every clip, such as `AuthenticationError`,
            `ConfigurationError` or `SessionClosedError`.
        :raises OSError: if no more files can be written: the disk is full, read-only or failing,
            the folder or the manifest cannot be written, or no more files can be opened.
        :raises InvalidArgumentError: if *name* does not return a string, or a function returns an
            awaitable.
        :raises Exception: any exception from *clips*, *name*, *progress* and *on_end*, unchanged.
        """
        if not isinstance(clips, Iterable | AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
            raise InvalidArgumentError("clips must be an iterable of clips", given=clips)
        concurrency = check.whole_number(concurrency, "concurrency", least=1, most=_MOST_AT_ONCE)
        name = check.function(name, "name")
        progress = check.function_or_none(progress, "progress")
        on_end = check.function_or_none(on_end, "on_end")
        target = check.local_path(folder, "folder").absolute()
        check.instance(polling, Polling, "polling")
        check.instance(verify, bool, "verify")
        waits = None
        if timeout is not None:
            seconds = check.seconds_of(timeout, "timeout")
            waits = WaitingRoom(self._call, polling, timeout=seconds)

        async def download(
            clip: SavedClip,
            path: Path,
            progress: Progress | None,
            replaces: bool,  # noqa: FBT001  # a Callable has no keywords
        ) -> Downloaded:
            file = clip_file(clip, verify=verify)
            return await self._download(file, path, progress, replaces=replaces, is_listed=True)

        bulk = BulkDownload(download, target, name, progress, on_end, waits)
        return await bulk.run(clips, at_once=concurrency)

    async def _download(
        self,
        file: MediaFile,
        path: Path,
        progress: Progress | None,
        *,
        replaces: bool = True,
        is_listed: bool = False,
    ) -> Downloaded:
        return await Download(self._reader(file), path, progress, replaces, is_listed).run()

    def _reader(self, file: MediaFile) -> MediaReader:
        self._media.check()
        return MediaReader(self._media, FetchState(file), self._retry, self._secret)
