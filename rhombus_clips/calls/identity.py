"""Whether an answer is about what was asked for.

Uuids and other ids are compared as they are: only devices have facets (``.v0``), and no request
for a single item names a device.
"""

from rhombus_clips.errors import DecodeError


def refuse_another(came: str | None, asked: str, path: str) -> None:
    """Raise `DecodeError` when the id at *path* of an answer is another than was *asked* for.

    None passes, since the reference lets the service leave out every field: what was read then
    does not say what it is, and nothing must be written because of it, see `refuse_unnamed`.
    """
    if came is not None and came != asked:
        raise _mismatch(repr(came[:80]), came[:80], asked, path)


def refuse_unnamed(came: str | None, asked: str, path: str, *, endpoint: str) -> None:
    """As `refuse_another`, for what a write or a watch relies on: None is refused, too."""
    refuse_another(came, asked, path)
    if came is None:
        error = _mismatch("missing", "null", asked, path)
        error.endpoint, error.attempts = endpoint, 1
        raise error


def _mismatch(said: str, excerpt: str, asked: str, path: str) -> DecodeError:
    return DecodeError(
        f"{path} should be {asked!r}, which was asked for, but is {said}: the answer may be about"
        " something else",
        path=path,
        expected=asked,
        value_excerpt=excerpt,
    )
