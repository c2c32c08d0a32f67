"""What the parts of a session share."""

from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import TypeVar

from rhombus_clips.calls import Caller
from rhombus_clips.codec import Document, structure
from rhombus_clips.errors import ApiError
from rhombus_clips.models import Answer
from rhombus_clips.models.moments import to_epoch_ms
from rhombus_clips.protocol.arguments import UNSET, Unset
from rhombus_clips.protocol.endpoints import Endpoint

T = TypeVar("T")
AnswerT = TypeVar("AnswerT", bound=Answer)
ClearedT = TypeVar("ClearedT")


class Resource:
    """A part of a session: the coroutines about one kind of thing, over the session's caller."""

    _call: Caller

    async def _found(
        self,
        endpoint: Endpoint[AnswerT],
        parameters: Mapping[str, object],
        pick: Callable[[AnswerT], T | None],
        missing: Callable[[str | None], ApiError],
    ) -> T:
        """What *pick* finds in the answer of a call.

        Raises what *missing* makes of the answer's warning when that is None.
        """

        def thing_of(document: Document) -> Generator[None, None, T]:
            answer = yield from structure(document, endpoint.answer)
            thing = pick(answer)
            if thing is None:
                raise missing(answer.warning_msg)
            return thing

        return await self._call.decoded_by(thing_of, endpoint, parameters)


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
