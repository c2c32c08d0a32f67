"""Responses as raw bytes, for faults that aiohttp cannot send."""

import socket
import struct

from aiohttp import web

from rhombus_clips.testing.delivery import Delivery, Length


def body_of(response: web.StreamResponse) -> bytes:
    """Return the body of a response that has not been sent yet, or nothing if it is not known."""
    if isinstance(response, Delivery):
        return b"" if response.is_head else bytes(response.content)
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b""


def serialize(response: web.StreamResponse) -> tuple[bytes, bytes]:
    """Return the head and the body of a response as they are transmitted."""
    body = body_of(response)
    headers = response.headers.copy()
    headers.setdefault("Content-Type", "application/octet-stream")
    framing = response.framing if isinstance(response, Delivery) else Length.GIVEN
    chunk_size = b""
    if framing is Length.CHUNKED:
        headers["Transfer-Encoding"] = "chunked"
        # A single chunk. Its size belongs to the head, so that the body can be cut at any byte.
        ending = b"0\r\n\r\n"
        chunk_size = b"%x\r\n" % len(body) if body else ending
        body = body and body + b"\r\n" + ending
    elif framing is Length.NONE:
        headers["Connection"] = "close"
    else:
        headers.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + chunk_size, body


def write(request: web.Request, data: bytes) -> None:
    """Write *data* to the connection of *request*, bypassing aiohttp."""
    if request.transport is not None:
        request.transport.write(data)


def close_connection(
    request: web.Request, last_bytes: bytes = b"", *, reset: bool = False
) -> web.StreamResponse:
    """Send *last_bytes* and close the connection, or reset it.

    Returns a response for aiohttp, which can no longer send it.
    """
    write(request, last_bytes)
    if request.transport is not None:
        if reset:
            # A linger time of zero makes the kernel send a reset.
            request.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        request.transport.close()
    return web.Response()
