"""The ``rhombus-clips`` command; needs the extra ``cli``."""

import sys

_MISSING = "rhombus-clips: the command needs an extra: pip install 'rhombus-clips[cli]'"
_WRONG_USAGE = 2


def main() -> None:
    """Run the command: exit code 0 when done, 1 when the service failed, 2 for wrong usage."""
    try:
        from rhombus_clips.cli.commands import run  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        print(_MISSING, file=sys.stderr)  # noqa: T201  # this is a command
        sys.exit(_WRONG_USAGE)
    run()
