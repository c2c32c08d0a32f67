"""The arguments of a splice, checked before anything is sent."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, get_args, get_origin, get_type_hints

from attrs import frozen

from rhombus_clips.arguments import as_sent, identifier, identifiers, instance, seconds_of
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import AlteredView, ClipAccessSettings, ClipVisibility, TimeInterval
from rhombus_clips.models.moments import to_epoch_ms

# "The sum of all interval durations across all devices is capped at 60 minutes, and each interval
# must be at least 1 second long": the reference of spliceV3. The vendor's web component has the
# same cap for a single interval.
_MAX_SECONDS = 3600

_MAX_INT32 = 2**31 - 1  # `durationSec` is an int32 in the reference.
_MICROSECOND = timedelta(microseconds=1)

Interval = TimeInterval | tuple[datetime | int, datetime | int]
"""An interval of footage: its start and end, as aware datetimes or epoch milliseconds."""


class SpliceOptions(TypedDict, total=False):
    """Optional settings of a new clip. The service's defaults are not documented."""

    title: str | None
    description: str | None
    audio_included: bool | None
    """True for a clip with sound."""
    save_to_console: bool | None
    """True, the default, to add the clip to the organization's saved clips."""
    send_to_shared_storage: bool | None
    send_to_user_storage: bool | None
    access_settings: ClipAccessSettings | None
    """The access settings of the clip."""
    clip_visibility: str | ClipVisibility | None
    """The visibility of the clip. The reference recommends `access_settings` instead."""
    altered_view_map: Mapping[str, Sequence[AlteredView]] | None
    """The views (crops and dewarps) of each device."""
    integration_upload_map: Mapping[str, bool] | None
    """The integrations to upload the clip to."""


# The first type of each union: str of `str | None`, Mapping of `Mapping[str, bool] | None`.
_OPTIONS: dict[str, type] = {
    name: get_origin(get_args(hint)[0]) or get_args(hint)[0]
    for name, hint in get_type_hints(SpliceOptions).items()
}


def option_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return *options* as the parameters of a request.

    Raises `InvalidArgumentError` for an unknown option or a value of the wrong type and for a
    value that cannot be sent.
    """
    unknown = ", ".join(sorted(options.keys() - _OPTIONS.keys()))
    if unknown:
        raise InvalidArgumentError(
            f"unknown option {unknown}; the options are {', '.join(_OPTIONS)}"
        )
    sent: dict[str, Any] = {"save_to_console": True}
    for name, value in options.items():
        if value is not None:
            instance(value, _OPTIONS[name], name)
        sent[name] = as_sent(value, name)
    return sent


@frozen
class SpliceArguments:
    """The checked arguments of a splice."""

    parameters: dict[str, Any]
    """The parameters of the request."""
    end_ms: int
    """The end of the footage, in epoch milliseconds."""
    seconds: int | None = None
    """The length of the footage; None if it is given by intervals."""

    def refuse_longer_than(self, longest: int | None) -> None:
        """Raise `InvalidArgumentError` for more than *longest* seconds; None stands for an hour."""
        most = _MAX_SECONDS if longest is None else longest
        if self.seconds is not None and self.seconds > most:
            raise InvalidArgumentError(
                f"duration must be at most {most} seconds", given=self.seconds
            )


def splice_arguments(
    device_uuids: Iterable[str],
    start: datetime | int | None,
    duration: timedelta | float | None,
    intervals: Mapping[str, Iterable[Interval]] | None,
    options: SpliceOptions,
) -> SpliceArguments:
    """Check the arguments of `ClipSession.splice`.

    Raises `InvalidArgumentError` for invalid arguments.
    """
    devices = identifiers(device_uuids, "device_uuids", least=intervals is None)
    sent = option_parameters(options)
    if intervals is None:
        if start is None or duration is None:
            raise InvalidArgumentError(
                "start and duration are required without device_interval_map"
            )
        start_ms, seconds = to_epoch_ms(start, "start"), whole_seconds(duration, "duration")
        sent |= {"device_uuids": devices, "start_time_millis": start_ms, "duration_sec": seconds}
        return SpliceArguments(sent, start_ms + 1000 * seconds, seconds)
    if start is not None or duration is not None:
        raise InvalidArgumentError("start and duration must be omitted with device_interval_map")
    checked = interval_map(intervals)
    sent |= {"device_uuids": devices or list(checked), "device_interval_map": checked}
    end_ms = max(part.end_ms or 0 for parts in checked.values() for part in parts)
    return SpliceArguments(sent, end_ms)


def interval_map(intervals: Mapping[str, Iterable[Interval]]) -> dict[str, list[TimeInterval]]:
    """Return the *intervals* of each device in the service's format.

    Raises `InvalidArgumentError` for naive datetimes, for an interval shorter than a second, and
    for more than an hour in total.
    """
    checked = {
        identifier(device, "each device of device_interval_map"): list(map(_interval, of_device))
        for device, of_device in intervals.items()
    }
    # Plain numbers, because a timedelta cannot hold the difference of two 64-bit numbers.
    total = sum(
        (part.end_ms or 0) - (part.start_ms or 0) for parts in checked.values() for part in parts
    )
    if not total:
        raise InvalidArgumentError("device_interval_map must contain at least one interval")
    if total > 1000 * _MAX_SECONDS:
        raise InvalidArgumentError(
            "device_interval_map must contain at most 60 minutes of footage in total"
        )
    return checked


def _interval(interval: Interval) -> TimeInterval:
    try:
        start, end = (
            (interval.start_ms, interval.end_ms) if isinstance(interval, TimeInterval) else interval
        )
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            "each interval must be a TimeInterval or a pair of start and end", given=interval
        ) from None
    if start is None or end is None:
        raise InvalidArgumentError("each interval must have a start and an end", given=interval)
    start_ms = to_epoch_ms(start, "the start of an interval")
    end_ms = to_epoch_ms(end, "the end of an interval")
    if end_ms - start_ms < 1000:
        raise InvalidArgumentError("each interval must be at least a second long", given=interval)
    return TimeInterval(start_ms=start_ms, end_ms=end_ms)


def whole_seconds(duration: object, name: str) -> int:
    """Return *duration* in seconds, rounded up so that no footage is lost.

    Raises `InvalidArgumentError` for anything but a duration, and for less than a second or
    more than fits into 32 bits.
    """
    if isinstance(duration, timedelta):
        whole, shown = -(-(duration // _MICROSECOND) // 1_000_000), duration.total_seconds()
    else:
        shown = seconds_of(duration, name)
        whole = math.ceil(round(shown, 6))  # Otherwise 0.1 + 0.2 + 2.7 would become 4 seconds.
    if shown < 1:
        raise InvalidArgumentError(f"{name} must be at least a second", given=shown)
    if whole > _MAX_INT32:
        raise InvalidArgumentError(f"{name} must be at most {_MAX_INT32} seconds", given=whole)
    return whole
