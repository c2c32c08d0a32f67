"""Shared clip groups: web pages that show clips to people outside the organization."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rhombus_clips import arguments as check
from rhombus_clips.arguments import UNSET, Unset, epoch_ms
from rhombus_clips.calls import endpoints
from rhombus_clips.calls.identity import mismatch, refuse_unnamed
from rhombus_clips.calls.single_item import single_item
from rhombus_clips.codec.bodies import NULL
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models import SharedClipGroup, SharedClipGroupLink, SharedClipGroupWithDetails
from rhombus_clips.models.shared_clip import ClipReference
from rhombus_clips.paging import SharedClipGroupPager
from rhombus_clips.paging.rules.cursor_text import Kind, Listed
from rhombus_clips.paging.rules.windows import Window, WindowPosition
from rhombus_clips.paging.shared_clip_groups import SharedClipGroupWalk
from rhombus_clips.session.resource import Resource, updated

_GROUP_PATH = "$.sharedClipGroup.uuid"
_MAX_INT32 = 2**31 - 1  # `expirationTimeSecs` is an int32 in the reference.


class SharedClipGroups(Resource):
    """The part of a session that lists, creates, changes and deletes shared clip groups."""

    async def get_shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
    ) -> list[SharedClipGroup]:
        """Return shared clip groups (``/api/event/getSharedClipGroupsV2``).

        The bounds are sent unchanged. The reference does not say whether they are inclusive;
        `shared_clip_groups` has exact bounds.

        :param created_after: List groups created after this time: an aware datetime or epoch
            milliseconds. None, the default, sets no bound.
        :param created_before: List groups created before this time.
        :return: The groups, including those without a creation time.
        :raises InvalidArgumentError: for naive datetimes and numbers out of range.
        :raises RhombusError: if the call fails.
        """
        bounds = {
            "created_after_ms": epoch_ms(created_after, "created_after"),
            "created_before_ms": epoch_ms(created_before, "created_before"),
        }
        return (await self._call(endpoints.GET_SHARED_CLIP_GROUPS, bounds)).shared_clip_groups

    def shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
        window: float | timedelta | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SharedClipGroupPager:
        """List the shared clip groups with ``created_after <= creation time < created_before``.

        Calls ``/api/event/getSharedClipGroupsV2``, which has no pages. With *window*, the time
        range is listed in windows, newest first, so that no response becomes too large. Groups
        without a creation time are also listed.

        :param created_after: The start of the range: an aware datetime or epoch milliseconds. None,
            the default, sets no bound.
        :param created_before: The end of the range, exclusive. None, the default, sets no bound.
        :param window: The length of a window, in seconds or as a timedelta; requires
            *created_after*. None, the default, requests the whole range at once.
        :param cursor: The `cursor` of another pager with the same bounds, to resume from exactly.
            None, the default, starts at the newest group.
        :param limit: The maximum number of groups to list; None, the default, for all.
        :return: The pager. Nothing is sent before it is iterated.
        :raises InvalidArgumentError: for naive datetimes, numbers out of range, and a window
            without *created_after* or shorter than a millisecond.
        """
        start = epoch_ms(created_after, "created_after")
        end = epoch_ms(created_before, "created_before")
        length = None if window is None else check.milliseconds_of(window, "window")
        if length is not None and length < 1:
            raise InvalidArgumentError("window must be at least one millisecond", given=window)
        if length is not None and start is None:
            raise InvalidArgumentError(
                "window requires created_after, where the first window starts"
            )
        selection = {"created_after": start, "created_before": end}
        listed = Listed(Kind.SHARED_CLIP_GROUPS, selection)
        position = WindowPosition(end=end)
        if cursor is not None:
            position = WindowPosition.from_cursor(listed, cursor)
        walk = SharedClipGroupWalk(self._call, listed, position, start, length)
        return SharedClipGroupPager(walk, limit=limit)

    async def get_shared_clip_group_details(self, group_uuid: str) -> SharedClipGroupWithDetails:
        """Return a shared group with its detections (``/api/event/getSharedClipGroupDetails``).

        :param group_uuid: The group's uuid.
        :return: The group, with its clips and their detections. Its uuid is *group_uuid*, or None
            if the service omitted it.
        :raises NotFoundError: if there is no such group.
        :raises DecodeError: if the response contains another group.
        :raises RhombusError: if the call fails.
        """
        uuid = check.identifier(group_uuid, "group_uuid")
        response = await self._call.respond(endpoints.GET_SHARED_CLIP_GROUP_DETAILS, {"uuid": uuid})
        group = response.answer.shared_clip_group
        return single_item(response, group, uuid=uuid, path=_GROUP_PATH, name="shared clip group")

    async def create_shared_clip_group(
        self,
        clip_uuids: Iterable[str],
        *,
        alert_uuids: Iterable[str] = (),
        title: str = "",
        plaintext_password: str | None = None,
        expiration_time_secs: int | None = None,
    ) -> SharedClipGroupLink:
        """Share clips on a web page (``/api/event/createSharedClipGroupV3``).

        The request is retried only if the failed attempt cannot have taken effect. After an error
        with `maybe_applied`, the page may exist: `shared_clip_groups` lists it.

        :param clip_uuids: The saved clips to share.
        :param alert_uuids: Alerts to share that are not saved as clips.
        :param title: The title of the page; empty by default. It is always sent, because pages
            without a title used to fail to open.
        :param plaintext_password: A password for the page; None, the default, for none.
        :param expiration_time_secs: The lifetime of the page in seconds, as the example in the
            reference (86,400) suggests; None, the default, for no expiration.
        :return: The address of the page and the uuid of the group.
        :raises InvalidArgumentError: if there is nothing to share, or the password is empty.
        :raises NotFoundError: if one of the clips does not exist.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        clips = check.identifiers(clip_uuids, "clip_uuids")
        alerts = check.identifiers(alert_uuids, "alert_uuids")
        references = [ClipReference(event_uuid=uuid) for uuid in clips]
        references += [ClipReference(alert_uuid=uuid) for uuid in alerts]
        if not references:
            raise InvalidArgumentError(
                "clip_uuids and alert_uuids are empty: there is nothing to share"
            )
        check.text_or_none(title, "title")
        check.text_or_none(plaintext_password, "plaintext_password")
        return await self._call(
            endpoints.CREATE_SHARED_CLIP_GROUP,
            {
                "uuids": references,
                "title": title or "",
                "plaintext_password": _password(plaintext_password),
                "expiration_time_secs": _expiration(expiration_time_secs),
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
        """Change the given fields of a shared group, and no others.

        The reference does not say whether the service clears omitted fields. Therefore this method
        reads the group with ``/api/event/getSharedClipGroupDetails`` and writes it back with the
        changes (``/api/event/updateSharedClipGroupV2``). A concurrent change by another client is
        lost. The write is retried only if the failed attempt cannot have taken effect.

        A password cannot be read, and so cannot be written back. To protect it, a group with a
        password is changed only if *plaintext_password* is given.

        :param group_uuid: The group's uuid.
        :param title: The new title. `UNSET`, the default, keeps it; None clears it.
        :param description: The new description. `UNSET`, the default, keeps it; None clears it.
        :param plaintext_password: The new password, or the current one again. None removes it.
        :param expiration_time_secs: The new expiration, 1 to 2**31 - 1, see
            `SharedClipGroup.expires_at`. `UNSET`, the default, keeps it; None removes it.
        :return: The address of the page and the uuid of the group.
        :raises InvalidArgumentError: if no field is given, or the password would be lost; nothing
            was changed.
        :raises NotFoundError: if there is no such group.
        :raises DecodeError: if the response to the read contains another group, or one without a
            uuid; nothing was written. Also if the response to the write contains another group.
        :raises RhombusError: if a call fails; see `maybe_applied`.
        """
        check.identifier(group_uuid, "group_uuid")
        expires = _expiration(expiration_time_secs)
        if all(value is UNSET for value in (title, description, plaintext_password, expires)):
            raise InvalidArgumentError(
                "pass at least one of title, description, password and expiration"
            )
        check.text(title, "title")
        check.text(description, "description")
        password = _password(check.text(plaintext_password, "plaintext_password"))
        group = await self.get_shared_clip_group_details(group_uuid)
        details = endpoints.GET_SHARED_CLIP_GROUP_DETAILS
        refuse_unnamed(group.uuid, group_uuid, _GROUP_PATH, endpoint=details.path)
        if password is UNSET and await self._may_be_secured(group, group_uuid):
            raise InvalidArgumentError(
                "pass plaintext_password, or None to remove it: the group has a password or is not"
                " listed, and the service may remove a password that is omitted"
            )
        response = await self._call.respond(
            endpoints.UPDATE_SHARED_CLIP_GROUP,
            {
                "shared_clip_uuid": group_uuid,
                "title": updated(title, group.title, cleared=""),
                "description": updated(description, group.description, cleared=""),
                "plaintext_password": updated(password, None, cleared=""),
                "expiration_time_secs": updated(expires, group.expiration_time_secs, cleared=NULL),
            },
        )
        if (error := mismatch(response.answer.uuid, group_uuid, "$.uuid")) is not None:
            # The service answered the write, so it may have been applied.
            error.maybe_applied = True
            raise response.error(error)
        return response.answer

    async def _may_be_secured(self, group: SharedClipGroupWithDetails, group_uuid: str) -> bool:
        """Return True if the group is listed with a password, or is not listed."""
        created = group.created_at_millis
        window = Window(None, None) if created is None else Window(created, created + 1)
        answer = await self._call(endpoints.GET_SHARED_CLIP_GROUPS, window.parameters)
        listed = [item for item in answer.shared_clip_groups if item.uuid == group_uuid]
        return not listed or any(item.is_secured for item in listed)

    async def delete_shared_clip_group(self, group_uuid: str) -> None:
        """Delete a shared page permanently (``/api/event/deleteSharedClipGroupV2``).

        Its clips are not deleted. The request is retried only if the failed attempt cannot have
        taken effect.

        :param group_uuid: The group's uuid.
        :raises NotFoundError: if there is no such group.
        :raises ApiError: if the service rejects the request.
        :raises RhombusError: if the call fails; see `maybe_applied`.
        """
        await self._call(
            endpoints.DELETE_SHARED_CLIP_GROUP, {"uuid": check.identifier(group_uuid, "group_uuid")}
        )


def _password(value: str | Unset | None) -> str | Unset | None:
    if value == "":
        raise InvalidArgumentError(
            "plaintext_password must not be empty: pass None for no password"
        )
    return value


def _expiration(value: int | Unset | None) -> int | Unset | None:
    if isinstance(value, Unset | None):
        return value
    return check.whole_number(value, "expiration_time_secs", least=1, most=_MAX_INT32)
