"""Fetching a clip's file: where it lies, which part to ask for, what an answer brings.

Whether the media host knows ranges, validators, lengths or redirects is not documented, so
nothing of it is relied on: what a resumed file needs in order to be trusted is asked for, what
comes is checked, and where that cannot be, the file is fetched from its beginning.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from attrs import define, field, frozen

from rhombus_clips.errors import DownloadError, IntegrityError
from rhombus_clips.models import ClipStatus, MetaDataLocation, SavedClip
from rhombus_clips.protocol.arguments import is_seconds, is_seconds_or_zero
from rhombus_clips.protocol.auth import is_confidential
from rhombus_clips.protocol.retry import PASSING_REFUSALS

_UUID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.IGNORECASE)
_STRONG_ETAG = re.compile(r'"[!#-~\x80-\xff]*"')
# What a host says of the caller or of the moment, whatever part is asked for.
_NOT_OF_RANGES = PASSING_REFUSALS | {401, 429, 502, 503, 504}
# What no file of a clip is: a page that says what is wrong, or where to sign in.
_NO_FILE = ("text/html", "application/json", "application/xml", "text/xml")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@frozen
class MediaTimeout:
    """When to give up on an answer of the media host; how long a file takes has no limit."""

    connect: float = field(default=10.0, validator=is_seconds)
    """Opening one connection, in seconds."""
    stall: float = field(default=30.0, validator=is_seconds)
    """The longest silence, in seconds: until an answer begins, and within it."""
    floor: float = field(default=1024.0, validator=is_seconds_or_zero)
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


@frozen(kw_only=True)
class Head:
    """The beginning of an answer of the media host."""

    status: int
    headers: Mapping[str, str]
    """By any case of their names."""

    @property
    def etag(self) -> str | None:
        """The entity tag, if it is a strong one: a weak one may stand for other bytes."""
        return strong_etag(self.headers.get("ETag"))

    @property
    def length(self) -> int | None:
        """How many bytes of the file follow, as far as the answer says."""
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and not self.is_encoded else None

    @property
    def is_encoded(self) -> bool:
        """Whether the body is compressed, though that was not asked for."""
        return self.headers.get("Content-Encoding", "identity").lower() != "identity"

    @property
    def marks_its_end(self) -> bool:
        """Whether a body that was cut off can be told from a whole one."""
        codings = self.headers.get("Transfer-Encoding", "").lower().split(",")
        return "Content-Length" in self.headers or codings[-1].strip() == "chunked"

    @property
    def content_range(self) -> tuple[int | None, int | None]:
        """The first byte and the whole length that ``Content-Range`` names."""
        match = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", "").strip())
        if match is None:
            return None, None
        first, _, whole = match.groups()
        return _number(first), _number(whole)


def strong_etag(value: object) -> str | None:
    """*value*, if it is a strong entity tag, which stands for the very same bytes."""
    return value if isinstance(value, str) and _STRONG_ETAG.fullmatch(value) else None


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
        self.etag = self.total = None
        self.marks_its_end = self.was_resumed = False
        self._trusts_ranges = self._trusts_ranges and trusts_ranges

    def take(self, head: Head) -> None:
        """Note what the answer brings: a part from `offset` on, which 0 makes the whole.

        Raises `StartOverError` when it is a part that does not go on from what is there.
        """
        asked_for_part = "Range" in self.headers()
        self._refuse_page(head)
        self._server_errors = 0
        if head.status == 206 and asked_for_part:
            first, whole = head.content_range
            changed = (
                first != self.offset
                or (None not in {whole, self.total} and whole != self.total)
                or not self._is_of_same_file(head)
            )
            if changed:
                self.start_over(trusts_ranges=False)
                raise StartOverError
            self.was_resumed = True
            self.total = whole if self.total is None else self.total
        elif head.status == 206:
            raise DownloadError("the media host answered with a part that nobody asked for")
        else:
            # Ranges of what is compressed on the way would be of other bytes than are there.
            self.start_over(trusts_ranges=not head.is_encoded)
            self.total = head.length
        self.etag = head.etag if self.etag is None else self.etag
        self.marks_its_end = head.marks_its_end
        self.check_length()

    def _refuse_page(self, head: Head) -> None:
        """Raise `DownloadError` for a page in place of a file that nothing else describes."""
        kind = head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _NO_FILE and self.file.is_verified and not self.file.is_described:
            raise DownloadError(f"the media host answered with {kind}, which is no file of a clip")

    def _is_of_same_file(self, head: Head) -> bool:
        """Whether a part has the entity tag of what is there.

        Some hosts name none with a part. That will do where the hash of the whole is known.
        """
        if head.etag is None and self.file.sha256_hex is not None:
            return True
        return self.etag is None or head.etag == self.etag

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
        """Whether an answer that has ended left something out."""
        whole = self.total
        if whole is None and not self.marks_its_end:
            whole = self.file.byte_count
        return whole is not None and self.offset < whole

    def is_behind_end(self, head: Head) -> bool:
        """Whether a 416 says that nothing is missing; if not, the file is another by now."""
        _, whole = head.content_range
        is_same = self.total in {None, whole} and not (
            head.etag is not None and self.etag is not None and head.etag != self.etag
        )
        if whole is not None and whole == self.offset and is_same:
            self.total, self.marks_its_end = whole, True
            return True
        self.start_over(trusts_ranges=False)
        return False

    def refuses_range(self, head: Head) -> bool:
        """Whether the answer may be an error because a part was asked for, and no whole.

        A 500 may be of the moment as well, until it comes once more.
        """
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
    there only.
    """
    location = head.headers.get("Location")
    if head.status not in _REDIRECTS or location is None:
        return None
    target = ""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        is_followed = parts.scheme == "https" or not url.startswith("https:")
        is_followed = is_followed and is_confidential(parts) and bool(parts.hostname)
    except ValueError:
        is_followed = False
    if not is_followed:
        raise DownloadError("the media host redirects to what is not https, which is not followed")
    return target


def missing_advice(file: MediaFile) -> str:
    """Why the media host may have no such file."""
    if file.status == ClipStatus.COMPLETE:
        return "the clip may have been deleted, or its record names another region"
    was = "of no status" if file.status is None else file.status
    return f"the clip was {was} when it was read, and has no file before it is COMPLETE"


def _number(digits: Any) -> int | None:
    return int(digits) if isinstance(digits, str) and digits.isdecimal() else None
