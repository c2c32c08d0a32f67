"""The pager of clips with their progress, over the service's page tokens."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from rhombus_clips.arguments import identifier, whole_number
from rhombus_clips.calls.caller import Caller, Response
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage
from rhombus_clips.paging.pager import Batch, Pager
from rhombus_clips.paging.rules.tokens import LARGEST_TOKEN_PAGE, TokenWalk
from rhombus_clips.paging.saved_clip_walk import OnDecodeError


class ClipWithProgressPager(Pager[ClipWithProgress, ClipWithProgressPage, str]):
    """Clips with their progress, page by page; see `ClipSession.clips_with_progress`.

    `cursor` is the service's own page token.
    """

    def __init__(
        self,
        caller: Caller,
        endpoint: Endpoint[ClipWithProgressPage],
        filters: Mapping[str, Any],
        *,
        cursor: str | None,
        page_size: int,
        limit: int | None,
        on_decode_error: OnDecodeError | None,
    ) -> None:
        super().__init__(cursor=cursor, limit=limit)
        page_size = whole_number(page_size, "page_size", least=1, most=LARGEST_TOKEN_PAGE)
        if cursor is not None:
            identifier(cursor, "cursor")
        self._caller = caller
        self._endpoint = endpoint
        self._parameters = {**filters, "page_size": page_size}
        self._on_decode_error = on_decode_error
        self._walk = TokenWalk(cursor)

    async def _fetch(self) -> Batch[ClipWithProgress, ClipWithProgressPage, str] | None:
        while not self._walk.is_at_end:
            self._walk.check()
            self.stats.requests += 1
            token = self._walk.token
            response = await self._caller.respond(
                self._endpoint,
                {**self._parameters, "page_token": token},
                keeps_failed_items=self._on_decode_error is not None,
            )
            page = self._without_failed_items(response)
            clips = page.saved_clips
            fresh = self._walk.take([clip.uuid for clip in clips], page.page_token)
            self.stats.duplicates += len(clips) - len(fresh)
            if fresh:
                items = deque(clips[index] for index in fresh)
                # Behind the last page there is no token, and None would begin anew.
                return Batch(items, page, self._walk.token or token)
            if not self._batches:
                self._cursor = self._walk.token or token
        return None

    def _without_failed_items(
        self, response: Response[ClipWithProgressPage]
    ) -> ClipWithProgressPage:
        page, failed = response.answer, response.failed_items
        if not failed:
            return page
        for item in failed.values():
            self.stats.undecodable += 1
            if self._on_decode_error is not None:
                self._on_decode_error(item.raw, item.error)
        clips = [clip for index, clip in enumerate(page.saved_clips) if index not in failed]
        return evolve(page, saved_clips=clips)

    def _items_of(self, page: ClipWithProgressPage) -> list[ClipWithProgress]:
        return page.saved_clips

    def _with_items(
        self, page: ClipWithProgressPage, items: list[ClipWithProgress]
    ) -> ClipWithProgressPage:
        return evolve(page, saved_clips=items)
