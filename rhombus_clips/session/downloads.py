"""The files of clips: downloads, bulk downloads and streams."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Literal

from rhombus_clips import arguments as check
from rhombus_clips.calls.retry import RetryPolicy
from rhombus_clips.errors import InvalidArgumentError, RangeNotSatisfiableError
from rhombus_clips.media import ClipStream, Downloaded, DownloadSummary
from rhombus_clips.media.download import Download, Progress
from rhombus_clips.media.file_names import usual_file_name
from rhombus_clips.media.host import MediaHost
from rhombus_clips.media.many import BulkDownload, ClipProgress, OnEnd
from rhombus_clips.media.media_file import MediaFile, clip_file, saved_clip, thumbnail_file
from rhombus_clips.media.ranges import FetchState
from rhombus_clips.media.reader import MediaReader
from rhombus_clips.models import SavedClip
from rhombus_clips.renders.polling import Polling
from rhombus_clips.renders.waiting import WaitingRoom
from rhombus_clips.session.resource import Resource

_MOST_AT_ONCE = 64
# HTTP has no limit, but media hosts store offsets in 64 bits.
_MAX_OFFSET = 2**63 - 1


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
        file = clip_file(saved_clip(clip, "clip"), verify=verify)
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
        file = thumbnail_file(saved_clip(clip, "clip"))
        return await self._download(file, target, progress)

    @asynccontextmanager
    async def stream_clip(
        self,
        clip: SavedClip,
        start: int | None = None,
        stop: int | None = None,
        *,
        if_ignored: Literal["skip", "raise"] = "skip",
        verify: bool = True,
    ) -> AsyncGenerator[ClipStream, None]:
        """Read a clip's video, or a part of it, in chunks as they arrive.

        ``async with session.stream_clip(clip) as stream: async for chunk in stream: ...``. The
        video is requested from ``/media/metadata/{region}/{uuid}.mp4`` on the media host, and only
        the part from *start* to *stop* is. The block starts once the first bytes of the part have
        arrived; from then on, the properties of `ClipStream` describe the video.

        A stream that is interrupted resumes where it stopped, as a download does, or raises; a part
        resumes only if the host sends an entity tag. A stream that is not read holds its connection
        until the block ends.

        :param clip: The clip.
        :param start: The offset of the first byte, 0 or more. None, the default, is 0.
        :param stop: The offset after the last byte, greater than *start*. One after the end of the
            video is cut to the end, which is also the default, None.
        :param if_ignored: How to handle a media host that ignores the request for a part and sends
            the whole file: ``"skip"``, the default, reads and discards the bytes before *start* and
            disconnects after *stop*; ``"raise"`` raises `DownloadError`.
        :param verify: As for `download_clip`. The hash is verified only for the whole video, after
            the last chunk.
        :raises RangeNotSatisfiableError: on entering, if the video ends before *start*. Its `total`
            is the length of the video.
        :raises InvalidArgumentError: if another argument is invalid.
        :raises NotFoundError: on entering, if the media host has no such file; also the other
            errors of `download_clip`, on entering or while reading.
        """
        check.instance(verify, bool, "verify")
        clip = saved_clip(clip, "clip")
        first, stop = _bounds(start, stop, clip.byte_count or None if verify else None)
        if if_ignored not in ("skip", "raise"):  # A tuple, because the value may not be hashable.
            raise InvalidArgumentError('if_ignored must be "skip" or "raise"', given=if_ignored)
        file = clip_file(clip, verify=verify)
        state = FetchState(file, start=first, stop=stop, skips=if_ignored == "skip")
        async with self._stream(state) as stream:
            yield stream

    @asynccontextmanager
    async def stream_thumbnail(self, clip: SavedClip) -> AsyncGenerator[ClipStream, None]:
        """Read a clip's thumbnail in chunks as they arrive, as `stream_clip` does the video.

        It is requested from ``/media/metadata/{region}/{uuid}.jpeg`` on the media host.

        :param clip: The clip.
        :raises NotFoundError: on entering, if the media host has no such file; also the other
            errors of `download_clip`, on entering or while reading.
        """
        async with self._stream(FetchState(thumbnail_file(saved_clip(clip, "clip")))) as stream:
            yield stream

    @asynccontextmanager
    async def _stream(self, state: FetchState) -> AsyncGenerator[ClipStream, None]:
        stream = ClipStream(self._reader(state))
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
        reader = self._reader(FetchState(file))
        return await Download(reader, path, progress, replaces, is_listed).run()

    def _reader(self, state: FetchState) -> MediaReader:
        self._media.check()
        return MediaReader(self._media, state, self._retry, self._secret)


def _bounds(start: int | None, stop: int | None, total: int | None) -> tuple[int, int | None]:
    """Return the offsets of a part, without a stop if it is at the end of a file of known length.

    Raises `InvalidArgumentError` for a part that no file has, and `RangeNotSatisfiableError` for
    one that a file of *total* bytes does not have.
    """
    first = 0 if start is None else check.whole_number(start, "start", least=0, most=_MAX_OFFSET)
    if stop is not None:
        stop = check.whole_number(stop, "stop", least=0, most=_MAX_OFFSET)
        if stop <= first:
            raise InvalidArgumentError(f"stop must be greater than start ({first})", given=stop)
    if total is not None and first >= total:
        raise RangeNotSatisfiableError(
            f"start must be less than the length of the video ({total} bytes), not {first}", total
        )
    return first, None if stop is None or (total is not None and stop >= total) else stop
