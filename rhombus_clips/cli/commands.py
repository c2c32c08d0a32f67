"""The group of all commands."""

import io
import logging
import sys

import click

from rhombus_clips import __version__
from rhombus_clips.cli.changing import delete, rename
from rhombus_clips.cli.downloading import download
from rhombus_clips.cli.following import follow
from rhombus_clips.cli.making import make, watch
from rhombus_clips.cli.reading import (
    clips,
    count,
    details,
    expiring,
    progress,
    saved,
    shared,
    spliced,
)
from rhombus_clips.cli.running import CommandGroup, Warnings
from rhombus_clips.cli.serving import demo, fake
from rhombus_clips.cli.sharing import share, unshare


@click.group(cls=CommandGroup)
@click.version_option(__version__, package_name="rhombus-clips")
def command() -> None:
    """The video clips of a Rhombus organization.

    The key comes from RHOMBUS_API_KEY, the service from RHOMBUS_ENDPOINT_URL (the US region when
    unset), and the host of the videos from RHOMBUS_MEDIA_URL (that of the US region when both are
    unset). `rhombus-clips demo` needs none of them.
    """


for _command in (
    saved, clips, expiring, details, count, progress, spliced, shared,
    make, watch, download, follow,
    share, unshare, rename, delete,
    fake, demo,
):  # fmt: skip
    command.add_command(_command)


def run() -> None:
    """Run the command with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A title may have letters that the terminal's encoding lacks.
            stream.reconfigure(errors="replace")
    logging.getLogger("rhombus_clips").addHandler(Warnings(logging.WARNING))
    command(prog_name="rhombus-clips")
