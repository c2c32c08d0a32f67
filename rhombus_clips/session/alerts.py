"""Saving alerts as clips before they expire."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Protocol

import anyio

from rhombus_clips import arguments as check
from rhombus_clips.calls import endpoints
from rhombus_clips.errors import DeadlineExceededError, RhombusError
from rhombus_clips.models import DewarpedView, SavedClip
from rhombus_clips.paging import SavedClipPager
from rhombus_clips.renders.polling import Polling, has_failed
from rhombus_clips.session.resource import Resource


class _Session(Protocol):
    """The methods of a session that `Alerts.save_alert_clip` calls."""

    def saved_clips(self, *, since: datetime | int | None = None) -> SavedClipPager:
        """See `ClipSession.saved_clips`."""
        ...

    async def save_policy_alert(
        self, alert_uuid: str, *, title: str | None = None, description: str | None = None
    ) -> None:
        """See `ClipSession.save_policy_alert`."""
        ...


class Alerts(Resource):
    """The part of a session that saves alerts as clips."""

    async def save_policy_alert(
        self,
        alert_uuid: str,
        *,
        title: str | None = None,
        description: str | None = None,
        fisheye_presentation_map: Mapping[str, Sequence[DewarpedView]] | None = None,
    ) -> None:
        """Save an alert as a clip (``/api/event/savePolicyAlertV2``).

        Alerts expire after three months, clips after two years. The response does not contain the
        uuid of the new clip: `save_alert_clip` finds it. The request is retried only if the failed
        attempt cannot have taken effect.

        :param alert_uuid: The alert's uuid.
        :param title: The title of the clip (``savedClipTitle``); None, the default, omits it.
        :param description: The description of the clip (``savedClipDescription``); None, the
            default, omits it.
        :param fisheye_presentation_map: The dewarped views of each device.
        :raises NotFoundError: if there is no such alert.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        views = fisheye_presentation_map
        check.instance_or_none(views, Mapping, "fisheye_presentation_map")
        await self._call(
            endpoints.SAVE_POLICY_ALERT,
            {
                "alert_uuid": check.identifier(alert_uuid, "alert_uuid"),
                "saved_clip_title": check.text_or_none(title, "title"),
                "saved_clip_description": check.text_or_none(description, "description"),
                "fisheye_presentation_map": check.as_sent(views, "fisheye_presentation_map"),
            },
        )

    async def save_alert_clip(
        self: _Session,
        alert_uuid: str,
        *,
        title: str | None = None,
        description: str | None = None,
        since: datetime | int | None = None,
        timeout: float | timedelta = 60.0,
        polling: Polling = Polling(),
    ) -> SavedClip:
        """Save an alert as a clip, wait until the clip is listed, and return it.

        If the alert already has a clip, this method returns it and saves nothing, so it is safe to
        call again after an error. Otherwise it calls ``/api/event/savePolicyAlertV2``. The response
        does not contain the uuid of the clip, so the method searches ``/api/event/getSavedClipsV2``
        for a clip with that `source_alert_uuid`, before the request and repeatedly after it. A
        search may read all pages; *since* shortens it for an organization with many clips.

        :param alert_uuid: The alert's uuid.
        :param title: The title of a new clip; None, the default, omits it.
        :param description: The description of a new clip; None, the default, omits it.
        :param since: Search only clips whose footage starts at or after this time, such as an hour
            before the alert: an aware datetime or epoch milliseconds. None, the default, searches
            all clips.
        :param timeout: The maximum wait for a new clip, in seconds or as a timedelta; 60 s by
            default.
        :param polling: How often to search: `interval` and `max_interval`. A search that takes
            longer lengthens the interval.
        :return: The clip, which may still be rendered: see `wait_for_clip`. Failed and deleted
            clips are ignored.
        :raises DeadlineExceededError: after *timeout*, with `maybe_applied`: the alert was saved.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if a call fails; `maybe_applied` is True if the alert was saved or may
            have been.
        """
        check.identifier(alert_uuid, "alert_uuid")
        seconds = check.seconds_of(timeout, "timeout")
        check.instance(polling, Polling, "polling")
        check.text_or_none(title, "title")
        check.text_or_none(description, "description")
        clip = await _clip_of(alert_uuid, self.saved_clips(since=since))
        if clip is not None:
            return clip
        await self.save_policy_alert(alert_uuid, title=title, description=description)
        wait = 0.0
        try:
            with anyio.move_on_after(seconds):
                while True:
                    started = anyio.current_time()
                    clip = await _clip_of(alert_uuid, self.saved_clips(since=since))
                    if clip is not None:
                        return clip
                    wait = polling.next_interval(wait, moved=False)
                    # A long search takes many requests, so leave half of the time to other calls.
                    await anyio.sleep(max(wait, anyio.current_time() - started))
        except RhombusError as error:
            error.maybe_applied = True
            raise
        raise DeadlineExceededError(
            f"alert {alert_uuid} was saved, but its clip was not listed within {seconds:g} s; call"
            " save_alert_clip again to find it",
            endpoint=endpoints.SAVE_POLICY_ALERT.path,
            attempts=1,
            maybe_applied=True,
        )


async def _clip_of(alert_uuid: str, clips: SavedClipPager) -> SavedClip | None:
    """Return the first of *clips* that was saved from the alert and has not failed, if any."""
    async with aclosing(aiter(clips)) as listing:
        async for clip in listing:
            if clip.source_alert_uuid == alert_uuid and not has_failed(clip):
                return clip
    return None
