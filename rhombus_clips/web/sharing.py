"""Shared clip groups: pages of the service that show clips to anyone who has the address."""

from rhombus_clips.codec import to_dict
from rhombus_clips.web.body import fields_of
from rhombus_clips.web.call import Call, checked_uuid
from rhombus_clips.web.messages import Response, json_response


async def list_groups(call: Call) -> Response:
    """``GET /shared-clip-groups``: a page of shared clip groups, newest first."""
    pager = call.session.shared_clip_groups(cursor=call.query.text("cursor"))
    groups = await pager.collect(call.query.limit())
    body = {"sharedClipGroups": [to_dict(group) for group in groups], "cursor": pager.cursor}
    return json_response(body)


async def share_clips(call: Call) -> Response:
    """``POST /shared-clip-groups``: share clips on a page of the service."""
    kinds = {"clipUuids": list, "title": str, "plaintextPassword": str, "expirationTimeSecs": int}
    given = fields_of(call.body, kinds)
    link = await call.session.create_shared_clip_group(
        call.clip_uuids,
        title=given.get("title", ""),
        plaintext_password=given.get("plaintextPassword"),
        expiration_time_secs=given.get("expirationTimeSecs"),
    )
    return json_response(to_dict(link), 201)


async def delete_group(call: Call) -> Response:
    """``DELETE /shared-clip-groups/{groupUuid}``."""
    group_uuid = checked_uuid(call.request.path_parameters["groupUuid"], "groupUuid")
    await call.session.delete_shared_clip_group(group_uuid)
    return Response(status=204)
