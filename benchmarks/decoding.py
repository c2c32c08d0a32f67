"""Decoding a page of a hundred clips, beside parsers and other libraries' models of the same."""

import dataclasses
import json
import typing
from collections.abc import Callable
from typing import Any

import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from benchmarks.measuring import Row, at_least, at_most, compare, side_by_side
from benchmarks.pages import CLIPS_A_PAGE, make_page
from rhombus_clips import SavedClipPage, loads
from rhombus_clips.codec import text
from rhombus_clips.codec.strict import is_enum, is_list, is_map, is_model, wire_fields, without_none
from rhombus_clips.models import Model

Decoder = Callable[[bytes], Any]

_PAGES = [make_page(seed) for seed in range(3)]


def mirrored(kind: Any, made: dict[Any, Any], make: Callable[[type[Model]], Any]) -> Any:
    """*kind* with each model replaced by what *make* makes of it, for a peer to decode into."""
    inner = without_none(kind)
    if inner is not kind:
        return typing.Optional[mirrored(inner, made, make)]  # noqa: UP045  # built here
    if is_model(kind):
        if kind not in made:
            made[kind] = make(kind)
        return made[kind]
    if is_list(kind):
        return list[mirrored(typing.get_args(kind)[0], made, make)]  # type: ignore[misc]
    if is_map(kind):
        return dict[str, mirrored(typing.get_args(kind)[1], made, make)]  # type: ignore[misc]
    return kind


def with_pydantic() -> Decoder:
    """Models as strict as ours: types exact, enums open, unknown keys kept."""
    import pydantic  # noqa: PLC0415  # each peer only where it is asked for

    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        fields: dict[str, Any] = {}
        for name, wire, kind in wire_fields(model):
            inner = without_none(kind)
            if is_enum(inner):
                enum = typing.Annotated[inner | str, pydantic.Field(union_mode="left_to_right")]
                fields[name] = (typing.Optional[enum], pydantic.Field(None, alias=wire))  # noqa: UP045
            else:
                of = mirrored(inner, made, make)
                fields[name] = (typing.Optional[of], pydantic.Field(None, alias=wire))  # noqa: UP045
        config = pydantic.ConfigDict(extra="allow", strict=True)
        return pydantic.create_model(model.__name__, __config__=config, **fields)

    decode: Decoder = make(SavedClipPage).model_validate_json
    return decode


def with_msgspec() -> Decoder:
    """Structs; enums as strings, since msgspec refuses what it does not know."""
    import msgspec  # noqa: PLC0415

    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        names = {name: wire for name, wire, _ in wire_fields(model)}
        fields = [
            (
                name,
                typing.Optional[_enums_as_strings(mirrored(without_none(kind), made, make))],
                None,
            )  # noqa: UP045, E501
            for name, _, kind in wire_fields(model)
        ]
        return msgspec.defstruct(model.__name__, fields, rename=names)

    decoder = msgspec.json.Decoder(make(SavedClipPage))
    return decoder.decode


def _enums_as_strings(kind: Any) -> Any:
    if is_enum(kind):
        return str
    if is_list(kind) and is_enum(without_none(typing.get_args(kind)[0])):
        return list[str | None]
    return kind


def with_stock_cattrs() -> Decoder:
    """Our own classes through an unchanged converter that only renames keys."""
    converter = Converter()
    converter.register_structure_hook_factory(
        is_model,
        lambda model: make_dict_structure_fn(
            model,
            converter,
            **{name: override(rename=wire) for name, wire, _ in wire_fields(model)},
        ),
    )
    return lambda body: converter.structure(orjson.loads(body), SavedClipPage)


def with_mashumaro() -> Decoder:
    """Data classes with slots."""
    from mashumaro import field_options  # noqa: PLC0415
    from mashumaro.mixins.orjson import DataClassORJSONMixin  # noqa: PLC0415

    made: dict[Any, Any] = {}

    def make(model: type[Model]) -> Any:
        fields = []
        for name, wire, kind in wire_fields(model):
            of = typing.Optional[mirrored(without_none(kind), made, make)]  # noqa: UP045
            metadata = field_options(alias=wire)
            fields.append((name, of, dataclasses.field(default=None, metadata=metadata)))
        return dataclasses.make_dataclass(model.__name__, fields, bases=(DataClassORJSONMixin,))

    decode: Decoder = make(SavedClipPage).from_json
    return decode


def ours(body: bytes) -> SavedClipPage:
    """Ours, with orjson."""
    return loads(body, SavedClipPage)


def ours_without_orjson(body: bytes) -> SavedClipPage:
    """Ours, with the standard library's parser."""
    fast_parser, text.orjson = text.orjson, None  # type: ignore[assignment, unused-ignore]
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
    """Rows for both of our parsers."""
    decoders: dict[str, Decoder] = {"ours": ours, "ours, json": ours_without_orjson}
    decoders |= {name: peer() for name, peer in PEERS.items()}

    def timed(decode: Decoder) -> Callable[[int], Any]:
        return lambda number: decode(_PAGES[number % len(_PAGES)])

    candidates = {name: timed(decode) for name, decode in decoders.items()}
    samples = await side_by_side(candidates, 30 if quick else 150)
    scale = 1e6 / CLIPS_A_PAGE
    with_orjson = {
        "pydantic": at_most(0.80),
        "orjson.loads": at_most(2.5),
        "msgspec": at_most(3.2),
        "stock cattrs": at_least(3),
        "mashumaro": None,
    }
    with_json = {"pydantic": at_most(1.15), "json.loads": None}
    return [
        *compare("decoding", samples, with_orjson, scale=scale, unit="µs/clip"),
        *compare(
            "decoding without orjson",
            samples,
            with_json,
            ours="ours, json",
            scale=scale,
            unit="µs/clip",
        ),
    ]
