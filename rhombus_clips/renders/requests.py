"""Reading a single clip with its progress."""

from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import GET_CLIP_WITH_PROGRESS
from rhombus_clips.calls.single_item import single_item
from rhombus_clips.models import ClipWithProgress

CLIP_PATH = "$.clip.uuid"


async def get_clip(call: Caller, clip_uuid: str) -> ClipWithProgress:
    """Return a clip with its progress. See `ClipSession.get_clip_with_progress`."""
    response = await call.respond(GET_CLIP_WITH_PROGRESS, {"clip_uuid": clip_uuid})
    return single_item(response, response.answer.clip, uuid=clip_uuid, path=CLIP_PATH)
