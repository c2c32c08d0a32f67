"""Recognizing that the item of a call does not exist, however the service reports it.

The reference does not document the answer for an unknown uuid. The service may answer with null
(see `single_item`), with a 404 or 410, or with an ``errorMsg``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from rhombus_clips.errors import ApiError, NotFoundError, RhombusError, StatusError
from rhombus_clips.models.shared_clip import ClipReference

# Phrases that report a missing object, and words that may refer to an item or to the caller.
_ABSENCE = re.compile(
    r"\b(not found|no such|not exist|doesn['’]?t exist|no longer exists?"
    r"|(can|could)( ?not|n['’]t) (be found|find)"
    r"|(is|was|been) (deleted|removed))\b"
)
_CALLER = re.compile(r"\b(permissions?|access|roles?|users?|keys?|tokens?|org|organizations?)\b")
_WORD_BOUNDARY = re.compile(r"_|(?<=[a-z])(?=[A-Z])")
_COMMON_NAMES = "clip|event|video|media|record|item|object|entity|resource"
_OTHER_NAMES = {"item": "", "clip": "", "shared clip group": "|group|share", "alert": "|alert"}
_THINGS = {
    item: re.compile(rf"\b({_COMMON_NAMES}{more})s?\b") for item, more in _OTHER_NAMES.items()
}

# A 404 of a web server, router or proxy that does not know the path.
_PATH = re.compile(
    r"^\s*<|\b(path|url|uri|route|endpoint|page not found|cannot (post|get))\b", re.IGNORECASE
)


def absence_or_same(
    error: RhombusError, item: str | None, parameters: Mapping[str, object]
) -> RhombusError:
    """Return the error of a call as a `NotFoundError` if and only if its item does not exist.

    :param item: The kind of item that the call is about: "clip", "shared clip group", "alert", or
        "item" for an endpoint of the caller's choice.
        None if it is not about an item; then a 404 means that the path does not exist.
    :param parameters: The parameters of the call, which contain the uuids of the items.
    """
    if isinstance(error, NotFoundError):
        if item is not None and not _PATH.search(error.message or error.body_excerpt):
            return error
        return StatusError(
            f"{error.args[0]} (the path does not exist: check base_url)",
            status=error.status,
            message=error.message,
            body_excerpt=error.body_excerpt,
        )
    if item is not None and isinstance(error, ApiError):
        message = error.error_msg or ""
        if reports_absence(message, item, _uuids(parameters)):
            return NotFoundError(str(error.args[0]), status=200, message=message)
    return error


def reports_absence(message: str, item: str, uuids: Iterable[str]) -> bool:
    """Return True if an ``errorMsg`` reports that the item does not exist.

    It does if it mentions an absence and names such an item or one of *uuids*, or nothing else:
    "clip not found", "CLIP_NOT_FOUND", "Not found.", "video does not exist". "role not found" and
    "internal failure" are not about the item, and may be temporary.
    """
    for uuid in uuids:
        message = message.replace(uuid, " item ")
    words = _WORD_BOUNDARY.sub(" ", message).casefold()
    absence = _ABSENCE.search(words)
    if absence is None or _CALLER.search(words):
        return False
    names_something = re.search(r"\w", words.replace(absence.group(), "", 1))
    return not names_something or _THINGS[item].search(words) is not None


def _uuids(parameters: Mapping[str, object]) -> Iterator[str]:
    for name, value in parameters.items():
        if "uuid" not in name:
            continue
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        for single in values:
            if isinstance(single, ClipReference):
                single = single.event_uuid or single.alert_uuid  # noqa: PLW2901  # the same item
            if isinstance(single, str) and single:
                yield single
