"""Saved clips: reading, changing and deleting them, one request at a time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Unpack

from rhombus_clips import arguments as check
from rhombus_clips import models
from rhombus_clips.arguments import UNSET, Unset, epoch_ms
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.endpoints import Endpoint
from rhombus_clips.calls.identity import mismatch, refuse_unnamed
from rhombus_clips.calls.single_item import single_item
from rhombus_clips.errors import ApiError, InvalidArgumentError, NotFoundError
from rhombus_clips.paging.rules.tokens import LARGEST_TOKEN_PAGE
from rhombus_clips.renders.requests import CLIP_PATH, get_clip
from rhombus_clips.session.clip_filters import ClipFilters, filter_parameters
from rhombus_clips.session.resource import Resource, updated

_DETAILS_PATH = "$.savedClip.uuid"
_MAX_INT32 = 2**31 - 1  # `maxPageSize` is an int32 in the reference.


class SavedClips(Resource):
    """The part of a session that reads, changes and deletes saved clips."""

    # --- reading -----------------------------------------------------------------------------

    async def get_saved_clips(
        self, *, max_page_size: int = 100, page_timestamp_ms: datetime | int | None = None
    ) -> models.SavedClipPage:
        """Return one page of the organization's saved clips (``/api/event/getSavedClipsV2``).

        `saved_clips` lists all pages.

        :param max_page_size: The maximum number of clips; 100 by default. The reference documents
            "up to 100" and does not say whether more are possible.
        :param page_timestamp_ms: The start of the page: `last_evaluated_timestamp_ms` of the
            previous page. None, the default, is the first page.
        :return: The page, with the cursor of the next page.
        :raises InvalidArgumentError: for numbers out of range.
        :raises RhombusError: if the call fails.
        """
        size = check.whole_number(max_page_size, "max_page_size", least=1, most=_MAX_INT32)
        start = epoch_ms(page_timestamp_ms, "page_timestamp_ms")
        sent = {"max_page_size": size, "page_timestamp_ms": start}
        return await self._call(endpoints.GET_SAVED_CLIPS, sent)

    async def get_saved_clips_v1(self) -> list[models.SavedClip]:
        """Return all saved clips in one response (``/api/event/getSavedClips``, deprecated).

        The reference recommends ``getSavedClipsV2`` instead, see `saved_clips`. The response for an
        organization with many clips may exceed ``max_response_bytes``.

        :return: The clips, in the service's order.
        :raises RhombusError: if the call fails.
        """
        return (await self._call(endpoints.GET_SAVED_CLIPS_V1, {})).saved_clips

    async def get_clip_with_progress(self, clip_uuid: str) -> models.ClipWithProgress:
        """Return a clip with the progress of its render (``/api/event/getClipWithProgress``).

        :param clip_uuid: The clip's uuid, 22 characters of URL-safe base64.
        :return: The clip, complete or being rendered. Its uuid is *clip_uuid*, or None if the
            service omitted it.
        :raises NotFoundError: if there is no such clip.
        :raises DecodeError: if the response contains another clip.
        :raises RhombusError: if the call fails.
        """
        return await get_clip(self._call, check.identifier(clip_uuid, "clip_uuid"))

    async def get_clips_with_progress(
        self, *, page_size: int = 100, page_token: str | None = None, **filters: Unpack[ClipFilters]
    ) -> models.ClipWithProgressPage:
        """Return one page of clips with their progress (``/api/event/getClipsWithProgress``).

        `clips_with_progress` lists all pages.

        :param page_size: The maximum number of clips, 1 to 200; 100 by default.
        :param page_token: The `page_token` of the previous page. None, the default, is the first.
        :param filters: Filters and order, see `ClipFilters`.
        :return: The page, with the token of the next page.
        :raises InvalidArgumentError: for numbers out of range and contradictory filters.
        :raises RhombusError: if the call fails.
        """
        return await self._page(endpoints.GET_CLIPS_WITH_PROGRESS, page_size, page_token, filters)

    async def get_expiring_clips_for_org(
        self, *, page_size: int = 100, page_token: str | None = None, **filters: Unpack[ClipFilters]
    ) -> models.ClipWithProgressPage:
        """Return one page of clips that expire soon (``/api/event/getExpiringClipsForOrg``).

        The reference does not say how soon. `expiring_clips` lists all pages.

        :param page_size: The maximum number of clips, 1 to 200; 100 by default.
        :param page_token: The `page_token` of the previous page. None, the default, is the first.
        :param filters: Filters and order, see `ClipFilters`.
        :return: The page, with the token of the next page.
        :raises InvalidArgumentError: for numbers out of range and contradictory filters.
        :raises RhombusError: if the call fails.
        """
        return await self._page(
            endpoints.GET_EXPIRING_CLIPS_FOR_ORG, page_size, page_token, filters
        )

    async def _page(
        self,
        endpoint: Endpoint[models.ClipWithProgressPage],
        page_size: int,
        page_token: str | None,
        filters: ClipFilters,
    ) -> models.ClipWithProgressPage:
        size = check.whole_number(page_size, "page_size", least=1, most=LARGEST_TOKEN_PAGE)
        token = None if page_token is None else check.identifier(page_token, "page_token")
        paging = {"page_size": size, "page_token": token}
        return await self._call(endpoint, {**filter_parameters(filters), **paging})

    async def get_saved_clip_details(self, clip_uuid: str) -> models.SavedClipWithDetails:
        """Return a saved clip with its detections (``/api/event/getSavedClipDetails``).

        :param clip_uuid: The clip's uuid.
        :return: The clip with its bounding boxes and seek points. Its uuid is *clip_uuid*, or None
            if the service omitted it.
        :raises NotFoundError: if there is no such clip, or it is still being spliced.
        :raises DecodeError: if the response contains another clip.
        :raises RhombusError: if the call fails.
        """
        clip_uuid = check.identifier(clip_uuid, "clip_uuid")
        response = await self._call.respond(
            endpoints.GET_SAVED_CLIP_DETAILS, {"clip_uuid": clip_uuid}
        )
        clip = response.answer.saved_clip
        return single_item(response, clip, uuid=clip_uuid, path=_DETAILS_PATH)

    async def get_saved_clip_count(
        self,
        *,
        device_filter: Iterable[str] | None = None,
        location_filter: Iterable[str] | None = None,
        start_time_ms: datetime | int | None = None,
        end_time_ms: datetime | int | None = None,
    ) -> models.SavedClipCount:
        """Return the number of saved clips (``/api/event/getSavedClipCount``).

        :param device_filter: Count only clips of these devices. Facets (``.v0``) are removed.
        :param location_filter: Count only clips of devices at these locations.
        :param start_time_ms: Count only clips from this time on: an aware datetime or epoch
            milliseconds. The reference does not say which time of a clip it means.
        :param end_time_ms: Count only clips up to this time.
        :return: The counts.
        :raises InvalidArgumentError: for naive datetimes and numbers out of range.
        :raises RhombusError: if the call fails.
        """
        locations = location_filter
        if locations is not None:
            locations = check.identifiers(locations, "location_filter")
        return await self._call(
            endpoints.GET_SAVED_CLIP_COUNT,
            {
                "device_filter": check.bare_device_uuids(device_filter, "device_filter"),
                "location_filter": locations,
                "start_time_ms": epoch_ms(start_time_ms, "start_time_ms"),
                "end_time_ms": epoch_ms(end_time_ms, "end_time_ms"),
            },
        )

    async def get_saved_clips_by_external_transaction_id(
        self, external_transaction_id: str
    ) -> list[models.SavedClip]:
        """Return a transaction's clips (``/api/event/getSavedClipsByExternalTransactionId``).

        :param external_transaction_id: The id of the transaction in a point-of-sale or other
            system.
        :return: The clips; empty if there are none. A clip's id may be None if the service
            omitted it.
        :raises DecodeError: if the response contains a clip of another transaction.
        :raises RhombusError: if the call fails.
        """
        wanted = check.identifier(external_transaction_id, "external_transaction_id")
        response = await self._call.respond(
            endpoints.GET_SAVED_CLIPS_BY_EXTERNAL_TRANSACTION_ID,
            {"external_transaction_id": wanted},
        )
        for index, clip in enumerate(response.answer.saved_clips):
            path = f"$.savedClips[{index}].externalTransactionId"
            if (error := mismatch(clip.external_transaction_id, wanted, path)) is not None:
                raise response.error(error)
        return response.answer.saved_clips

    # --- changes -----------------------------------------------------------------------------

    async def update_saved_clip(
        self,
        clip_uuid: str,
        *,
        title: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        access_settings: models.ClipAccessSettings | Unset = UNSET,
    ) -> None:
        """Change the given fields of a clip, and no others (``/api/event/updateSavedClip``).

        The service overwrites all three fields: omitting the title clears it. Therefore this method
        reads the clip with ``/api/event/getSavedClipDetails``, or ``getClipWithProgress`` while it
        is being spliced, and writes it back with the changes. A concurrent change by another client
        is lost. The write is retried only if the failed attempt cannot have taken effect.

        :param clip_uuid: The clip's uuid.
        :param title: The new title. `UNSET`, the default, keeps it; None clears it.
        :param description: The new description. `UNSET`, the default, keeps it; None clears it.
        :param access_settings: The new access settings. `UNSET`, the default, keeps them. None is
            rejected, because the service does not allow null.
        :raises InvalidArgumentError: if no field is given, or *access_settings* is None.
        :raises NotFoundError: if there is no such clip.
        :raises DecodeError: if the response to the read contains another clip, or one without a
            uuid; nothing was written.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if a call fails; see `maybe_applied`.
        """
        check.identifier(clip_uuid, "clip_uuid")
        if title is UNSET and description is UNSET and access_settings is UNSET:
            raise InvalidArgumentError(
                "pass at least one of title, description and access_settings"
            )
        check.text(title, "title")
        check.text(description, "description")
        if access_settings is None:  # pyright: ignore[reportUnnecessaryComparison]  # for untyped callers
            raise InvalidArgumentError(
                "access_settings must not be None, which the service rejects: omit it to keep the"
                " current settings, or pass a ClipAccessSettings"
            )
        if access_settings is not UNSET:
            check.instance(access_settings, models.ClipAccessSettings, "access_settings")
        access_settings = check.as_sent(access_settings, "access_settings")
        clip = await self._clip_to_update(clip_uuid)
        await self._call(
            endpoints.UPDATE_SAVED_CLIP,
            {
                "saved_clip_uuid": clip_uuid,
                "title": updated(title, clip.title, cleared=""),
                "description": updated(description, clip.description, cleared=""),
                "access_settings": updated(access_settings, clip.access_settings, cleared=None),
            },
        )

    async def _clip_to_update(self, clip_uuid: str) -> models.SavedClip:
        """Return the clip, after checking its uuid: another clip's fields must not be written."""
        clip: models.SavedClip
        path, endpoint = _DETAILS_PATH, endpoints.GET_SAVED_CLIP_DETAILS.path
        try:
            clip = await self.get_saved_clip_details(clip_uuid)
        except (ApiError, NotFoundError):  # Both may mean that there are no details.
            clip = await self.get_clip_with_progress(clip_uuid)
            path, endpoint = CLIP_PATH, endpoints.GET_CLIP_WITH_PROGRESS.path
        refuse_unnamed(clip.uuid, clip_uuid, path, endpoint=endpoint)
        return clip

    async def delete_saved_clip(self, clip_uuid: str) -> None:
        """Delete a clip permanently, complete or not (``/api/event/deleteSavedClip``).

        The request is retried only if the failed attempt cannot have taken effect.

        :param clip_uuid: The clip's uuid.
        :raises NotFoundError: if there is no such clip.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        await self._call(
            endpoints.DELETE_SAVED_CLIP,
            {"saved_clip_uuid": check.identifier(clip_uuid, "clip_uuid")},
        )
