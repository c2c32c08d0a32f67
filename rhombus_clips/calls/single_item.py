"""Reading a single item: the answer must contain the requested item and no other."""

from typing import Any, Protocol, TypeVar

from rhombus_clips.calls.caller import Response
from rhombus_clips.calls.identity import mismatch
from rhombus_clips.errors import NotFoundError


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

    Raises `NotFoundError` if the item is None, and `DecodeError` if it has another uuid.
    """
    if item is None:
        raise response.error(NotFoundError(f"there is no {name} {uuid}", status=200))
    if (error := mismatch(item.uuid, uuid, path)) is not None:
        raise response.error(error)
    return item
