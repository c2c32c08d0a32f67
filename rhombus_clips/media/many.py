"""Many clips into one folder: bounded, restartable, one line of a manifest for each file."""

import asyncio
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from contextlib import aclosing
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

import anyio
import anyio.abc
from attrs import define, field, frozen

from rhombus_clips.arguments import instance
from rhombus_clips.concurrency import in_thread
from rhombus_clips.errors import DownloadError, RhombusError
from rhombus_clips.media.download import Downloaded, Progress
from rhombus_clips.media.file_names import safe_file_name
from rhombus_clips.media.manifest import Manifest
from rhombus_clips.media.obstacles import meets_every_clip
from rhombus_clips.models import SavedClip

T = TypeVar("T")
P = ParamSpec("P")

ClipProgress = Callable[[SavedClip, int, int | None], None]
"""Takes a clip, how many bytes of it are there, and how many there will be, None when unknown."""

OnEnd = Callable[[SavedClip, Downloaded | RhombusError], None]
"""Takes a clip, and its file, fetched now or there already, or why there is none."""

MOST_WAITING = 1000
"""How many clips may wait at once until they are complete."""


class Waits(Protocol):
    """Waits for clips; iterating gives each when it is complete, or why it is waited for no longer.

    `run` does the waiting. It and the iteration end when nobody waits and none will be added.
    """

    def add(self, clip_uuid: str) -> None:
        """Wait for that clip, too."""

    def close(self) -> None:
        """Say that no more will be added."""

    async def run(self) -> None:
        """Wait for those that were added. Raises what every clip would meet."""

    def __aiter__(self) -> AsyncIterator[tuple[str, SavedClip | RhombusError]]:
        """The clips by their uuids, as their waits end."""
        ...


@frozen
class DownloadFailure:
    """A clip whose file could not be fetched."""

    clip: SavedClip
    error: RhombusError
    """Why. What another library or the system raised is the cause of a `DownloadError`."""


@define
class DownloadSummary:
    """What became of many downloads."""

    downloaded: int = 0
    """Files that were fetched."""
    skipped: int = 0
    """Files that were there already, and clips that came twice."""
    failures: list[DownloadFailure] = field(factory=list[DownloadFailure])


@define
class _Errand:
    """A clip on its way into the folder."""

    clip: SavedClip
    """As the caller gave it."""
    record: SavedClip
    """As it was when it was complete."""
    path: Path | None = None
    raised: list[Exception] = field(factory=list[Exception])
    """What functions of the caller raised."""
    meets_every_clip: bool = False
    """Whether what went wrong is not about this clip."""

    def noting(self, function: Callable[P, T]) -> Callable[P, T]:
        """*function*, which is the caller's: what it raises is not a failure of the clip."""

        def called(*arguments: P.args, **more: P.kwargs) -> T:
            try:
                return function(*arguments, **more)
            except Exception as error:
                self.raised.append(error)
                raise

        return called


