"""Splices: creating clips from the footage of cameras, and watching their renders."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Unpack

from rhombus_clips import arguments as check
from rhombus_clips import errors
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.caller import local_time_ms
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import ClipWithProgress, Splice, SplicedClip
from rhombus_clips.renders.polling import Polling, WatchedClip
from rhombus_clips.renders.splice_arguments import Interval, SpliceOptions, splice_arguments
from rhombus_clips.renders.watching import ClipWatcher, wait_for_all
from rhombus_clips.session.resource import Resource

# The `Date` of a response has a resolution of a second.
_SERVICE_CLOCK_TOLERANCE_MS = 1000
_LOCAL_CLOCK_TOLERANCE_MS = 30_000


class Splices(Resource):
    """The part of a session that creates clips and watches their renders."""

    # --- one request each --------------------------------------------------------------------

    async def splice(
        self,
        device_uuids: Iterable[str] = (),
        start: datetime | int | None = None,
        duration: timedelta | float | None = None,
        *,
        device_interval_map: Mapping[str, Iterable[Interval]] | None = None,
        **options: Unpack[SpliceOptions],
    ) -> Splice:
        """Start creating a clip from footage (``/api/video/spliceV3``); `make_clip` also waits.

        The request is retried only if the failed attempt cannot have taken effect. After an error
        with `maybe_applied`, the splice may have started: `get_spliced_clips_in_progress` lists it.
        For a time range without footage the service renders placeholder pictures.

        :param device_uuids: The cameras, with a facet (``.v0``, ``.a0`` for sound) or without.
        :param start: The start of the footage: an aware datetime or epoch milliseconds.
        :param duration: The length of the footage: a timedelta or seconds, at least one second.
            Fractions of a second are rounded up.
        :param device_interval_map: The intervals of footage of each camera, instead of *start* and
            *duration*: `TimeInterval` objects or pairs of start and end, each at least one second
            long, at most 60 minutes in total.
        :param options: Optional settings of the clip, see `SpliceOptions`.
        :return: The uuids of the new clips. The reference does not say when there are several.
        :raises InvalidArgumentError: for footage in the future or shorter than a second, and for
            intervals of more than an hour in total. The service may have a lower limit:
            see `get_max_splice_duration`.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        wanted = splice_arguments(device_uuids, start, duration, device_interval_map, options)
        self._refuse_future(wanted.end_ms)
        return await self._call(endpoints.SPLICE, wanted.parameters)

    async def cancel_splice(
        self,
        clip_uuid: str | None = None,
        *,
        clip_uuid_list: Iterable[str] = (),
        device_uuids: Iterable[str] = (),
    ) -> None:
        """Cancel the creation of clips (``/api/video/cancelSpliceV2``).

        The request is retried only if the failed attempt cannot have taken effect. The reference
        does not say which of the three parameters the service needs.

        :param clip_uuid: A clip that is being created.
        :param clip_uuid_list: More such clips.
        :param device_uuids: The cameras of the clips.
        :raises InvalidArgumentError: if no clip is given.
        :raises NotFoundError: if one of the clips does not exist.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        clips = check.identifiers(clip_uuid_list, "clip_uuid_list")
        if clip_uuid is None and not clips:
            raise InvalidArgumentError("clip_uuid must be given if clip_uuid_list is empty")
        if clip_uuid is not None:
            check.identifier(clip_uuid, "clip_uuid")
        await self._call(
            endpoints.CANCEL_SPLICE,
            {
                "clip_uuid": clip_uuid,
                "clip_uuid_list": clips or None,
                "device_uuids": check.identifiers(device_uuids, "device_uuids") or None,
            },
        )

    async def retry_splice(self, clip_uuid: str) -> None:
        """Retry the creation of a failed clip (``/api/video/retrySplice``).

        The request is retried only if the failed attempt cannot have taken effect.

        :param clip_uuid: The clip's uuid.
        :raises NotFoundError: if there is no such clip.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        await self._call(
            endpoints.RETRY_SPLICE, {"clip_uuid": check.identifier(clip_uuid, "clip_uuid")}
        )

    async def get_max_splice_duration(self) -> int | None:
        """Return the maximum length of a new clip (``/api/video/getMaxSpliceDuration``).

        :return: The length in seconds; None if the service does not state one.
        :raises RhombusError: if the call fails.
        """
        return (await self._call(endpoints.GET_MAX_SPLICE_DURATION, {})).max_duration

    async def get_spliced_clips_in_progress(self) -> list[SplicedClip]:
        """Return the clips that are being spliced (``/api/event/getSplicedClipsInProgress``).

        The reference marks this endpoint as deprecated. If the service answers 404 or 410, the
        session then uses its replacement, ``/api/video/getSplicedClipsInProgress``.

        :return: The clips; empty if there are none.
        :raises RhombusError: if the call fails.
        """
        return (await self._call(endpoints.GET_SPLICED_CLIPS_IN_PROGRESS, {})).spliced_clips

    # --- watching a render -------------------------------------------------------------------

    def watch_clip(
        self,
        clip_uuid: str,
        *,
        polling: Polling = Polling(),
        heartbeat: float | timedelta | None = None,
    ) -> ClipWatcher:
        """Yield a clip each time its render makes progress, until it is complete.

        Polls ``/api/event/getClipWithProgress``. A status that the reference does not explain
        (``OFFLINE``, ``UNKNOWN``, new ones) does not end the watch.

        :param clip_uuid: The clip's uuid.
        :param polling: How often to poll, and how long to tolerate errors: every 2 s, up to 15 s
            without progress; 60 s until the clip appears; 300 s while the service is unreachable.
            The time limits start with the first poll that fails, and again when the watch is
            resumed after an error.
        :param heartbeat: Yield the last state again after this time without a change, in seconds or
            as a timedelta, even while a poll is waiting for its response. It is the same object as
            before, and `is_heartbeat` of the watcher is true. Until the service has returned the
            clip, it is a `ClipWithProgress` with no field but the uuid. None, the default, yields
            changes only.
        :return: An async iterable. Nothing is sent before it is iterated. Each change is yielded
            once: after a timeout, a cancellation, a ``break`` or an error, the next iteration
            resumes with the next change.
        :raises InvalidArgumentError: for an invalid uuid or heartbeat.
        :raises ClipFailedError: while iterating, if the render failed or the clip was deleted:
            three polls in a row found it absent after it was seen. Every further iteration raises
            it again.
        :raises NotFoundError: if the clip did not appear within `Polling.appears_within`.
        :raises DecodeError: if the service answered with another clip or one without a uuid for
            longer than `Polling.outage`. Such a clip is never yielded.
        :raises RhombusError: if the service was unreachable or rejected requests for longer than
            that.
        """
        return self._watcher([clip_uuid], polling, heartbeat, yields_failed=False)

    def watch_clips(
        self,
        clip_uuids: Iterable[str],
        *,
        polling: Polling = Polling(),
        heartbeat: float | timedelta | None = None,
    ) -> ClipWatcher:
        """Yield each of several clips each time its render makes progress, until all have ended.

        Looks up three or more clips on pages of ``/api/event/getClipsWithProgress``, as long as a
        page contains several of them, and the others with ``/api/event/getClipWithProgress``.

        :param clip_uuids: The clips' uuids.
        :param polling: As for `watch_clip`.
        :param heartbeat: As for `watch_clip`. It repeats one clip: of the clips that have not
            ended, the one that changed last.
        :return: An async iterable, as for `watch_clip`.
        :raises ClipFailedError: at the end, if renders failed or clips were deleted. Its `clips`
            are all of these; each was also yielded.
        :raises NotFoundError: at the end, if a clip did not appear. The next iteration polls such
            clips again.
        :raises ApiError: at the end, if the service kept rejecting requests for a clip.
        :raises RhombusError: if the service was unreachable for longer than `Polling.outage`.
        """
        uuids = check.identifiers(clip_uuids, "clip_uuids")
        return self._watcher(uuids, polling, heartbeat, yields_failed=True)

    async def wait_for_clip(
        self, clip_uuid: str, *, timeout: float | timedelta, polling: Polling = Polling()
    ) -> ClipWithProgress:
        """Wait until a clip is complete, and return it.

        Polls ``/api/event/getClipWithProgress``.

        :param clip_uuid: The clip's uuid.
        :param timeout: The longest wait, in seconds or as a timedelta. It is required because a
            render may be stuck forever.
        :param polling: As for `watch_clip`.
        :return: The complete clip.
        :raises DeadlineExceededError: after *timeout*. The service continues the render.
        :raises ClipFailedError: if the render failed; also the other errors of `watch_clip`.
        """
        seconds = check.seconds_of(timeout, "timeout")
        watched = _watched(clip_uuid, polling)
        changes = ClipWatcher(self._call, [watched], polling, yields_failed=False)
        (clip,) = await wait_for_all([watched], changes, timeout=seconds)
        return clip

    async def make_clip(
        self,
        device_uuids: Iterable[str] = (),
        start: datetime | int | None = None,
        duration: timedelta | float | None = None,
        *,
        device_interval_map: Mapping[str, Iterable[Interval]] | None = None,
        timeout: float | timedelta = 900.0,
        polling: Polling = Polling(),
        on_change: Callable[[ClipWithProgress], None] | None = None,
        **options: Unpack[SpliceOptions],
    ) -> list[ClipWithProgress]:
        """Create a clip from footage, wait until it is complete, and return it.

        Calls ``/api/video/getMaxSpliceDuration`` unless *device_interval_map* is given, then
        ``/api/video/spliceV3`` as `splice` does, then watches every clip in the response as
        `watch_clips` does. The service creates one clip for all cameras, or one for each.

        :param device_uuids: The cameras, with a facet (``.v0``, ``.a0`` for sound) or without.
        :param start: The start of the footage: an aware datetime or epoch milliseconds.
        :param duration: The length of the footage: a timedelta or seconds, at least one second.
            Fractions of a second are rounded up.
        :param device_interval_map: The intervals of each camera, as for `splice`.
        :param timeout: The longest wait for the render, in seconds or as a timedelta; 15 minutes
            by default.
        :param polling: As for `watch_clip`.
        :param on_change: A plain function, called with a clip each time its render makes progress.
        :param options: Optional settings of the clip, see `SpliceOptions`.
        :return: The complete clips, in the order of the service's response.
        :raises InvalidArgumentError: for footage in the future, or longer than the organization's
            limit; nothing was spliced.
        :raises DeadlineExceededError: after *timeout*. The service continues the render. Every
            error after the splice has the clips as `clip_uuids`.
        :raises ClipFailedError: if a render failed.
        :raises RhombusError: if a call fails; see `maybe_applied`.
        """
        wanted = splice_arguments(device_uuids, start, duration, device_interval_map, options)
        seconds = check.seconds_of(timeout, "timeout")
        check.instance(polling, Polling, "polling")
        on_change = check.function_or_none(on_change, "on_change")
        self._refuse_future(wanted.end_ms)
        if wanted.seconds is not None:
            wanted.refuse_longer_than(await self._longest_splice())
        answer = await self._call(endpoints.SPLICE, wanted.parameters)
        if not answer.clip_uuids:
            raise errors.DecodeError(
                "the service started a splice but returned no clip uuid",
                path="$.clipUuid",
                expected="a uuid",
                endpoint=endpoints.SPLICE.path,
                attempts=1,
                maybe_applied=True,
            )
        watched = [WatchedClip(uuid, polling) for uuid in answer.clip_uuids]
        changes = ClipWatcher(self._call, watched, polling, yields_failed=True)
        try:
            return await wait_for_all(watched, changes, timeout=seconds, on_change=on_change)
        except errors.RhombusError as error:
            # With these uuids, a caller can wait for the clips without another splice.
            error.clip_uuids = tuple(answer.clip_uuids)
            raise

    def _watcher(
        self,
        clip_uuids: Iterable[str],
        polling: Polling,
        heartbeat: float | timedelta | None,
        *,
        yields_failed: bool,
    ) -> ClipWatcher:
        if heartbeat is not None:
            heartbeat = check.seconds_of(heartbeat, "heartbeat")
        watched = [_watched(uuid, polling) for uuid in clip_uuids]
        return ClipWatcher(
            self._call, watched, polling, yields_failed=yields_failed, heartbeat=heartbeat
        )

    def _refuse_future(self, end_ms: int) -> None:
        """Raise `InvalidArgumentError` for footage that ends in the future by the service's clock.

        Before the first response, the local clock is used, which may be wrong.
        """
        now, tolerance = self._call.service_time_ms(), _SERVICE_CLOCK_TOLERANCE_MS
        if now is None:
            now, tolerance = local_time_ms(), _LOCAL_CLOCK_TOLERANCE_MS
        if end_ms > now + tolerance:
            ahead = (end_ms - now) / 1000
            raise InvalidArgumentError(
                f"the footage does not exist yet: it ends {ahead:.1f} s in the future"
            )

    async def _longest_splice(self) -> int | None:
        """Return `get_max_splice_duration`, or None if this key may not request it."""
        try:
            return await self.get_max_splice_duration()
        except (errors.ApiError, errors.PermissionDeniedError):
            return None
        except errors.StatusError as error:
            if error.status != 404:
                raise
            return None


def _watched(clip_uuid: str, polling: Polling) -> WatchedClip:
    return WatchedClip(
        check.identifier(clip_uuid, "clip_uuid"), check.instance(polling, Polling, "polling")
    )
