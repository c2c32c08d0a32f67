"""Dates in HTTP headers, and the service's clock according to its ``Date`` headers."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rhombus_clips.models.moments import to_epoch_ms

# The longest form in use has 35 characters: "Wednesday, 09-Nov-1994 08:49:37 GMT".
_MAX_LENGTH = 64


def parse_http_date(header: str | None) -> datetime | None:
    """Return the date in a header, in UTC; None if the header is absent or not a date.

    A date without a time zone is in UTC.
    """
    if header is None or len(header) > _MAX_LENGTH or not header.isascii():
        return None
    try:
        date = parsedate_to_datetime(header)
        # "-0000" means that the time zone is unknown.
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        # The standard library's parser raises all of these for text that is not a date, such as
        # OverflowError for a year of eleven digits.
        return None


class ServiceClock:
    """The service's clock, according to the ``Date`` header of its most recent response.

    The caller passes in the time of a monotonic local clock, in seconds.
    """

    def __init__(self) -> None:
        self._header: str | None = None
        self._date_ms: int | None = None
        self._reading: tuple[int, float] | None = None

    def note(self, header: str | None, now: float) -> None:
        """Remember the ``Date`` of a response that arrived at *now*."""
        if header != self._header:  # It changes at most once per second.
            self._header, date = header, parse_http_date(header)
            self._date_ms = None if date is None else to_epoch_ms(date)
        if self._date_ms is not None:
            self._reading = self._date_ms, now

    def epoch_ms(self, now: float) -> int | None:
        """Return the service's time at *now*, in epoch milliseconds; None before a readable date.

        It may be up to one second slow, because the header has whole seconds.
        """
        if self._reading is None:
            return None
        date_ms, read_at = self._reading
        return date_ms + int((now - read_at) * 1000)
