"""Server-sent events: the progress of a render, and new clips."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from rhombus_clips.codec import dumps
from rhombus_clips.codec.text import render
from rhombus_clips.models import ClipWithProgress, SavedClip
from rhombus_clips.web.broadcast import Broadcast
from rhombus_clips.web.call import Call
from rhombus_clips.web.messages import Response
from rhombus_clips.web.new_clips import NewClips
from rhombus_clips.web.problems import log_failure, public_message

_SILENCE = 15.0  # Seconds. Proxies close a response that is silent for longer, often after 60 s.
_COMMENT = b":\n\n"
_RETRY_MS = 3000
_END = "end"
_HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}  # For nginx.


@asynccontextmanager
async def watch_clip(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clips/{clipUuid}/events``: the clip each time its render makes progress.

    All listeners of a clip share one watch.
    """
    last_id = _last_id(call)
    if last_id == _END:  # The browser has reconnected after the end; 204 stops it.
        yield Response(status=204)
        return
    clip_uuid, renders = call.clip_uuid, call.state.renders
    async with call.state.stream():
        broadcast = renders.get(clip_uuid)
        if broadcast is None:
            watcher = call.session.watch_clip(clip_uuid, polling=call.settings.polling)
            broadcast = renders[clip_uuid] = Broadcast(lambda: watcher, kept=1)
        try:
            async with broadcast.listening():
                yield Response(headers=_HEADERS, body=_progress(broadcast, last_id))
        finally:
            if not broadcast.listeners and renders.get(clip_uuid) is broadcast:
                del renders[clip_uuid]


async def _progress(
    broadcast: Broadcast[ClipWithProgress], last_id: str | None
) -> AsyncIterator[bytes]:
    """Yield the latest state after each change, and the end of the render."""
    yield _retry()
    seen = 0
    while True:
        if broadcast.count > seen:
            seen = broadcast.count
            clip = broadcast.item(seen - 1)
            event_id = _id_of(clip)
            if event_id != last_id:
                yield _event(dumps(clip), event_id=event_id)
            last_id = None
        elif broadcast.is_over:
            failure = broadcast.failure
            if failure is not None:
                log_failure("the events of a clip", failure)
            end = {} if failure is None else {"errorMsg": public_message(failure)}
            yield _event(render(end), name=_END, event_id=_END)
            return
        else:
            await broadcast.changed(_SILENCE)
            if broadcast.count == seen and not broadcast.is_over:
                yield _COMMENT


def _id_of(clip: ClipWithProgress) -> str:
    """Return an id of the clip's state. The time of the last update changes with every response."""
    data = dumps(evolve(clip, last_updated_sec=None))
    return hashlib.sha256(data).hexdigest()[:16]


@asynccontextmanager
async def follow_clips(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /events``: new clips as they appear. All listeners share one follower."""
    new_clips = call.state.new_clips
    async with call.state.stream():
        number, may_miss = new_clips.join(_last_id(call))
        try:
            async with new_clips.broadcast.listening():
                body = _clips(new_clips, new_clips.broadcast, number, may_miss=may_miss)
                yield Response(headers=_HEADERS, body=body)
        finally:
            new_clips.left()


async def _clips(
    new_clips: NewClips, broadcast: Broadcast[SavedClip], number: int, *, may_miss: bool
) -> AsyncIterator[bytes]:
    """Yield an event for each clip from *number* on, and ``reset`` where clips may be missing."""
    yield _retry()
    while True:
        if number < broadcast.oldest:
            number, may_miss = broadcast.count, True
        if may_miss:
            may_miss = False
            yield _event(b"{}", name="reset")
        elif number < broadcast.count:
            number += 1
            clip = broadcast.item(number - 1)
            yield _event(dumps(clip), event_id=new_clips.id_of(number - 1))
        elif broadcast.is_over:
            # The browser reconnects, and the follower resumes.
            if broadcast.failure is not None:
                log_failure("the events of new clips", broadcast.failure)
                message = {"errorMsg": public_message(broadcast.failure)}
                yield _event(render(message), name="failure")
            return
        else:
            await broadcast.changed(_SILENCE)
            if broadcast.count == number and not broadcast.is_over:
                yield _COMMENT


def _last_id(call: Call) -> str | None:
    """Return the id of the last event that the client received.

    A browser sends the header when it reconnects. A script that opens another connection can only
    pass a parameter.
    """
    return call.request.headers.get("last-event-id") or call.query.text("lastEventId")


def _retry() -> bytes:
    return b"retry: %d\n\n" % _RETRY_MS


def _event(data: bytes, *, name: str | None = None, event_id: str | None = None) -> bytes:
    lines = [b"data: " + data]  # JSON has no line breaks.
    if name is not None:
        lines.insert(0, b"event: " + name.encode())
    if event_id is not None:
        lines.insert(0, b"id: " + event_id.encode())
    return b"\n".join(lines) + b"\n\n"
