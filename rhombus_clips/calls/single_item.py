"""Reading a single item: the answer must contain the requested item and no other."""

from typing import Any, Protocol, TypeVar

from rhombus_clips.calls.caller import Response
from rhombus_clips.calls.identity import mismatch
from rhombus_clips.errors import ApiError, ClipNotFoundError


class Identified(Protocol):
    """An item with a uuid."""

    @property
    def uuid(self) -> str | None:
        """The item's uuid; None if the service omitted it."""
        ...


ItemT = TypeVar("ItemT", bound=Identified)


def single_item(
    response: Response[Any], item: ItemT | None, *, uuid: str, path: str, name: str = "clip"
) -> ItemT:
    """Return the *item* of a response if the uuid at *path* is *uuid*.

    Raises `ClipNotFoundError` if the item is None (`ApiError` if *name* is not "clip"), and
    `DecodeError` if it has another uuid.
    """
    if item is None:
        missing = ClipNotFoundError if name == "clip" else ApiError
        warning = response.answer.warning_msg
        raise response.error(missing(f"there is no {name} {uuid}", warning_msg=warning))
    if (error := mismatch(item.uuid, uuid, path)) is not None:
        raise response.error(error)
    return item
