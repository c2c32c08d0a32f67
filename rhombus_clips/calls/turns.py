"""A budget for decoding in each turn of the event loop, so that a backend never freezes for it."""

import asyncio
import math
from collections import deque

_SECONDS_PER_TURN = 0.005
_SMOOTHING = 0.2


class DecodingTurns:
    """The decoding budget of a session, which all of its calls share.

    Before decoding, ``await turns.turn()`` unless the turn `has_room`; afterwards, `spend` the time
    that it took. Calls wait for a later turn in the order of their arrival.
    """

    def __init__(self) -> None:
        self._left = _SECONDS_PER_TURN
        self._average = _SECONDS_PER_TURN / 10
        self._will_renew = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether a call may decode in this turn of the loop."""
        return self._left > 0 and not self._waiting

    async def turn(self) -> None:
        """Wait for a turn of the loop that has room for more decoding."""
        if self.has_room:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._renew_later()
        await turn

    def spend(self, seconds: float) -> None:
        """Take *seconds* of decoding from the budget of this turn."""
        self._left -= seconds
        self._average += _SMOOTHING * (seconds - self._average)
        # Renewing takes a turn of its own, so a budget that is hardly used is left as it is.
        if self._left < _SECONDS_PER_TURN / 2:
            self._renew_later()

    def _renew_later(self) -> None:
        if not self._will_renew:
            self._will_renew = True
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        """Start a new budget, and wake as many calls as will use it up on average."""
        self._will_renew = False
        self._left = _SECONDS_PER_TURN
        for _ in range(math.ceil(_SECONDS_PER_TURN / max(self._average, 1e-6))):
            # Calls that were cancelled while they waited do not delay others.
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
        self._renew_later()
