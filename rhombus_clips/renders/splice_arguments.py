"""What can be spliced: checked before anything is sent."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from rhombus_clips.arguments import as_sent, identifier, instance, seconds_of
from rhombus_clips.models import AlteredView, ClipAccessSettings, ClipVisibility, TimeInterval
from rhombus_clips.models.moments import MILLISECOND, to_epoch_ms

# "The sum of all interval durations across all devices is capped at 60 minutes, and each interval
# must be at least 1 second long": the reference of spliceV3. The vendor's own web component names
# the same cap for a single interval.
LONGEST_SPLICE = timedelta(minutes=60)
SHORTEST_SPLICE = timedelta(seconds=1)

_MOST_SECONDS = 2**31 - 1  # What the 32 bits of the reference hold.
_MICROSECOND = timedelta(microseconds=1)

Interval = TimeInterval | tuple[datetime | int, datetime | int]
"""A stretch of footage: begin and end, aware datetimes or epoch milliseconds."""


class SpliceOptions(TypedDict, total=False):
    """What may be said of a clip that is to be made; what the service does without is not known."""

    title: str | None
    description: str | None
    audio_included: bool | None
    """Whether the clip has sound."""
    save_to_console: bool | None
    """Whether the clip joins the saved clips of the organization; True unless given."""
    send_to_shared_storage: bool | None
    send_to_user_storage: bool | None
    access_settings: ClipAccessSettings | None
    """Who may see the clip."""
    clip_visibility: ClipVisibility | None
    """Who may see the clip, in one word; the reference says to use `access_settings` instead."""
    altered_view_map: Mapping[str, Sequence[AlteredView]] | None
    """How each device's picture is cut."""
    integration_upload_map: Mapping[str, bool] | None
    """To which connected services the clip goes."""


_OPTIONS: dict[str, type] = {
    "title": str,
    "description": str,
    "audio_included": bool,
    "save_to_console": bool,
    "send_to_shared_storage": bool,
    "send_to_user_storage": bool,
    "access_settings": ClipAccessSettings,
    "clip_visibility": str,
    "altered_view_map": Mapping,
    "integration_upload_map": Mapping,
}


def option_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """*options* as the parameters of a request.

    Raises `TypeError` for a name that is none, and for a value of another kind, and `ValueError`
    for one that no request can carry.
    """
    unknown = ", ".join(sorted(options.keys() - _OPTIONS.keys()))
    if unknown:
        raise TypeError(f"there is no option {unknown}")
    sent: dict[str, Any] = {"save_to_console": True}
    for name, value in options.items():
        if value is not None:
            instance(value, _OPTIONS[name], name)
        sent[name] = as_sent(value, name)
    return sent


def interval_map(
    intervals: Mapping[str, Iterable[Interval]] | None,
) -> dict[str, list[TimeInterval]] | None:
    """*intervals* by device, as the service takes them; None for None.

    Raises `ValueError` for naive datetimes, for an interval under a second, and for more than an
    hour altogether.
    """
    if intervals is None:
        return None
    checked = {
        identifier(device, "each device of device_interval_map"): [
            _checked_interval(interval) for interval in of_device
        ]
        for device, of_device in intervals.items()
    }
    # Plain numbers: a timedelta does not hold what lies between two numbers of 64 bits.
    lengths = [
        (interval.end_ms or 0) - (interval.start_ms or 0)
        for of_device in checked.values()
        for interval in of_device
    ]
    if not lengths:
        raise ValueError("device_interval_map names no interval")
    if sum(lengths) > LONGEST_SPLICE // MILLISECOND:
        raise ValueError("device_interval_map has more than 60 minutes of footage altogether")
    return checked


def _checked_interval(interval: Interval) -> TimeInterval:
    try:
        start, end = (
            (interval.start_ms, interval.end_ms) if isinstance(interval, TimeInterval) else interval
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"each interval must be a TimeInterval, or a pair of begin and end, not {interval!r}"
        ) from None
    if start is None or end is None:
        raise ValueError("each interval needs a begin and an end")
    start_ms, end_ms = to_epoch_ms(start, "an interval's begin"), to_epoch_ms(end, "its end")
    if end_ms - start_ms < SHORTEST_SPLICE // MILLISECOND:
        raise ValueError(f"each interval must be at least a second long, not {interval!r}")
    return TimeInterval(start_ms=start_ms, end_ms=end_ms)


def latest_end_ms(intervals: Mapping[str, Iterable[TimeInterval]]) -> int:
    """When the last of the *intervals* ends, in epoch milliseconds."""
    return max(interval.end_ms or 0 for of_device in intervals.values() for interval in of_device)


def whole_seconds(duration: object, name: str) -> int:
    """*duration* in seconds, rounded up so that no footage is left out.

    Raises `TypeError` for what is no duration, and `ValueError` for one under a second, or beyond
    what the service's 32 bits hold.
    """
    if isinstance(duration, timedelta):
        seconds, is_more = divmod(duration // _MICROSECOND, 1_000_000)
        whole, shown = seconds + bool(is_more), duration.total_seconds()
    else:
        shown = seconds_of(duration, name)
        whole = math.ceil(round(shown, 6))  # 0.1 + 0.2 is no more than 0.3.
    if shown < SHORTEST_SPLICE.total_seconds():
        raise ValueError(f"{name} must be at least a second, not {shown} s")
    if whole > _MOST_SECONDS:
        raise ValueError(f"{name} must be at most {_MOST_SECONDS} s, not {whole} s")
    return whole


def refuse_longer(seconds: int, longest: int | None) -> None:
    """Raise `ValueError` for more footage than the service splices.

    *longest* is what the service names, in seconds; None when it names nothing.
    """
    most = LONGEST_SPLICE // timedelta(seconds=1) if longest is None else longest
    if seconds > most:
        raise ValueError(f"duration must be at most {most} s, not {seconds} s")


def refuse_future(end_ms: int, *, now_ms: int, tolerance_ms: int = 0) -> None:
    """Raise `ValueError` for footage up to *end_ms* that is yet to come.

    *tolerance_ms* is by how much the clock of *now_ms* may be behind.
    """
    ahead = end_ms - now_ms
    if ahead > tolerance_ms:
        raise ValueError(
            f"the range ends {ahead / 1000:.1f} s from now: that footage does not exist yet"
        )
