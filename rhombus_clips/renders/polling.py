"""Following a render: when a clip is done, what counts as a change, how long to be patient."""

import re

from attrs import define, evolve, field, frozen

from rhombus_clips.arguments import is_seconds_or_zero
from rhombus_clips.calls.retry import PASSING_REFUSALS
from rhombus_clips.errors import (
    ApiError,
    ClipFailedError,
    ClipNotFoundError,
    ConnectError,
    DecodeError,
    NotFoundError,
    RateLimitedError,
    RhombusError,
    ServerError,
    StatusError,
    TransportError,
)
from rhombus_clips.models import ClipStatus, ClipWithProgress

_GROWTH = 1.5

# A service of many machines may not show for a moment what it has shown already.
_ABSENT_LOOKS = 3

# How services say that something is not there, and what they may call a clip.
_ABSENCE = re.compile(
    r"\b(not found|no such|not exist|doesn['’]?t exist|no longer exists?"
    r"|(can|could)( ?not|n['’]t) (be found|find)"
    r"|(is|was|been) (deleted|removed))\b"
)
_THING = re.compile(r"\b(clip|event|video|media|record|item|object|entity|resource)s?\b")
_CALLER = re.compile(r"\b(permissions?|access|roles?|users?|keys?|tokens?|org|organizations?)\b")
_WORDS = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


@frozen
class Polling:
    """How often and how patiently a clip is looked at while it is rendered; in seconds."""

    interval: float = field(default=2.0, validator=is_seconds_or_zero)
    """Between two looks at a clip that moves; the vendor's web component takes as long."""
    slowest: float = field(default=15.0, validator=is_seconds_or_zero)
    """The longest between two looks: half as long again each time that nothing moved.

    Never less than `interval`."""
    appears_within: float = field(default=60.0, validator=is_seconds_or_zero)
    """For how long a clip may not be there: a new splice is not visible at once.

    A clip counts as absent if the service answers 404, or without a clip, or with an ``errorMsg``
    that says so ("clip not found"). Until it has been seen, every ``errorMsg`` counts: how the
    service speaks of a clip that it does not know is not documented."""
    outage: float = field(default=300.0, validator=is_seconds_or_zero)
    """For how long the service may be out of reach, beyond the retries of each call.

    Likewise for how long it may answer with another clip, or refuse one that it has shown for a
    reason that does not say that it is absent ("internal failure")."""

    def next_interval(self, last: float, *, moved: bool) -> float:
        """How long to wait after a look that saw a move, or none; *last* is 0 after the first."""
        if moved or last == 0:
            return self.interval
        slowest = max(self.interval, self.slowest)
        return min(max(last, self.interval) * _GROWTH, slowest)


def has_failed(clip: ClipWithProgress) -> bool:
    """Whether nothing more will come of the clip.

    A camera that is offline may come back, and ``UNKNOWN`` says nothing: both still go on.
    """
    return clip.status in {ClipStatus.FAILED, ClipStatus.DELETED}


@define
class Watched:
    """A clip that is watched, by a clock in seconds that the caller reads."""

    uuid: str
    polling: Polling
    clip: ClipWithProgress | None = None
    """The clip as it was last seen."""
    _absent_since: float | None = field(default=None, init=False)
    _out_of_reach_since: float | None = field(default=None, init=False)
    _absent_looks: int = field(default=0, init=False)

    def saw(self, clip: ClipWithProgress) -> bool:
        """Note that the clip was seen; whether anything but the time of the look has changed."""
        self._absent_since = self._out_of_reach_since = None
        self._absent_looks = 0
        # A service may set that time each time that it is asked.
        before = self.clip and evolve(self.clip, last_updated_sec=clip.last_updated_sec)
        self.clip = clip
        return clip != before

    def tolerate(self, error: RhombusError, now: float) -> None:
        """Tolerate *error* for as long as the polling says, then raise it.

        Raises `ClipFailedError` for a clip that was there, and is absent by `says_absent` several
        looks in a row.
        """
        match error:
            case _ if says_absent(error, self.uuid):
                self._out_of_reach_since = None
                self._refuse_deleted()
                since = self._absent_since = _earlier(self._absent_since, now)
                patience = self.polling.appears_within
            case ApiError() if self.clip is None:
                # Until the clip has been seen, any refusal may be how the service says so.
                since = self._absent_since = _earlier(self._absent_since, now)
                patience = self.polling.appears_within
            case _ if _is_of_the_moment(error):
                since = self._out_of_reach_since = _earlier(self._out_of_reach_since, now)
                patience = self.polling.outage
            case _:
                raise error
        if now - since >= patience:
            raise error

    def _refuse_deleted(self) -> None:
        """Raise `ClipFailedError` for a clip that was there, and is not any more, look by look."""
        self._absent_looks += 1
        if self.clip is not None and self._absent_looks >= _ABSENT_LOOKS:
            raise ClipFailedError(
                f"the clip will not be complete: {self.uuid} was there, and is deleted",
                clips=(self.clip,),
            )


def says_absent(error: RhombusError, uuid: str) -> bool:
    """Whether *error* says that there is no such clip.

    How the service says so is not documented. A 404 does, and an answer without a clip. An
    ``errorMsg`` does when it speaks of an absence, and of a clip or of nothing else: "clip not
    found", "CLIP_NOT_FOUND", "Not found.", "video does not exist", or of that uuid. "role not
    found", "internal failure" and a refusal without a reason say nothing of the clip: they are
    trouble that may pass.
    """
    match error:
        case NotFoundError() | ClipNotFoundError():
            return True
        case ApiError():
            return _speaks_of_absence(error.error_msg or "", uuid)
        case _:
            return False


def _speaks_of_absence(message: str, uuid: str) -> bool:
    said = _WORDS.sub(" ", message.replace(uuid, " clip ")).casefold()
    absence = _ABSENCE.search(said)
    if absence is None or _CALLER.search(said):
        return False
    has_more = re.search(r"\w", said.replace(absence.group(), "", 1))
    return not has_more or _THING.search(said) is not None


def _is_of_the_moment(error: RhombusError) -> bool:
    if isinstance(error, ConnectError) and error.is_lasting:
        return False
    kinds = TransportError | ServerError | RateLimitedError | DecodeError | ApiError
    return isinstance(error, kinds) or (
        isinstance(error, StatusError) and error.status in PASSING_REFUSALS
    )


def _earlier(moment: float | None, now: float) -> float:
    return now if moment is None else moment
