"""FakeRhombus: a real local server that speaks the clip API, for your tests and for ours."""

from rhombus_clips.testing import faults
from rhombus_clips.testing.listing import LastPage, Listing
from rhombus_clips.testing.server import FakeRhombus, ReceivedRequest, UnknownClip

__all__ = ["FakeRhombus", "LastPage", "Listing", "ReceivedRequest", "UnknownClip", "faults"]
