"""Watching clips while they are rendered, and waiting for them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing

import anyio

from rhombus_clips.calls.endpoints import GET_CLIP_WITH_PROGRESS
from rhombus_clips.calls.identity import refuse_unnamed
from rhombus_clips.concurrency import closable, each, side_by_side
from rhombus_clips.errors import (
    ApiError,
    ClipFailedError,
    DeadlineExceededError,
    NotFoundError,
    RhombusError,
)
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage
from rhombus_clips.renders.polling import Polling, Watched, has_failed, says_absent

GetClip = Callable[[str], Awaitable[ClipWithProgress]]
"""Takes a clip's uuid, and makes one request."""

ListClips = Callable[[int, str | None], Awaitable[ClipWithProgressPage]]
"""Takes how many clips to list, and the token of the page; makes one request."""

Note = Callable[[Watched, bool, RhombusError | None], None]
"""Takes a clip that was looked at, whether it has changed, and why it is watched no longer."""

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
                raise failure_of(clip)
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
    outcomes = _Outcomes()
    looks = Looks(get_clip, list_clips, outcomes.note)
    going_on = {watch.uuid: watch for watch in watched}
    wait = 0.0
    while going_on:
        outcomes.changed.clear()
        await looks.all_of(going_on)
        for clip in outcomes.changed:
            yield clip
        going_on = {uuid: watch for uuid, watch in going_on.items() if uuid not in outcomes.ended}
        if going_on:
            wait = polling.next_interval(wait, moved=bool(outcomes.changed))
            await anyio.sleep(wait)
    outcomes.raise_failures()


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
        raise out_of_time(deadline, *watched)
    return [watch.clip for watch in watched if watch.clip is not None]


class _Outcomes:
    """What became of clips that are watched together."""

    def __init__(self) -> None:
        self.changed: list[ClipWithProgress] = []
        """The clips that have changed, of one round."""
        self.ended: set[str] = set()
        """The uuids of those that are watched no longer."""
        self._failed: list[ClipWithProgress] = []
        self._deleted: dict[str, ClipWithProgress] = {}
        self._lost: dict[str, ApiError | NotFoundError] = {}

    def note(self, watch: Watched, changed: bool, error: RhombusError | None) -> None:  # noqa: FBT001  # as a Callable is typed
        """Note what became of a clip. Raises *error* when it is not about that clip alone."""
        clip = watch.clip
        match error:
            case None:
                if clip is not None and changed:
                    self.changed.append(clip)
                if clip is None or not (has_failed(clip) or clip.is_complete):
                    return
                self._failed += [clip] if has_failed(clip) else []
            case ClipFailedError():
                self._deleted[watch.uuid] = error.clip
            case ApiError() | NotFoundError():
                self._lost[watch.uuid] = error
            case _:
                raise error
        self.ended.add(watch.uuid)

    def raise_failures(self) -> None:
        """Raise one error that tells of all that failed or could not be watched to the end."""
        notes = [f"{uuid} was there, and is deleted" for uuid in self._deleted]
        lost = [(_why_lost(uuid, error), error) for uuid, error in self._lost.items()]
        failed = [*self._failed, *self._deleted.values()]
        error: RhombusError
        if failed:
            error = failure_of(*failed)
            notes += [why for why, _ in lost]
        elif lost:
            error = lost[0][1]
            notes += [why for why, _ in lost[1:]]
        else:
            return
        for note in notes:
            error.add_note(note)
        raise error


class Looks:
    """Looks at many clips, by pages of a list where that takes fewer requests than single looks.

    :param note: Called for each clip as soon as it was looked at; what it raises ends the round.
    """

    def __init__(self, get_clip: GetClip, list_clips: ListClips, note: Note) -> None:
        self._get_clip = get_clip
        self._list_clips = list_clips
        self._note = note
        self._rounds = 0
        self._next_listing = 0
        self._listings_apart = 1

    async def all_of(self, watched: Mapping[str, Watched]) -> None:
        """Look at each once."""
        unseen = dict(watched)
        await self._find_listed(unseen)

        async def look(watch: Watched) -> None:
            try:
                changed = await _look(watch, self._get_clip)
            except RhombusError as error:
                self._note(watch, False, error)
            else:
                self._note(watch, changed, None)

        await side_by_side(look, each(unseen.values()), at_once=min(_LOOKS_AT_ONCE, len(unseen)))

    async def _find_listed(self, unseen: dict[str, Watched]) -> None:
        """Take those out of *unseen* that pages of the service's list have."""
        self._rounds += 1
        if self._rounds <= self._next_listing or len(unseen) < _FEWEST_LISTED:
            return
        size = min(max(_SMALLEST_PAGE, 4 * len(unseen)), _LARGEST_PAGE)
        token: str | None = None
        pays = False
        while len(unseen) >= _FEWEST_LISTED:
            try:
                page = await self._list_clips(size, token)
            except RhombusError:
                # The key's role may not list; and what keeps single looks away, they will raise.
                break
            # In which order they are listed is not documented: new ones may be on the last page.
            if self._take_listed(page, unseen) < 2:  # One could be looked at with one request, too.
                break
            pays = True
            token = page.page_token
            if token is None:
                break
        self._plan_listing(pays=pays)

    def _take_listed(self, page: ClipWithProgressPage, unseen: dict[str, Watched]) -> int:
        """Take those on the *page* out of *unseen*; how many they are."""
        count = 0
        for clip in page.saved_clips:
            watch = unseen.pop(clip.uuid or "", None)
            if watch is not None:
                count += 1
                self._note(watch, watch.saw(clip), None)
        return count

    def _plan_listing(self, *, pays: bool) -> None:
        """List in the next round again, or, when it did not pay, after ever more rounds."""
        self._listings_apart = 1 if pays else min(2 * self._listings_apart, _MOST_ROUNDS_APART)
        self._next_listing = self._rounds + self._listings_apart - 1


async def _look(watched: Watched, get_clip: GetClip) -> bool:
    """Look at a clip once; whether it has changed. Trouble is tolerated for a while."""
    try:
        clip = await get_clip(watched.uuid)
        # A clip without a uuid may be another one: it is never yielded.
        refuse_unnamed(clip.uuid, watched.uuid, "$.clip.uuid", endpoint=GET_CLIP_WITH_PROGRESS.path)
    except RhombusError as error:
        watched.tolerate(error, anyio.current_time())
        return False
    return watched.saw(clip)


# --- what is said of clips that did not become complete ----------------------------------------


def failure_of(*clips: ClipWithProgress) -> ClipFailedError:
    """The error for clips that failed or were deleted."""
    told = "; ".join(f"{clip.uuid} {_state(clip)}" for clip in clips)
    return ClipFailedError(f"the clip will not be complete: {told}", clips=clips)


def out_of_time(deadline: float, *watched: Watched) -> DeadlineExceededError:
    """The error for clips that are not complete after *deadline* seconds."""
    return DeadlineExceededError(
        f"the render did not end within {deadline:g} s, and goes on at the service: "
        + "; ".join(f"{watch.uuid} {_state(watch.clip)}" for watch in watched)
    )


def _why_lost(uuid: str, error: RhombusError) -> str:
    what = "did not appear" if says_absent(error, uuid) else "could not be watched"
    return f"{uuid} {what}: {error}"


def _state(clip: ClipWithProgress | None) -> str:
    if clip is None:
        return "was not seen yet"
    return f"is {clip.status}" + (f" ({clip.current_operation})" if clip.current_operation else "")
