"""Bulk downloads: many clips into one folder, a few at a time, restartable by a manifest."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from attrs import define, field, frozen

from rhombus_clips.arguments import instance
from rhombus_clips.calls.retry import concerns_every_call
from rhombus_clips.concurrency import each, in_thread, tasks
from rhombus_clips.errors import DownloadError, RhombusError
from rhombus_clips.media.download import Downloaded, Progress
from rhombus_clips.media.file_names import safe_file_name
from rhombus_clips.media.manifest import Manifest
from rhombus_clips.media.media_file import saved_clip
from rhombus_clips.models import SavedClip

T = TypeVar("T")
P = ParamSpec("P")

ClipProgress = Callable[[SavedClip, int, int | None], None]
"""Called with a clip, the bytes received so far, and the total, which is None while unknown."""

OnEnd = Callable[[SavedClip, Downloaded | RhombusError], None]
"""Called with a clip and its file, whether new or existing, or the error."""

MOST_WAITING = 1000
"""The maximum number of clips that wait at the same time until they are complete."""

# A full, failing or read-only disk, an exceeded quota, and a process or a machine that cannot open
# more files.
_OF_THE_MACHINE = {"ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM"}


class Waits(AsyncIterable[tuple[str, SavedClip | RhombusError]], Protocol):
    """Waits for clips. Iterating yields the uuid of each with the complete clip, or the error that
    ended its wait.

    `run` polls the clips. `run` and the iteration end when no clip waits and none will be added.
    """

    def add(self, clip_uuid: str) -> None:
        """Wait for another clip."""

    def close(self) -> None:
        """State that no more clips will be added."""

    async def run(self) -> None:
        """Wait for the clips. Raises errors that concern every clip."""


@frozen
class DownloadFailure:
    """A clip whose file could not be downloaded."""

    clip: SavedClip
    error: RhombusError
    """The reason. An exception of another library or the system is the cause of a
    `DownloadError`."""


@define
class DownloadSummary:
    """The result of a bulk download."""

    downloaded: int = 0
    """The number of files that were downloaded."""
    skipped: int = 0
    """The number of files that already existed, plus the number of repeated clips."""
    failures: list[DownloadFailure] = field(factory=list[DownloadFailure])


@define
class _Item:
    """A clip to download."""

    clip: SavedClip
    """The clip as the caller passed it."""
    complete: SavedClip
    """The clip with its final record."""
    path: Path | None = None
    raised: list[Exception] = field(factory=list[Exception])
    """The exceptions of the caller's functions."""
    concerns_every_clip: bool = False
    """True if the failure affects every clip."""

    def watched(self, function: Callable[P, T]) -> Callable[P, T]:
        """Wrap a function of the caller, whose exceptions are not failures of the clip."""

        def called(*arguments: P.args, **more: P.kwargs) -> T:
            try:
                return function(*arguments, **more)
            except Exception as error:
                self.raised.append(error)
                raise

        return called


