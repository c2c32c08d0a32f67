"""Range requests: which part of a file to request, and whether a response continues it.

The vendor does not document whether the media host supports ranges, validators, lengths or
redirects, so the rules rely on none of them. They request a part only if the resumed file can be
trusted, check each response, and otherwise restart the file.
"""

import re
from typing import NoReturn

from attrs import define, field

from rhombus_clips.calls.retry import PASSING_REFUSALS
from rhombus_clips.errors import DownloadError, IntegrityError, RangeNotSatisfiableError
from rhombus_clips.media.head import Head, Part
from rhombus_clips.media.media_file import MediaFile
from rhombus_clips.media.refusals import EXPIRED

# These are about the caller or a temporary condition, not about the requested part.
_NOT_OF_RANGES = PASSING_REFUSALS | {401, 429, 502, 503, 504}
# An error or login page; no clip file has such a type.
_PAGE = re.compile(r"text/html|.*[/+](?:json|xml)")
# aiohttp decompresses these without optional packages.
_SUPPORTED_CODINGS = frozenset({"", "gzip", "deflate"})


class RestartError(Exception):
    """The bytes received so far cannot be continued; request the file from its start."""


@define
class FetchState:
    """The progress of fetching a file."""

    file: MediaFile
    offset: int = 0
    """The offset in the file after the last byte received."""
    etag: str | None = None
    """The strong entity tag of the bytes received."""
    total: int | None = None
    """The length of the whole file, once a response has stated it."""
    marks_its_end: bool = False
    """True if a truncated response would have been detected."""
    start: int = field(default=0, kw_only=True)
    """The offset of the first byte to fetch."""
    stop: int | None = field(default=None, kw_only=True)
    """The offset after the last byte to fetch; None for the end of the file."""
    skips: bool = field(default=True, kw_only=True)
    """True to skip through the whole file if the host ignores the request for a part."""
    head: Head | None = field(default=None, init=False)
    """The head of the last response with bytes of the file."""
    was_resumed: bool = field(default=False, init=False)
    """True if the bytes were received in more than one response."""
    part_end: int | None = field(default=None, init=False)
    """The offset after the current response; None for one with the whole file."""
    _requested_start: int | None = field(default=None, init=False)
    _trusts_ranges: bool = field(default=True, init=False)
    _server_errors: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.offset = max(self.offset, self.start)

    @property
    def is_part(self) -> bool:
        """True if only a part of the file is to be fetched."""
        return self.start > 0 or self.stop is not None

    @property
    def can_resume(self) -> bool:
        """True if a continued file can be trusted. The hash of the file does not prove a part."""
        is_provable = self.file.sha256_hex is not None and not self.is_part
        return self._trusts_ranges and (self.etag is not None or is_provable)

    @property
    def expected_length(self) -> int | None:
        """The length of the whole file, from a response or else from the clip's record."""
        return self.file.byte_count if self.total is None else self.total

    @property
    def end(self) -> int | None:
        """The offset after the last byte to fetch, which may be too large for an unknown length."""
        whole = self.expected_length
        return (
            whole if self.stop is None or (whole is not None and whole < self.stop) else self.stop
        )

    @property
    def is_truncated(self) -> bool:
        """True if a response that has ended omitted bytes that it announced."""
        end = self.part_end
        if end is None:
            end = self.total if self.marks_its_end else self.expected_length
        return end is not None and self.offset < end

    @property
    def has_reached_stop(self) -> bool:
        """True if the bytes that may follow in the response are not wanted."""
        end = self.total if self.part_end is None else self.part_end
        return self.stop is not None and self.offset >= self.stop and end != self.stop

    @property
    def has_more_parts(self) -> bool:
        """True if the file continues, or may continue, after the current response."""
        end = self.end
        return self.part_end is not None and (end is None or self.part_end < end)

    @property
    def _first(self) -> int | None:
        """The offset of the first byte to request; None to request the whole file."""
        if self.offset > self.start and self.can_resume:
            return self.offset
        return self.start if self.is_part and self._trusts_ranges else None

    def headers(self) -> dict[str, str]:
        """Return the headers that request the missing bytes."""
        # Ranges of a compressed body would count other bytes.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        first = self._first
        if first is not None:
            last = "" if self.stop is None else self.stop - 1
            headers["Range"] = f"bytes={first}-{last}"
            if self.etag is not None:
                headers["If-Range"] = self.etag
        return headers

    def restart(self, *, trusts_ranges: bool = True) -> None:
        """Discard the bytes received. Unless *trusts_ranges*, never request a part again."""
        self.offset = 0
        self.etag = self.total = self.part_end = None
        self.marks_its_end = self.was_resumed = False
        self._trusts_ranges = self._trusts_ranges and trusts_ranges

    # --- a response starts -----------------------------------------------------------------------

    def accept(self, head: Head) -> None:
        """Prepare for the body of a response; it continues at `offset`, or restarts at 0.

        Raises `RestartError` if it is a part that does not continue the bytes received,
        `DownloadError` for an unusable response, `IntegrityError` for a wrong length and
        `RangeNotSatisfiableError` if the file ends before the part.
        """
        self._requested_start = self._first
        self._reject_page(head)
        self._server_errors = 0
        if head.status == 206:
            self._accept_part(head)
        else:
            self._accept_whole(head)
        self.head = head
        self.etag = head.etag if self.etag is None else self.etag
        self.marks_its_end = head.marks_its_end
        if self.has_more_parts and not self.can_resume:
            self._reject_part()
        self.check_length()
        self._check_start()
        self._check_ignored()

    def _accept_part(self, head: Head) -> None:
        part, requested = head.content_range, self._requested_start
        if (
            part is None
            or head.coding
            or part.start != (requested or 0)
            or head.length not in {None, part.end - part.start}
            or (requested is not None and not self._is_of_same_file(head, part))
        ):
            self._reject_part()
        if requested is None:
            # RFC 9110 allows no part here, but some hosts send the whole file as one.
            self.restart()
        else:
            self.was_resumed = requested > self.start
            self.offset = part.start
        self.total = part.total if self.total is None else self.total
        self.part_end = part.end

    def _accept_whole(self, head: Head) -> None:
        if head.kind == "multipart/byteranges" or "Content-Range" in head.headers:
            part = head.content_range
            is_whole = part is not None and part.start == 0 and part.end == part.total
            if part is None or not is_whole or head.length not in {None, part.end}:
                self._reject_part()
        # Ranges of a compressed body would count other bytes.
        self.restart(trusts_ranges=not head.coding)
        self.total = head.length

    def _reject_part(self) -> NoReturn:
        """Raise `RestartError` to fetch the whole file instead, or `DownloadError`."""
        if self._requested_start is None:
            raise DownloadError("the media host sent a part of the file that was not requested")
        if self.is_part:
            raise DownloadError(
                "the media host sent another part of the file than requested, or the file changed"
            )
        self.restart(trusts_ranges=False)
        raise RestartError

    def _check_ignored(self) -> None:
        """Raise `DownloadError` if the host sent more than a part and that must not be skipped."""
        is_wanted = self.part_end is not None or (self.start == 0 and self.end == self.total)
        if not (self.skips or is_wanted):
            raise DownloadError(
                "the media host ignored the request for a part of the file; pass"
                ' if_ignored="skip" to skip through the whole file'
            )

    def _check_start(self) -> None:
        """Raise `RangeNotSatisfiableError` if the part starts after the end of the file."""
        if self.is_part and self.total is not None and self.start >= self.total:
            raise RangeNotSatisfiableError(
                f"the part starts at byte {self.start}, but the file has {self.total} bytes",
                self.total,
            )

    def _reject_page(self, head: Head) -> None:
        """Raise `DownloadError` for a page if neither length nor hash would reveal it."""
        if not self.file.is_verified or (self.file.is_described and not self.is_part):
            return
        if _PAGE.fullmatch(head.kind):
            raise DownloadError(f"the media host sent {head.kind} instead of a clip file")
        if head.coding not in _SUPPORTED_CODINGS:
            raise DownloadError(
                f"the media host sent a body with the content coding {head.coding[:40]!r}, which"
                " was not requested"
            )

    def _is_of_same_file(self, head: Head, part: Part) -> bool:
        """Return whether a part has the length and the entity tag of the bytes received.

        Some hosts send no tag with a part. That is acceptable if the hash of the whole file is
        known.
        """
        if None not in {part.total, self.total} and part.total != self.total:
            return False
        if head.etag is None and self.file.sha256_hex is not None and not self.is_part:
            return True
        return self.etag is None or head.etag == self.etag

    def confirms_end(self, head: Head) -> bool:
        """Return whether a 416 confirms that no bytes are missing; if not, the file has changed.

        Raises `RangeNotSatisfiableError` if it states that the file ends before a part.
        """
        whole = head.whole_length
        if self.is_part and self._first == self.start:
            if whole is not None and whole <= self.start:
                self.total = whole
                self.check_length()
                self._check_start()
            self.restart(trusts_ranges=False)
            return False
        is_same = self.total in {None, whole} and (
            head.etag is None or self.etag is None or head.etag == self.etag
        )
        if whole is not None and whole == self.offset and is_same:
            self.total, self.marks_its_end = whole, True
            return True
        self.restart(trusts_ranges=False)
        return False

    def refuses_range(self, head: Head, *, is_redirected: bool = False) -> bool:
        """Return whether the response may be an error only because a part was requested.

        A single 500 may be temporary; a second one may not be. A redirect's target may instead
        reject the signed URL.
        """
        if is_redirected and head.status in EXPIRED:
            return False
        is_refusal = head.status >= 400 and head.status not in _NOT_OF_RANGES
        if head.status == 500:
            self._server_errors += 1
            is_refusal = self._server_errors > 1
        return is_refusal and self._first is not None

    # --- bytes arrive ----------------------------------------------------------------------------

    def add(self, byte_count: int) -> None:
        """Count bytes received.

        Raises `IntegrityError` if there are more than the clip has, and `RestartError` or
        `DownloadError` if there are more than the response announced.
        """
        self.offset += byte_count
        if self.part_end is not None and self.offset > self.part_end:
            self._reject_part()
        self.check_length()

    def check_length(self) -> None:
        """Raise `IntegrityError` if the length received or announced is not the clip's."""
        whole = self.file.byte_count
        if whole is None:
            return
        if self.total not in {None, whole}:
            raise IntegrityError(
                f"the file has {self.total} bytes on the media host, but {whole} in the clip's"
                " record"
            )
        if self.offset > whole:
            raise IntegrityError(f"received more than the {whole} bytes in the clip's record")

    def verify_part(self, position: int) -> None:
        """Raise an error unless the bytes up to *position* are the whole part.

        Raises `RangeNotSatisfiableError` if the file ends before the part, and `IntegrityError` if
        bytes are missing. A file whose length was unknown ends with the bytes received.
        """
        end = self.end
        if position == self.stop:
            return
        if self.expected_length is None:
            self._check_marked_end()
            self.total = self.offset
            self._check_start()
        elif position != end:
            raise IntegrityError(f"received the bytes up to {position} of {end}")

    def verify(self, byte_count: int, sha256_hex: str) -> None:
        """Raise `IntegrityError` unless *byte_count* bytes with that hash are the whole file."""
        file, whole = self.file, self.expected_length
        self.check_length()
        if byte_count == 0 and file.is_verified:
            raise IntegrityError("the file is empty, which no video or thumbnail is")
        if byte_count != self.offset or whole not in {None, byte_count}:
            raise IntegrityError(f"received {byte_count} of {whole} bytes")
        if file.sha256_hex is not None and sha256_hex != file.sha256_hex:
            raise IntegrityError(f"the file's SHA-256 is {sha256_hex}, not {file.sha256_hex}")
        self._check_marked_end()
        self.total = byte_count

    def _check_marked_end(self) -> None:
        file, is_marked = self.file, self.marks_its_end or self.part_end is not None
        if file.is_verified and not file.is_described and not is_marked:
            raise IntegrityError(
                "neither the clip nor the response states the length of the file, so it may be"
                " truncated; pass verify=False to accept it"
            )