class _Jobs:
    """Tasks of a group: the first exception ends them all, and is kept as it is."""

    def __init__(self, group: anyio.abc.TaskGroup, failures: list[Exception]) -> None:
        self._group = group
        self._failures = failures

    def start(self, job: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        self._group.start_soon(self._kept, job, *arguments)

    async def _kept(self, job: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await job(*arguments)
        except Exception as error:  # noqa: BLE001  # raised again at the end of the group
            self._failures.append(error)
            self._group.cancel_scope.cancel()


def _absolute(folder: Path) -> Path:
    """The folder that it is now: the process may move to another meanwhile."""
    return folder.absolute()


@define
class Downloads:
    """Brings clips into a folder.

    :param download: Brings one clip to a path, where another file is replaced or not.
    :param name: Names the file of a clip.
    :param waits: Waits for clips that are in the making; None when they are not waited for.
    """

    download: Callable[[SavedClip, Path, Progress | None, bool], Awaitable[Downloaded]]
    folder: Path = field(converter=_absolute)
    name: Callable[[SavedClip], str]
    progress: ClipProgress | None
    on_end: OnEnd | None
    waits: Waits | None
    summary: DownloadSummary = field(factory=DownloadSummary, init=False)
    _manifest: Manifest = field(init=False)
    _begun: set[str] = field(factory=set[str], init=False)
    _waiting: dict[str, SavedClip] = field(factory=dict[str, SavedClip], init=False)
    _slots: asyncio.Semaphore = field(init=False)
    _places: asyncio.Semaphore = field(init=False)

    async def run(
        self, clips: Iterable[SavedClip] | AsyncIterable[SavedClip], *, at_once: int
    ) -> DownloadSummary:
        """Download *clips*, *at_once* at a time.

        What is wrong with one clip is kept in the summary, and the others go on. What every other
        would meet too is raised, and so is what *clips* and the caller's functions raise.
        """
        self._manifest = Manifest(self.folder)
        await in_thread(self._manifest.read)
        self._slots = asyncio.Semaphore(at_once)
        self._places = asyncio.Semaphore(MOST_WAITING)
        failures: list[Exception] = []
        async with aclosing(_iterated(clips)) as items:
            async with anyio.create_task_group() as group:
                jobs = _Jobs(group, failures)
                if self.waits is not None:
                    jobs.start(self.waits.run)
                    jobs.start(self._take_up, self.waits, jobs)
                jobs.start(self._read, items, jobs)
            if failures:
                raise failures[0]
        return self.summary

    # --- where clips come from: the caller, and the waits that are over --------------------------

    async def _read(self, items: AsyncGenerator[SavedClip, None], jobs: _Jobs) -> None:
        while True:
            # A clip is taken when it could be fetched at once, and no slot is held while it comes.
            async with self._slots:
                pass
            try:
                clip = await anext(items)
            except StopAsyncIteration:
                break
            instance(clip, SavedClip, "each of clips")
            if clip.uuid is not None and clip.uuid in self._begun:
                self.summary.skipped += 1
                continue
            self._begun.add(clip.uuid or "")
            if self.waits is None or clip.uuid is None or clip.is_complete:
                await self._begin(_Errand(clip, clip), jobs)
            else:
                await self._let_wait(_Errand(clip, clip), clip.uuid, self.waits)
        if self.waits is not None:
            self.waits.close()

    async def _let_wait(self, errand: _Errand, uuid: str, waits: Waits) -> None:
        there = await self._attempted(errand, self._manifest.file_of(errand.clip))
        if there is not None:
            self._end(errand, there)
            return
        # A place is held until the clip has a slot: an endless iterable must not fill the memory.
        await self._places.acquire()
        self._waiting[uuid] = errand.clip
        waits.add(uuid)

    async def _take_up(self, waits: Waits, jobs: _Jobs) -> None:
        async for uuid, outcome in waits:
            clip = self._waiting.pop(uuid)
            if isinstance(outcome, RhombusError):
                self._end(_Errand(clip, clip), outcome)
            else:
                await self._begin(_Errand(clip, outcome), jobs)
            self._places.release()

    # --- into the folder -------------------------------------------------------------------------

    async def _begin(self, errand: _Errand, jobs: _Jobs) -> None:
        await self._slots.acquire()
        jobs.start(self._bring, errand)

    async def _bring(self, errand: _Errand) -> None:
        try:
            self._end(errand, await self._attempted(errand, self._file(errand)))
        finally:
            self._slots.release()

    def _end(self, errand: _Errand, outcome: Downloaded | RhombusError) -> None:
        if isinstance(outcome, RhombusError):
            self.summary.failures.append(DownloadFailure(errand.clip, outcome))
        elif outcome.requests:
            self.summary.downloaded += 1
        else:
            self.summary.skipped += 1
        if self.on_end is not None:
            self.on_end(errand.clip, outcome)

    async def _attempted(self, errand: _Errand, work: Awaitable[T]) -> T | RhombusError:
        """What *work* gives, or why it failed, if that is about this clip alone."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001  # raised again unless it is about this clip
            failure = error
        if errand.raised:
            raise errand.raised[0]
        if errand.meets_every_clip or await self._meets_every_clip(failure):
            raise failure
        return failure if isinstance(failure, RhombusError) else self._explained(failure, errand)

    async def _meets_every_clip(self, error: Exception) -> bool:
        return meets_every_clip(error) or (
            isinstance(error, OSError) and not await in_thread(_is_usable, self.folder)
        )

    def _explained(self, error: Exception, errand: _Errand) -> DownloadError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        explained = DownloadError(
            f"clip {errand.clip.uuid} cannot be brought to {errand.path or self.folder}:"
            f" {reason} ({type(error).__name__})"
        )
        explained.__cause__ = error
        return explained

    async def _file(self, errand: _Errand) -> Downloaded:
        clip, manifest = errand.record, self._manifest
        if clip.uuid is None:
            raise DownloadError("a clip without a uuid has no file")
        there = await manifest.file_of(clip)
        if there is not None:
            return there
        name = safe_file_name(errand.noting(self._name_of)(clip))
        place = await manifest.claim(clip, name)
        errand.path = place.path
        file = place.there or await self.download(
            clip, place.path, self._progress_of(errand), place.replaces
        )
        try:
            await in_thread(manifest.add, clip, file)
        except OSError:
            # The file is there, so it is the manifest that cannot be written.
            errand.meets_every_clip = await in_thread(file.path.is_file)
            raise
        return file

    def _name_of(self, clip: SavedClip) -> str:
        return instance(self.name(clip), str, "what name returns")

    def _progress_of(self, errand: _Errand) -> Progress | None:
        progress = self.progress
        if progress is None:
            return None
        return errand.noting(lambda there, total: progress(errand.clip, there, total))


def _is_usable(folder: Path) -> bool:
    """Whether files can be made in *folder*, as far as the system says."""
    try:
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


async def _iterated(
    clips: Iterable[SavedClip] | AsyncIterable[SavedClip],
) -> AsyncGenerator[SavedClip, None]:
    if isinstance(clips, AsyncIterable):
        iterator = aiter(clips)
        try:
            async for clip in iterator:
                yield clip
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
    else:
        for clip in clips:
            yield clip
