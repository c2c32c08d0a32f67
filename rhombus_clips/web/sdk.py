"""The routes of the vendor's React SDK, which makes clips through a backend with an API key.

The SDK does not look for errors in a response with status 200, so an error of the service is
answered with another status and an ``errorMsg``.
"""

from typing import Any, cast

from rhombus_clips.codec import to_dict
from rhombus_clips.web.call import Call
from rhombus_clips.web.messages import Response, json_response

_SPLICE = "/api/video/spliceV3"
_PRESENCE_WINDOWS = "/api/camera/getPresenceWindows"


async def save_clip(call: Call) -> Response:
    """``POST /save-clip``: start creating a clip. The body is forwarded unchanged."""
    answer = await call.session.call(_SPLICE, call.body)
    call.state.remember_splice(_uuids_of(answer))
    return json_response(answer)


def _uuids_of(answer: dict[str, Any]) -> list[str]:
    listed: object = answer.get("clipUuidList")
    uuids: list[object] = [answer.get("clipUuid")]
    if isinstance(listed, list):
        uuids += cast("list[object]", listed)
    return [uuid for uuid in uuids if isinstance(uuid, str)]


async def report_progress(call: Call) -> Response:
    """``POST /clip-progress``: the clip with its progress; null if it is not visible yet."""
    clip = await call.state.progress(call.clip_uuid)
    return json_response({"clip": None if clip is None else to_dict(clip)})


async def find_presence_windows(call: Call) -> Response:
    """``POST /presence-windows``: the periods for which a camera has footage."""
    return json_response(await call.session.call(_PRESENCE_WINDOWS, call.body, safe=True))
