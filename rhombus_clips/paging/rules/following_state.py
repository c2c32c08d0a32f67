"""Deciding which clips are new: those not seen yet, including late ones within the grace period."""

from collections.abc import Mapping
from functools import partial

from attrs import define, field

from rhombus_clips.paging.rules.cursor_text import (
    Kind,
    Listed,
    PayloadReader,
    PayloadWriter,
    read_cursor,
    read_payload,
    write_cursor,
)

_FOLLOWED = Listed(Kind.FOLLOWED_CLIPS)


@define
class FollowingState:
    """The clips that a follower has seen. Times are in epoch milliseconds."""

    since: int
    """The time to list from. Older clips are known or appeared too late."""
    grace: int
    """The maximum delay of a clip that appears after others of the same time, in milliseconds."""
    _seen: dict[int, int] = field(factory=dict[int, int])
    """The digests of the clips at or after `since` that are not new, with their times."""
    created_at: int | None = None
    """The time when the follower was created, by the local clock; None once it has started."""
    new_from: int | None = None
    """During the first listing, the time that new clips start from; None afterwards."""

    @classmethod
    def at(cls, cursor: str, grace: int) -> "FollowingState":
        """Return the state with this cursor. Raises `InvalidArgumentError` for an invalid one."""
        payload = read_cursor(_FOLLOWED, cursor, longest=None)
        return read_payload(payload, partial(cls._read, grace))

    @classmethod
    def _read(cls, grace: int, reader: PayloadReader) -> "FollowingState":
        flags, since = reader.number(), reader.number()
        created_at = reader.number() if flags & 1 else None
        new_from = reader.number() if flags & 2 else None
        seen = {reader.digest(): reader.number() + since for _ in range(reader.number())}
        return cls(since, grace, seen, created_at, new_from)

    @property
    def cursor(self) -> str:
        """The state as a string, for another follower to resume from."""
        return write_cursor(_FOLLOWED, self.payload, longest=None)

    @property
    def payload(self) -> bytes:
        """The state in the form that a cursor contains."""
        writer = PayloadWriter()
        temporary = (self.created_at, self.new_from)
        writer.number(sum((time is not None) << bit for bit, time in enumerate(temporary)))
        writer.numbers(self.since, *(time for time in temporary if time is not None))
        writer.number(len(self._seen))
        for digest, time in self._seen.items():
            writer.digest(digest)
            writer.number(time - self.since)
        return bytes(writer.content)

    def start_at(self, time: int) -> None:
        """Follow the clips at or after *time*, by the service's clock, and late ones before it.

        A clip in the grace period before *time* is late if it appears after the first listing. If
        the first listing has it, it is not new.
        """
        self.since, self.new_from, self.created_at = time - self.grace, time, None

    def start_after(self, known: Mapping[int, int], now: int) -> None:
        """Follow the clips after the *known* ones, if the service's time is unknown.

        *now* is the time on the local clock. If a known clip is later, the local clock is slow, and
        no known clip is new. Otherwise, known clips later than the follower's creation are new. The
        local clock may still be fast, so the grace period ends no later than the newest clip.
        """
        newest = max(known.values(), default=0)
        new_from = newest + 1 if self.created_at is None or newest > now else self.created_at
        self.since = min(newest, new_from) - self.grace
        self._seen = {
            digest: time for digest, time in known.items() if self.since <= time < new_from
        }
        self.new_from = self.created_at = None

    def is_new(self, digest: int, time: int) -> bool:
        """Return whether the clip with that digest is new, and record it as seen."""
        is_old = self.new_from is not None and time < self.new_from
        is_new = digest not in self._seen and not is_old
        # If its time changes, the clip must not become new again once its old time is forgotten.
        self._seen[digest] = max(time, self._seen.get(digest, time))
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
        self._seen = {digest: time for digest, time in self._seen.items() if time >= self.since}
        self.new_from = None
