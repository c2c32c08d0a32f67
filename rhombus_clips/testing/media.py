"""The media host: videos and thumbnails of clips, straight away or through signed redirects."""

import base64
import hashlib
import re
from urllib.parse import quote

from aiohttp import web

from rhombus_clips.testing.clips import Wire
from rhombus_clips.testing.delivery import Media, deliver
from rhombus_clips.testing.footage import Footage
from rhombus_clips.testing.organization import Organization
from rhombus_clips.testing.received import ReceivedRequest

_FILE = re.compile(r"/media/metadata/([^/]+)/([^/.]+)\.(mp4|jpeg)")
_SIGNED = re.compile(r"/(\d+)(/media/.+)")
_CONTENT_TYPES = {"mp4": "video/mp4", "jpeg": "image/jpeg"}
# As storage services write signed URLs: with escapes that a client which requotes them changes.
_SIGNED_TOO = (
    "expires=1800000000",
    "response-content-disposition=attachment%3b%20filename%3D%22clip%2B%7e1.mp4%22",
    "x=a+b;c,d%2Fe",
    "empty",
    "?",
)
_LOCATIONS = {"mp4": "clipLocation", "jpeg": "thumbnailLocation"}


def answer_media(
    organization: Organization, media: Media, storage_url: str, request: ReceivedRequest
) -> web.StreamResponse:
    """The media host's answer to a request whose credentials are in order."""
    if request.method not in {"GET", "HEAD"}:
        return web.Response(status=405)
    if _file(organization, request.path) is None:
        return web.Response(status=404)
    if media.redirects:
        return _redirect(organization, storage_url, media.redirects - 1, request.path)
    return _deliver(organization, media, request.path, request)


def answer_storage(
    organization: Organization, media: Media, storage_url: str, request: ReceivedRequest
) -> web.StreamResponse:
    """The answer of the place that redirects lead to: it lets in signatures, and no key."""
    match = _SIGNED.fullmatch(request.path)
    if match is None:
        return web.Response(status=404)
    if any(name.lower().startswith(("x-auth-", "authorization")) for name in request.headers):
        return web.Response(status=400, text="Only one auth mechanism allowed")
    if request.target != _signed(organization, request.target):
        return web.Response(status=403, text="SignatureDoesNotMatch")
    if request.method not in {"GET", "HEAD"}:
        return web.Response(status=405)
    hops, path = int(match[1]), match[2]
    if hops:
        return _redirect(organization, storage_url, hops - 1, path)
    return _deliver(organization, media, path, request)


def _redirect(
    organization: Organization, storage_url: str, hops: int, path: str
) -> web.StreamResponse:
    """A redirect to a signed URL, from which *hops* more lead on."""
    location = storage_url + _signed(organization, f"/{hops}{path}?{'&'.join(_SIGNED_TOO)}")
    return web.Response(status=302, headers={"Location": location})


def _signed(organization: Organization, target: str) -> str:
    """The request target with the signature that it should have, in place of any that it has.

    The signature covers the target byte for byte, and is written with escapes itself. One of GET
    is also good for HEAD.
    """
    path, _, query = target.partition("?")
    named = [part for part in query.split("&") if not part.startswith("signature=")]
    covered = f"{organization.seed} GET {path}?{'&'.join(named)}"
    digest = base64.b64encode(hashlib.sha256(covered.encode()).digest()).decode()
    escaped = re.sub("%..", lambda escape: escape[0].lower(), quote(digest, safe=""))
    return f"{path}?{'&'.join([f'signature=%7Ev1%2F{escaped}', *named])}"


def _deliver(
    organization: Organization, media: Media, path: str, request: ReceivedRequest
) -> web.StreamResponse:
    file = _file(organization, path)
    if file is None:
        return web.Response(status=404)
    footage, content_type = file
    return deliver(footage, content_type, request, media)


def _file(organization: Organization, path: str) -> tuple[Footage, str] | None:
    """The file at *path* and its content type; None where there is none."""
    match = _FILE.fullmatch(path)
    if match is None:
        return None
    region, uuid, kind = match.groups()
    clip = organization.clip_with_progress(uuid)
    if clip is None or clip.get("status") != "COMPLETE" or region != _region(clip, kind):
        return None
    footage = organization.video(uuid) if kind == "mp4" else organization.thumbnail(uuid)
    return footage, _CONTENT_TYPES[kind]


def _region(clip: Wire, kind: str) -> str | None:
    """Where a file of the clip is kept; a record that names no place for it names the other's."""
    for name in (_LOCATIONS[kind], *_LOCATIONS.values()):
        location: Wire = clip.get(name) or {}
        region = location.get("region")
        if isinstance(region, str):
            return region
    return None
