"""What the parts of a session share."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from rhombus_clips.arguments import UNSET, Unset
from rhombus_clips.calls.caller import Caller
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.calls.identity import mismatch
from rhombus_clips.errors import ApiError
from rhombus_clips.models.base import Answer
from rhombus_clips.models.moments import to_epoch_ms


class Identified(Protocol):
    """What a read of one item gives."""

    @property
    def uuid(self) -> str | None:
        """The item's uuid; None where the service left it out."""
        ...


T = TypeVar("T")
ItemT = TypeVar("ItemT", bound=Identified)
AnswerT = TypeVar("AnswerT", bound=Answer)
ClearedT = TypeVar("ClearedT")


class Resource:
    """A part of a session: the coroutines about one kind of thing, over the session's caller."""

    _call: Caller

    async def _found(
        self,
        endpoint: Endpoint[AnswerT],
        parameters: Mapping[str, object],
        pick: Callable[[AnswerT], ItemT | None],
        missing: Callable[[str | None], ApiError],
        *,
        uuid: str,
        path: str,
    ) -> ItemT:
        """The item with that *uuid*, which *pick* finds in the answer of a call.

        Raises what *missing* makes of the answer's warning when there is none, and `DecodeError`
        when the answer has another uuid at *path*.
        """
        response = await self._call.respond(endpoint, parameters)
        item = pick(response.answer)
        if item is None:
            raise response.error(missing(response.answer.warning_msg))
        if (error := mismatch(item.uuid, uuid, path)) is not None:
            raise response.error(error)
        return item


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
