"""Downloads: the files of clips, whole and verified."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from os import PathLike
from pathlib import Path

from rhombus_clips.arguments import (
    function,
    function_or_none,
    instance,
    seconds_of,
    whole_number,
)
from rhombus_clips.calls.retry import RetryPolicy
from rhombus_clips.media import ClipStream, Downloaded, DownloadSummary
from rhombus_clips.media.download import Download, Progress
from rhombus_clips.media.fetching import Fetching
from rhombus_clips.media.file_names import local_path, usual_file_name
from rhombus_clips.media.host import MediaHost
from rhombus_clips.media.many import ClipProgress, Downloads, OnEnd
from rhombus_clips.media.ranges import Fetch, MediaFile, clip_file, thumbnail_file
from rhombus_clips.models import SavedClip
from rhombus_clips.renders.polling import Polling
from rhombus_clips.renders.waiting import WaitingRoom
from rhombus_clips.session.resource import Resource

_MOST_AT_ONCE = 64


class ClipFiles(Resource):
    """What a session does with the files of clips."""

    _media: MediaHost
    _retry: RetryPolicy
    _secret: str

    async def download_clip(
        self,
        clip: SavedClip,
        path: str | PathLike[str],
        *,
        verify: bool = True,
        progress: Progress | None = None,
    ) -> Downloaded:
        """Bring a clip's video to *path*: there is the whole file, or what was there before.

        It is fetched from ``/media/metadata/{region}/{uuid}.mp4`` of the media host into
        ``path.part`` beside it, and put in its place when it is whole. A download that broke off,
        or was cancelled or killed, goes on where it was, when the clip has a hash or the host an
        entity tag by which the parts can be trusted; ``path.part.json`` keeps that tag. How long a
        file takes has no limit, see `MediaTimeout` for what ends a stalled one.

        A file that is at *path* already, and has the clip's hash, is left there; any other is
        replaced.

        :param clip: The clip, as any of the session's methods gives it.
        :param path: Where to, on this machine; the folder must be there.
        :param verify: Compare length and SHA-256 with `byte_count` and `sha256_hex`, where the
            clip has them; True unless given. What they stand for is not documented.
        :param progress: Called with the bytes that are there and how many there will be.
        :return: The path, the length and the hash of the file, and how many requests it took.
        :raises NotFoundError: when the media host has no such file: before the clip is complete.
        :raises IntegrityError: when the file is not the one of the clip's record.
        :raises DownloadError: when the clip does not say where it lies, *path* is being written by
            another download, or something other than a regular file has its name or that of a part.
        :raises ValueError: when *path* is empty or a URL.
        :raises OSError: when it cannot be written.
        :raises RhombusError: as every request to the media host, see the README's table.
        """
        progress = function_or_none(progress, "progress")
        target = local_path(path, "path")
        file = clip_file(instance(clip, SavedClip, "clip"), verify=verify)
        return await self._download(file, target, progress)

    async def download_thumbnail(
        self, clip: SavedClip, path: str | PathLike[str], *, progress: Progress | None = None
    ) -> Downloaded:
        """Bring a clip's picture to *path* (``/media/metadata/{region}/{uuid}.jpeg``).

        As `download_clip`, but the clip says nothing of the picture's length or hash: only what
        the media host says of them is verified.

        :param clip: The clip.
        :param path: Where to; the folder must be there.
        :param progress: Called with the bytes that are there and how many there will be.
        :return: As `download_clip`.
        :raises NotFoundError: and the others of `download_clip`.
        """
        progress = function_or_none(progress, "progress")
        target = local_path(path, "path")
        file = thumbnail_file(instance(clip, SavedClip, "clip"))
        return await self._download(file, target, progress)

    @asynccontextmanager
    async def stream_clip(
        self, clip: SavedClip, *, verify: bool = True
    ) -> AsyncGenerator[ClipStream, None]:
        """Read a clip's video chunk by chunk, to pass it on (``/media/metadata/...``, its `.mp4`).

        ``async with session.stream_clip(clip) as stream: async for chunk in stream: ...``. The
        block begins when the first bytes have come, and `ClipStream.total` tells how many there
        will be. A stream that breaks off goes on where it was, as a download does, or raises; one
        that is not read holds its connection until the block ends.

        :param clip: The clip.
        :param verify: As for `download_clip`; what is wrong is raised behind the last chunk.
        :raises NotFoundError: and the others of `download_clip`, on entering or while reading.
        """
        file = clip_file(instance(clip, SavedClip, "clip"), verify=verify)
        stream = ClipStream(self._fetching(file))
        try:
            await stream.begin()
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
        """Bring the videos of many clips into a folder, each as `download_clip` does.

        Asks for ``/media/metadata/{region}/{uuid}.mp4`` of the media host.

        For each file a line of JSON goes into ``manifest.jsonl`` there. Run it again, after it
        was interrupted or because there are new clips, and what is there whole is skipped.

        :param clips: The clips; a pager is read as the downloads go on.
        :param folder: Where to, on this machine; it is made when it is not there.
        :param concurrency: How many files to fetch at once, 1 to 64; 4 by default.
        :param name: Names the file of a clip, as it is when it is complete: by default when the
            footage begins, its title and its uuid. Letters that file systems do not take are
            replaced, folders are not made, and a name that is not free, or too long for the folder,
            is changed and gets the uuid.
        :param timeout: How long to wait for a clip that is still in the making, in seconds from
            when it is met; None, the default, does not wait, and counts it among the failures.
            Clips that wait hold up no download: they are watched together, as `watch_clips` does,
            and fetched as soon as they are complete. At most 1,000 wait at once: while as many do,
            no more of *clips* are taken.
        :param polling: How often to look at clips that wait, as for `watch_clip`.
        :param verify: As for `download_clip`.
        :param progress: Called with a clip, the bytes that are there, and how many there will be.
        :param on_end: Called with each clip and its `Downloaded`, or the error; once for a clip
            that comes twice. Like *name* and *progress* a plain function: nothing awaits it.
        :return: How many were downloaded and skipped, and the failures: what is wrong with one clip
            does not end the others. An `OSError` that is about one file is the cause of a
            `DownloadError` there.
        :raises AuthenticationError: likewise `ConfigurationError` and `SessionClosedError`, which
            every other clip would meet, too.
        :raises OSError: when nothing more can be written: the disk is full, read-only or failing,
            the folder or the manifest cannot be written any more, no more files can be opened.
        :raises TypeError: when *name* returns no string, or a function something to await.
        :raises Exception: what *clips*, *name*, *progress* and *on_end* raise, as it is.
        """
        if not isinstance(clips, Iterable | AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            raise TypeError(f"clips must be clips to iterate over, not a {type(clips).__name__}")
        concurrency = whole_number(concurrency, "concurrency", least=1, most=_MOST_AT_ONCE)
        name = function(name, "name")
        progress = function_or_none(progress, "progress")
        on_end = function_or_none(on_end, "on_end")
        target = local_path(folder, "folder")
        if timeout is not None:
            timeout = seconds_of(timeout, "timeout")
        instance(polling, Polling, "polling")

        async def download(
            clip: SavedClip,
            path: Path,
            progress: Progress | None,
            replaces: bool,  # noqa: FBT001  # as a Callable is typed
        ) -> Downloaded:
            file = clip_file(clip, verify=verify)
            return await self._download(file, path, progress, replaces=replaces, is_listed=True)

        waits = None
        if timeout is not None:
            waits = WaitingRoom(self._call, polling, timeout=timeout)
        downloads = Downloads(download, target, name, progress, on_end, waits)
        return await downloads.run(clips, at_once=concurrency)

    async def _download(
        self,
        file: MediaFile,
        path: Path,
        progress: Progress | None,
        *,
        replaces: bool = True,
        is_listed: bool = False,
    ) -> Downloaded:
        fetching = self._fetching(file)
        return await Download(fetching, path, progress, replaces, is_listed).run()

    def _fetching(self, file: MediaFile) -> Fetching:
        return Fetching(self._media, Fetch(file), self._retry, self._secret)
