"""The media host: videos and thumbnails, served directly or through signed redirects."""

import base64
import hashlib
import re
from urllib.parse import quote

from aiohttp import web

from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.delivery import deliver
from rhombus_clips.testing.media_content import MediaContent, make_jpeg, picture_of
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.received import ReceivedRequest

_FILE = re.compile(r"/media/metadata/([^/]+)/([^/.]+)\.(mp4|jpeg)")
_SIGNED = re.compile(r"/(\d+)(/media/.+)")
_CONTENT_TYPES = {"mp4": "video/mp4", "jpeg": "image/jpeg"}
# Like the signed URLs of storage services, with escapes that change if a client requotes them.
_SIGNED_PARAMETERS = (
    "expires=1800000000",
    "response-content-disposition=attachment%3b%20filename%3D%22clip%2B%7e1.mp4%22",
    "x=a+b;c,d%2Fe",
    "empty",
    "?",
)
_LOCATIONS = {"mp4": "clipLocation", "jpeg": "thumbnailLocation"}


def answer_media(
    organization: Organization, storage_url: str, request: ReceivedRequest
) -> web.StreamResponse:
    """Return the media host's response to a request with valid credentials."""
    redirects = organization.media.redirects
    return _respond(organization, storage_url, request, request.path, redirects)


def answer_storage(
    organization: Organization, storage_url: str, request: ReceivedRequest
) -> web.StreamResponse:
    """Return the response of the redirect target, which accepts signatures and rejects keys."""
    match = _SIGNED.fullmatch(request.path)
    if match is None:
        return web.Response(status=404)
    if any(name.lower().startswith(("x-auth-", "authorization")) for name in request.headers):
        return web.Response(status=400, text="Only one auth mechanism allowed")
    if request.target != _signed(organization, request.target):
        return web.Response(status=403, text="SignatureDoesNotMatch")
    return _respond(organization, storage_url, request, match[2], int(match[1]))


def _respond(
    organization: Organization,
    storage_url: str,
    request: ReceivedRequest,
    path: str,
    redirects: int,
) -> web.StreamResponse:
    """Return the file at *path*, or the first of *redirects* to it."""
    file = _file(organization, path)
    if request.method not in {"GET", "HEAD"} or file is None:
        return web.Response(status=404 if file is None else 405)
    if not redirects:
        return deliver(*file, request, organization.media)
    parameters = "&".join(_SIGNED_PARAMETERS)
    target = _signed(organization, f"/{redirects - 1}{path}?{parameters}")
    return web.Response(status=302, headers={"Location": storage_url + target})


def _signed(organization: Organization, target: str) -> str:
    """Return the request target with its correct signature, replacing the one that it has.

    The signature covers the target byte for byte, and contains escapes. A signature for GET is also
    valid for HEAD.
    """
    path, _, query = target.partition("?")
    named = [part for part in query.split("&") if not part.startswith("signature=")]
    covered = f"{organization.seed} GET {path}?{'&'.join(named)}"
    digest = base64.b64encode(hashlib.sha256(covered.encode()).digest()).decode()
    escaped = re.sub("%..", lambda escape: escape[0].lower(), quote(digest, safe=""))
    return f"{path}?{'&'.join([f'signature=%7Ev1%2F{escaped}', *named])}"


def _file(organization: Organization, path: str) -> tuple[MediaContent, str] | None:
    """Return the file at *path* and its content type, or None."""
    match = _FILE.fullmatch(path)
    if match is None:
        return None
    region, uuid, kind = match.groups()
    clip = organization.clip_with_progress(uuid)
    if clip is None or clip.get("status") != "COMPLETE" or region != _region(clip, kind):
        return None
    if kind == "mp4":
        return organization.video(uuid), _CONTENT_TYPES[kind]
    return MediaContent(make_jpeg(uuid, picture_of(clip))), _CONTENT_TYPES[kind]


def _region(clip: JsonObject, kind: str) -> str | None:
    """Return the region of a file, by the location of the other file if the clip lacks it."""
    for name in (_LOCATIONS[kind], *_LOCATIONS.values()):
        location: JsonObject = clip.get(name) or {}
        region = location.get("region")
        if isinstance(region, str):
            return region
    return None
