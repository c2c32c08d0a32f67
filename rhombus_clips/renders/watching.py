"""Watching clips while they are rendered, and waiting for them."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing

import anyio

from rhombus_clips import errors
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_CLIP_WITH_PROGRESS, GET_CLIPS_WITH_PROGRESS
from rhombus_clips.calls.identity import refuse_unnamed
from rhombus_clips.concurrency import closable, each, side_by_side
from rhombus_clips.models import ClipWithProgress
from rhombus_clips.renders.polling import Polling, WatchedClip, has_failed
from rhombus_clips.renders.requests import CLIP_PATH, get_clip

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


def watch_clip(call: Caller, watched: WatchedClip) -> AsyncGenerator[ClipWithProgress, None]:
    """See `ClipSession.watch_clip`."""
    return closable(_changes(call, [watched], watched.polling, yields_failed=False))


def watch_clips(
    call: Caller, watched: Iterable[WatchedClip], polling: Polling
) -> AsyncGenerator[ClipWithProgress, None]:
    """See `ClipSession.watch_clips`."""
    return closable(_changes(call, watched, polling, yields_failed=True))


async def _changes(
    call: Caller, watched: Iterable[WatchedClip], polling: Polling, *, yields_failed: bool
) -> AsyncGenerator[ClipWithProgress, None]:
    """Yield each changed clip, and raise one error for all failures at the end."""
    unfinished = {watch.uuid: watch for watch in watched}
    changes: list[ClipWithProgress] = []
    failures: dict[str, errors.RhombusError] = {}

    def record(watch: WatchedClip, changed: bool, outcome: Outcome | None) -> None:  # noqa: FBT001  # OnPoll has no keywords
        if watch.clip is not None and changed and (yields_failed or not has_failed(watch.clip)):
            changes.append(watch.clip)
        if isinstance(outcome, _OF_ONE_CLIP):
            failures[watch.uuid] = outcome
        elif isinstance(outcome, errors.RhombusError):
            raise outcome
        if outcome is not None:
            del unfinished[watch.uuid]

    poller, wait = ClipPoller(call, record), 0.0
    while unfinished:
        changes.clear()
        await poller.poll(unfinished)
        for clip in changes:
            yield clip
        if unfinished:
            wait = polling.next_interval(wait, moved=bool(changes))
            await anyio.sleep(wait)
    if failures:
        raise _combined(failures)


async def wait_for_all(
    watched: Sequence[WatchedClip],
    changes: AsyncGenerator[ClipWithProgress, None],
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
        self._round = 0
        self._next_listing = 1
        self._rounds_between = 1

    async def poll(self, watched: Mapping[str, WatchedClip]) -> None:
        """Poll each clip once."""
        rest = dict(watched)
        self._round += 1
        if self._round >= self._next_listing and len(rest) >= _MIN_CLIPS_TO_LIST:
            await self._poll_by_listing(rest)

        at_once = min(_CONCURRENT_POLLS, len(rest))
        await side_by_side(self._poll_single, each(rest.values()), at_once=at_once)

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
            self._on_poll(watch, False, watch.tolerate(error, anyio.current_time()))
        else:
            self._update(watch, clip)

    def _update(self, watch: WatchedClip, clip: ClipWithProgress) -> None:
        failure = clip_failed(clip) if has_failed(clip) else None
        self._on_poll(watch, watch.update(clip), failure or (clip if clip.is_complete else None))


# --- errors ------------------------------------------------------------------------------------


def clip_failed(clip: ClipWithProgress) -> errors.ClipFailedError:
    """Return the error for a clip whose render failed."""
    return errors.ClipFailedError(f"the render failed: {clip.uuid} {_state(clip)}", clips=(clip,))


def _combined(failures: Mapping[str, errors.RhombusError]) -> errors.RhombusError:
    """Return one error for the failures of several clips, by uuid.

    It is a `ClipFailedError` with all failed clips, or the first failure if no render failed. Its
    notes describe the clips that could not be watched.
    """
    failed = [error for error in failures.values() if isinstance(error, errors.ClipFailedError)]
    lost = {uuid: error for uuid, error in failures.items() if error not in failed}
    combined: errors.RhombusError
    if failed:
        clips = tuple(error.clip for error in failed)
        combined = errors.ClipFailedError("; ".join(map(str, failed)), clips=clips)
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
