"""``python -m rhombus_clips.cli`` is ``rhombus-clips``."""

from rhombus_clips.cli import main

main()
