"""Verification that a response is about the requested item.

Ids are compared literally: only device ids have facets (``.v0``), and no request for a single item
uses a device id.
"""

from rhombus_clips.errors import DecodeError


def mismatch(received: str | None, requested: str, path: str) -> DecodeError | None:
    """Return an error if the id *received* at *path* differs from *requested*; None otherwise.

    A missing id is not an error, because the reference lets the service omit every field. But an
    item without an id may be another item, so no change may be based on it: see `refuse_unnamed`.
    """
    if received is None or received == requested:
        return None
    return _error(repr(received[:80]), received[:80], requested, path)


def refuse_unnamed(received: str | None, requested: str, path: str, *, endpoint: str) -> None:
    """Raise `DecodeError` if a response of *endpoint* has a different id at *path*, or none."""
    error = mismatch(received, requested, path)
    if received is None:
        error = _error("missing", "null", requested, path)
    if error is not None:
        error.endpoint, error.attempts = endpoint, 1
        raise error


def _error(described: str, excerpt: str, requested: str, path: str) -> DecodeError:
    return DecodeError(
        f"{path} should be the requested {requested!r}, but is {described}: the response may be"
        " about another item",
        path=path,
        expected=requested,
        value_excerpt=excerpt,
    )
