"""The parameters of a query, parsed strictly."""

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.moments import parse_time, to_epoch_ms

_LONGEST = 4096
_PAGE, _LARGEST_PAGE = 25, 200
_DIGITS = re.compile("[0-9]{1,3}")  # Not \d, which also matches the digits of other scripts.


class Query:
    """The parameters of a query.

    :param parameters: The decoded names and values.
    :param known: The names that the route has.
    :raises InvalidArgumentError: for other names, names that are given repeatedly although the
        route takes one value, and values that are too long.
    """

    def __init__(
        self, parameters: Iterable[tuple[str, str]], known: Iterable[str], lists: Iterable[str] = ()
    ) -> None:
        names, self._values = {*known, *lists}, dict[str, list[str]]()
        repeatable = set(lists)
        for name, value in parameters:
            if name not in names:
                listed = ", ".join(sorted(names)) or "none"
                raise InvalidArgumentError(
                    f"unknown query parameter; this route has: {listed}", given=name
                )
            if len(value) > _LONGEST or (name in self._values and name not in repeatable):
                raise InvalidArgumentError(
                    f"{name} must be given once, with at most {_LONGEST} characters"
                )
            self._values.setdefault(name, []).append(value)

    def texts(self, name: str) -> list[str]:
        """Return all values of a parameter that may be repeated, except empty ones."""
        return [value for value in self._values.get(name, ()) if value]

    def text(self, name: str) -> str | None:
        """Return the value of a parameter; None if it is absent or empty."""
        return next(iter(self.texts(name)), None)

    def limit(self) -> int:
        """Return the number of items of a page: the parameter ``limit``, by default 25."""
        text = self.text("limit")
        if text is None:
            return _PAGE
        if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= _LARGEST_PAGE:
            raise InvalidArgumentError(
                f"limit must be a whole number from 1 to {_LARGEST_PAGE}", given=text
            )
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Return True or False; None if the parameter is absent."""
        text = self.text(name)
        if text not in {None, "true", "false"}:
            raise InvalidArgumentError(f"{name} must be true or false", given=text)
        return None if text is None else text == "true"

    def time(self, name: str) -> int | None:
        """Return a time in epoch milliseconds; None if the parameter is absent."""
        text = self.text(name)
        if text is None:
            return None
        try:
            # In a query, a plus sign that is not encoded stands for a space.
            time = parse_time(text.replace(" ", "+"))
        except ValueError:
            raise InvalidArgumentError(
                f"{name} must be a time with a UTC offset, such as 2025-10-01T08:00Z, or epoch"
                " milliseconds",
                given=text,
            ) from None
        return to_epoch_ms(time, name)

    def time_zone(self, name: str) -> ZoneInfo:
        """Return a time zone; UTC if the parameter is absent."""
        text = self.text(name) or "UTC"
        try:
            return ZoneInfo(text)
        except (OSError, ValueError, KeyError) as error:
            raise InvalidArgumentError(
                f"{name} must be an IANA time zone such as Europe/Berlin", given=text
            ) from error
