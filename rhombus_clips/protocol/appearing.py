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
        except (ValueError, TypeError, KeyError, AttributeError):
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
        if name in self._seen:
            return False
        self._seen[name] = time
        return True

    def listed_all(self, now: int) -> None:
        """Note that everything since `since` was listed by *now*: what is before the grace is over.

        A clip that is dated into the future does not take the time from now on with it.
        """
        newest = max(self._seen.values(), default=self.since)
        self.since = max(self.since, min(newest, now) - self.grace)
        self._seen = {name: time for name, time in self._seen.items() if time >= self.since}
