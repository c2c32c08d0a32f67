"""Enums that stay open: the service adds members between releases."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """A string enum in which an unknown value becomes a member-like value, not an error.

    ``ClipStatus("SOMETHING_NEW")`` keeps the raw string: it equals and hashes as that string,
    pickles, and matches in a ``match`` statement; only `is_known` tells it from a listed member.
    Unknown values do not join the iteration over the enum.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    @property
    def is_known(self) -> bool:
        """Whether this release of the library lists the member."""
        return self._value_ in type(self)._value2member_map_

    # By value, so that an unknown value that a later release lists still equals its old self.
    __hash__ = str.__hash__
