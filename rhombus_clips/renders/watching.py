"""Watching clips while they are rendered, and waiting for them."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing

import anyio

from rhombus_clips import errors
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_CLIP_WITH_PROGRESS, GET_CLIPS_WITH_PROGRESS
from rhombus_clips.calls.identity import refuse_unnamed
from rhombus_clips.concurrency import each, side_by_side
from rhombus_clips.models import ClipWithProgress
from rhombus_clips.renders.polling import Polling, WatchedClip, has_failed
from rhombus_clips.renders.requests import CLIP_PATH, get_clip
from rhombus_clips.watcher import Watch, Watcher

Outcome = ClipWithProgress | errors.RhombusError
"""The end of a watch: the complete clip, or the error that ended it."""

OnPoll = Callable[[WatchedClip, bool, Outcome | None], None]
"""Receives a polled clip, whether it changed, and the outcome if its watch has ended."""

# Other errors are not limited to one clip.
_OF_ONE_CLIP = errors.ClipFailedError | errors.ApiError | errors.NotFoundError

_CONCURRENT_POLLS = 8
_MIN_CLIPS_TO_LIST = 3
_MIN_PAGE_SIZE, _MAX_PAGE_SIZE = 50, 200
_MAX_ROUNDS_BETWEEN_LISTINGS = 8


class ClipWatcher(Watcher[ClipWithProgress]):
    """The changes of clips that are being created; see `ClipSession.watch_clip` and `watch_clips`.

    After a timeout, a cancellation, an error or a ``break``, the next iteration resumes with the
    next change. A second concurrent iteration raises `RuntimeError`. `aclose` ends an iteration and
    its request.
    """

    def __init__(
        self,
        call: Caller,
        watched: Iterable[WatchedClip],
        polling: Polling,
        *,
        yields_failed: bool,
        heartbeat: float | None = None,
    ) -> None:
        renders = _Renders(call, watched, polling, yields_failed=yields_failed)
        super().__init__(renders, heartbeat=heartbeat)


class _Renders(Watch[ClipWithProgress]):
    """The state of a watch of clips."""

    def __init__(
        self, call: Caller, watched: Iterable[WatchedClip], polling: Polling, *, yields_failed: bool
    ) -> None:
        self._poller = ClipPoller(call, self._record)
        self._polling = polling
        self._yields_failed = yields_failed
        self._unfinished = {watch.uuid: watch for watch in watched}
        """The clips to poll. Those that changed last are at the end."""
        self._changes: deque[ClipWithProgress] = deque()
        self._failed: dict[str, errors.ClipFailedError] = {}
        self._lost: dict[str, tuple[WatchedClip, errors.RhombusError]] = {}
        """The clips that did not appear or that the service rejected."""
        self._interval = 0.0
        self._has_moved = False
        """True if a clip changed in this round."""

    def take(self) -> ClipWithProgress | None:
        """Return the next change. Raise one error for all failures at the end.

        Failed renders are final. The other clips are polled again if the watch is resumed.
        """
        if self._changes:
            return self._changes.popleft()
        if self._unfinished:
            return None
        if not self._failed and not self._lost:
            raise StopAsyncIteration
        lost, self._lost = self._lost, {}
        for uuid, (watch, _) in lost.items():
            self._unfinished[uuid] = watch
            watch.forgive()
        raise _combined(self._failed, {uuid: error for uuid, (_, error) in lost.items()})

    def last_state(self) -> ClipWithProgress:
        """Return the unfinished clip that changed last, or one with only a uuid."""
        for watch in reversed(self._unfinished.values()):
            if watch.clip is not None:
                return watch.clip
        return ClipWithProgress(uuid=next(iter(self._unfinished)))

    async def advance(self) -> None:
        """Poll each clip once."""
        try:
            await self._poller.poll(self._unfinished)
        except errors.RhombusError:
            for watch in self._unfinished.values():
                watch.forgive()
            self._end_round()
            raise
        self._end_round()

    def _end_round(self) -> None:
        self._interval = self._polling.next_interval(self._interval, moved=self._has_moved)
        self.due = anyio.current_time() + self._interval
        self._has_moved = False

    def _record(self, watch: WatchedClip, changed: bool, outcome: Outcome | None) -> None:  # noqa: FBT001  # OnPoll has no keywords
        if isinstance(outcome, errors.RhombusError) and not isinstance(outcome, _OF_ONE_CLIP):
            raise outcome
        if watch.clip is not None and changed:
            if self._yields_failed or not has_failed(watch.clip):
                self._changes.append(watch.clip)
            self._has_moved = True
            self._unfinished[watch.uuid] = self._unfinished.pop(watch.uuid)
        if outcome is not None:
            del self._unfinished[watch.uuid]
        if isinstance(outcome, errors.ClipFailedError):
            self._failed[watch.uuid] = outcome
        elif isinstance(outcome, errors.RhombusError):
            self._lost[watch.uuid] = (watch, outcome)


async def wait_for_all(
    watched: Sequence[WatchedClip],
    changes: ClipWatcher,
    *,
    timeout: float,
    on_change: Callable[[ClipWithProgress], None] | None = None,
) -> list[ClipWithProgress]:
    """Run *changes* of the *watched* clips to the end, and return the clips.

    Raises `DeadlineExceededError` after *timeout* seconds, with the state of each clip.
    """
    with anyio.move_on_after(timeout) as scope:
        async with aclosing(changes):
            async for clip in changes:
                if on_change is not None:
                    on_change(clip)
    if scope.cancelled_caught:
        raise timed_out(timeout, *watched)
    return [watch.clip for watch in watched if watch.clip is not None]


class ClipPoller:
    """Polls many clips, through pages of a listing if that takes fewer requests.

    :param on_poll: Called for each clip as soon as it has been polled. Its errors end the round.
    """

    def __init__(self, call: Caller, on_poll: OnPoll) -> None:
        self._call = call
        self._on_poll = on_poll
        self._rest: dict[str, WatchedClip] = {}
        """The clips that have not been polled in the current round."""
        self._round = 0
        self._next_listing = 1
        self._rounds_between = 1

    async def poll(self, watched: Mapping[str, WatchedClip]) -> None:
        """Poll each clip once. After an interruption, poll the rest of that round."""
        if not self._rest:
            self._rest = dict(watched)
            self._round += 1
        rest = self._rest
        if self._round >= self._next_listing and len(rest) >= _MIN_CLIPS_TO_LIST:
            await self._poll_by_listing(rest)

        at_once = min(_CONCURRENT_POLLS, len(rest))
        await side_by_side(self._poll_single, each(list(rest.values())), at_once=at_once)

    async def _poll_by_listing(self, rest: dict[str, WatchedClip]) -> None:
        """Remove the clips from *rest* that are on pages of the service's listing."""
        size = min(max(_MIN_PAGE_SIZE, 4 * len(rest)), _MAX_PAGE_SIZE)
        token: str | None = None
        # A listing that saved no requests is repeated less and less often.
        self._rounds_between = min(2 * self._rounds_between, _MAX_ROUNDS_BETWEEN_LISTINGS)
        while len(rest) >= _MIN_CLIPS_TO_LIST:
            try:
                parameters = {"page_size": size, "page_token": token}
                page = await self._call(GET_CLIPS_WITH_PROGRESS, parameters)
            except errors.RhombusError:
                # The role of the key may not list clips. Single polls raise any other error.
                break
            missing = len(rest)
            for clip in page.saved_clips:
                watch = rest.pop(clip.uuid or "", None)
                if watch is not None:
                    self._update(watch, clip)
            # The order of the listing is not documented, so new clips may be on the last page.
            if missing - len(rest) < 2:  # A single poll takes no more requests.
                break
            self._rounds_between = 1
            token = page.page_token
            if not token:
                break
        self._next_listing = self._round + self._rounds_between

    async def _poll_single(self, watch: WatchedClip) -> None:
        """Poll a clip. Errors are tolerated for a while."""
        try:
            clip = await get_clip(self._call, watch.uuid)
            # A clip without a uuid may be another one, and is never yielded.
            refuse_unnamed(clip.uuid, watch.uuid, CLIP_PATH, endpoint=GET_CLIP_WITH_PROGRESS.path)
        except errors.RhombusError as error:
            del self._rest[watch.uuid]
            self._on_poll(watch, False, watch.tolerate(error, anyio.current_time()))
        else:
            del self._rest[watch.uuid]
            self._update(watch, clip)

    def _update(self, watch: WatchedClip, clip: ClipWithProgress) -> None:
        failure = clip_failed(clip) if has_failed(clip) else None
        self._on_poll(watch, watch.update(clip), failure or (clip if clip.is_complete else None))


