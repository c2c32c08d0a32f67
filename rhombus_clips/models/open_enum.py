"""Open enums: the service adds members between releases of this library."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """A string enum that turns an unknown value into a member-like value instead of an error.

    ``ClipStatus("SOMETHING_NEW")`` compares, hashes, pickles and pattern-matches like its string.
    Only `is_known` distinguishes it from a listed member. Iterating over the enum yields listed
    members only.
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
        """True if this release of the library lists the member."""
        return self._value_ in type(self)._value2member_map_

    # By value, so that a pickled unknown value equals the member that a later release adds for it.
    __hash__ = str.__hash__
