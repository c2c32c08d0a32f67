"""The files of a clip on the media host: their paths, and the length and hash to expect."""

import re

from attrs import frozen

from rhombus_clips.errors import DownloadError, InvalidArgumentError
from rhombus_clips.models import ClipStatus, MetaDataLocation, SavedClip

UUID = re.compile(r"[A-Za-z0-9_-]{1,40}")
REGION = re.compile(r"[a-z0-9-]{1,32}")
"""What may be part of the URL of a file. The service's uuids are 22 characters of base64."""


@frozen(kw_only=True)
class MediaFile:
    """A file on the media host, and its description in the clip's record."""

    path: str
    status: ClipStatus | None = None
    byte_count: int | None = None
    sha256_hex: str | None = None
    is_verified: bool = True
    """True to reject a file whose completeness cannot be verified."""

    @property
    def is_described(self) -> bool:
        """True if the record states a length or a hash."""
        return self.byte_count is not None or self.sha256_hex is not None

    @property
    def missing_advice(self) -> str:
        """The likely reason for a missing file."""
        if self.status == ClipStatus.COMPLETE:
            return "the clip may have been deleted, or its record names another region"
        status = "unknown" if self.status is None else self.status
        return f"the clip's status was {status} when it was read; it gets a file once COMPLETE"


def saved_clip(value: object, name: str) -> SavedClip:
    """Return *value* if it is a `SavedClip`. Raises `InvalidArgumentError` otherwise."""
    if not isinstance(value, SavedClip):
        raise InvalidArgumentError(
            f"{name} must be a SavedClip, such as one from a pager or from"
            " get_clip_with_progress(uuid)",
            given=value,
        )
    return value


def clip_file(clip: SavedClip, *, verify: bool = True) -> MediaFile:
    """Return the video of *clip*, without the length and hash of its record unless *verify*.

    Raises `DownloadError` if the clip has no uuid or region.
    """
    return MediaFile(
        path=_path(clip, "mp4", clip.clip_location, clip.thumbnail_location),
        status=clip.status,
        byte_count=clip.byte_count or None if verify else None,
        sha256_hex=clip.sha256_hex.lower() if verify and clip.sha256_hex else None,
        is_verified=verify,
    )


def thumbnail_file(clip: SavedClip) -> MediaFile:
    """Return the thumbnail of *clip*. The record does not contain its length or hash."""
    path = _path(clip, "jpeg", clip.thumbnail_location, clip.clip_location)
    return MediaFile(path=path, status=clip.status)


def _path(clip: SavedClip, ending: str, *locations: MetaDataLocation | None) -> str:
    regions = (place.region for place in locations if place is not None and place.region)
    region = next(regions, None)
    if clip.uuid is None or region is None:
        raise DownloadError(
            f"clip {clip.uuid} ({clip.status}) has no {'uuid' if clip.uuid is None else 'region'},"
            " which is needed to find its files; a clip gets its region when it is complete"
        )
    # These values come from the service or the caller, and become part of a URL.
    if not UUID.fullmatch(clip.uuid) or not REGION.fullmatch(region):
        raise DownloadError(f"invalid clip uuid {clip.uuid!r} or region {region!r}")
    return f"/media/metadata/{region}/{clip.uuid}.{ending}"
