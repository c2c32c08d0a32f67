"""The pager of the saved clips, over their timestamp cursor."""

from collections import deque
from collections.abc import Callable, Generator, Hashable, Mapping
from typing import Any

from attrs import evolve, frozen

from rhombus_clips import codec
from rhombus_clips.calls import Caller
from rhombus_clips.errors import ApiError, DecodeError, PagingError, StatusError
from rhombus_clips.models import SavedClip, SavedClipPage
from rhombus_clips.paging.pager import Batch, Pager
from rhombus_clips.protocol.arguments import whole_number
from rhombus_clips.protocol.clock import Clock, TimeRange
from rhombus_clips.protocol.cursor import LARGEST_PAGE_SIZE, CursorWalk
from rhombus_clips.protocol.endpoints import GET_SAVED_CLIPS
from rhombus_clips.protocol.listed import Ask, Fresh, Listed, refused

OnDecodeError = Callable[[Any, DecodeError], None]
"""Takes an item of a page that does not decode, as the JSON parser made it, and the error."""


class SavedClipPager(Pager[SavedClip, SavedClipPage]):
    """Every saved clip of the organization, once; see `ClipSession.saved_clips`."""

    def __init__(
        self,
        caller: Caller,
        *,
        times: TimeRange,
        cursor: int | None,
        page_size: int,
        limit: int | None,
        overlap_ms: int,
        on_decode_error: OnDecodeError | None,
    ) -> None:
        super().__init__(cursor=cursor, limit=limit)
        whole_number(page_size, "page_size", least=1, most=LARGEST_PAGE_SIZE)
        whole_number(overlap_ms, "overlap_ms", least=0, most=1)
        if cursor is not None:
            whole_number(cursor, "cursor", least=1)
        self._caller = caller
        self._times = times
        self._on_decode_error = on_decode_error
        self._clock = Clock()
        self._walk: CursorWalk[SavedClip] = CursorWalk(
            page_size=page_size, identity=_identity, cursor=cursor, overlap=overlap_ms > 0
        )
        self._steps = self._walk.steps()
        self._step: Ask | Fresh[SavedClip] | None = None
        self._is_past_range = False

    async def _fetch(self) -> Batch[SavedClip, SavedClipPage] | None:
        while not self._is_past_range:
            # A step stays pending until it is done with: after an error it is taken up again.
            step = self._step or self._advance(None)
            if isinstance(step, Ask):
                self._advance(await self._list(step))
            elif step is None:
                return None
            else:
                batch = self._batch_of(step)
                self._step = None
                if batch.items:
                    return batch
                self._cursor = step.cursor
        return None

    def _advance(self, answer: Listed[SavedClip] | None) -> Ask | Fresh[SavedClip] | None:
        try:
            self._step = self._steps.send(answer)
        except StopIteration:
            self._step = None
        except PagingError:
            self._steps = self._walk.steps()
            self._step = None
            raise
        return self._step

    async def _list(self, ask: Ask) -> Listed[SavedClip]:
        self.stats.requests += 1
        try:
            return await self._caller.decoded_by(
                self._decoded,
                GET_SAVED_CLIPS,
                {
                    "max_page_size": ask.max_page_size,
                    "page_timestamp_ms": ask.page_timestamp_ms,
                },
            )
        except (ApiError, StatusError) as error:
            if not (ask.is_probe and _refuses_the_parameters(error)):
                raise
        return refused(ask)

    def _decoded(self, document: codec.Document) -> Generator[None, None, Listed[SavedClip]]:
        try:
            page = yield from codec.structure(document, SavedClipPage)
        except DecodeError:
            if self._on_decode_error is None:
                raise
        else:
            return Listed(page.saved_clips, page.last_evaluated_timestamp_ms, _Origin(page))
        page, items = codec.items_one_by_one(document, SavedClipPage, "saved_clips", SavedClip)
        bad = {id(item.model): item for item in items if item.error is not None}
        clips = [item.model for item in items]
        return Listed(clips, page.last_evaluated_timestamp_ms, _Origin(page, bad))

    def _batch_of(self, fresh: Fresh[SavedClip]) -> Batch[SavedClip, SavedClipPage]:
        listed: Listed[SavedClip] = fresh.listed
        origin: _Origin = listed.origin
        clips: deque[SavedClip] = deque()
        for clip in fresh.items:
            bad = origin.bad.get(id(clip))
            if bad is None:
                if clip in self._times:
                    clips.append(clip)
            elif getattr(clip, self._times.by) is None or clip in self._times:
                self._report(bad)
        self.stats.duplicates = self._walk.duplicates
        direction = self._walk.direction
        if direction is not None and listed.cursor is not None:
            self._clock.observe(listed, direction)
            self._is_past_range = self._clock.learned == self._times.by and self._times.ends_before(
                listed.cursor, direction
            )
        return Batch(clips, origin.page, fresh.cursor)

    def _report(self, bad: codec.DecodedItem[SavedClip]) -> None:
        self.stats.undecodable += 1
        if self._on_decode_error is not None and bad.error is not None:
            self._on_decode_error(bad.raw, bad.error)

    def _items_of(self, page: SavedClipPage) -> list[SavedClip]:
        return page.saved_clips

    def _with_items(self, page: SavedClipPage, items: list[SavedClip]) -> SavedClipPage:
        return evolve(page, saved_clips=items)


@frozen
class _Origin:
    """The page that clips came on, and those of them that did not decode, by identity."""

    page: SavedClipPage
    bad: Mapping[int, codec.DecodedItem[SavedClip]] = {}


def _identity(clip: SavedClip) -> Hashable:
    """What tells a clip from others: its uuid, or all that it says when it has none."""
    return clip.uuid if clip.uuid is not None else codec.dumps(clip)


def _refuses_the_parameters(error: ApiError | StatusError) -> bool:
    """Whether the service may have refused a page for what it was asked with."""
    about_the_caller = {401, 403, 429}
    return isinstance(error, ApiError) or (
        400 <= error.status < 500 and error.status not in about_the_caller
    )
