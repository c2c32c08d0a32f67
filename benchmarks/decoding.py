"""Measure the decoding of a page of a hundred clips, compared with parsers and other libraries."""

import dataclasses
import importlib
import json
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from benchmarks import generated
from benchmarks.measuring import Row, Samples, Target, at_least, at_most, compare, side_by_side
from benchmarks.pages import CLIPS_A_PAGE, make_page
from benchmarks.service import Clips, Setting
from rhombus_clips import SavedClipPage, loads
from rhombus_clips.codec.strict import is_enum, is_list, is_map, is_model, wire_fields, without_none
from rhombus_clips.models.base import Model

Decoder = Callable[[bytes], Any]

_PAGES = [make_page(seed) for seed in range(3)]


def mirrored(kind: Any, made: dict[Any, Any], make: Callable[[type[Model]], Any]) -> Any:
    """Return *kind* with each model replaced by the peer's class that *make* returns."""
    of = without_none(kind)
    if of is not kind:
        return _optional(mirrored(of, made, make))
    if is_model(kind):
        if kind not in made:
            made[kind] = make(kind)
        return made[kind]
    arguments = typing.get_args(kind)
    if is_list(kind):
        return list.__class_getitem__(mirrored(arguments[0], made, make))
    if is_map(kind):
        return dict.__class_getitem__((str, mirrored(arguments[1], made, make)))
    return kind


_typing: Any = typing  # Kinds are built at run time here.


def _optional(kind: Any) -> Any:
    return _typing.Optional[kind]


def with_pydantic() -> Decoder:
    """Return a decoder into models as strict as ours: exact types, open enums, extra keys kept."""
    pydantic: Any = importlib.import_module("pydantic")
    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        fields: dict[str, Any] = {}
        for name, wire, kind in wire_fields(model):
            of = mirrored(without_none(kind), made, make)
            if is_enum(of):
                left_to_right = pydantic.Field(union_mode="left_to_right")
                of = _typing.Annotated[of | str, left_to_right]
            fields[name] = (_optional(of), pydantic.Field(None, alias=wire))
        config = pydantic.ConfigDict(extra="allow", strict=True)
        return pydantic.create_model(model.__name__, __config__=config, **fields)

    decode: Decoder = make(SavedClipPage).model_validate_json
    return decode


def with_msgspec() -> Decoder:
    """Return a decoder into structs, with enums as strings: msgspec rejects unknown members."""
    msgspec: Any = importlib.import_module("msgspec")
    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        names = {name: wire for name, wire, _ in wire_fields(model)}
        fields = [
            (name, _optional(_enums_as_strings(mirrored(without_none(kind), made, make))), None)
            for name, _, kind in wire_fields(model)
        ]
        return msgspec.defstruct(model.__name__, fields, rename=names)

    decode: Decoder = msgspec.json.Decoder(make(SavedClipPage)).decode
    return decode


def _enums_as_strings(kind: Any) -> Any:
    if is_enum(kind):
        return str
    if is_list(kind) and is_enum(without_none(typing.get_args(kind)[0])):
        return list[str | None]
    return kind


def with_stock_cattrs() -> Decoder:
    """Return a decoder into our classes that uses a plain converter and only renames keys."""
    converter = Converter()

    def make_hook(model: type[Model]) -> Any:
        names: Any = {name: override(rename=wire) for name, wire, _ in wire_fields(model)}
        return make_dict_structure_fn(model, converter, **names)

    converter.register_structure_hook_factory(is_model, make_hook)
    return lambda body: converter.structure(orjson.loads(body), SavedClipPage)


def with_mashumaro() -> Decoder:
    """Return a decoder into data classes."""
    mashumaro: Any = importlib.import_module("mashumaro")
    base: Any = importlib.import_module("mashumaro.mixins.orjson").DataClassORJSONMixin
    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        fields: list[Any] = []
        for name, wire, kind in wire_fields(model):
            of = _optional(mirrored(without_none(kind), made, make))
            metadata = mashumaro.field_options(alias=wire)
            fields.append((name, of, dataclasses.field(default=None, metadata=metadata)))
        return dataclasses.make_dataclass(model.__name__, fields, bases=(base,))

    decode: Decoder = make(SavedClipPage).from_json
    return decode


def ours(body: bytes) -> SavedClipPage:
    """Decode with this library and orjson."""
    return loads(body, SavedClipPage)


def ours_without_orjson(body: bytes) -> SavedClipPage:
    """Decode with this library and the parser of the standard library."""
    text: Any = importlib.import_module("rhombus_clips.codec.text")
    fast_parser, text.orjson = text.orjson, None
    try:
        return loads(body, SavedClipPage)
    finally:
        text.orjson = fast_parser


PEERS: dict[str, Callable[[], Decoder]] = {
    "orjson.loads": lambda: orjson.loads,
    "json.loads": lambda: json.loads,
    "msgspec": with_msgspec,
    "pydantic": with_pydantic,
    "stock cattrs": with_stock_cattrs,
    "mashumaro": with_mashumaro,
}


async def measure(*, quick: bool) -> list[Row]:
    """Return rows with and without orjson."""
    rounds = 30 if quick else 200
    decoders: dict[str, Decoder] = {"ours": ours, "ours, json": ours_without_orjson}
    decoders |= _installed_peers()
    samples = await _side_by_side(decoders, _PAGES, rounds)
    rows = [
        *_rows("decoding", samples, "ours", WITH_ORJSON),
        *_rows("decoding without orjson", samples, "ours, json", WITHOUT_ORJSON),
    ]
    with generated.generated() as makes:
        decoders = {"ours, json": ours_without_orjson, **generated.decoders(makes)}
        # Generated clients reject unknown members and nulls in arrays, so this page has none.
        page = Clips(Setting().times()).page(None, CLIPS_A_PAGE)
        for name, decode in decoders.items():
            if isinstance(decode(page).saved_clips[0], dict):
                raise TypeError(f"{name} returns dictionaries instead of models")
        samples = await _side_by_side(decoders, [page], rounds)
    targets = {name: at_least(2) for name in samples if name != "ours, json"}
    return rows + _rows("decoding without orjson", samples, "ours, json", targets)


def _installed_peers() -> dict[str, Decoder]:
    peers: dict[str, Decoder] = {}
    for name, make in PEERS.items():
        try:
            peers[name] = make()
        except ImportError as error:
            print(f"skipped: {name}: {error}", file=sys.stderr)  # noqa: T201
    return peers


async def _side_by_side(
    decoders: Mapping[str, Decoder], pages: list[bytes], rounds: int
) -> Samples:
    def timed(decode: Decoder) -> Callable[[int], Any]:
        return lambda number: decode(pages[number % len(pages)])

    return await side_by_side({name: timed(decode) for name, decode in decoders.items()}, rounds)


def _rows(
    section: str, samples: Samples, ours: str, targets: Mapping[str, Target | None]
) -> list[Row]:
    return compare(section, samples, targets, ours=ours, scale=1e6 / CLIPS_A_PAGE, unit="µs/clip")


WITH_ORJSON: dict[str, Target | None] = {
    "pydantic": at_most(0.80),
    "orjson.loads": at_most(2.5),
    "msgspec": at_most(3.2),
    "stock cattrs": at_least(3),
    "mashumaro": None,
}
WITHOUT_ORJSON: dict[str, Target | None] = {"pydantic": at_most(1.15), "json.loads": None}
