"""Many clips into one folder: bounded, restartable, one line of a manifest for each file."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

from attrs import define, field, frozen

from rhombus_clips.concurrency import in_thread, side_by_side
from rhombus_clips.errors import (
    AuthenticationError,
    ConfigurationError,
    DownloadError,
    RhombusError,
    SessionClosedError,
)
from rhombus_clips.media.download import Downloaded, Progress
from rhombus_clips.media.manifest import Manifest
from rhombus_clips.models import SavedClip
from rhombus_clips.protocol.arguments import instance
from rhombus_clips.protocol.file_names import safe_file_name

ClipProgress = Callable[[SavedClip, int, int | None], None]
"""Takes a clip, how many bytes of it are there, and how many there will be, None when unknown."""

OnEnd = Callable[[SavedClip, Downloaded | RhombusError], None]
"""Takes a clip, and its file, fetched now or there already, or why there is none."""

# What every other clip would meet too.
_HOPELESS = (AuthenticationError, ConfigurationError, SessionClosedError)


@frozen
class DownloadFailure:
    """A clip whose file could not be fetched."""

    clip: SavedClip
    error: RhombusError


@define
class DownloadSummary:
    """What became of many downloads."""

    downloaded: int = 0
    """Files that were fetched."""
    skipped: int = 0
    """Files that were there already, and clips that came twice."""
    failures: list[DownloadFailure] = field(factory=list[DownloadFailure])


def _absolute(folder: Path) -> Path:
    """The folder that it is now: the process may move to another meanwhile."""
    return folder.absolute()


@define
class Downloads:
    """Brings clips into a folder.

    :param download: Brings one clip to a path, where another file is replaced or not.
    :param name: Names the file of a clip.
    """

    download: Callable[[SavedClip, Path, Progress | None, bool], Awaitable[Downloaded]]
    folder: Path = field(converter=_absolute)
    name: Callable[[SavedClip], str]
    progress: ClipProgress | None
    on_end: OnEnd | None
    summary: DownloadSummary = field(factory=DownloadSummary, init=False)
    _begun: set[str] = field(factory=set[str], init=False)

    async def run(
        self, clips: Iterable[SavedClip] | AsyncIterable[SavedClip], *, at_once: int
    ) -> DownloadSummary:
        """Download *clips*, *at_once* at a time.

        What is wrong with one clip is kept in the summary, and the others go on. What every other
        would meet too is raised, and so is what *clips* raises.
        """
        manifest = Manifest(self.folder)
        await in_thread(manifest.read)

        async def bring(clip: SavedClip) -> None:
            instance(clip, SavedClip, "each of clips")
            if clip.uuid is not None and clip.uuid in self._begun:
                self.summary.skipped += 1
                return
            self._begun.add(clip.uuid or "")
            outcome = await self._brought(clip, manifest)
            if self.on_end is not None:
                self.on_end(clip, outcome)

        async with aclosing(_iterated(clips)) as items:
            await side_by_side(bring, items, at_once=at_once)
        return self.summary

    async def _brought(self, clip: SavedClip, manifest: Manifest) -> Downloaded | RhombusError:
        try:
            file = await self._file(clip, manifest)
        except _HOPELESS:
            raise
        except RhombusError as error:
            self.summary.failures.append(DownloadFailure(clip, error))
            return error
        if file.requests:
            self.summary.downloaded += 1
        else:
            self.summary.skipped += 1
        return file

    async def _file(self, clip: SavedClip, manifest: Manifest) -> Downloaded:
        if clip.uuid is None:
            raise DownloadError("a clip without a uuid has no file")
        there = await manifest.file_of(clip)
        if there is not None:
            return there
        name = safe_file_name(instance(self.name(clip), str, "what name returns"))
        place = await manifest.claim(clip, name)
        file = place.there or await self.download(
            clip, place.path, self._progress_of(clip), place.replaces
        )
        await in_thread(manifest.add, clip, file)
        return file

    def _progress_of(self, clip: SavedClip) -> Progress | None:
        progress = self.progress
        if progress is None:
            return None
        return lambda there, total: progress(clip, there, total)


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
