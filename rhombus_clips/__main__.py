"""Run the ``rhombus-clips`` command as ``python -m rhombus_clips``."""

from rhombus_clips.cli import main

main()
