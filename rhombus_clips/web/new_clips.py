"""New clips as they appear: one follower per session, shared by all listeners."""

import asyncio
import math
import secrets

from rhombus_clips.models import SavedClip
from rhombus_clips.session import ClipSession
from rhombus_clips.web.broadcast import Broadcast

_KEPT = 1000
# After this time without listeners, the clips that appeared in the meantime are no news.
_PAUSE_SECONDS = 300.0


class NewClips:
    """The new clips of a session, with ids from which a listener can resume.

    :param session: The session.
    :param interval: The seconds between two listings.
    """

    def __init__(self, session: ClipSession, interval: float) -> None:
        self._session = session
        self._interval = interval
        self._left_at = -math.inf
        self._begin()

    def _begin(self) -> None:
        self._name = secrets.token_urlsafe(6)
        # The same follower for each iteration: it resumes where the last one stopped.
        follower = self._session.follow_saved_clips(interval=self._interval)
        self.broadcast: Broadcast[SavedClip] = Broadcast(lambda: follower, kept=_KEPT)

    def join(self, last_id: str | None) -> tuple[int, bool]:
        """Return the number of the first clip for a new listener, and whether it may miss clips.

        :param last_id: The id of the last clip that the listener has received, if any.
        """
        now = asyncio.get_running_loop().time()
        is_old = now - self._left_at > _PAUSE_SECONDS
        if not self.broadcast.listeners and is_old:
            self._begin()
        number = self._number_of(last_id)
        if number is None:
            return self.broadcast.count, last_id is not None
        if number + 1 < self.broadcast.oldest:
            return self.broadcast.count, True
        return number + 1, False

    def left(self) -> None:
        """Note that a listener has left."""
        self._left_at = asyncio.get_running_loop().time()

    def id_of(self, number: int) -> str:
        """Return the id of a clip."""
        return f"{self._name}.{number}"

    def _number_of(self, last_id: str | None) -> int | None:
        """Return the number of the clip with *last_id*; None if it is not one of this process."""
        name, _, digits = (last_id or "").partition(".")
        if name != self._name or not digits.isascii() or not digits.isdigit():
            return None
        number = int(digits[:18])
        return number if number < self.broadcast.count else None
