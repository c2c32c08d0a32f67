"""The arguments and options that commands share, and the types of their values."""

import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import click

from rhombus_clips.arguments import local_path
from rhombus_clips.models.moments import parse_time

T = TypeVar("T")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

# A uuid may start with a dash. For the same reason, no command has single-letter options.
TAKES_UUIDS: dict[str, Any] = {"ignore_unknown_options": True}

_UUID_WITH_DASH = re.compile(r"-[A-Za-z0-9_-]{21}(\.\w+)?")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

# --- types of values -----------------------------------------------------------------------------


class Value(click.ParamType[T], Generic[T]):
    """A type of argument values.

    :param name: Its name in help texts.
    :param parse: Returns the value of an argument, or raises `ValueError` with a message.
    """

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the value of an argument."""
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _parse_uuid(text: str) -> str:
    if not text or text != text.strip() or not text.isprintable():
        raise ValueError(f"{text!r} is not a valid uuid")
    if text.startswith("-") and not _UUID_WITH_DASH.fullmatch(text):
        raise ValueError(f"{text!r} is neither an option nor a uuid")
    return text


def _parse_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        raise ValueError(f"{text!r} is not valid text in {encoding}") from None
    return text


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e9:
        raise ValueError(f"{text!r} is not a positive number of seconds")
    return seconds


def _parse_lifetime(text: str) -> int:
    match = re.fullmatch("([0-9]{1,10})([smhd]?)", text.lower())
    if match is None or not int(match[1]):
        raise ValueError(f"{text!r} is not a duration such as 3600, 12h or 7d")
    return int(match[1]) * _UNITS[match[2]]


TIME = Value("time", parse_time)
"""An ISO 8601 time with a UTC offset, or epoch milliseconds."""
UUID = Value("uuid", _parse_uuid)
"""A uuid. Other arguments that start with a dash are misspelled options."""
TEXT = Value("text", _parse_text)
"""Text that is valid in the encoding of the shell."""
SECONDS = Value("seconds", _parse_seconds)
"""A positive number of seconds."""
LIFETIME = Value("duration", _parse_lifetime)
"""Whole seconds, or minutes, hours or days such as 7d, as seconds."""


class _LocalPath(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        try:
            path = local_path(value, "the path")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        super().convert(value, param, ctx)
        return path


FOLDER = _LocalPath(file_okay=False)
FILE = _LocalPath(dir_okay=False)

# --- options -------------------------------------------------------------------------------------


class Option(Protocol):
    """A decorator that adds an option to a command."""

    def __call__(self, command: CommandT, /) -> CommandT:
        """Add the option to *command*."""
        ...


as_json_option: Option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line."
)
yes_option: Option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
interval_option: Option = click.option(
    "--interval", type=SECONDS, default=2.0, show_default=True,
    help="Seconds between two requests for a clip whose progress changes.",
)  # fmt: skip

device_option: Option = click.option(
    "--device", "device_uuid_filters", type=UUID, multiple=True,
    help="Only clips of this device. Can be repeated.",
)  # fmt: skip
location_option: Option = click.option(
    "--location", "location_uuid_filters", type=UUID, multiple=True,
    help="Only clips of devices at this location. Can be repeated.",
)  # fmt: skip

_CLIP_FILTERS = (
    device_option,
    location_option,
    click.option("--search", "search_filter", type=TEXT, metavar="TEXT",
                 help="Only clips that match this text."),
    click.option("--private", "filter_by_private", is_flag=True, default=None,
                 help="Only private clips."),
    click.option("--no-monitoring", "exclude_alert_monitoring_clips", is_flag=True, default=None,
                 help="Exclude clips that were created for alarm verification."),
    click.option("--sort-field", type=TEXT, metavar="NAME",
                 help="The field to sort by. The only documented value is `timestamp`."),
    click.option("--sort-order", type=click.Choice(["asc", "desc"]), help="The sort order."),
    click.option("--time-field", "timestamp_filter_field", type=TEXT, metavar="NAME",
                 help="The time to which --after and --before apply. Values are not documented."),
    click.option("--after", "timestamp_ms_after", type=TIME, help="Only clips after this time."),
    click.option("--before", "timestamp_ms_before", type=TIME,
                 help="Only clips before this time."),
    click.option("--limit", type=click.IntRange(min=0), help="The maximum number of clips."),
    click.option("--page-size", type=click.IntRange(1, 200),
                 help="Clips per request.  [default: 100]"),
)  # fmt: skip


def clip_filter_options(command: CommandT) -> CommandT:
    """Add the filters of clips, and the options that limit and page their listing."""
    for option in reversed(_CLIP_FILTERS):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def clip_uuids_argument(*, required: bool = True) -> Callable[[CommandT], CommandT]:
    """Add an argument for the uuids of clips. The command also needs `TAKES_UUIDS`."""
    return click.argument(
        "clip_uuids",
        metavar="CLIP_UUID..." if required else "[CLIP_UUID...]",
        type=UUID,
        nargs=-1,
        required=required,
    )
