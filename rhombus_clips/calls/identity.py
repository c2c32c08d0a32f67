"""Check that an answer is about the requested item.

Ids are compared literally: only device ids have facets (``.v0``), and no request for a single item
names a device.
"""

from rhombus_clips.errors import DecodeError


def mismatch(received: str | None, requested: str, path: str) -> DecodeError | None:
    """Return the error for an answer with another id than *requested* at *path*; else None.

    A missing id is no error, because the reference lets the service leave out every field. An
    item without an id does not prove which item it is, so nothing may be written because of it:
    see `refuse_unnamed`.
    """
    if received is None or received == requested:
        return None
    return _error(repr(received[:80]), received[:80], requested, path)


def refuse_unnamed(received: str | None, requested: str, path: str, *, endpoint: str) -> None:
    """Raise `DecodeError` for an answer of *endpoint* with another id at *path*, or without one."""
    error = mismatch(received, requested, path)
    if received is None:
        error = _error("missing", "null", requested, path)
    if error is not None:
        error.endpoint, error.attempts = endpoint, 1
        raise error


def _error(described: str, excerpt: str, requested: str, path: str) -> DecodeError:
    return DecodeError(
        f"{path} should be the requested {requested!r}, but is {described}: the answer may be about"
        " another item",
        path=path,
        expected=requested,
        value_excerpt=excerpt,
    )
