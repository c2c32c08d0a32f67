"""How much decoding one turn of the event loop may hold: a backend must not freeze for it."""

import asyncio
import math
import time
from collections import deque
from types import TracebackType

_SECONDS_A_TURN = 0.005
_SMOOTHING = 0.2


class DecodingTurns:
    """One per session: all calls decode on one loop, and share what a turn of it may hold.

    ``await turns.turn()``, and then decode in ``with turns:``. While a turn has budget left, that
    waits for nothing; else for a later turn, first come, first served.
    """

    def __init__(self) -> None:
        self._left = _SECONDS_A_TURN
        self._usual = _SECONDS_A_TURN / 10
        self._started = 0.0
        self._will_renew = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether `turn` would wait for nothing."""
        return self._left > 0 and not self._waiting

    async def turn(self) -> None:
        """Wait for a turn of the loop that has room for more decoding."""
        if self.has_room:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._renew_later()
        await turn

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._started
        self._left -= seconds
        self._usual += _SMOOTHING * (seconds - self._usual)
        # What was hardly spent need not be renewed: that costs a turn of its own.
        if self._left < _SECONDS_A_TURN / 2:
            self._renew_later()

    def _renew_later(self) -> None:
        if not self._will_renew:
            self._will_renew = True
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        """Begin a turn's budget, and let as many go on as will use it up, by what is usual."""
        self._will_renew = False
        self._left = _SECONDS_A_TURN
        for _ in range(math.ceil(_SECONDS_A_TURN / max(self._usual, 1e-6))):
            # Those that were cancelled while they waited stand in nobody's way.
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
        self._renew_later()
