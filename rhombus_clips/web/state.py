"""What the routes remember about a session, for all of its requests."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Generic, TypeVar

from attrs import define, field, frozen

from rhombus_clips.errors import NotFoundError
from rhombus_clips.models import ClipWithProgress, SavedClip
from rhombus_clips.session import ClipSession
from rhombus_clips.web.broadcast import Broadcast
from rhombus_clips.web.days import RecordedTimes
from rhombus_clips.web.messages import ProblemError
from rhombus_clips.web.new_clips import NewClips
from rhombus_clips.web.settings import Settings

T = TypeVar("T")

# A browser requests many parts of a video, and a thumbnail for each clip of a page. Each of these
# would otherwise read the clip's record from the service, whose rate budget is small.
_CLIP_SECONDS, _MOST_CLIPS = 300.0, 10_000
_HEAD_SECONDS, _MOST_HEADS = 60.0, 1_000
# The service may take a while before it returns a new splice.
_SPLICE_SECONDS, _MOST_SPLICES = 60.0, 1_000
_BUSY_SECONDS = "5"


@define
class Remembered(Generic[T]):
    """Values by clip uuid, each for a limited time."""

    seconds: float
    most: int
    _entries: dict[str, tuple[float, T]] = field(factory=dict[str, tuple[float, T]])

    def get(self, clip_uuid: str) -> T | None:
        """Return the value for *clip_uuid*, if there is one."""
        expires, value = self._entries.get(clip_uuid, (0.0, None))
        return value if _now() < expires else None

    def put(self, clip_uuid: str, value: T) -> None:
        """Remember *value*, and forget the oldest one if there are too many."""
        self._entries.pop(clip_uuid, None)
        if len(self._entries) >= self.most:
            del self._entries[next(iter(self._entries))]
        self._entries[clip_uuid] = (_now() + self.seconds, value)

    def forget(self, clip_uuid: str) -> None:
        """Forget the value for *clip_uuid*."""
        self._entries.pop(clip_uuid, None)


@frozen(kw_only=True)
class VideoHead:
    """What the media host says about a video."""

    total: int | None
    etag: str | None
    last_modified: datetime | None


class SessionState:
    """The state that all requests with the same session share."""

    def __init__(self, session: ClipSession, settings: Settings) -> None:
        self.heads: Remembered[VideoHead] = Remembered(_HEAD_SECONDS, _MOST_HEADS)
        self.renders: dict[str, Broadcast[ClipWithProgress]] = {}
        """The renders that have listeners, by clip uuid."""
        self.new_clips: NewClips = NewClips(session, settings.interval)
        self.recorded_times: RecordedTimes = RecordedTimes(session)
        self._session = session
        self._settings = settings
        self._streams = 0
        self._clips: Remembered[SavedClip] = Remembered(_CLIP_SECONDS, _MOST_CLIPS)
        self._splices: Remembered[bool] = Remembered(_SPLICE_SECONDS, _MOST_SPLICES)

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[None, None]:
        """Count a stream while the block runs. Raises `ProblemError` if there are too many."""
        if self._streams >= self._settings.limits.streams:
            raise ProblemError(
                429, "There are too many streams; try again later.", {"Retry-After": _BUSY_SECONDS}
            )
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    # --- clips -------------------------------------------------------------------------------

    def remember_clips(self, clips: Iterable[SavedClip]) -> None:
        """Remember the records of complete clips, which have a region."""
        for clip in clips:
            if clip.uuid is not None and clip.is_complete and clip.clip_location is not None:
                self._clips.put(clip.uuid, clip)

    async def clip(self, clip_uuid: str) -> SavedClip:
        """Return the clip's record, which may be some minutes old if the clip is complete."""
        clip = self._clips.get(clip_uuid)
        if clip is None:
            clip = await self._session.get_clip_with_progress(clip_uuid)
            self.remember_clips([clip])
        return clip

    def forget_clip(self, clip_uuid: str) -> None:
        """Forget what is known about a clip, because it changes."""
        self._clips.forget(clip_uuid)
        self.heads.forget(clip_uuid)

    def remember_splice(self, clip_uuids: Iterable[str]) -> None:
        """Remember that the clips exist, although the service may not return them yet."""
        for clip_uuid in clip_uuids:
            self._splices.put(clip_uuid, True)

    async def progress(self, clip_uuid: str) -> ClipWithProgress | None:
        """Return a clip with its progress; None for a new splice that is not visible yet."""
        try:
            return await self._session.get_clip_with_progress(clip_uuid)
        except NotFoundError:
            if self._splices.get(clip_uuid) is None:
                raise
            return None


def _now() -> float:
    return asyncio.get_running_loop().time()
