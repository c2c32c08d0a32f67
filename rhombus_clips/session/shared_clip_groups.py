"""Shared clip groups: the pages by which clips are shown to others."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rhombus_clips.arguments import (
    UNSET,
    Unset,
    identifier,
    identifiers,
    instance,
    text,
    text_or_none,
    whole_number,
)
from rhombus_clips.calls.caller import service_or_local_time_ms
from rhombus_clips.calls.endpoints import (
    CREATE_SHARED_CLIP_GROUP,
    DELETE_SHARED_CLIP_GROUP,
    GET_SHARED_CLIP_GROUP_DETAILS,
    GET_SHARED_CLIP_GROUPS,
    UPDATE_SHARED_CLIP_GROUP,
)
from rhombus_clips.calls.identity import mismatch, refuse_unnamed
from rhombus_clips.codec.bodies import NULL
from rhombus_clips.errors import ApiError
from rhombus_clips.models import SharedClipGroup, SharedClipGroupLink, SharedClipGroupWithDetails
from rhombus_clips.models.moments import MILLISECOND
from rhombus_clips.models.shared_clip import ClipReference
from rhombus_clips.paging import SharedClipGroupPager
from rhombus_clips.paging.rules.windows import Window
from rhombus_clips.session.resource import Resource, epoch_ms, written

_GROUP_PATH = "$.sharedClipGroup.uuid"
_LONGEST_EXPIRATION = 2**31 - 1


class SharedClipGroups(Resource):
    """What a session does with shared clip groups."""

    async def get_shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
    ) -> list[SharedClipGroup]:
        """The shared clip groups of the organization (``/api/event/getSharedClipGroupsV2``).

        The bounds are the service's own, sent as they are; the reference does not say whether
        they are inclusive. `shared_clip_groups` makes them exact.

        :param created_after: Only groups created after this: aware datetime or epoch milliseconds.
        :param created_before: Only groups created before this.
        :return: The groups, those without a creation time too.
        :raises RhombusError: as every call, see the README's table.
        """
        answer = await self._call(
            GET_SHARED_CLIP_GROUPS,
            {
                "created_after_ms": epoch_ms(created_after, "created_after"),
                "created_before_ms": epoch_ms(created_before, "created_before"),
            },
        )
        return answer.shared_clip_groups

    def shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
        window: timedelta | None = None,
    ) -> SharedClipGroupPager:
        """Every shared clip group with ``created_after <= creation time < created_before``.

        Asks ``/api/event/getSharedClipGroupsV2``. The service lists groups without pages. A window
        bounds what one answer holds: the range is walked window by window, newest first. Groups
        without a creation time are yielded too.

        :param created_after: The first moment: aware datetime or epoch milliseconds; None is open.
        :param created_before: The moment behind the last; None is open.
        :param window: The length of a window; needs `created_after`. None, the default, asks for
            the whole range at once.
        :raises ValueError: for naive datetimes, and for a window that cannot be walked.
        :return: The pager; nothing is sent before it is iterated.
        """
        start = epoch_ms(created_after, "created_after")
        end = epoch_ms(created_before, "created_before")
        length = None if window is None else instance(window, timedelta, "window") // MILLISECOND
        if length is not None and length < 1:
            raise ValueError(f"window must be at least a millisecond long, not {window!r}")
        if length is not None and start is None:
            raise ValueError("window needs created_after: an open range has no first window")
        windows = Window(start, end).split(length, now=service_or_local_time_ms(self._call))
        return SharedClipGroupPager(self._call, windows=windows, cursor=end)

    async def get_shared_clip_group_details(self, group_uuid: str) -> SharedClipGroupWithDetails:
        """A shared group with what was seen (``/api/event/getSharedClipGroupDetails``).

        :param group_uuid: The group's uuid.
        :return: The group, and its clips with what was seen in them. Its uuid is the one asked for,
            or None where the service leaves it out.
        :raises ApiError: when the service answers without a group. What it answers for a uuid
            that it does not know is not documented; a 404 raises `NotFoundError`.
        :raises DecodeError: when it answers with another group.
        :raises RhombusError: as every call, see the README's table.
        """
        return await self._found(
            GET_SHARED_CLIP_GROUP_DETAILS,
            {"uuid": identifier(group_uuid, "group_uuid")},
            lambda answer: answer.shared_clip_group,
            lambda warning_msg: ApiError(
                f"there is no shared clip group {group_uuid}", warning_msg=warning_msg
            ),
            uuid=group_uuid,
            path=_GROUP_PATH,
        )

    async def create_shared_clip_group(
        self,
        clip_uuids: Iterable[str],
        *,
        alert_uuids: Iterable[str] = (),
        title: str = "",
        plaintext_password: str | None = None,
        expiration_time_secs: int | None = None,
    ) -> SharedClipGroupLink:
        """Share clips in one page (``/api/event/createSharedClipGroupV3``).

        Sent again only where nothing was done: an error that says `maybe_applied` may have left a
        page behind, which `shared_clip_groups` finds.

        :param clip_uuids: The saved clips to share.
        :param alert_uuids: Alerts to share that were not saved as clips.
        :param title: The page's title, sent also when empty: older pages without one did not open.
        :param plaintext_password: What to ask visitors for; None, the default, for nothing.
        :param expiration_time_secs: In how many seconds the page expires, by the reference's
            example of 86,400; None, the default, for never.
        :return: The page's address and the group's uuid.
        :raises ValueError: when there is nothing to share.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        clips = [ClipReference(event_uuid=uuid) for uuid in identifiers(clip_uuids, "clip_uuids")]
        alerts = [
            ClipReference(alert_uuid=uuid) for uuid in identifiers(alert_uuids, "alert_uuids")
        ]
        if not clips and not alerts:
            raise ValueError("clip_uuids and alert_uuids are empty: there is nothing to share")
        text_or_none(title, "title")
        text_or_none(plaintext_password, "plaintext_password")
        _refuse_empty(plaintext_password)
        if expiration_time_secs is not None:
            expiration_time_secs = whole_number(
                expiration_time_secs, "expiration_time_secs", least=1, most=_LONGEST_EXPIRATION
            )
        return await self._call(
            CREATE_SHARED_CLIP_GROUP,
            {
                "uuids": [*clips, *alerts],
                "title": title or "",
                "plaintext_password": plaintext_password,
                "expiration_time_secs": expiration_time_secs,
            },
        )

    async def update_shared_clip_group(
        self,
        group_uuid: str,
        *,
        title: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        plaintext_password: str | Unset | None = UNSET,
        expiration_time_secs: int | Unset | None = UNSET,
    ) -> SharedClipGroupLink:
        """Change what is named of a shared group, and nothing else.

        Reads ``/api/event/getSharedClipGroupDetails`` and writes it back, changed, with
        ``/api/event/updateSharedClipGroupV2``: the reference does not say whether the service
        blanks what a write leaves out. A change that somebody else makes in between is undone.
        The write is sent again only where nothing was done.

        A password cannot be read, and so not be written back. To not take it off unawares, a group
        that asks for one is changed only when `plaintext_password` is named.

        :param group_uuid: The group's uuid.
        :param title: The new title; None clears it, `Unset.UNSET` (the default) leaves it.
        :param description: The new description; likewise.
        :param plaintext_password: The new password, or the old one again; None takes it off.
        :param expiration_time_secs: When the page expires, 1 to 2**31 - 1, see
            `SharedClipGroup.expires_at`; None for never.
        :return: The page's address and the group's uuid.
        :raises ValueError: when nothing is named, and when the password would be lost; then
            nothing was changed.
        :raises ApiError: when there is no such group.
        :raises DecodeError: when the service answers the read with another group, or does not say
            with which one; then nothing was written. Also when it answers the write with another.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        identifier(group_uuid, "group_uuid")
        if not isinstance(expiration_time_secs, Unset | None):
            expiration_time_secs = whole_number(
                expiration_time_secs, "expiration_time_secs", least=1, most=_LONGEST_EXPIRATION
            )
        named = (title, description, plaintext_password, expiration_time_secs)
        if all(value is UNSET for value in named):
            raise ValueError("name what to change: title, description, password or expiration")
        text(title, "title")
        text(description, "description")
        text(plaintext_password, "plaintext_password")
        _refuse_empty(plaintext_password)
        group = await self.get_shared_clip_group_details(group_uuid)
        details = GET_SHARED_CLIP_GROUP_DETAILS.path
        refuse_unnamed(group.uuid, group_uuid, _GROUP_PATH, endpoint=details)
        if plaintext_password is UNSET and await self._may_be_secured(group, group_uuid):
            raise ValueError(
                f"the group {group_uuid} asks for a password, or is not listed, so that it may:"
                " the service may take it off when it is not written again, so name"
                " plaintext_password, the old one or another, or None to ask for none"
            )

        response = await self._call.respond(
            UPDATE_SHARED_CLIP_GROUP,
            {
                "shared_clip_uuid": group_uuid,
                "title": written(title, group.title, cleared=""),
                "description": written(description, group.description, cleared=""),
                "plaintext_password": written(plaintext_password, None, cleared=""),
                "expiration_time_secs": written(
                    expiration_time_secs, group.expiration_time_secs, cleared=NULL
                ),
            },
        )
        if (error := mismatch(response.answer.uuid, group_uuid, "$.uuid")) is not None:
            # The write was answered, and so may well have been applied.
            error.maybe_applied = True
            raise response.error(error)
        return response.answer

    async def _may_be_secured(self, group: SharedClipGroupWithDetails, group_uuid: str) -> bool:
        """Whether the group is listed as one that asks for a password, or is not listed at all."""
        moment = group.created_at_millis
        window = Window(None, None) if moment is None else Window(moment, moment + 1)
        answer = await self._call(
            GET_SHARED_CLIP_GROUPS,
            {"created_after_ms": window.asked_after, "created_before_ms": window.asked_before},
        )
        listed = [item for item in answer.shared_clip_groups if item.uuid == group_uuid]
        return not listed or any(item.is_secured for item in listed)

    async def delete_shared_clip_group(self, group_uuid: str) -> None:
        """Take a shared page away for good (``/api/event/deleteSharedClipGroupV2``).

        The clips stay. Sent again only where nothing was done.

        :param group_uuid: The group's uuid.
        :raises ApiError: when the service refuses.
        :raises RhombusError: as every call; `maybe_applied` says whether it may have been done.
        """
        await self._call(DELETE_SHARED_CLIP_GROUP, {"uuid": identifier(group_uuid, "group_uuid")})


def _refuse_empty(password: object) -> None:
    if password == "":
        raise ValueError("plaintext_password must not be empty; None asks for no password")
