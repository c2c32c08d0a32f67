"""FakeRhombus: a real local service that speaks the clip API, for your tests and for ours."""

from rhombus_clips.testing import faults
from rhombus_clips.testing.delivery import Length, Media
from rhombus_clips.testing.listing import LastPage, Listing
from rhombus_clips.testing.organization import UnknownClip, Updates
from rhombus_clips.testing.received import ReceivedRequest
from rhombus_clips.testing.server import FakeRhombus

__all__ = [
    "FakeRhombus",
    "LastPage",
    "Length",
    "Listing",
    "Media",
    "ReceivedRequest",
    "UnknownClip",
    "Updates",
    "faults",
]
