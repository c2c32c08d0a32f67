"""The fast converter: one function per model, generated as source code on first use.

It accepts the values that the strict converter accepts without changing their type, and builds
equal models. For anything else it raises some exception, and the strict converter decodes the text
again or reports the wrong value. The fast converter owns the tree that it decodes: it replaces
items in place, and models keep the tree's arrays and maps.

The strict converter takes 4.3 times as long per clip. This is the time per clip without each of the
techniques (1,000 clips, CPython 3.11):

- An instance is filled as an instance of an ordinary class, then turned into its frozen model: 1.9
  times as long with the ``__init__`` of the frozen class.
- Enum members are looked up in a dict: 1.3 times as long with ``ClipStatus(value)``.
- Keys are the string objects that orjson creates, which a dict finds by identity: 1.13 times as
  long with equal strings.
- One `operator.itemgetter` picks all fields: 1.09 times as long with a ``get`` for each.

For a model with the fields ``start_ms`` and ``end_ms`` the source is, with simplified names::

    def structure(value, _):
        if type(value) is not dict: raise StepAside
        if len(value) < 2: value = {**absent, **value}
        try: start_ms, end_ms = pick(value)
        except KeyError: value = {**absent, **value}; start_ms, end_ms = pick(value)
        if start_ms is not None:
            if type(start_ms) is not int or start_ms > ...: raise StepAside
        if end_ms is not None:
            if type(end_ms) is not int or end_ms > ...: raise StepAside
        model = Settable()
        model.start_ms = start_ms
        model.end_ms = end_ms
        if len(value) == 2: model.extra = NO_EXTRA
        else: model.extra = extra(value, absent)
        model.__class__ = TimeInterval
        value = model
        return value
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cache
from itertools import count
from operator import itemgetter
from typing import Any, cast, get_args

import attrs
from cattrs import Converter

from rhombus_clips.codec.strict import (
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    Hook,
    is_array,
    is_enum,
    is_list,
    is_map,
    is_model,
    is_object,
    is_optional,
    strict,
    wire_fields,
    without_none,
)
from rhombus_clips.codec.text import parse, render
from rhombus_clips.models import OpenEnum
from rhombus_clips.models.base import NO_EXTRA, Extra, Model

_REPEATED = frozenset(
    {"clip_location_v2", "device_uuid", "org_uuid", "region", "thumbnail_location_v2", "user_uuid"}
)
"""Fields whose strings repeat within a listing. Equal strings become one object, to save memory."""

_MOST_SHARED = 4096
"""The number of values that one field shares before it starts over, to bound the memory."""

Lines = Iterable[str]


class StepAside(Exception):  # noqa: N818  # not an error: the strict converter takes over
    """A value is unusual, so the strict converter has to decode it."""


# --- shared objects --------------------------------------------------------------------------


class _Shared(dict[Any, Any]):
    """A cache that holds one object for each value."""

    def add(self, value: Any, thing: Any) -> Any:
        if len(self) >= _MOST_SHARED:
            self.clear()
        self[value] = thing
        return thing


class _SharedStrings(_Shared):
    def __missing__(self, text: object) -> str:
        if type(text) is not str:
            raise StepAside
        string: str = self.add(text, text)
        return string


class _Members(_Shared):
    """The members of an enum by their values. Unlisted ones are added as they are received."""

    def __init__(self, enum: type[OpenEnum]) -> None:
        super().__init__({member.value: member for member in enum})
        self._enum = enum

    def __missing__(self, value: object) -> OpenEnum:
        if type(value) is not str:
            raise StepAside
        member: OpenEnum = self.add(value, self._enum(value))
        return member


class _Wrapped(_Shared):
    """Models that wrap one string, such as a region."""

    def __init__(self, model: Callable[..., Model], name: str) -> None:
        self._model = model
        self._field = name

    def __missing__(self, text: object) -> Model:
        if text is not None and type(text) is not str:
            raise StepAside
        model: Model = self.add(text, self._model(**{self._field: text}))
        return model


# --- generated functions ---------------------------------------------------------------


def _make_hook(model: type[Model], converter: Converter) -> Hook:
    writer = _Writer(converter)
    body = [*writer.model("value", model), "return value"]
    source = "\n".join(["def structure(value, _):", *_indented(body)])
    names = dict(writer.globals)
    exec(compile(source, f"<structure {model.__name__}>", "exec"), names)  # noqa: S102  # generated here
    hook: Hook = names["structure"]
    return hook


class _Writer:
    """Writes lines of source that check a variable or replace it with its decoded value.

    Local variables are numbered, so that lines can be nested. Objects that the lines refer to are
    bound in `globals`.
    """

    def __init__(self, converter: Converter) -> None:
        self.globals: dict[str, Any] = {"StepAside": StepAside}
        self._converter = converter
        self._numbers = count()

    def model(self, variable: str, model: type[Model]) -> Iterator[str]:
        """Write the lines that turn the JSON object in *variable* into a *model*."""
        fields = attrs.fields_dict(model)
        wire = _wire_names(model)
        local = {name: self._fresh(name) for name in wire}
        absent = self._bind("absent", dict.fromkeys(wire.values()))
        pick = f"{', '.join(local.values())} = {self._bind('pick', itemgetter(*wire.values()))}"
        complete = f"{variable} = {{**{absent}, **{variable}}}"
        yield f"if type({variable}) is not dict: raise StepAside"
        yield f"if len({variable}) < {len(wire)}: {complete}"
        yield f"try: {pick}({variable})"
        yield f"except KeyError: {complete}; {pick}({variable})"
        for name in wire:
            yield from self._field(fields[name], local[name])
        built = self._fresh("model")
        yield f"{built} = {self._bind('Settable', _settable(cast('Hashable', model)))}()"
        for name in wire:
            yield f"{built}.{name} = {local[name]}"
        # All known keys are present by now, so only unknown keys make the object longer.
        no_extra, extra = self._bind("NO_EXTRA", NO_EXTRA), self._bind("extra", _extra)
        yield f"if len({variable}) == {len(wire)}: {built}.extra = {no_extra}"
        yield f"else: {built}.extra = {extra}({variable}, {absent})"
        yield f"{built}.__class__ = {self._bind('Model', model)}"
        yield f"{variable} = {built}"

    def _field(self, field: "attrs.Attribute[Any]", variable: str) -> Lines:
        kind = without_none(field.type)
        yield f"if {variable} is not None:"
        if kind is str and field.name in _REPEATED:
            yield f"    {variable} = {self._bind('shared', _SharedStrings())}[{variable}]"
        else:
            yield from _indented(self._value(variable, kind))
        if field.default is not None:
            yield f"else: {variable} = {self._bind('default', field.default.factory)}()"

    def _value(self, variable: str, kind: Any) -> Lines:
        if kind is str:
            yield f"if type({variable}) is not str: raise StepAside"
        elif kind is bool:
            yield f"if {variable} is not True and {variable} is not False: raise StepAside"
        elif kind is int:
            bounds = f"{variable} > {LARGEST_INTEGER} or {variable} < {SMALLEST_INTEGER}"
            yield f"if type({variable}) is not int or {bounds}: raise StepAside"
        elif kind is float:
            yield f"if type({variable}) is not float:"
            yield f"    if type({variable}) is not int: raise StepAside"
            yield f"    {variable} = float({variable})"
        elif is_enum(kind):
            yield f"{variable} = {self._bind('members', _Members(kind))}[{variable}]"
        elif is_list(kind):
            yield from self._list(variable, *get_args(kind))
        elif is_map(kind):
            yield from self._map(variable, get_args(kind)[1])
        elif is_model(kind) and _wraps_one_string(kind):
            ((name, wire),) = _wire_names(kind).items()
            shared, key = self._bind("shared", _Wrapped(kind, name)), self._bind("key", wire)
            # Anything but an object with this key raises here.
            yield f"if len({variable}) == 1: {variable} = {shared}[{variable}[{key}]]"
            yield "else:"
            yield from _indented(self.model(variable, kind))
        else:
            hook = self._converter.get_structure_hook(kind)
            yield f"{variable} = {self._bind('hook', hook)}({variable}, {self._bind('kind', kind)})"

    def _list(self, variable: str, kind: Any) -> Lines:
        index, item = self._fresh("index"), self._fresh("item")
        yield f"if type({variable}) is not list: raise StepAside"
        if kind == str | None:
            yield f"for {item} in {variable}:"
            yield f"    if {item} is not None and type({item}) is not str: raise StepAside"
            return
        yield f"for {index}, {item} in enumerate({variable}):"
        lines = [*self._value(item, without_none(kind)), f"{variable}[{index}] = {item}"]
        if is_optional(kind):
            lines = [f"if {item} is not None:", *_indented(lines)]
        # For a null among items that cannot be null, the strict converter takes over and drops it.
        yield from _indented(lines)

    def _map(self, variable: str, kind: Any) -> Lines:
        key, item = self._fresh("key"), self._fresh("item")
        yield f"if type({variable}) is not dict: raise StepAside"
        yield f"for {key}, {item} in {variable}.items():"
        yield f"    if {item} is not None:"
        yield from _indented(self._value(item, without_none(kind)), 2)
        yield f"        {variable}[{key}] = {item}"

    def _fresh(self, meaning: str) -> str:
        return f"{meaning}_{next(self._numbers)}"

    def _bind(self, meaning: str, thing: object) -> str:
        name = f"{meaning}_{next(self._numbers)}"
        self.globals[name] = thing
        return name


def _wire_names(model: type[Model]) -> dict[str, str]:
    """Return the wire name of each field, as the string object that the parser creates for it."""
    names = {name: wire for name, wire, _ in wire_fields(model)}
    keys: list[str] = list(parse(render(dict.fromkeys(names.values()))))
    return dict(zip(names, keys, strict=True))


def _wraps_one_string(model: type[Model]) -> bool:
    return [without_none(kind) for _, _, kind in wire_fields(model)] == [str]


def _indented(lines: Lines, steps: int = 1) -> Iterator[str]:
    return ("    " * steps + line for line in lines)


def _extra(value: dict[str, Any], known: dict[str, None]) -> Extra:
    unknown = {key: value[key] for key in value if key not in known}
    for item in unknown.values():
        _refuse_rounded(item)
    return Extra(unknown)


def _refuse_rounded(value: Any) -> None:
    """Raise `StepAside` for a float that orjson may have made from an integer beyond 64 bits."""
    if type(value) is float and abs(value) >= LARGEST_INTEGER:
        raise StepAside
    if is_object(value):
        for item in value.values():
            _refuse_rounded(item)
    elif is_array(value):
        for item in value:
            _refuse_rounded(item)


@cache
def _settable(model: Hashable) -> Any:
    """Return a subclass of *model* whose instances can be assigned to."""
    # CPython uses its fast paths only for classes that override none of these.
    plain = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    kind = cast("type[Model]", model)
    return type(kind.__name__, (kind,), {"__slots__": (), **plain})


def _is_ours(kind: Any) -> bool:
    """Return whether *kind* is a model of this package, whose ``__init__`` only sets its fields.

    A user's subclass may have converters and validators.
    """
    return is_model(kind) and kind.__module__.startswith("rhombus_clips.models.")


fast: Converter = strict.copy()
fast.register_structure_hook_factory(_is_ours, _make_hook)
