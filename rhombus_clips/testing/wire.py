"""Responses as bytes on a connection, for faults that aiohttp would not send."""

import socket
import struct

from aiohttp import web

from rhombus_clips.testing.delivery import Delivery, Length


def body_of(response: web.StreamResponse) -> bytes:
    """The whole body of a response that was not sent yet; empty where it cannot be told."""
    if isinstance(response, Delivery):
        return b"" if response.is_head else bytes(response.content)
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b""


def wire_of(response: web.StreamResponse) -> tuple[bytes, bytes]:
    """A response as it goes over the wire: its head and its body."""
    body = body_of(response)
    headers = response.headers.copy()
    headers.setdefault("Content-Type", "application/octet-stream")
    framing = response.framing if isinstance(response, Delivery) else Length.GIVEN
    opening = b""
    if framing is Length.CHUNKED:
        headers["Transfer-Encoding"] = "chunked"
        if body:
            # One chunk, whose size goes with the head so that the body can be cut to the byte.
            opening, body = b"%x\r\n" % len(body), body + b"\r\n0\r\n\r\n"
        else:
            opening = b"0\r\n\r\n"
    elif framing is Length.NONE:
        headers["Connection"] = "close"
    else:
        headers.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + opening, body


def write(request: web.Request, data: bytes) -> None:
    """Send *data* on the connection of *request*, past aiohttp."""
    if request.transport is not None:
        request.transport.write(data)


def hang_up(
    request: web.Request, last_words: bytes = b"", *, reset: bool = False
) -> web.StreamResponse:
    """Close the connection after *last_words*; the response returned can no longer be sent."""
    write(request, last_words)
    if request.transport is not None:
        if reset:
            # A linger of no time makes the kernel send a reset.
            request.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        request.transport.close()
    return web.Response()