# --- errors ------------------------------------------------------------------------------------


def clip_failed(clip: ClipWithProgress) -> errors.ClipFailedError:
    """Return the error for a clip whose render failed."""
    return errors.ClipFailedError(f"the render failed: {clip.uuid} {_state(clip)}", clips=(clip,))


def _combined(
    failed: Mapping[str, errors.ClipFailedError], lost: Mapping[str, errors.RhombusError]
) -> errors.RhombusError:
    """Return one error for the failures of several clips, by uuid.

    It is a `ClipFailedError` with all failed clips, or the first of the *lost* if no render failed.
    Its notes describe the clips that could not be watched.
    """
    lost = dict(lost)
    combined: errors.RhombusError
    if failed:
        clips = tuple(error.clip for error in failed.values())
        combined = errors.ClipFailedError("; ".join(map(str, failed.values())), clips=clips)
    else:
        combined = lost.pop(next(iter(lost)))
    for uuid, error in lost.items():
        problem = (
            "did not appear" if isinstance(error, errors.NotFoundError) else "could not be watched"
        )
        combined.add_note(f"{uuid} {problem}: {error}")
    return combined


def timed_out(timeout: float, *watched: WatchedClip) -> errors.DeadlineExceededError:
    """Return the error for clips that are not complete after *timeout* seconds."""
    states = "; ".join(f"{watch.uuid} {_state(watch.clip)}" for watch in watched)
    return errors.DeadlineExceededError(
        f"the render did not complete within {timeout:g} s; the service continues it: {states}"
    )


def _state(clip: ClipWithProgress | None) -> str:
    if clip is None:
        return "has not appeared"
    return f"is {clip.status}" + (f" ({clip.current_operation})" if clip.current_operation else "")
