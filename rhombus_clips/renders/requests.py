"""The requests of a watch: a single clip with its progress, or a page of them."""

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_CLIP_WITH_PROGRESS, GET_CLIPS_WITH_PROGRESS
from rhombus_clips.calls.single_item import single_item
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage

CLIP_PATH = "$.clip.uuid"


async def get_clip(call: Caller, clip_uuid: str) -> ClipWithProgress:
    """Return a clip with its progress. See `ClipSession.get_clip_with_progress`."""
    response = await call.respond(GET_CLIP_WITH_PROGRESS, {"clip_uuid": clip_uuid})
    return single_item(response, response.answer.clip, uuid=clip_uuid, path=CLIP_PATH)


async def list_clips(call: Caller, page_size: int, token: str | None) -> ClipWithProgressPage:
    """Return a page of all clips with their progress."""
    return await call(GET_CLIPS_WITH_PROGRESS, {"page_size": page_size, "page_token": token})
