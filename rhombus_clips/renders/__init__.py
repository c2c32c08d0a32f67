"""Creating a clip: splice footage, watch the render, wait until it is complete."""

from rhombus_clips.renders.polling import Polling
from rhombus_clips.renders.splice_arguments import SpliceOptions
from rhombus_clips.renders.watching import ClipWatcher

__all__ = ["ClipWatcher", "Polling", "SpliceOptions"]
