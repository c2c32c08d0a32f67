"""The arguments and options that commands share, and the types of their values."""

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from rhombus_clips.arguments import local_path

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

# A uuid may begin with a dash; for that reason no command has an option of one letter either.
TAKES_UUIDS: dict[str, Any] = {"ignore_unknown_options": True}

_UUID_WITH_DASH = re.compile(r"-[A-Za-z0-9_-]{21}(\.\w+)?")
# From 1973 to the year 5138; as milliseconds they would all be of the first years after 1970.
_SECONDS_OF_LATE = range(100_000_000, 100_000_000_000)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Moment(click.ParamType[datetime | int]):
    """An ISO 8601 date and time with a zone, or epoch milliseconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | int:
        """Turn the argument into what the session takes."""
        if re.fullmatch("[0-9]{1,15}", str(value)):
            if int(value) in _SECONDS_OF_LATE:
                self.fail(f"{value} seems to be seconds; epoch milliseconds are wanted", param, ctx)
            return int(value)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.utcoffset() is None:
            self.fail(
                f"{value!r} is not a time with a zone, such as 2025-10-01T08:00Z or"
                " 2025-10-01T08:00-07:00, nor epoch milliseconds",
                param,
                ctx,
            )
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.fail(f"{value!r} lies outside the years 1 to 9999 in UTC", param, ctx)


class Uuid(click.ParamType[str]):
    """A uuid; what begins with a dash and is none was meant as an option."""

    name = "uuid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Turn the argument into what the session takes."""
        text = str(value)
        if not text or text != text.strip() or not text.isprintable():
            self.fail(f"{text!r} is no uuid", param, ctx)
        if text.startswith("-") and not _UUID_WITH_DASH.fullmatch(text):
            self.fail(f"{text!r} is neither an option nor a uuid", param, ctx)
        return text


class Words(click.ParamType[str]):
    """Text of any kind; an argument that is not in the encoding of the shell is none."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Turn the argument into what the session takes."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            self.fail(f"{text!r} is not text in the encoding of the shell, {encoding}", param, ctx)
        return text


class Seconds(click.ParamType[float]):
    """A number of seconds above 0, and below what a calendar holds."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Turn the argument into what the session takes."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < 1e9:
            self.fail(f"{value!r} is not a number of seconds above 0", param, ctx)
        return seconds


class Lifetime(click.ParamType[int]):
    """A time to live: whole seconds, or a number of minutes, hours or days such as 7d."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turn the argument into seconds."""
        match = re.fullmatch("([0-9]{1,10})([smhd]?)", str(value).lower())
        if match is None or not int(match[1]):
            self.fail(f"{value!r} is not a time to live, such as 3600, 12h or 7d", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


class LocalPath(click.Path):
    """A path on this machine."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Turn the argument into what the session takes."""
        try:
            path = local_path(value, "it")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        super().convert(value, param, ctx)
        return path


FOLDER = LocalPath(file_okay=False)
FILE = LocalPath(dir_okay=False)

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line."
)
yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")
interval_option = click.option(
    "--interval", type=Seconds(), default=2.0, show_default=True,
    help="How long to wait between two looks at a clip that moves.",
)  # fmt: skip

device_option = click.option(
    "--device", "device_uuid_filters", type=Uuid(), multiple=True,
    help="Only clips of this device; may be given several times.",
)  # fmt: skip
location_option = click.option(
    "--location", "location_uuid_filters", type=Uuid(), multiple=True,
    help="Only clips of devices at this location; may be given several times.",
)  # fmt: skip

_CLIP_FILTERS = (
    device_option,
    location_option,
    click.option("--search", "search_filter", type=Words(), metavar="TEXT",
                 help="Only clips in which the service finds this text."),
    click.option("--private", "filter_by_private", is_flag=True, default=None,
                 help="Only private clips."),
    click.option("--no-monitoring", "exclude_alert_monitoring_clips", is_flag=True, default=None,
                 help="Leave out the clips that were made to verify an alarm."),
    click.option("--sort-field", type=Words(), metavar="NAME",
                 help="What to sort by; the service's reference names `timestamp` and no other."),
    click.option("--sort-order", type=click.Choice(["asc", "desc"])),
    click.option("--time-field", "timestamp_filter_field", type=Words(), metavar="NAME",
                 help="Which time --after and --before are about; the service's reference names"
                      " none."),
    click.option("--after", "timestamp_ms_after", type=Moment(), help="Only clips after this."),
    click.option("--before", "timestamp_ms_before", type=Moment(), help="Only clips before this."),
    click.option("--limit", type=click.IntRange(min=0), help="The most clips."),
    click.option("--page-size", type=click.IntRange(1, 200),
                 help="How many clips to ask for at once; 100 unless given."),
)  # fmt: skip


def clip_filter_options(command: CommandT) -> CommandT:
    """Give *command* the filters of clips, and what bounds and pages their listing."""
    for option in reversed(_CLIP_FILTERS):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of *options* that were given a value."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def clip_uuids_argument(*, required: bool = True) -> Callable[[CommandT], CommandT]:
    """Give a command the uuids of clips; it needs the settings `TAKES_UUIDS` too."""
    return click.argument(
        "clip_uuids",
        metavar="CLIP_UUID..." if required else "[CLIP_UUID...]",
        type=Uuid(),
        nargs=-1,
        required=required,
    )
