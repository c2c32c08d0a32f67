"""The ``rhombus-clips`` command. It needs the extra ``cli``."""

import sys

_MISSING = "rhombus-clips: missing the extra \"cli\": pip install 'rhombus-clips[cli]'"
_USAGE_ERROR, _INTERRUPTED = 2, 130


def main() -> None:
    """Run the command, and exit with 0, or 1 on failure, 2 on incorrect usage, 130 on Ctrl-C."""
    try:
        _run()
    except KeyboardInterrupt:  # During the imports. A running command prints a line.
        sys.exit(_INTERRUPTED)


def _run() -> None:
    try:
        from rhombus_clips.cli.commands import run  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        print(_MISSING, file=sys.stderr)  # noqa: T201  # this is a command
        sys.exit(_USAGE_ERROR)
    run()
