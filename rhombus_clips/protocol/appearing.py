"""Which clips are new: those of a time not yet known, or late within the grace."""

import json
from typing import Any, cast

from attrs import define, field


@define
class Appearing:
    """What a follower knows: up to when it has seen everything, and what it has seen since."""

    since: int
    """Where to list from: what is older is known, or came too late, in epoch milliseconds."""
    grace: int
    """How much later than others of its time a clip may appear, in milliseconds."""
    _seen: dict[str, int] = field(factory=dict[str, int])
    """Clips since then that were handed out, with their times."""

    @classmethod
    def at(cls, cursor: str, grace: int) -> "Appearing":
        """What the follower knew that gave this cursor. Raises `ValueError` for what is none."""
        try:
            said: Any = json.loads(cursor)
            since, seen = said["since"], said["seen"]
            are_right = type(since) is int and all(
                type(uuid) is str and type(time) is int for uuid, time in seen.items()
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            are_right = False
            since = seen = None
        if not are_right:
            raise ValueError(f"cursor is not the cursor of a follower: {cursor[:80]!r}")
        return cls(cast("int", since), grace, cast("dict[str, int]", seen))

    @property
    def cursor(self) -> str:
        """What is known, to go on from elsewhere."""
        return json.dumps({"since": self.since, "seen": self._seen}, separators=(",", ":"))

    def is_new(self, name: str, time: int) -> bool:
        """Whether the clip of that name was not handed out yet; from now on it counts as such."""
        is_new = name not in self._seen
        # A time that moves on must not make it new again once its old one is over.
        self._seen[name] = max(time, self._seen.get(name, time))
        return is_new

    def listed_all(self, begun: int) -> None:
        """Note that everything since `since` was listed: what is before the grace is over.

        *begun* is when the listing began: what appeared behind a walk that took long may still
        come, and a clip that is dated into the future does not take the time until then with it.
        """
        times = [time for time in self._seen.values() if time <= begun]
        newest = max(times, default=self.since)
        self.since = max(self.since, newest - self.grace)
        self._seen = {name: time for name, time in self._seen.items() if time >= self.since}
