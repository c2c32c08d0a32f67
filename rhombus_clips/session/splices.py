"""Splices: making clips of what cameras saw, and following them to the end."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Unpack

from rhombus_clips.arguments import (
    function_or_none,
    identifier,
    identifiers,
    instance,
    seconds_of,
)
from rhombus_clips.calls.caller import service_or_local_time_ms
from rhombus_clips.calls.endpoints import (
    CANCEL_SPLICE,
    GET_MAX_SPLICE_DURATION,
    GET_SPLICED_CLIPS_IN_PROGRESS,
    RETRY_SPLICE,
    SPLICE,
)
from rhombus_clips.errors import (
    ApiError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RhombusError,
)
from rhombus_clips.models import ClipWithProgress, ClipWithProgressPage, Splice, SplicedClip
from rhombus_clips.models.moments import to_epoch_ms
from rhombus_clips.renders.polling import Polling, Watched
from rhombus_clips.renders.splice_arguments import (
    Interval,
    SpliceOptions,
    interval_map,
    latest_end_ms,
    option_parameters,
    refuse_future,
    refuse_longer,
    whole_seconds,
)
from rhombus_clips.renders.watching import wait_for_all, watch_clip, watch_clips
from rhombus_clips.session.saved_clips import SavedClips

# The service's clock is known to the second.
_CLOCK_RESOLUTION_MS = 1000
_LOCAL_CLOCK_TOLERANCE_MS = 30_000


class Splices(SavedClips):
    """What a session does with clips in the making."""

    # --- one request each --------------------------------------------------------------------

    async def splice(
        self,
        device_uuids: Iterable[str] = (),
        start_time_millis: datetime | int | None = None,
        duration_sec: timedelta | float | None = None,
        *,
        device_interval_map: Mapping[str, Iterable[Interval]] | None = None,
        **options: Unpack[SpliceOptions],
    ) -> Splice:
        """Have a clip made of what cameras saw (``/api/video/spliceV3``); `make_clip` waits for it.

        Sent again only where nothing was done: an error that says `maybe_applied` may have begun a
        splice, which `get_spliced_clips_in_progress` shows. The service also makes clips of ranges
        without footage, of placeholder pictures.

        :param device_uuids: The cameras, with a facet (``.v0``, ``.a0`` for sound) or without.
        :param start_time_millis: When the footage begins: aware datetime or epoch milliseconds.
        :param duration_sec: How long it is: a timedelta or seconds, at least one; parts of a second
            are rounded up.
        :param device_interval_map: Instead of those three: for each camera its stretches of
            footage, as `TimeInterval` or pairs of begin and end, each at least a second, at most
            60 minutes altogether.
        :param options: What else may be said of the clip, see `SpliceOptions`.
        :return: The uuids of the clips that are being made; what more than one stands for is not
            documented.
        :raises ValueError: for footage that is yet to come, for less than a second of it, and for
            more than an hour in `device_interval_map`; nothing is sent then. How much may be
            spliced otherwise is what `get_max_splice_duration` says.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        intervals = interval_map(device_interval_map)
        devices = identifiers(device_uuids, "device_uuids", least=0 if intervals else 1)
        start = seconds = None
        if intervals is None:
            if start_time_millis is None or duration_sec is None:
                raise ValueError("start_time_millis and duration_sec, or device_interval_map")
            start = to_epoch_ms(start_time_millis, "start_time_millis")
            seconds = whole_seconds(duration_sec, "duration_sec")
            self._refuse_future(start + 1000 * seconds)
        elif start_time_millis is not None or duration_sec is not None:
            raise ValueError("device_interval_map has begins and ends of its own")
        else:
            self._refuse_future(latest_end_ms(intervals))
        return await self._call(
            SPLICE,
            {
                "device_uuids": devices or list(intervals or ()),
                "start_time_millis": start,
                "duration_sec": seconds,
                "device_interval_map": intervals,
                **option_parameters(options),
            },
        )

    async def cancel_splice(
        self,
        clip_uuid: str | None = None,
        *,
        clip_uuid_list: Iterable[str] = (),
        device_uuids: Iterable[str] = (),
    ) -> None:
        """End the making of clips (``/api/video/cancelSpliceV2``).

        Sent again only where nothing was done. Which of the three the service needs is not
        documented.

        :param clip_uuid: A clip in the making.
        :param clip_uuid_list: More of them.
        :param device_uuids: The cameras of the clips.
        :raises ValueError: when no clip is named.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        clips = identifiers(clip_uuid_list, "clip_uuid_list")
        if clip_uuid is None and not clips:
            raise ValueError("clip_uuid or clip_uuid_list must name a clip")
        await self._call(
            CANCEL_SPLICE,
            {
                "clip_uuid": None if clip_uuid is None else identifier(clip_uuid, "clip_uuid"),
                "clip_uuid_list": clips or None,
                "device_uuids": identifiers(device_uuids, "device_uuids") or None,
            },
        )

    async def retry_splice(self, clip_uuid: str) -> None:
        """Have a clip made anew that failed (``/api/video/retrySplice``).

        Sent again only where nothing was done.

        :param clip_uuid: The clip's uuid.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        await self._call(RETRY_SPLICE, {"clip_uuid": identifier(clip_uuid, "clip_uuid")})

    async def get_max_splice_duration(self) -> int | None:
        """The longest clip that may be made, in seconds (``/api/video/getMaxSpliceDuration``).

        :return: None when the service names none.
        :raises RhombusError: as every call, see the README's table.
        """
        return (await self._call(GET_MAX_SPLICE_DURATION, {})).max_duration

    async def get_spliced_clips_in_progress(self) -> list[SplicedClip]:
        """The clips that are being spliced (``/api/event/getSplicedClipsInProgress``).

        The reference marks that endpoint deprecated. Where the service answers 404 or 410, its
        replacement ``/api/video/getSplicedClipsInProgress`` is used for the rest of the session.

        :return: Those clips, none if there are none.
        :raises RhombusError: as every call, see the README's table.
        """
        return (await self._call(GET_SPLICED_CLIPS_IN_PROGRESS, {})).spliced_clips

    # --- following a render ------------------------------------------------------------------

    def watch_clip(
        self, clip_uuid: str, *, polling: Polling = Polling()
    ) -> AsyncGenerator[ClipWithProgress, None]:
        """Yield a clip each time that its render has moved on, until it is complete.

        Asks ``/api/event/getClipWithProgress``. Statuses that the reference does not explain
        (``OFFLINE``, ``UNKNOWN``, new ones) count as still going.

        :param clip_uuid: The clip's uuid.
        :param polling: How often to look and how long to be patient: every 2 s, up to 15 s while
            nothing moves, 60 s until the clip is visible, 300 s for a service out of reach.
        :return: An async generator; nothing is sent before it is iterated.
        :raises ClipFailedError: from the iteration, when the clip failed or was deleted: it was
            there, and three looks in a row found that it is not.
        :raises ClipNotFoundError: when it did not appear, likewise `NotFoundError` and `ApiError`,
            by what the service answers then, see `Polling.appears_within`.
        :raises DecodeError: when the service answered with another clip, or did not say with which
            one, for longer than `Polling.outage`; such a clip is never yielded.
        :raises RhombusError: when the service was out of reach, or refused, for longer than that.
        """
        return watch_clip(_watched(clip_uuid, polling), self.get_clip_with_progress)

    def watch_clips(
        self, clip_uuids: Iterable[str], *, polling: Polling = Polling()
    ) -> AsyncGenerator[ClipWithProgress, None]:
        """Yield each of several clips each time that it has moved on, until all have ended.

        Three clips and more are looked for on pages of ``/api/event/getClipsWithProgress``, for as
        long as a page has several of them, and one by one where it does not.

        :param clip_uuids: The clips' uuids.
        :param polling: As for `watch_clip`.
        :return: An async generator; nothing is sent before it is iterated.
        :raises ClipFailedError: at the very end, when some of the clips failed or were deleted:
            `clips` has all of these. They were yielded as well.
        :raises ClipNotFoundError: at the very end, when one did not appear, likewise
            `NotFoundError` and `ApiError`, which may also be a refusal that did not pass.
        :raises RhombusError: when the service was out of reach for longer than `polling` says.
        """
        watched = [_watched(uuid, polling) for uuid in identifiers(clip_uuids, "clip_uuids")]
        return watch_clips(watched, self.get_clip_with_progress, self._list_some, polling)

    async def wait_for_clip(
        self, clip_uuid: str, *, deadline: float, polling: Polling = Polling()
    ) -> ClipWithProgress:
        """Wait until a clip is complete, and return it (``/api/event/getClipWithProgress``).

        :param clip_uuid: The clip's uuid.
        :param deadline: The longest wait, in seconds: a render may be stuck for ever.
        :param polling: As for `watch_clip`.
        :return: The clip, complete.
        :raises DeadlineExceededError: when the time is up; the render goes on at the service.
        :raises ClipFailedError: and the others, as `watch_clip` does.
        """
        watched = _watched(clip_uuid, polling)
        changes = watch_clip(watched, self.get_clip_with_progress)
        (clip,) = await wait_for_all([watched], changes, deadline=seconds_of(deadline, "deadline"))
        return clip

    async def make_clip(
        self,
        device_uuids: Iterable[str],
        start: datetime | int,
        duration: timedelta | float,
        *,
        deadline: float = 900.0,
        polling: Polling = Polling(),
        on_change: Callable[[ClipWithProgress], None] | None = None,
        **options: Unpack[SpliceOptions],
    ) -> list[ClipWithProgress]:
        """Have a clip made of what cameras saw, wait until it is complete, and return it.

        Asks `get_max_splice_duration` (``/api/video/getMaxSpliceDuration``), then `splice`
        (``/api/video/spliceV3``), which is sent again only where nothing was done, then watches
        every clip that the answer names, as `watch_clips` does: one for several cameras, or one
        for each.

        :param device_uuids: The cameras, with a facet or without.
        :param start: When the footage begins: aware datetime or epoch milliseconds.
        :param duration: How long it is: a timedelta or seconds, at least one; parts of a second
            are rounded up.
        :param deadline: The longest wait for the render, in seconds; 15 minutes by default.
        :param polling: As for `watch_clip`.
        :param on_change: Called with the clip each time that it has moved on; None by default. A
            plain function, as nothing awaits it.
        :param options: What else may be said of the clip, see `SpliceOptions`.
        :return: The clips, complete, in the order in which the service named them.
        :raises ValueError: for footage that is yet to come, or longer than the organization may
            splice; nothing was spliced then.
        :raises DeadlineExceededError: when the time is up; it names the clips, which go on. Every
            error that follows the splice has them as `clip_uuids`.
        :raises ClipFailedError: when a clip failed.
        """
        devices = identifiers(device_uuids, "device_uuids", least=1)
        start_ms, seconds = to_epoch_ms(start, "start"), whole_seconds(duration, "duration")
        deadline = seconds_of(deadline, "deadline")
        instance(polling, Polling, "polling")
        on_change = function_or_none(on_change, "on_change")
        option_parameters(options)
        self._refuse_future(start_ms + 1000 * seconds)
        refuse_longer(seconds, await self._longest_splice())
        answer = await self.splice(devices, start_ms, seconds, **options)
        if not answer.clip_uuids:
            raise DecodeError(
                "the service began a splice and did not say which clip it makes",
                path="$.clipUuid",
                expected="a uuid",
                endpoint=SPLICE.path,
                attempts=1,
                maybe_applied=True,
            )
        watched = [Watched(uuid, polling) for uuid in answer.clip_uuids]
        changes = watch_clips(watched, self.get_clip_with_progress, self._list_some, polling)
        try:
            return await wait_for_all(watched, changes, deadline=deadline, on_change=on_change)
        except RhombusError as error:
            # Whoever catches it must not have to splice again to get at the clip.
            error.clip_uuids = tuple(answer.clip_uuids)
            raise

    def _refuse_future(self, end_ms: int) -> None:
        """Raise `ValueError` for footage up to *end_ms* that is yet to come.

        The service's clock counts; until a response has told it, this machine's, which may differ.
        """
        now, tolerance = self._call.service_time_ms(), _CLOCK_RESOLUTION_MS
        if now is None:
            now, tolerance = service_or_local_time_ms(self._call), _LOCAL_CLOCK_TOLERANCE_MS
        refuse_future(end_ms, now_ms=now, tolerance_ms=tolerance)

    async def _longest_splice(self) -> int | None:
        """As `get_max_splice_duration`; None too where the service does not tell this key."""
        try:
            return await self.get_max_splice_duration()
        except (ApiError, NotFoundError, PermissionDeniedError):
            return None

    async def _list_some(self, count: int, token: str | None) -> ClipWithProgressPage:
        return await self.get_clips_with_progress(page_size=count, page_token=token)


def _watched(clip_uuid: str, polling: Polling) -> Watched:
    return Watched(identifier(clip_uuid, "clip_uuid"), instance(polling, Polling, "polling"))
