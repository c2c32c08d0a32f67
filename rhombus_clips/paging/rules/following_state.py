"""Deciding which clips are new: those not seen yet, including late ones within the grace period."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from attrs import define, field

from rhombus_clips.errors import InvalidArgumentError


@define
class FollowingState:
    """The clips that a follower has seen. Times are in epoch milliseconds."""

    since: int
    """The time to list from. Older clips are known or appeared too late."""
    grace: int
    """The maximum delay of a clip that appears after others of the same time, in milliseconds."""
    _seen: dict[str, int] = field(factory=dict[str, int])
    """The clips at or after `since` that are not new, with their times."""
    created_at: int | None = None
    """The time when the follower was created, by the local clock; None once it has started."""
    new_from: int | None = None
    """During the first listing, the time that new clips start from; None afterwards."""

    @classmethod
    def at(cls, cursor: str, grace: int) -> "FollowingState":
        """Return the state with this cursor. Raises `ValueError` for an invalid cursor."""
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            known: Any = json.loads(cursor)
            times = [known["since"], known.get("created_at", 0), known.get("new_from", 0)]
            if all(type(time) is int for time in times) and all(
                type(n) is str and type(time) is int for n, time in known["seen"].items()
            ):
                return cls(grace=grace, **known)
        raise InvalidArgumentError("cursor must be the cursor of a follower", given=cursor)

    @property
    def cursor(self) -> str:
        """The state as a string, for another follower to resume from."""
        known: dict[str, Any] = {"since": self.since, "seen": self._seen}
        temporary = {"created_at": self.created_at, "new_from": self.new_from}
        known |= {name: value for name, value in temporary.items() if value is not None}
        return json.dumps(known, separators=(",", ":"))

    def start_at(self, time: int) -> None:
        """Follow the clips at or after *time*, by the service's clock, and late ones before it.

        A clip in the grace period before *time* is late if it appears after the first listing. If
        the first listing has it, it is not new.
        """
        self.since, self.new_from, self.created_at = time - self.grace, time, None

    def start_after(self, known: Mapping[str, int], now: int) -> None:
        """Follow the clips after the *known* ones, if the service's time is unknown.

        *now* is the time on the local clock. If a known clip is later, the local clock is slow, and
        no known clip is new. Otherwise, known clips later than the follower's creation are new. The
        local clock may still be fast, so the grace period ends no later than the newest clip.
        """
        newest = max(known.values(), default=0)
        new_from = newest + 1 if self.created_at is None or newest > now else self.created_at
        self.since = min(newest, new_from) - self.grace
        self._seen = {name: time for name, time in known.items() if self.since <= time < new_from}
        self.new_from = self.created_at = None

    def is_new(self, name: str, time: int) -> bool:
        """Return whether the clip of that name is new, and record it as seen."""
        is_old = self.new_from is not None and time < self.new_from
        is_new = name not in self._seen and not is_old
        # If its time changes, the clip must not become new again once its old time is forgotten.
        self._seen[name] = max(time, self._seen.get(name, time))
        return is_new

    def listed_all(self, started: int) -> None:
        """Record that everything since `since` was listed. Forget clips before the grace period.

        *started* is the time when the listing started, by the service's clock. The grace period
        ends at the newest clip before that. A clip that appeared after a long walk had passed its
        time is therefore not too late, and a clip with a future time has no effect.
        """
        times = [time for time in self._seen.values() if time <= started]
        newest = max(times, default=self.since)
        self.since = max(self.since, newest - self.grace)
        self._seen = {name: time for name, time in self._seen.items() if time >= self.since}
        self.new_from = None
