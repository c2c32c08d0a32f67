"""FakeRhombus: a real local server that implements the clip API, for your tests."""

from rhombus_clips.testing import faults
from rhombus_clips.testing.delivery import Length, Media
from rhombus_clips.testing.handlers import Handler, HandlerAnswer
from rhombus_clips.testing.listing import LastPage, Listing
from rhombus_clips.testing.options import FakeOptions, UnknownClip, Updates
from rhombus_clips.testing.received import ReceivedRequest
from rhombus_clips.testing.server import FakeRhombus

__all__ = [
    "FakeOptions",
    "FakeRhombus",
    "Handler",
    "HandlerAnswer",
    "LastPage",
    "Length",
    "Listing",
    "Media",
    "ReceivedRequest",
    "UnknownClip",
    "Updates",
    "faults",
]
