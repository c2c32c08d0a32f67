"""Which clips are new: those of a time not yet known, or late within the grace."""

import json
from collections.abc import Mapping
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
    """Clips since then that were handed out, or were there before, with their times."""
    made: int | None = None
    """When the follower was made, by the local clock, until `begin`; None from then on."""
    new_from: int | None = None
    """In the first listing: clips of before were there already; None in later ones."""

    @classmethod
    def at(cls, cursor: str, grace: int) -> "Appearing":
        """What the follower knew that gave this cursor. Raises `ValueError` for what is none."""
        try:
            said: Any = json.loads(cursor)
            since, seen = said["since"], said["seen"]
            made, new_from = said.get("made"), said.get("new_from")
            are_right = (
                type(since) is int
                and {type(made), type(new_from)} <= {int, type(None)}
                and all(type(uuid) is str and type(time) is int for uuid, time in seen.items())
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            are_right = False
            since = seen = made = new_from = None
        if not are_right:
            raise ValueError(f"cursor is not the cursor of a follower: {cursor[:80]!r}")
        return cls(
            cast("int", since),
            grace,
            cast("dict[str, int]", seen),
            made=cast("int | None", made),
            new_from=cast("int | None", new_from),
        )

    @property
    def cursor(self) -> str:
        """What is known, to go on from elsewhere."""
        known: dict[str, Any] = {"since": self.since, "seen": self._seen}
        passing = {"made": self.made, "new_from": self.new_from}
        known |= {name: value for name, value in passing.items() if value is not None}
        return json.dumps(known, separators=(",", ":"))

    def begin(self, moment: int) -> None:
        """Follow what is of *moment* or later, by the service's clock, and what is late by then.

        A clip of the grace before that appears after the first listing is late. One that the first
        listing has was there before.
        """
        self.since, self.new_from, self.made = moment - self.grace, moment, None

    def begin_after(self, there: Mapping[str, int], now: int) -> None:
        """As `begin`, where the service does not tell its time: after the clips that are *there*.

        *now* is the local clock's. It is behind the service's if one of those clips is later; then
        all of them count as old. Otherwise those that are later than the follower are new. It may
        still be ahead, so what is late is judged by the newest clip.
        """
        newest = max(there.values(), default=0)
        new_from = newest + 1 if self.made is None or newest > now else self.made
        self.since = min(newest, new_from) - self.grace
        self._seen = {name: time for name, time in there.items() if self.since <= time < new_from}
        self.new_from = self.made = None

    def is_new(self, name: str, time: int) -> bool:
        """Whether the clip of that name was not handed out yet; from now on it counts as such."""
        was_there = self.new_from is not None and time < self.new_from
        is_new = name not in self._seen and not was_there
        # A time that moves on must not make it new again once its old one is over.
        self._seen[name] = max(time, self._seen.get(name, time))
        return is_new

    def listed_all(self, begun: int) -> None:
        """Note that everything since `since` was listed: what is before the grace is over.

        *begun* is when the listing began, by the service's clock: what appeared behind a walk that
        took long may still come, and a clip that is dated into the future does not take the time
        until then with it.
        """
        times = [time for time in self._seen.values() if time <= begun]
        newest = max(times, default=self.since)
        self.since = max(self.since, newest - self.grace)
        self._seen = {name: time for name, time in self._seen.items() if time >= self.since}
        self.new_from = None
