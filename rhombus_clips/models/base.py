"""What every model has: room for the keys that the reference does not list yet."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from attrs import Attribute, field, frozen


class Extra(Mapping[str, Any]):
    """A read-only mapping of the wire keys that a model has no field for, values as they came."""

    # Not a MappingProxyType: models pickle, and a mapping proxy does not.
    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Extra({self._items!r})"


NO_EXTRA = Extra()


def hash_scalars(_: type, fields: "list[Attribute[Any]]") -> "list[Attribute[Any]]":
    """Leave arrays and maps out of the hash of a model, which would not have one otherwise.

    Equality still compares them. What else a model has tells it apart well enough.
    """
    return [field.evolve(hash=False) if _is_mutable(field.type) else field for field in fields]


def _is_mutable(kind: Any) -> bool:
    return any(get_origin(part) in {list, dict} for part in (kind, *get_args(kind)))


@frozen(kw_only=True, field_transformer=hash_scalars)
class Model:
    """The base of all models: immutable, keyword-only, every wire field None when not given.

    A field that the service left out and one that it sent as null are both None: the reference
    declares every field nullable and none required.
    """

    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, eq=False)
    """Keys that came and have no field here, with their values as they came."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class Answer(Model):
    """The envelope that every answer of the clip API shares.

    From a session it has always been judged already: an answer with ``error: true`` raises
    `ApiError`, so `error` is False or None there.
    """

    error: bool | None = None
    error_msg: str | None = None
    warning_msg: str | None = None
    """What the service did not do although the call succeeded; also logged as a warning."""
