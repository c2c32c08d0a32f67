"""``python -m rhombus_clips`` is the ``rhombus-clips`` command."""

from rhombus_clips.cli import main

main()
