"""Watching clips while they are rendered, and waiting for them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from time import monotonic
from typing import TypeVar

import anyio

from rhombus_clips.concurrency import closable, each, side_by_side
from rhombus_clips.errors import (
    ApiError,
    ClipFailedError,
    DeadlineExceededError,
    NotFoundError,
    RhombusError,
)
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage
from rhombus_clips.protocol.progress import Polling, Watched, has_failed

T = TypeVar("T")

GetClip = Callable[[str], Awaitable[ClipWithProgress]]
"""Takes a clip's uuid, and makes one request."""

ListClips = Callable[[int], Awaitable[ClipWithProgressPage]]
"""Takes how many clips to list, and makes one request."""

_LOOKS_AT_ONCE = 8
_FEWEST_LISTED = 3
_SMALLEST_PAGE, _LARGEST_PAGE = 50, 200
_MOST_ROUNDS_APART = 8


def watch_clip(watched: Watched, get_clip: GetClip) -> AsyncGenerator[ClipWithProgress, None]:
    """See `ClipSession.watch_clip`."""
    return closable(_changes_of(watched, get_clip))


async def _changes_of(
    watched: Watched, get_clip: GetClip
) -> AsyncGenerator[ClipWithProgress, None]:
    wait = 0.0
    while True:
        changed = await _look(watched, get_clip)
        clip = watched.clip
        if clip is not None and changed:
            if has_failed(clip):
                raise _failed(clip)
            yield clip
        if clip is not None and clip.is_complete:
            return
        wait = watched.polling.next_interval(wait, moved=changed)
        await anyio.sleep(wait)


def watch_clips(
    watched: Iterable[Watched], get_clip: GetClip, list_clips: ListClips, polling: Polling
) -> AsyncGenerator[ClipWithProgress, None]:
    """See `ClipSession.watch_clips`."""
    return closable(_changes_of_all(watched, get_clip, list_clips, polling))


async def _changes_of_all(
    watched: Iterable[Watched], get_clip: GetClip, list_clips: ListClips, polling: Polling
) -> AsyncGenerator[ClipWithProgress, None]:
    looks = _Looks(get_clip, list_clips)
    going_on = {watch.uuid: watch for watch in watched}
    failed: list[ClipWithProgress] = []
    wait = 0.0
    while going_on:
        changed = await looks.all_of(going_on)
        for clip in changed:
            yield clip
        seen = [watch.clip for watch in going_on.values() if watch.clip is not None]
        failed += filter(has_failed, seen)
        going_on = {
            uuid: watch
            for uuid, watch in going_on.items()
            if uuid not in looks.lost
            and uuid not in looks.deleted
            and (watch.clip is None or not (has_failed(watch.clip) or watch.clip.is_complete))
        }
        if going_on:
            wait = polling.next_interval(wait, moved=bool(changed))
            await anyio.sleep(wait)
    failed += looks.deleted.values()
    if failed:
        failure = _failed(*failed)
        for uuid in looks.deleted:
            failure.add_note(f"{uuid} was there, and is deleted")
        for uuid, error in looks.lost.items():
            failure.add_note(f"{uuid} did not appear: {error}")
        raise failure
    if looks.lost:
        (_, first), *others = looks.lost.items()
        for uuid, error in others:
            first.add_note(f"{uuid} did not appear: {error}")
        raise first


async def wait_for_all(
    watched: Sequence[Watched],
    changes: AsyncGenerator[ClipWithProgress, None],
    *,
    deadline: float,
    on_change: Callable[[ClipWithProgress], None] | None = None,
) -> list[ClipWithProgress]:
    """Run *changes* of those *watched* to its end, within *deadline* seconds; return the clips.

    Raises `DeadlineExceededError`, which names the clips and how far they have come.
    """
    with anyio.move_on_after(deadline) as scope:
        async with aclosing(changes):
            async for clip in changes:
                if on_change is not None:
                    on_change(clip)
    if scope.cancelled_caught:
        raise DeadlineExceededError(
            f"the render did not end within {deadline:g} s, and goes on at the service: "
            + "; ".join(f"{watch.uuid} {_state(watch.clip)}" for watch in watched)
        )
    return [watch.clip for watch in watched if watch.clip is not None]


class _Looks:
    """Looks at many clips, by one listing where that takes fewer requests than a look at each."""

    def __init__(self, get_clip: GetClip, list_clips: ListClips) -> None:
        self._get_clip = get_clip
        self._list_clips = list_clips
        self._rounds = 0
        self._next_listing = 0
        self._listings_apart = 1
        self.lost: dict[str, RhombusError] = {}
        """Clips that were not there for longer than they may be, with what the service said."""
        self.deleted: dict[str, ClipWithProgress] = {}
        """Clips that were there and are not any more, as they were last seen."""

    async def all_of(self, watched: dict[str, Watched]) -> list[ClipWithProgress]:
        """Look at each once; returns those that have changed."""
        listed = await self._listed(watched)
        changed = [clip for uuid, clip in listed.items() if watched[uuid].saw(clip)]

        async def look(watch: Watched) -> None:
            try:
                has_changed = await _look(watch, self._get_clip)
            except (ApiError, NotFoundError) as error:
                self.lost[watch.uuid] = error  # The others go on.
                return
            except ClipFailedError as error:
                self.deleted[watch.uuid] = error.clip  # Likewise.
                return
            if has_changed and watch.clip is not None:
                changed.append(watch.clip)

        others = each(watch for uuid, watch in watched.items() if uuid not in listed)
        await side_by_side(look, others, at_once=min(_LOOKS_AT_ONCE, len(watched)))
        return changed

    async def _listed(self, watched: dict[str, Watched]) -> dict[str, ClipWithProgress]:
        """Those of *watched* that a page of the service's list has."""
        self._rounds += 1
        if self._rounds <= self._next_listing or len(watched) < _FEWEST_LISTED:
            return {}
        size = min(max(_SMALLEST_PAGE, 4 * len(watched)), _LARGEST_PAGE)
        try:
            page = await self._list_clips(size)
        except RhombusError:
            # The key's role may not list; and what keeps single looks away too, they will raise.
            self._note_listing(pays=False)
            return {}
        listed = {
            clip.uuid: clip for clip in page.saved_clips if clip.uuid and clip.uuid in watched
        }
        # In which order they are listed is not documented: new ones may stand on the last page.
        self._note_listing(pays=len(listed) > 1)
        return listed

    def _note_listing(self, *, pays: bool) -> None:
        """List in the next round again, or, when it did not pay, after ever more rounds."""
        self._listings_apart = 1 if pays else min(2 * self._listings_apart, _MOST_ROUNDS_APART)
        self._next_listing = self._rounds + self._listings_apart - 1


async def _look(watched: Watched, get_clip: GetClip) -> bool:
    """Look at a clip once; whether it has changed. Trouble is tolerated for a while."""
    try:
        clip = await get_clip(watched.uuid)
    except RhombusError as error:
        watched.tolerate(error, monotonic())
        return False
    return watched.saw(clip)


def _failed(*clips: ClipWithProgress) -> ClipFailedError:
    told = "; ".join(f"{clip.uuid} {_state(clip)}" for clip in clips)
    return ClipFailedError(f"the clip will not be complete: {told}", clips=clips)


def _state(clip: ClipWithProgress | None) -> str:
    if clip is None:
        return "was not seen yet"
    return f"is {clip.status}" + (f" ({clip.current_operation})" if clip.current_operation else "")
