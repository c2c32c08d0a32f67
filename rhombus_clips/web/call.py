"""A request that the application has allowed, with all that its handler needs."""

import re
from collections.abc import Mapping
from typing import Any, cast

from attrs import frozen

from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.media.media_file import REGION, UUID
from rhombus_clips.session import ClipSession
from rhombus_clips.web.messages import Request
from rhombus_clips.web.query import Query
from rhombus_clips.web.settings import Settings
from rhombus_clips.web.state import SessionState

_FACET = re.compile(r"\.[a-z][0-9]{1,3}\Z")


@frozen(kw_only=True)
class Call:
    """A request, its session, and what is known about that session."""

    request: Request
    query: Query
    body: Mapping[str, Any]
    """The JSON object that was sent; empty for requests without a body."""
    clip_uuids: tuple[str, ...]
    """The clips that the request is about."""
    session: ClipSession
    state: SessionState
    settings: Settings

    @property
    def clip_uuid(self) -> str:
        """The clip that the request is about."""
        return self.clip_uuids[0]


def checked_uuid(value: object, name: str) -> str:
    """Return *value* if it is a uuid. Raises `InvalidArgumentError` otherwise."""
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise InvalidArgumentError(
            f"{name} must be a uuid: up to 40 letters, digits, hyphens and underscores", given=value
        )
    return value


def checked_uuids(value: object, name: str) -> tuple[str, ...]:
    """Return *value* if it is a list of 1 to 100 uuids."""
    if not isinstance(value, list) or not 1 <= len(cast("list[object]", value)) <= 100:
        raise InvalidArgumentError(f"{name} must be a list of 1 to 100 uuids")
    return tuple(checked_uuid(item, f"each of {name}") for item in cast("list[object]", value))


def checked_devices(devices: list[Any], name: str) -> list[str]:
    """Return *devices* if all are uuids, perhaps with a facet such as ``.v0``."""
    for device in devices:
        checked_uuid(
            _FACET.sub("", device) if isinstance(device, str) else device, f"each of {name}"
        )
    return devices


def checked_region(value: str) -> str:
    """Return *value* if it is a region of the service."""
    if not REGION.fullmatch(value):
        raise InvalidArgumentError(
            "region must have up to 32 lower-case letters, digits and hyphens", given=value
        )
    return value
