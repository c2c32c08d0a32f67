"""Videos, in which a browser can seek, and thumbnails."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from email.utils import format_datetime
from urllib.parse import quote

from attrs import frozen

from rhombus_clips.errors import RangeNotSatisfiableError
from rhombus_clips.media import parse_range
from rhombus_clips.media.file_names import usual_file_name
from rhombus_clips.media.range_header import RequestedRange
from rhombus_clips.models import MetaDataLocation, SavedClip
from rhombus_clips.web.call import Call, checked_region
from rhombus_clips.web.messages import ProblemError, Response
from rhombus_clips.web.state import VideoHead

_MOST_THUMBNAIL_BYTES = 8 * 1024 * 1024
# RFC 9110, section 14.2: a server may reject many ranges. It answers up to this number with the
# whole file.
_MOST_RANGES = 16
_ATTACHMENT, _INLINE = "attachment", "inline"


@asynccontextmanager
async def play_video(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clips/{clipUuid}/video``: the video or a part of it, to be played."""
    wanted_range = _wanted_range(call)
    clip = await call.state.clip(call.clip_uuid)
    async with _video(call, clip, wanted_range, _INLINE) as response:
        yield response


@asynccontextmanager
async def download_video(call: Call) -> AsyncGenerator[Response, None]:
    """``GET /clip-download``: the video as a file. The region may be omitted."""
    wanted_range, region = _wanted_range(call), call.query.text("region")
    if region is None:
        clip = await call.state.clip(call.clip_uuid)
    else:
        location = MetaDataLocation(region=checked_region(region))
        clip = SavedClip(uuid=call.clip_uuid, clip_location=location)
    async with _video(call, clip, wanted_range, _ATTACHMENT) as response:
        yield response


def _wanted_range(call: Call) -> str | None:
    """Return the ``Range`` header of a request. Raises `ProblemError` for many ranges."""
    # Ranges are defined for GET only.
    header = call.request.headers.get("range") if call.request.method == "GET" else None
    if header is not None and header.count(",") >= _MOST_RANGES:
        raise ProblemError(416, f"The Range header must not have more than {_MOST_RANGES} ranges.")
    return header


@asynccontextmanager
async def _video(
    call: Call, clip: SavedClip, wanted_range: str | None, disposition: str
) -> AsyncGenerator[Response, None]:
    async with AsyncExitStack() as opened:
        request = _VideoRequest(call, clip, disposition, wanted_range, opened)
        head = call.state.heads.get(call.clip_uuid)
        response: Response | None = None
        if head is not None:
            # The file may have changed since the head was remembered.
            with suppress(_ChangedError, RangeNotSatisfiableError):
                response = await request.respond(head)
        if response is None:
            response = await request.respond(await _head(call, clip))
        yield response


class _ChangedError(ProblemError):
    """The file is not the one that its head describes."""

    def __init__(self) -> None:
        super().__init__(503, "The video has just changed.", {"Retry-After": "1"})


@frozen
class _VideoRequest:
    """A request for a video or a part of it."""

    call: Call
    clip: SavedClip
    disposition: str
    wanted_range: str | None
    opened: AsyncExitStack
    """What the body of the response needs."""

    async def respond(self, head: VideoHead) -> Response:
        """Return the response. Raises `_ChangedError` if the file has changed."""
        call, headers = self.call, self.call.request.headers
        wanted = parse_range(
            self.wanted_range,
            head.total,
            if_range=headers.get("if-range"),
            etag=head.etag,
            last_modified=head.last_modified,
        )
        sent = _headers(head, wanted, self.disposition, usual_file_name(self.clip))
        if call.request.method == "HEAD" or wanted.length == 0:
            return Response(status=wanted.http_status, headers=sent)
        start, stop = (wanted.start, wanted.stop) if wanted.is_partial else (None, None)
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(call.state.stream())
            stream = await opening.enter_async_context(
                call.session.stream_clip(self.clip, start, stop, verify=False)
            )
            if stream.etag != head.etag or stream.total not in {None, head.total}:
                call.state.heads.forget(call.clip_uuid)
                raise _ChangedError
            await self.opened.enter_async_context(opening.pop_all())
        return Response(status=wanted.http_status, headers=sent, body=stream)


async def _head(call: Call, clip: SavedClip) -> VideoHead:
    """Request one byte of the video, to learn its length and its version."""
    try:
        async with call.session.stream_clip(clip, 0, 1, verify=False) as first:
            head = VideoHead(total=first.total, etag=first.etag, last_modified=first.last_modified)
    except RangeNotSatisfiableError as error:
        if error.total != 0:
            raise
        head = VideoHead(total=0, etag=None, last_modified=None)
    call.state.heads.put(call.clip_uuid, head)
    return head


def _headers(
    head: VideoHead, wanted: RequestedRange, disposition: str, name: str
) -> dict[str, str]:
    headers = {
        **wanted.headers,
        "Content-Type": "video/mp4",
        "Content-Disposition": content_disposition(disposition, name),
    }
    if head.etag is not None:
        headers["ETag"] = head.etag
    if head.last_modified is not None:
        headers["Last-Modified"] = format_datetime(head.last_modified, usegmt=True)
    return headers


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
