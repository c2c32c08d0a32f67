"""The group of all commands."""

import io
import logging
import sys

import click

from rhombus_clips import __version__
from rhombus_clips.cli import (
    browsing,
    changing,
    downloading,
    following,
    making,
    reading,
    serving,
    sharing,
)
from rhombus_clips.cli.organization import add_options
from rhombus_clips.cli.running import CommandGroup, Warnings


@click.group(cls=CommandGroup)
@click.version_option(__version__, package_name="rhombus-clips")
def command() -> None:
    """List, create, download, share and manage Rhombus video clips.

    Set RHOMBUS_API_KEY to your API key, or use a profile of the official rhombus command. For a
    region other than the US, set RHOMBUS_ENDPOINT_URL to the URL of its API and RHOMBUS_MEDIA_URL
    to the URL of its media host.

    The commands fake and demo, and web --demo, do not need them.

    A TIME is an ISO 8601 time with a UTC offset, such as 2025-10-01T08:00Z, or epoch milliseconds.
    """


for _command in (
    reading.saved, reading.clips, reading.expiring, reading.details, reading.count,
    reading.progress, reading.spliced, reading.shared,
    making.make, making.watch, downloading.download, following.follow,
    sharing.share, sharing.unshare, changing.rename, changing.delete,
    browsing.web, serving.fake, serving.demo,
):  # fmt: skip
    if _command not in (serving.fake, serving.demo):
        add_options(_command)
    command.add_command(_command)
add_options(command)


def run() -> None:
    """Run the command with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A title may contain characters that the encoding of the terminal lacks.
            stream.reconfigure(errors="replace")
    logging.getLogger("rhombus_clips").addHandler(Warnings(logging.WARNING))
    command(prog_name="rhombus-clips")