@define
class BulkDownload:
    """Downloads clips into a folder.

    :param download: Downloads one clip to a path. The last argument permits replacing a file there.
    :param folder: The folder, as an absolute path: the process may change its current one.
    :param name: Returns the file name of a clip.
    :param waits: Waits for clips that are not complete; None to fail them.
    """

    download: Callable[[SavedClip, Path, Progress | None, bool], Awaitable[Downloaded]]
    folder: Path
    name: Callable[[SavedClip], str]
    progress: ClipProgress | None
    on_end: OnEnd | None
    waits: Waits | None
    summary: DownloadSummary = field(factory=DownloadSummary, init=False)
    _manifest: Manifest = field(init=False)
    _seen: set[str] = field(factory=set[str], init=False)
    _waiting: dict[str, SavedClip] = field(factory=dict[str, SavedClip], init=False)
    _start: Callable[..., None] = field(init=False)
    _slots: asyncio.Semaphore = field(init=False)
    _waiting_slots: asyncio.Semaphore = field(init=False)

    async def run(
        self, clips: Iterable[SavedClip] | AsyncIterable[SavedClip], *, at_once: int
    ) -> DownloadSummary:
        """Download *clips*, *at_once* at a time.

        The summary has the failures that concern one clip. Raises those that concern every clip,
        and the exceptions of *clips* and of the caller's functions.
        """
        self._manifest = Manifest(self.folder)
        await in_thread(self._manifest.read)
        self._slots = asyncio.Semaphore(at_once)
        self._waiting_slots = asyncio.Semaphore(MOST_WAITING)
        async with aclosing(_iterated(clips)) as items, tasks() as self._start:
            if self.waits is not None:
                self._start(self.waits.run)
                self._start(self._download_complete, self.waits)
            self._start(self._read, items)
        return self.summary

    # --- where clips come from: the caller, and waits that ended ---------------------------------

    async def _read(self, items: AsyncGenerator[SavedClip, None]) -> None:
        while True:
            # Take the next clip when a slot is free, but do not hold the slot while waiting for the
            # clip.
            async with self._slots:
                pass
            try:
                clip = await anext(items)
            except StopAsyncIteration:
                break
            saved_clip(clip, "each of clips")
            if clip.uuid is not None and clip.uuid in self._seen:
                self.summary.skipped += 1
                continue
            self._seen.add(clip.uuid or "")
            item = _Item(clip, clip)
            if self.waits is None or clip.uuid is None or clip.is_complete:
                await self._start_download(item)
            elif (file := await self._attempt(item, self._manifest.file_of(clip))) is not None:
                self._end(item, file)
            else:
                # Held until the clip has a slot for its download, so that an endless iterable
                # cannot fill the memory.
                await self._waiting_slots.acquire()
                self._waiting[clip.uuid] = clip
                self.waits.add(clip.uuid)
        if self.waits is not None:
            self.waits.close()

    async def _download_complete(self, waits: Waits) -> None:
        async for uuid, outcome in waits:
            clip = self._waiting.pop(uuid)
            if isinstance(outcome, RhombusError):
                self._end(_Item(clip, clip), outcome)
            else:
                await self._start_download(_Item(clip, outcome))
            self._waiting_slots.release()

    # --- into the folder -------------------------------------------------------------------------

    async def _start_download(self, item: _Item) -> None:
        await self._slots.acquire()
        self._start(self._download, item)

    async def _download(self, item: _Item) -> None:
        try:
            self._end(item, await self._attempt(item, self._file(item)))
        finally:
            self._slots.release()

    def _end(self, item: _Item, outcome: Downloaded | RhombusError) -> None:
        if isinstance(outcome, RhombusError):
            self.summary.failures.append(DownloadFailure(item.clip, outcome))
        elif outcome.requests:
            self.summary.downloaded += 1
        else:
            self.summary.skipped += 1
        if self.on_end is not None:
            self.on_end(item.clip, outcome)

    async def _attempt(self, item: _Item, work: Awaitable[T]) -> T | RhombusError:
        """Return the result of *work*, or its error if that concerns this clip alone."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001  # raised again unless it concerns this clip
            failure = error
        if item.raised:
            raise item.raised[0]
        if item.concerns_every_clip or await in_thread(concerns_every_clip, failure, self.folder):
            raise failure
        if isinstance(failure, RhombusError):
            return failure
        reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else failure
        explained = DownloadError(
            f"cannot download clip {item.clip.uuid} to {item.path or self.folder}: {reason}"
            f" ({type(failure).__name__})"
        )
        explained.__cause__ = failure
        return explained

    async def _file(self, item: _Item) -> Downloaded:
        clip, manifest, progress = item.complete, self._manifest, self.progress
        if clip.uuid is None:
            raise DownloadError("a clip without a uuid has no file")
        existing = await manifest.file_of(clip)
        if existing is not None:
            return existing
        name = safe_file_name(item.watched(self._name_of)(clip))
        destination = await manifest.destination(clip, name)
        item.path = destination.path

        def report(count: int, total: int | None) -> None:
            if progress is not None:
                progress(item.clip, count, total)

        file = destination.existing or await self.download(
            clip, destination.path, item.watched(report), destination.replaces
        )
        try:
            await in_thread(manifest.add, clip, file)
        except OSError:
            # If the file exists, the manifest is what cannot be written.
            item.concerns_every_clip = await in_thread(file.path.is_file)
            raise
        return file

    def _name_of(self, clip: SavedClip) -> str:
        return instance(self.name(clip), str, "the return value of name")


def concerns_every_clip(error: Exception, folder: Path) -> bool:
    """Return whether *error* prevents every other download into *folder*."""
    if not isinstance(error, OSError):
        return isinstance(error, MemoryError) or concerns_every_call(error)
    if errno.errorcode.get(error.errno or 0) in _OF_THE_MACHINE:
        return True
    try:
        return not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK))
    except OSError:
        return True


async def _iterated(
    clips: Iterable[SavedClip] | AsyncIterable[SavedClip],
) -> AsyncGenerator[SavedClip, None]:
    iterator = aiter(clips if isinstance(clips, AsyncIterable) else each(clips))
    try:
        async for clip in iterator:
            yield clip
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
