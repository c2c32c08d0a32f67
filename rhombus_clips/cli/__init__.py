"""The ``rhombus-clips`` command; needs the extra ``cli``."""

import sys

_MISSING = "rhombus-clips: the command needs an extra: pip install 'rhombus-clips[cli]'"
_WRONG_USAGE, _INTERRUPTED = 2, 130


def main() -> None:
    """Run the command.

    The exit code is 0 when done, 1 for a failure, 2 for wrong usage and 130 for Ctrl-C.
    """
    try:
        _run()
    except KeyboardInterrupt:  # While the modules were loaded; a command has a line to say.
        sys.exit(_INTERRUPTED)


def _run() -> None:
    try:
        from rhombus_clips.cli.commands import run  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        print(_MISSING, file=sys.stderr)  # noqa: T201  # this is a command
        sys.exit(_WRONG_USAGE)
    run()
