"""The ``Range`` header of a request to a backend that serves a file; RFC 9110, section 14."""

import re
from datetime import datetime

from attrs import frozen

from rhombus_clips.arguments import instance_or_none, whole_number
from rhombus_clips.calls.http_dates import parse_http_date
from rhombus_clips.errors import RangeNotSatisfiableError
from rhombus_clips.media.head import strong_etag

_RANGES = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
# Not \d, which also matches the digits of other scripts.
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_BLANKS = " \t"


@frozen(kw_only=True)
class RequestedRange:
    """The part of a file with which to answer a request; see `parse_range`."""

    start: int
    """The offset of the first byte."""
    stop: int | None
    """The offset after the last byte; None for the end of a file of unknown length."""
    total: int | None
    """The length of the whole file in bytes; None if it is unknown."""
    is_partial: bool
    """True to respond with a part and its ``Content-Range``, even if it is the whole file."""

    @property
    def length(self) -> int | None:
        """The number of bytes; None if it is unknown."""
        return None if self.stop is None else self.stop - self.start

    @property
    def http_status(self) -> int:
        """The status of the response: 206 for a part, 200 for the whole file."""
        return 206 if self.is_partial else 200

    @property
    def headers(self) -> dict[str, str]:
        """The ``Accept-Ranges``, ``Content-Length`` and ``Content-Range`` of the response.

        Empty if the length of the file is unknown.
        """
        if self.stop is None:
            return {}
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(self.stop - self.start)}
        if self.is_partial:
            headers["Content-Range"] = f"bytes {self.start}-{self.stop - 1}/{self.total}"
        return headers


def parse_range(
    header: str | None,
    total: int | None,
    *,
    if_range: str | None = None,
    etag: str | None = None,
    last_modified: datetime | None = None,
) -> RequestedRange:
    """Return the part of a file that the ``Range`` header of a GET request selects.

    The forms ``bytes=a-b``, ``bytes=a-`` and ``bytes=-n`` select a part. The whole file answers a
    request without the header, with several ranges, with another unit or with invalid syntax, and a
    request whose ``If-Range`` does not match the file. No other method than GET has ranges.

    :param header: The value of the ``Range`` header; None if there is none.
    :param total: The length of the file in bytes. If it is None, because the length is unknown, the
        whole file answers every request.
    :param if_range: The value of the ``If-Range`` header; None if there is none.
    :param etag: The ``ETag`` with which you serve the file. Only a strong one matches.
    :param last_modified: The ``Last-Modified`` with which you serve the file. It matches an equal
        date; fractions of a second are ignored.
    :raises RangeNotSatisfiableError: if the part starts after the end of the file. Respond with
        status 416 and the headers of the error.
    :raises InvalidArgumentError: if an argument has a wrong type, or *total* is negative.
    """
    total = None if total is None else whole_number(total, "total", least=0)
    header = instance_or_none(header, str, "header")
    if_range = instance_or_none(if_range, str, "if_range")
    etag = instance_or_none(etag, str, "etag")
    last_modified = instance_or_none(last_modified, datetime, "last_modified")
    whole = RequestedRange(start=0, stop=total, total=total, is_partial=False)
    digits = _single_range(header or "")
    if (
        total is None
        or digits is None
        or not (if_range is None or _is_current(if_range, etag, last_modified))
    ):
        return whole
    first, last = digits
    if first is not None:
        start, stop = _at_most(total, first), min(total, _at_most(total, last) + 1)
    elif last and not total:
        return whole  # The last bytes of an empty file are the whole file.
    else:
        start, stop = total - _at_most(total, last), total
    if start >= total:
        raise RangeNotSatisfiableError(
            f"the range starts after the end of the file, which has {total} bytes", total
        )
    return RequestedRange(start=start, stop=stop, total=total, is_partial=True)


def _single_range(header: str) -> tuple[str | None, str | None] | None:
    """Return the digits of the two numbers of a valid single range, without leading zeros.

    A number that the range omits is None. Recipients have to ignore empty elements of a list.
    """
    ranges = _RANGES.fullmatch(header.strip(_BLANKS))
    given = [] if ranges is None else [part.strip(_BLANKS) for part in ranges[1].split(",")]
    given = [part for part in given if part]
    match = _RANGE.fullmatch(given[0]) if len(given) == 1 else None
    if match is None or match[0] == "-":
        return None
    first, last = (number.lstrip("0") if number else None for number in match.groups())
    if first is not None and last is not None and _size(last) < _size(first):
        return None
    return first, last


def _size(digits: str) -> tuple[int, str]:
    """Return a key that orders numbers by their digits. Python does not convert very long ones."""
    return len(digits), digits


def _at_most(total: int, digits: str | None) -> int:
    """Return the smaller one of *total* and a number, or *total* for an omitted number."""
    if digits is None or _size(digits) >= _size(str(total)):
        return total
    return int(digits or "0")


def _is_current(if_range: str, etag: str | None, last_modified: datetime | None) -> bool:
    """Return whether ``If-Range`` names the current file, by a strong entity tag or a date."""
    condition = if_range.strip(_BLANKS)
    if strong_etag(condition) is not None:
        return condition == etag
    date = parse_http_date(condition)
    return (
        date is not None
        and last_modified is not None
        and last_modified.tzinfo is not None
        and last_modified.replace(microsecond=0) == date
    )
