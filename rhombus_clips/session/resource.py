"""What the parts of a session share."""

from datetime import datetime
from typing import TypeVar

from rhombus_clips.calls import Caller
from rhombus_clips.models.moments import to_epoch_ms
from rhombus_clips.protocol.arguments import UNSET, Unset

T = TypeVar("T")
ClearedT = TypeVar("ClearedT")


class Resource:
    """A part of a session: the coroutines about one kind of thing, over the session's caller."""

    _call: Caller


def epoch_ms(moment: datetime | int | None, name: str) -> int | None:
    """Epoch milliseconds of *moment*, as `to_epoch_ms`; None for None."""
    return None if moment is None else to_epoch_ms(moment, name)


def written(
    named: T | Unset | None, present: T | None, *, cleared: ClearedT
) -> T | ClearedT | None:
    """What an update writes: what the caller *named*, else what is *present*; *cleared* for None.

    A text is cleared by an empty one, which does so whether or not the service keeps what a write
    leaves out.
    """
    if named is UNSET:
        return present
    return cleared if named is None else named
