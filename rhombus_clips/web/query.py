"""The parameters of a query, parsed strictly."""

import re
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.models.moments import to_epoch_ms

_LONGEST = 4096
_INTEGER = re.compile(r"-?[0-9]{1,19}")


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

    def integer(self, name: str, default: int, *, most: int) -> int:
        """Return a whole number between 1 and *most*."""
        text = self.text(name)
        if text is None:
            return default
        if not _INTEGER.fullmatch(text) or not 1 <= int(text) <= most:
            raise InvalidArgumentError(
                f"{name} must be a whole number from 1 to {most}", given=text
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
        if _INTEGER.fullmatch(text):
            return to_epoch_ms(int(text), name)
        try:
            # In a query, a plus sign that is not encoded stands for a space.
            time = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            time = None
        if time is None or time.utcoffset() is None:
            raise InvalidArgumentError(
                f"{name} must be a time with a UTC offset, such as 2025-10-01T08:00Z, or epoch"
                " milliseconds",
                given=text,
            )
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
