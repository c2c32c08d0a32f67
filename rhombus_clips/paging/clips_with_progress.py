"""The pager of clips with their progress, which follows the service's page tokens."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.codec import dumps
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage
from rhombus_clips.paging.pager import Pager, PagerStats, PendingPage
from rhombus_clips.paging.rules.cursor_text import Listed
from rhombus_clips.paging.rules.tokens import TokenPosition, TokenWalk
from rhombus_clips.paging.saved_clip_walk import OnDecodeError


class ClipWithProgressPager(Pager[ClipWithProgress, ClipWithProgressPage]):
    """Clips with their progress; see `ClipSession.clips_with_progress`."""

    _list_name = "saved_clips"


@define(eq=False)
class ClipWithProgressWalk:
    """A walk through clips with their progress, page by page."""

    caller: Caller
    endpoint: Endpoint[ClipWithProgressPage]
    parameters: Mapping[str, Any]
    """The parameters of each request, without the token."""
    listed: Listed
    """The listing that the cursors of this walk belong to."""
    start: TokenPosition
    """The position to start from."""
    on_decode_error: OnDecodeError | None
    stats: PagerStats = field(init=False, factory=PagerStats)
    _tokens: TokenWalk = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = TokenWalk(self.start)

    @property
    def start_cursor(self) -> str:
        """The cursor that the walk starts from."""
        return self.start.to_cursor(self.listed)

    async def next_page(self) -> PendingPage[ClipWithProgress, ClipWithProgressPage] | None:
        """Fetch the next page; None at the end. After an error, the next call resumes the walk."""
        if self._tokens.is_at_end:
            return None
        self._tokens.check()
        self.stats.requests += 1
        response = await self.caller.respond(
            self.endpoint,
            {**self.parameters, "page_token": self._tokens.position.token},
            keeps_failed_items=self.on_decode_error is not None,
        )
        page, failed = response.answer, response.failed_items
        for item in failed.values():
            self.stats.undecodable += 1
            if self.on_decode_error is not None:
                self.on_decode_error(item.raw, item.error)
        clips = [clip for index, clip in enumerate(page.saved_clips) if index not in failed]
        uuids = [clip.uuid for clip in clips]
        identities = [dumps(clip) if clip.uuid is None else clip.uuid for clip in clips]
        taken = self._tokens.take(uuids, identities, page.page_token)
        self.stats.duplicates += len(clips) - len(taken.new_indexes)

        def cursor_after(yielded: int) -> str | None:
            position = taken.position(yielded)
            return None if position is None else position.to_cursor(self.listed)

        new = deque(clips[index] for index in taken.new_indexes)
        return PendingPage(new, page, cursor_after, is_last=taken.after is None)
