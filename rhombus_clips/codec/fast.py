"""The fast converter: for each model one function, made of source code when it is first needed.

It takes what the strict converter takes without changing a type, and makes equal models of it.
Whatever else it meets makes it step aside, with some exception, no matter which: the strict
converter then decodes the same tree, or says where it is wrong. A tree is handed over for good:
models keep the arrays of it that need no change.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from operator import itemgetter
from typing import Any, get_args

import attrs
from cattrs import Converter

from rhombus_clips.codec.strict import (
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    Hook,
    is_enum,
    is_list,
    is_map,
    is_model,
    is_optional,
    strict,
    wire_fields,
    without_none,
)
from rhombus_clips.codec.text import parse, render
from rhombus_clips.models import Extra, Model, OpenEnum
from rhombus_clips.models.base import NO_EXTRA

_REPEATED = frozenset(
    {"clip_location_v2", "device_uuid", "org_uuid", "region", "thumbnail_location_v2", "user_uuid"}
)
"""Fields whose strings repeat within a listing: equal ones become one string."""

_MOST_SHARED = 4096
"""How many values one field shares before it begins anew: a process may list for years."""

_MOST_INLINED = 8
"""How many fields a model has at most whose lines stand within those of the model around it."""

Lines = Iterable[str]


class StepAside(Exception):  # noqa: N818  # no error: the strict converter takes over
    """A value is not what it usually is."""


# --- what is shared --------------------------------------------------------------------------


class _Shared(dict[Any, Any]):
    """Something of which there is one for each value that it is made of."""

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
    """The members of an enum, those that the reference does not list as they come."""

    def __init__(self, enum: type[OpenEnum]) -> None:
        super().__init__({member.value: member for member in enum})
        self._enum = enum

    def __missing__(self, value: object) -> OpenEnum:
        if type(value) is not str:
            raise StepAside
        member: OpenEnum = self.add(value, self._enum(value))
        return member


class _Wrapped(_Shared):
    """The models that wrap one string, such as a region."""

    def __init__(self, model: Callable[..., Model], name: str) -> None:
        self._model = model
        self._field = name

    def __missing__(self, text: object) -> Model:
        if text is not None and type(text) is not str:
            raise StepAside
        model: Model = self.add(text, self._model(**{self._field: text}))
        return model


# --- functions, made of source ---------------------------------------------------------------


def _make_hook(model: type[Model], converter: Converter) -> Hook:
    writer = _Writer(converter)
    body = [*writer.model("value", model), "return value"]
    source = "\n".join(["def structure(value, _):", *_indented(body)])
    names = dict(writer.names)
    exec(compile(source, f"<structure {model.__name__}>", "exec"), names)  # noqa: S102
    hook: Hook = names["structure"]
    return hook


class _Writer:
    """Writes lines that make sure of a variable, or put what is made of it in its place."""

    def __init__(self, converter: Converter) -> None:
        self.names: dict[str, Any] = {"StepAside": StepAside}
        self._converter = converter
        self._numbers = count()

    def model(self, variable: str, model: type[Model]) -> Iterator[str]:
        """*variable* holds an object that becomes a *model*."""
        fields = attrs.fields_dict(model)
        wire = _wire_names(model)
        local = {name: self._local(name) for name in wire}
        absent = self._name("absent", dict.fromkeys(wire.values()))
        pick = f"{', '.join(local.values())} = {self._name('pick', itemgetter(*wire.values()))}"
        complete = f"{variable} = {{**{absent}, **{variable}}}"
        yield f"if type({variable}) is not dict: raise StepAside"
        yield f"if len({variable}) < {len(wire)}: {complete}"
        yield f"try: {pick}({variable})"
        yield f"except KeyError: {complete}; {pick}({variable})"
        for name in wire:
            yield from self._field(fields[name], local[name])
        made = self._local("made")
        yield f"{made} = {self._name('Unfrozen', _unfrozen(model))}()"
        for name in wire:
            yield f"{made}.{name} = {local[name]}"
        no_extra, extra = self._name("NO_EXTRA", NO_EXTRA), self._name("extra", _extra)
        yield f"if len({variable}) == {len(wire)}: {made}.extra = {no_extra}"
        yield f"else: {made}.extra = {extra}({variable}, {absent})"
        yield f"{made}.__class__ = {self._name('Model', model)}"
        yield f"{variable} = {made}"

    def _field(self, field: "attrs.Attribute[Any]", variable: str) -> Lines:
        kind = without_none(field.type)
        yield f"if {variable} is not None:"
        if kind is str and field.name in _REPEATED:
            yield f"    {variable} = {self._name('shared', _SharedStrings())}[{variable}]"
        else:
            yield from _indented(self._value(variable, kind))
        if field.default is not None:
            yield f"else: {variable} = {self._name('default', field.default.factory)}()"

    def _value(self, variable: str, kind: Any) -> Lines:
        if kind is str:
            yield f"if type({variable}) is not str: raise StepAside"
        elif kind is bool:
            yield f"if {variable} is not True and {variable} is not False: raise StepAside"
        elif kind is int:
            bounds = f"{variable} > {LARGEST_INTEGER} or {variable} < {SMALLEST_INTEGER}"
            yield f"if type({variable}) is not int or {bounds}: raise StepAside"
        elif is_enum(kind):
            yield f"{variable} = {self._name('members', _Members(kind))}[{variable}]"
        elif is_list(kind):
            yield from self._list(variable, *get_args(kind))
        elif is_map(kind):
            yield from self._map(variable, get_args(kind)[1])
        elif is_model(kind) and _wraps_one_string(kind):
            ((name, wire),) = _wire_names(kind).items()
            shared, key = self._name("shared", _Wrapped(kind, name)), self._name("key", wire)
            yield f"if len({variable}) == 1: {variable} = {shared}[{variable}[{key}]]"
            yield "else:"
            yield from _indented(self.model(variable, kind))
        elif is_model(kind) and len(wire_fields(kind)) <= _MOST_INLINED:
            yield from self.model(variable, kind)
        else:
            hook = self._converter.get_structure_hook(kind)
            yield f"{variable} = {self._name('hook', hook)}({variable}, {self._name('kind', kind)})"

    def _list(self, variable: str, kind: Any) -> Lines:
        index, item = self._local("index"), self._local("item")
        yield f"if type({variable}) is not list: raise StepAside"
        if kind == str | None:
            yield f"for {item} in {variable}:"
            yield f"    if {item} is not None and type({item}) is not str: raise StepAside"
            return
        yield f"for {index}, {item} in enumerate({variable}):"
        yield f"    if {item} is not None:" if is_optional(kind) else "    if True:"
        yield from _indented(self._value(item, without_none(kind)), 2)
        yield f"        {variable}[{index}] = {item}"

    def _map(self, variable: str, kind: Any) -> Lines:
        key, item = self._local("key"), self._local("item")
        yield f"if type({variable}) is not dict: raise StepAside"
        yield f"for {key}, {item} in {variable}.items():"
        yield f"    if {item} is not None:"
        yield from _indented(self._value(item, without_none(kind)), 2)
        yield f"        {variable}[{key}] = {item}"

    def _local(self, meaning: str) -> str:
        return f"{meaning}_{next(self._numbers)}"

    def _name(self, meaning: str, thing: object) -> str:
        name = f"{meaning}_{next(self._numbers)}"
        self.names[name] = thing
        return name


def _wire_names(model: type[Model]) -> dict[str, str]:
    """Wire name of each field: the very strings that the parser makes, when it keeps its keys.

    A dictionary finds a key that is the same object without comparing text.
    """
    names = {name: wire for name, wire, _ in wire_fields(model)}
    keys: list[str] = list(parse(render(dict.fromkeys(names.values()))))
    return dict(zip(names, keys, strict=True))


def _wraps_one_string(model: type[Model]) -> bool:
    return [without_none(kind) for _, _, kind in wire_fields(model)] == [str]


def _indented(lines: Lines, steps: int = 1) -> Iterator[str]:
    return ("    " * steps + line for line in lines)


def _extra(value: dict[str, Any], known: dict[str, None]) -> Extra:
    return Extra({key: value[key] for key in value if key not in known})


def _unfrozen(model: Any) -> Any:
    """*model* if it were not frozen.

    An instance is filled as one of this class, which costs a tenth of what the ``__init__`` of a
    frozen class does, and then turned into a *model*, before anyone sees it.
    """
    # All of them: CPython makes and fills objects the fast way only where none is overridden.
    plain = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(model.__name__, (model,), {"__slots__": (), **plain})


fast = strict.copy()
fast.register_structure_hook_factory(is_model, _make_hook)
