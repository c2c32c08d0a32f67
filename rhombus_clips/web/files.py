"""Videos, in which a browser can seek, and thumbnails."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from email.utils import format_datetime
from urllib.parse import quote

from rhombus_clips.media import ClipStream, parse_range
from rhombus_clips.media.file_names import usual_file_name
from rhombus_clips.media.range_header import RequestedRange
from rhombus_clips.models import MetaDataLocation, SavedClip
from rhombus_clips.web.call import Call, checked_region
from rhombus_clips.web.messages import ProblemError, Response
from rhombus_clips.web.state import VideoHead

_MOST_THUMBNAIL_BYTES = 8 * 1024 * 1024
# Several ranges are answered with the whole video. Only an attacker sends very many.
_MOST_RANGES = 16
_ATTACHMENT, _INLINE = "attachment", "inline"


@asynccontextmanager
async def play_video(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clips/{clipUuid}/video``: the video or a part of it, to be played."""
    clip = await call.state.clip(call.clip_uuid)
    async with _video(call, clip, _INLINE) as response:
        yield response


@asynccontextmanager
async def download_video(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clip-download``: the video as a file. The region may be omitted."""
    region = call.query.text("region")
    if region is None:
        clip = await call.state.clip(call.clip_uuid)
    else:
        location = MetaDataLocation(region=checked_region(region))
        clip = SavedClip(uuid=call.clip_uuid, clip_location=location)
    async with _video(call, clip, _ATTACHMENT) as response:
        yield response


@asynccontextmanager
async def _video(call: Call, clip: SavedClip, disposition: str) -> AsyncGenerator[Response, None]:
    head = call.state.heads.get(call.clip_uuid) or await _head(call, clip)
    wanted = _wanted(call, head)
    if call.request.method == "HEAD" or wanted.length == 0:
        yield _response(head, wanted, clip, disposition)
        return
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(call.state.stream())
        stream = await stack.enter_async_context(_stream(call, clip, wanted))
        if (stream.total, stream.etag) != (head.total, head.etag):
            # The file has changed since the head was requested.
            await stream.aclose()
            head = await _head(call, clip)
            wanted = _wanted(call, head)
            stream = await stack.enter_async_context(_stream(call, clip, wanted))
        yield _response(head, wanted, clip, disposition, stream)


def _wanted(call: Call, head: VideoHead) -> RequestedRange:
    """Return the part of the video that a request selects."""
    headers = call.request.headers
    # Ranges are defined for GET only.
    wanted_range = headers.get("range") if call.request.method == "GET" else None
    if wanted_range is not None and wanted_range.count(",") >= _MOST_RANGES:
        raise ProblemError(416, f"The header Range must not have more than {_MOST_RANGES} ranges.")
    return parse_range(
        wanted_range,
        head.total,
        if_range=headers.get("if-range"),
        etag=head.etag,
        last_modified=head.last_modified,
    )


def _stream(
    call: Call, clip: SavedClip, wanted: RequestedRange
) -> AbstractAsyncContextManager[ClipStream]:
    start, stop = (wanted.start, wanted.stop) if wanted.is_partial else (None, None)
    return call.session.stream_clip(clip, start, stop, verify=False)


async def _head(call: Call, clip: SavedClip) -> VideoHead:
    """Request one byte of the video, to learn its length and its version."""
    async with call.session.stream_clip(clip, 0, 1, verify=False) as first:
        head = VideoHead(total=first.total, etag=first.etag, last_modified=first.last_modified)
    call.state.heads.put(call.clip_uuid, head)
    return head


def _response(
    head: VideoHead,
    wanted: RequestedRange,
    clip: SavedClip,
    disposition: str,
    body: bytes | AsyncIterator[bytes] = b"",
) -> Response:
    headers = {
        **wanted.headers,
        "Content-Type": "video/mp4",
        "Content-Disposition": content_disposition(disposition, usual_file_name(clip)),
    }
    if head.etag is not None:
        headers["ETag"] = head.etag
    if head.last_modified is not None:
        headers["Last-Modified"] = format_datetime(head.last_modified, usegmt=True)
    return Response(status=wanted.http_status, headers=headers, body=body)


def content_disposition(disposition: str, name: str) -> str:
    """Return the header for a file name: RFC 6266, with an ASCII name for old clients."""
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\%' else "_"
        for char in name
    )
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def read_thumbnail(call: Call) -> Response:
    """``GET /clips/{clipUuid}/thumbnail``: a picture of the clip."""
    clip = await call.state.clip(call.clip_uuid)
    picture = bytearray()
    async with call.session.stream_thumbnail(clip) as stream:
        async for chunk in stream:
            picture += chunk
            if len(picture) > _MOST_THUMBNAIL_BYTES:
                raise ProblemError(502, "The thumbnail is too large.")
    body = b"" if call.request.method == "HEAD" else bytes(picture)
    headers = {"Content-Type": "image/jpeg", "Content-Length": str(len(picture))}
    return Response(headers=headers, body=body)
