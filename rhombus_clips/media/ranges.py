"""Fetching a clip's file: where it lies, which part to ask for, what an answer brings.

Whether the media host knows ranges, validators, lengths or redirects is not documented, so
nothing of it is relied on: what a resumed file needs in order to be trusted is asked for, what
comes is checked, and where that cannot be, the file is fetched from its beginning.
"""

import re
from typing import NoReturn

from attrs import define, field, frozen

from rhombus_clips.arguments import is_positive_or_zero, is_seconds, to_seconds
from rhombus_clips.calls.retry import PASSING_REFUSALS
from rhombus_clips.errors import DownloadError, IntegrityError
from rhombus_clips.media.head import Head, Part, strong_etag
from rhombus_clips.media.redirects import followed
from rhombus_clips.models import ClipStatus, MetaDataLocation, SavedClip

__all__ = [
    "Fetch",
    "Head",
    "MediaFile",
    "MediaTimeout",
    "StartOverError",
    "clip_file",
    "missing_advice",
    "redirect_target",
    "strong_etag",
    "thumbnail_file",
]

_UUID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
# What a host says of the caller or of the moment, whatever part is asked for.
_NOT_OF_RANGES = PASSING_REFUSALS | {401, 429, 502, 503, 504}
# A page that says what is wrong, or where to sign in; no file of a clip has such a type.
_PAGE = re.compile(r"text/html|.*[/+](?:json|xml)")
# What aiohttp unpacks with nothing else installed.
_UNPACKED_CODINGS = frozenset({"gzip", "deflate"})
# How a host refuses a signed URL that has expired.
EXPIRED = frozenset({401, 403, 404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@frozen
class MediaTimeout:
    """When to give up on an answer of the media host; how long a file takes has no limit."""

    connect: float = field(default=10.0, converter=to_seconds, validator=is_seconds)
    """Opening one connection, in seconds."""
    stall: float = field(default=30.0, converter=to_seconds, validator=is_seconds)
    """The longest silence, in seconds: until an answer begins, and within it."""
    floor: float = field(default=1024.0, validator=is_positive_or_zero)
    """The slowest pace that is borne over a `stall`, in bytes per second; 0 bears any."""


# --- where it lies ---------------------------------------------------------------------------


@frozen(kw_only=True)
class MediaFile:
    """A file of a clip at the media host, and what its record says of it."""

    path: str
    status: ClipStatus | None = None
    byte_count: int | None = None
    sha256_hex: str | None = None
    is_verified: bool = True
    """Whether a file that nothing describes is refused."""

    @property
    def is_described(self) -> bool:
        """Whether the record says anything by which its bytes can be told from others."""
        return self.byte_count is not None or self.sha256_hex is not None


def clip_file(clip: SavedClip, *, verify: bool = True) -> MediaFile:
    """The video of *clip*; unless *verify*, as if the record said nothing of its bytes.

    Raises `DownloadError` when the clip does not say where it lies.
    """
    return MediaFile(
        path=_path(clip, "mp4", clip.clip_location, clip.thumbnail_location),
        status=clip.status,
        byte_count=clip.byte_count or None if verify else None,
        sha256_hex=clip.sha256_hex.lower() if verify and clip.sha256_hex else None,
        is_verified=verify,
    )


def thumbnail_file(clip: SavedClip) -> MediaFile:
    """The picture of *clip*; its record says nothing of its length or its hash."""
    return MediaFile(
        path=_path(clip, "jpeg", clip.thumbnail_location, clip.clip_location),
        status=clip.status,
    )


def _path(clip: SavedClip, ending: str, *locations: MetaDataLocation | None) -> str:
    regions = (place.region for place in locations if place is not None and place.region)
    region = next(regions, None)
    if clip.uuid is None or region is None:
        raise DownloadError(
            f"clip {clip.uuid} ({clip.status}) has no {'uuid' if clip.uuid is None else 'region'},"
            " so that its files cannot be found; a clip gets its region when it is complete"
        )
    # They become part of a URL, and come from a service or from whoever called the program.
    if not _UUID.fullmatch(clip.uuid) or not _REGION.fullmatch(region):
        raise DownloadError(f"{clip.uuid!r} in {region!r} is no uuid in a region")
    return f"/media/metadata/{region}/{clip.uuid}.{ending}"


# --- which part to ask for, and what comes ---------------------------------------------------


class StartOverError(Exception):
    """What was fetched so far is of no use: the file is to be fetched from its beginning."""


@define
class Fetch:
    """How far the fetching of a file has come."""

    file: MediaFile
    offset: int = 0
    """How many bytes are there."""
    etag: str | None = None
    """The strong entity tag of what is there."""
    total: int | None = None
    """How long the whole file is, once an answer has told."""
    marks_its_end: bool = False
    """Whether the answers would have told if something were missing at the end."""
    was_resumed: bool = field(default=False, init=False)
    """Whether what is there came by more than one answer."""
    part_end: int | None = field(default=None, init=False)
    """Where the answer that is being read ends; None when it brings the whole file."""
    _asked_for_part: bool = field(default=False, init=False)
    _trusts_ranges: bool = field(default=True, init=False)
    _server_errors: int = field(default=0, init=False)

    @property
    def can_resume(self) -> bool:
        """Whether what is there can be gone on from, and the whole be trusted afterwards."""
        is_provable = self.etag is not None or self.file.sha256_hex is not None
        return self._trusts_ranges and is_provable

    def headers(self) -> dict[str, str]:
        """The headers that ask for what is missing."""
        # What is compressed on the way has no ranges that could be told.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if self.offset and self.can_resume:
            headers["Range"] = f"bytes={self.offset}-"
            if self.etag is not None:
                headers["If-Range"] = self.etag
        return headers

    def start_over(self, *, trusts_ranges: bool = True) -> None:
        """Forget what is there; without trust in ranges the rest of it comes by one answer."""
        self.offset = 0
        self.etag = self.total = self.part_end = None
        self.marks_its_end = self.was_resumed = False
        self._trusts_ranges = self._trusts_ranges and trusts_ranges

    def take(self, head: Head) -> None:
        """Note what the answer brings: a part from `offset` on, which 0 makes the whole.

        Raises `StartOverError` when it is a part that does not go on from what is there.
        """
        self._asked_for_part = "Range" in self.headers()
        self._refuse_page(head)
        self._server_errors = 0
        if head.status == 206:
            self._take_part(head)
        else:
            self._take_whole(head)
        self.etag = head.etag if self.etag is None else self.etag
        self.marks_its_end = head.marks_its_end
        if self.has_more_than(self.part_end) and not self.can_resume:
            self._refuse_part()
        self.check_length()

    def _take_part(self, head: Head) -> None:
        part = head.content_range
        if part is None or not self._fits(head, part):
            self._refuse_part()
        if self._asked_for_part:
            self.was_resumed = True
        else:
            # RFC 9110 allows no part here, but some hosts send the whole file as one.
            self.start_over()
        self.total = part.whole if self.total is None else self.total
        self.part_end = part.end

    def _fits(self, head: Head, part: Part) -> bool:
        """Whether the part is what was asked for."""
        return (
            not head.is_encoded
            and part.start == (self.offset if self._asked_for_part else 0)
            and head.length in {None, part.end - part.start}
            and (not self._asked_for_part or self._is_of_same_file(head, part))
        )

    def _take_whole(self, head: Head) -> None:
        if head.kind == "multipart/byteranges" or "Content-Range" in head.headers:
            part = head.content_range
            is_whole = part is not None and part.start == 0 and part.end == part.whole
            if part is None or not is_whole or head.length not in {None, part.end}:
                self._refuse_part()
        # Ranges of what is compressed on the way would be of other bytes than are there.
        self.start_over(trusts_ranges=not head.is_encoded)
        self.total = head.length

    def _refuse_part(self) -> NoReturn:
        """Raise `StartOverError`, or `DownloadError` where no part was asked for."""
        if not self._asked_for_part:
            raise DownloadError("the media host answered with a part that nobody asked for")
        self.start_over(trusts_ranges=False)
        raise StartOverError

    def _refuse_page(self, head: Head) -> None:
        """Raise `DownloadError` for a page in place of a file that nothing else describes."""
        if not self.file.is_verified or self.file.is_described:
            return
        if _PAGE.fullmatch(head.kind):
            raise DownloadError(
                f"the media host answered with {head.kind}, which is no file of a clip"
            )
        if head.is_encoded and head.coding not in _UNPACKED_CODINGS:
            raise DownloadError(
                f"the media host answered with a body in the coding {head.coding[:40]!r}, which"
                " was not asked for"
            )

    def _is_of_same_file(self, head: Head, part: Part) -> bool:
        """Whether a part has the length and the entity tag of what is there.

        Some hosts name no tag with a part. That will do where the hash of the whole is known.
        """
        if None not in {part.whole, self.total} and part.whole != self.total:
            return False
        if head.etag is None and self.file.sha256_hex is not None:
            return True
        return self.etag is None or head.etag == self.etag

    def came(self, byte_count: int) -> None:
        """Note bytes that came.

        Raises `IntegrityError` when they are more than the clip has, and as `take` when they are
        more than the answer announced.
        """
        self.offset += byte_count
        if self.part_end is not None and self.offset > self.part_end:
            self._refuse_part()
        self.check_length()

    def check_length(self) -> None:
        """Raise `IntegrityError` when there is, or is to come, another length than the clip's."""
        whole = self.file.byte_count
        if whole is None:
            return
        if self.total not in {None, whole}:
            raise IntegrityError(f"the media host has {self.total} bytes, but the clip {whole}")
        if self.offset > whole:
            raise IntegrityError(f"more bytes come than the {whole} that the clip has")

    @property
    def is_cut_off(self) -> bool:
        """Whether an answer that has ended left out something that it announced."""
        if self.part_end is not None:
            return self.offset < self.part_end
        whole = self.total
        if whole is None and not self.marks_its_end:
            whole = self.file.byte_count
        return whole is not None and self.offset < whole

    def has_more_than(self, part_end: int | None) -> bool:
        """Whether the file goes on, or may do so, after a part that ends at *part_end*."""
        whole = self.file.byte_count if self.total is None else self.total
        return part_end is not None and (whole is None or part_end < whole)

    def is_behind_end(self, head: Head) -> bool:
        """Whether a 416 says that nothing is missing; if not, the file is another by now."""
        whole = head.whole_length
        is_same = self.total in {None, whole} and not (
            head.etag is not None and self.etag is not None and head.etag != self.etag
        )
        if whole is not None and whole == self.offset and is_same:
            self.total, self.marks_its_end = whole, True
            return True
        self.start_over(trusts_ranges=False)
        return False

    def refuses_range(self, head: Head, *, is_redirected: bool = False) -> bool:
        """Whether the answer may be an error because a part was asked for, and no whole.

        A 500 may be of the moment as well, until it comes once more. A host that the media host
        redirected to may refuse the signed URL.
        """
        if is_redirected and head.status in EXPIRED:
            return False
        is_refusal = head.status >= 400 and head.status not in _NOT_OF_RANGES
        if head.status == 500:
            self._server_errors += 1
            is_refusal = self._server_errors > 1
        return is_refusal and "Range" in self.headers()

    def check_whole(self, byte_count: int, sha256_hex: str) -> None:
        """Make sure that *byte_count* bytes with that hash are the file of the record.

        Raises `IntegrityError`.
        """
        file = self.file
        self.check_length()
        if byte_count == 0 and file.is_verified:
            raise IntegrityError("the file is empty, which no video and no picture is")
        whole = file.byte_count if self.total is None else self.total
        if byte_count != self.offset or whole not in {None, byte_count}:
            raise IntegrityError(f"{byte_count} bytes came of {whole}")
        if file.sha256_hex is not None and sha256_hex != file.sha256_hex:
            raise IntegrityError(f"the SHA-256 of what came is {sha256_hex}, not {file.sha256_hex}")
        if file.is_verified and not file.is_described and not self.marks_its_end:
            raise IntegrityError(
                "neither the clip nor the answer says how long the file is, so that it may have"
                " been cut off; verify=False takes it as it is"
            )


def redirect_target(url: str, head: Head) -> str | None:
    """Where the answer from *url* leads; None when it leads nowhere else.

    Raises `DownloadError` for a target that is not ``https``; one on the loopback is followed from
    there only. Raises `ConnectError` for a host name that cannot exist.
    """
    location = head.headers.get("Location")
    if head.status not in _REDIRECTS or location is None:
        return None
    return followed(url, location)


def missing_advice(file: MediaFile) -> str:
    """Why the media host may have no such file."""
    if file.status == ClipStatus.COMPLETE:
        return "the clip may have been deleted, or its record names another region"
    was = "of no status" if file.status is None else file.status
    return f"the clip was {was} when it was read, and has no file before it is COMPLETE"
