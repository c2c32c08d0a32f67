"""The base class of the parts of a session, and a function that they share."""

import inspect
from typing import TypeVar

from rhombus_clips.arguments import UNSET, Unset
from rhombus_clips.calls.caller import Caller

T = TypeVar("T")
ClearedT = TypeVar("ClearedT")


class Resource:
    """A part of `ClipSession`: the methods for one kind of resource.

    The parts are independent mixins. Python's own errors for wrong calls name `ClipSession` rather
    than the mixin: "ClipSession.watch_clip() missing 1 required positional argument".
    """

    _call: Caller
    _secret: str
    """The API key."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, member in vars(cls).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                # A decorated function reports errors under the name of the function within.
                for function in (member, inspect.unwrap(member)):
                    function.__qualname__ = f"ClipSession.{name}"


def updated(new: T | Unset | None, current: T | None, *, cleared: ClearedT) -> T | ClearedT | None:
    """Return the value that an update sends for a field.

    That is *current* if *new* is `UNSET`, *cleared* if it is None, and otherwise *new*. A text is
    cleared with an empty string, which works even if the service keeps fields that are omitted.
    """
    if new is UNSET:
        return current
    return cleared if new is None else new
