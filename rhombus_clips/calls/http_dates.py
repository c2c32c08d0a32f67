"""The dates of HTTP headers, and the service's clock as its ``Date`` headers show it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The longest form in use has 33 characters: "Wednesday, 09-Nov-1994 08:49:37 GMT" and the like.
_LONGEST = 64


def parse_http_date(header: str | None) -> datetime | None:
    """The moment that a header names, in UTC; None when it is absent or not a date.

    A date without a zone is in UTC.
    """
    if header is None or len(header) > _LONGEST or not header.isascii():
        return None
    try:
        moment = parsedate_to_datetime(header)
        if moment.tzinfo is None:  # "-0000" states that the zone is unknown.
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        # The parser of the standard library raises all of these for text that is not a date:
        # OverflowError for a year of eleven digits, for example.
        return None


class ServiceClock:
    """The service's clock, from the ``Date`` header of its most recent response.

    The caller reads a steady local clock, in seconds, and passes it in.
    """

    def __init__(self) -> None:
        self._header: str | None = None
        self._is_date = False
        self._epoch_ms = 0
        self._read_at: float | None = None

    def note(self, header: str | None, now: float) -> None:
        """Remember the ``Date`` of a response that arrived at *now*."""
        if header != self._header:
            # Once per second at most: the header has whole seconds.
            self._header = header
            moment = parse_http_date(header)
            self._is_date = moment is not None
            if moment is not None:
                self._epoch_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
        if self._is_date:
            self._read_at = now

    def epoch_ms(self, now: float) -> int | None:
        """The service's time at *now*, in epoch milliseconds; None before any readable date.

        The header has whole seconds, so this is up to one second behind.
        """
        if self._read_at is None:
            return None
        return self._epoch_ms + int((now - self._read_at) * 1000)
