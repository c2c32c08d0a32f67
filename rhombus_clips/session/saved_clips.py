"""Saved clips: reading, changing and deleting them, one request at a time."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Unpack

from rhombus_clips.arguments import (
    UNSET,
    Unset,
    as_sent,
    bare_device_uuids,
    identifier,
    identifiers,
    instance_or_none,
    text,
    whole_number,
)
from rhombus_clips.calls.endpoints import (
    DELETE_SAVED_CLIP,
    GET_CLIP_WITH_PROGRESS,
    GET_CLIPS_WITH_PROGRESS,
    GET_EXPIRING_CLIPS_FOR_ORG,
    GET_SAVED_CLIP_COUNT,
    GET_SAVED_CLIP_DETAILS,
    GET_SAVED_CLIPS,
    GET_SAVED_CLIPS_BY_EXTERNAL_TRANSACTION_ID,
    GET_SAVED_CLIPS_V1,
    UPDATE_SAVED_CLIP,
    Endpoint,
)
from rhombus_clips.calls.identity import mismatch, refuse_unnamed
from rhombus_clips.codec.bodies import NULL
from rhombus_clips.errors import ApiError, ClipNotFoundError, NotFoundError
from rhombus_clips.models import (
    ClipAccessSettings,
    ClipWithProgress,
    ClipWithProgressPage,
    SavedClip,
    SavedClipCount,
    SavedClipPage,
    SavedClipWithDetails,
)
from rhombus_clips.paging.rules.filters import ClipFilters, filter_parameters
from rhombus_clips.paging.rules.tokens import LARGEST_TOKEN_PAGE
from rhombus_clips.session.resource import Resource, epoch_ms, written

CLIP_PATH = "$.clip.uuid"
_DETAILS_PATH = "$.savedClip.uuid"
_LARGEST_PAGE_SIZE = 2**31 - 1  # What the 32 bits of the reference hold.


class SavedClips(Resource):
    """What a session does with saved clips."""

    # --- one request each --------------------------------------------------------------------

    async def get_saved_clips(
        self, *, max_page_size: int = 100, page_timestamp_ms: datetime | int | None = None
    ) -> SavedClipPage:
        """One page of the organization's saved clips (``/api/event/getSavedClipsV2``).

        To read them all, see `saved_clips`.

        :param max_page_size: The most clips to list, 100 by default. The reference documents
            "up to 100" and neither promises nor rules out more.
        :param page_timestamp_ms: Where the page begins: the `last_evaluated_timestamp_ms` of the
            page before; None for the first page.
        :return: The page, with the cursor of the next.
        :raises RhombusError: as every call, see the README's table.
        """
        size = whole_number(max_page_size, "max_page_size", least=1, most=_LARGEST_PAGE_SIZE)
        return await self._call(
            GET_SAVED_CLIPS,
            {
                "max_page_size": size,
                "page_timestamp_ms": epoch_ms(page_timestamp_ms, "page_timestamp_ms"),
            },
        )

    async def get_saved_clips_v1(self) -> list[SavedClip]:
        """All saved clips in one answer (``/api/event/getSavedClips``), which is deprecated.

        The reference says to use ``getSavedClipsV2`` instead: see `saved_clips`. An organization
        with many clips may exceed ``max_response_bytes``.

        :return: All of them, in the service's order.
        :raises RhombusError: as every call, see the README's table.
        """
        return (await self._call(GET_SAVED_CLIPS_V1, {})).saved_clips

    async def get_clip_with_progress(self, clip_uuid: str) -> ClipWithProgress:
        """A saved clip with how far its render has come (``/api/event/getClipWithProgress``).

        :param clip_uuid: The clip's uuid, 22 characters of url-safe base64.
        :return: The clip, complete or on its way. Its uuid is the one asked for, or None where the
            service leaves it out.
        :raises ClipNotFoundError: when the service answers without a clip. What it answers for a
            uuid that it does not know is not documented; a 404 raises `NotFoundError`.
        :raises DecodeError: when it answers with another clip.
        :raises RhombusError: as every call, see the README's table.
        """
        return await self._found(
            GET_CLIP_WITH_PROGRESS,
            {"clip_uuid": identifier(clip_uuid, "clip_uuid")},
            lambda answer: answer.clip,
            partial(_not_found, clip_uuid),
            uuid=clip_uuid,
            path=CLIP_PATH,
        )

    async def get_clips_with_progress(
        self,
        *,
        page_size: int = 100,
        page_token: str | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPage:
        """One page of clips with their progress (``/api/event/getClipsWithProgress``).

        To read them all, see `clips_with_progress`.

        :param page_size: The most clips to list, 1 to 200; 100 by default.
        :param page_token: The `page_token` of the page before; None for the first page.
        :param filters: Which clips, see `ClipFilters`.
        :return: The page, with the token of the next.
        :raises ValueError: for numbers out of range and for filters that cannot be meant.
        :raises RhombusError: as every call, see the README's table.
        """
        return await self._page(GET_CLIPS_WITH_PROGRESS, page_size, page_token, filters)

    async def get_expiring_clips_for_org(
        self,
        *,
        page_size: int = 100,
        page_token: str | None = None,
        **filters: Unpack[ClipFilters],
    ) -> ClipWithProgressPage:
        """One page of the clips that expire soon (``/api/event/getExpiringClipsForOrg``).

        How soon is not documented. To read them all, see `expiring_clips`. The parameters are
        those of `get_clips_with_progress`.

        :param page_size: The most clips to list, 1 to 200; 100 by default.
        :param page_token: The `page_token` of the page before; None for the first page.
        :param filters: Which clips, see `ClipFilters`.
        :return: The page, with the token of the next.
        :raises ValueError: for numbers out of range and for filters that cannot be meant.
        :raises RhombusError: as every call, see the README's table.
        """
        return await self._page(GET_EXPIRING_CLIPS_FOR_ORG, page_size, page_token, filters)

    async def _page(
        self,
        endpoint: Endpoint[ClipWithProgressPage],
        page_size: int,
        page_token: str | None,
        filters: ClipFilters,
    ) -> ClipWithProgressPage:
        page_size = whole_number(page_size, "page_size", least=1, most=LARGEST_TOKEN_PAGE)
        if page_token is not None:
            identifier(page_token, "page_token")
        paging = {"page_size": page_size, "page_token": page_token}
        return await self._call(endpoint, {**filter_parameters(filters), **paging})

    async def get_saved_clip_details(self, clip_uuid: str) -> SavedClipWithDetails:
        """A saved clip with what was seen in it (``/api/event/getSavedClipDetails``).

        :param clip_uuid: The clip's uuid.
        :return: The clip with its bounding boxes and seek points. Its uuid is the one asked for, or
            None where the service leaves it out.
        :raises ClipNotFoundError: when the service answers without a clip, as it does for one that
            is still being spliced.
        :raises DecodeError: when it answers with another clip.
        :raises RhombusError: as every call, see the README's table.
        """
        return await self._found(
            GET_SAVED_CLIP_DETAILS,
            {"clip_uuid": identifier(clip_uuid, "clip_uuid")},
            lambda answer: answer.saved_clip,
            partial(_not_found, clip_uuid),
            uuid=clip_uuid,
            path=_DETAILS_PATH,
        )

    async def get_saved_clip_count(
        self,
        *,
        device_filter: Iterable[str] | None = None,
        location_filter: Iterable[str] | None = None,
        start_time_ms: datetime | int | None = None,
        end_time_ms: datetime | int | None = None,
    ) -> SavedClipCount:
        """How many saved clips there are (``/api/event/getSavedClipCount``).

        :param device_filter: Only clips of these devices; facets (``.v0``) are cut off.
        :param location_filter: Only clips of devices at these locations.
        :param start_time_ms: Only clips from then on: aware datetime or epoch milliseconds. Which
            time of a clip is meant is not documented.
        :param end_time_ms: Only clips up to then.
        :return: The counts.
        :raises RhombusError: as every call, see the README's table.
        """
        locations = location_filter
        if locations is not None:
            locations = identifiers(locations, "location_filter")
        return await self._call(
            GET_SAVED_CLIP_COUNT,
            {
                "device_filter": bare_device_uuids(device_filter, "device_filter"),
                "location_filter": locations,
                "start_time_ms": epoch_ms(start_time_ms, "start_time_ms"),
                "end_time_ms": epoch_ms(end_time_ms, "end_time_ms"),
            },
        )

    async def get_saved_clips_by_external_transaction_id(
        self, external_transaction_id: str
    ) -> list[SavedClip]:
        """The saved clips of a transaction (``/api/event/getSavedClipsByExternalTransactionId``).

        :param external_transaction_id: The id that a till or another system gave the transaction.
        :return: Those clips, none if there are none. A clip may lack the id, where the service
            leaves it out.
        :raises DecodeError: when the service answers with a clip of another transaction.
        :raises RhombusError: as every call, see the README's table.
        """
        asked = identifier(external_transaction_id, "external_transaction_id")

        response = await self._call.respond(
            GET_SAVED_CLIPS_BY_EXTERNAL_TRANSACTION_ID, {"external_transaction_id": asked}
        )
        for index, clip in enumerate(response.answer.saved_clips):
            path = f"$.savedClips[{index}].externalTransactionId"
            if (error := mismatch(clip.external_transaction_id, asked, path)) is not None:
                raise response.error(error)
        return response.answer.saved_clips

    # --- changes -----------------------------------------------------------------------------

    async def update_saved_clip(
        self,
        clip_uuid: str,
        *,
        title: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        access_settings: ClipAccessSettings | Unset | None = UNSET,
    ) -> None:
        """Change what is named of a clip, and nothing else.

        The service writes the whole of these three: leaving out the title blanks it. So this
        reads ``/api/event/getSavedClipDetails`` (for a clip that is still being spliced
        ``getClipWithProgress``) and writes it back, changed, with ``/api/event/updateSavedClip``.
        A change that somebody else makes in between is undone. The write is sent again only where
        nothing was done.

        :param clip_uuid: The clip's uuid.
        :param title: The new title; None clears it, `Unset.UNSET` (the default) leaves it.
        :param description: The new description; likewise.
        :param access_settings: Who may see the clip; likewise.
        :raises ValueError: when nothing is named.
        :raises ClipNotFoundError: when there is no such clip; then nothing was written.
        :raises DecodeError: when the service answers the read with another clip, or does not say
            with which one; then nothing was written.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        identifier(clip_uuid, "clip_uuid")
        if title is UNSET and description is UNSET and access_settings is UNSET:
            raise ValueError("name what to change: title, description or access_settings")
        text(title, "title")
        text(description, "description")
        instance_or_none(access_settings, ClipAccessSettings, "access_settings")
        access_settings = as_sent(access_settings, "access_settings")
        clip = await self._clip_to_change(clip_uuid)
        await self._call(
            UPDATE_SAVED_CLIP,
            {
                "saved_clip_uuid": clip_uuid,
                "title": written(title, clip.title, cleared=""),
                "description": written(description, clip.description, cleared=""),
                "access_settings": written(access_settings, clip.access_settings, cleared=NULL),
            },
        )

    async def _clip_to_change(self, clip_uuid: str) -> SavedClip:
        """The clip, provably that one: what is written back must not be another's."""
        clip: SavedClip
        path, endpoint = _DETAILS_PATH, GET_SAVED_CLIP_DETAILS.path
        try:
            clip = await self.get_saved_clip_details(clip_uuid)
        except (ApiError, NotFoundError):  # All the ways of saying that it has no details of it.
            clip = await self.get_clip_with_progress(clip_uuid)
            path, endpoint = CLIP_PATH, GET_CLIP_WITH_PROGRESS.path
        refuse_unnamed(clip.uuid, clip_uuid, path, endpoint=endpoint)
        return clip

    async def delete_saved_clip(self, clip_uuid: str) -> None:
        """Delete a clip for good, finished or in the making (``/api/event/deleteSavedClip``).

        The service has no way back. Sent again only where nothing was done.

        :param clip_uuid: The clip's uuid.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        await self._call(DELETE_SAVED_CLIP, {"saved_clip_uuid": identifier(clip_uuid, "clip_uuid")})


def _not_found(clip_uuid: str, warning_msg: str | None) -> ClipNotFoundError:
    return ClipNotFoundError(f"there is no clip {clip_uuid}", warning_msg=warning_msg)
