"""Rules for watching a render: intervals, changes, its end, and which errors to tolerate."""

from attrs import define, evolve, field, frozen

from rhombus_clips import errors
from rhombus_clips.arguments import is_seconds_or_zero, to_seconds
from rhombus_clips.calls.retry import may_pass
from rhombus_clips.models import ClipStatus, ClipWithProgress, SavedClip

_GROWTH = 1.5

# The servers of the service may be out of sync, so one of them may not know a new clip yet.
_ABSENT_POLLS = 3


@frozen
class Polling:
    """How to poll a clip while it is rendered. All durations are in seconds or a timedelta."""

    interval: float = field(default=2.0, converter=to_seconds, validator=is_seconds_or_zero)
    """The interval between two polls of a clip that makes progress. 2 s by default, as in the
    vendor's web component."""
    max_interval: float = field(default=15.0, converter=to_seconds, validator=is_seconds_or_zero)
    """The longest interval; 15 s by default.

    The interval grows by half with every poll that finds no progress. It is never shorter than
    `interval`."""
    appears_within: float = field(default=60.0, converter=to_seconds, validator=is_seconds_or_zero)
    """How long a clip may be absent; 60 s by default. A new splice is not visible at once.

    A clip is absent if the service answers 404, without a clip, or with an ``errorMsg`` such as
    "clip not found". Before the clip is first seen, every ``errorMsg`` counts as an absence: the
    reference does not document the answer for an unknown clip."""
    outage: float = field(default=300.0, converter=to_seconds, validator=is_seconds_or_zero)
    """How long the service may be unreachable, beyond the retries of each call; 300 s by default.

    The same limit applies while the service answers with another clip, or, for a clip that it has
    returned before, with an ``errorMsg`` about something else ("internal failure")."""

    def next_interval(self, last: float, *, moved: bool) -> float:
        """Return the wait after a poll. *last* is the wait before it, 0 for the first poll."""
        if moved or last == 0:
            return self.interval
        return min(max(last, self.interval) * _GROWTH, max(self.interval, self.max_interval))


def has_failed(clip: SavedClip) -> bool:
    """Return True if the clip will not be completed.

    An offline camera may come back, and ``UNKNOWN`` is not explained, so neither is a failure.
    """
    return clip.status in {ClipStatus.FAILED, ClipStatus.DELETED}


@define
class WatchedClip:
    """The state of a watched clip. The caller passes in the time, in seconds of any clock."""

    uuid: str
    polling: Polling
    clip: ClipWithProgress | None = None
    """The clip as of its last change; None until it is first seen."""
    _absent_since: float | None = field(default=None, init=False)
    _unreachable_since: float | None = field(default=None, init=False)
    _absent_polls: int = field(default=0, init=False)

    def update(self, clip: ClipWithProgress) -> bool:
        """Store the polled clip if it changed, except for `last_updated_sec`; return if it did."""
        self.forgive()
        # The service may change that time with every response.
        before = self.clip and evolve(self.clip, last_updated_sec=clip.last_updated_sec)
        if clip == before:
            return False
        self.clip = clip
        return True

    def forgive(self) -> None:
        """Forget the errors so far. The next one is tolerated for the full time."""
        self._absent_since = self._unreachable_since = None
        self._absent_polls = 0

    def tolerate(self, error: errors.RhombusError, now: float) -> errors.RhombusError | None:
        """Return the error that ends the watch, or None to keep watching.

        The error is *error*, or a `ClipFailedError` if a clip that was seen is absent for several
        polls in a row.
        """
        is_absent = isinstance(error, errors.NotFoundError)
        if is_absent or (self.clip is None and isinstance(error, errors.ApiError)):
            self._absent_polls += is_absent
            if is_absent:
                self._unreachable_since = None
            if self.clip is not None and self._absent_polls >= _ABSENT_POLLS:
                return errors.ClipFailedError(f"clip {self.uuid} was deleted", clips=(self.clip,))
            since = self._absent_since = now if self._absent_since is None else self._absent_since
            limit = self.polling.appears_within
        elif may_pass(error) or isinstance(error, errors.DecodeError | errors.ApiError):
            if self._unreachable_since is None:
                self._unreachable_since = now
            since, limit = self._unreachable_since, self.polling.outage
        else:
            return error
        return error if now - since >= limit else None
