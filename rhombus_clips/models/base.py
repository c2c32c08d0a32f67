"""The base classes of all models. They preserve keys that the reference does not list yet."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from attrs import Attribute, field, frozen

from rhombus_clips.models import notebook

__all__ = ["Model"]


class Extra(Mapping[str, Any]):
    """A read-only mapping of received keys that have no field in the model, with their values."""

    # Not a MappingProxyType: models can be pickled, a mapping proxy cannot.
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
    """Exclude arrays and maps from a model's hash, so that every model is hashable.

    Equality still compares them. The remaining fields are distinctive enough for a hash.
    """
    return [field.evolve(hash=False) if _is_mutable(field.type) else field for field in fields]


def _is_mutable(kind: Any) -> bool:
    return any(get_origin(part) in {list, dict} for part in (kind, *get_args(kind)))


@frozen(kw_only=True, field_transformer=hash_scalars)
class Model:
    """The base class of all models: immutable and keyword-only; every wire field may be None.

    A field is None if the service omitted it or sent null: the reference declares every field
    nullable and none required.
    """

    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, eq=False)
    """Received keys that have no field in this model, with their unchanged values."""

    def _repr_html_(self) -> str:
        """Return HTML tables of the fields that ``repr`` shows; notebooks call this."""
        return notebook.html_of(self)


@frozen(kw_only=True, field_transformer=hash_scalars)
class Answer(Model):
    """The envelope of every response of the clip API.

    A session raises `ApiError` for a response with ``error: true``, so `error` is False or None in
    the answers that it returns.
    """

    error: bool | None = None
    error_msg: str | None = None
    warning_msg: str | None = None
    """The service's warning about a successful call; also logged at WARNING."""
